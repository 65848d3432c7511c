"""Organizations made of what the consoles hold: what is nobody's, by name, and never twice."""

from typing import Any

import pytest

from support.estates import Grounds, ignored, mapped
from support.hub import Hub
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.organizations import from_console, registry
from waypost.organizations.from_console import Action, Outcome
from waypost.organizations.mapping import saving
from waypost.organizations.mapping.decisions import Kind

ADA = Actor("key", "k1 Ada")


@pytest.fixture
def grounds(hub: Hub) -> Grounds:
    return Grounds(hub)


async def made(hub: Hub, **options: Any) -> Outcome:
    """What was made, which is what the preview said."""
    foreseen = await from_console.preview(hub.db, **options)
    done = await from_console.store(hub.db, ADA, **options)
    assert foreseen == done
    return done


def told(outcome: Outcome) -> dict[str, tuple[str | None, str | None]]:
    """By site: the organization that is made, or why none is."""
    return {
        item.scope_name or "": (item.name if item.action is Action.ADD else None, item.reason)
        for item in outcome.items
    }


async def test_each_site_that_is_nobodys(hub: Hub, grounds: Grounds) -> None:
    """A site about which nothing is decided makes an organization with its external id; nothing is mapped by it."""
    main = await grounds.console("main")
    await grounds.account(main, 1, "account")
    for place, name in enumerate(
        ("Northwind Traders", "[MDR] Contoso Ltd", "Mapped Inc", "Ignored Inc", "Gone Inc")
    ):
        await grounds.site(main, 10 + place, name, 1, external_id=f"CRM-{place}", gone=name == "Gone Inc")
    await registry.add(hub.db, SERVICE, "Somebody")
    await saving.save(hub.db, SERVICE, [mapped("main", 12, "Somebody"), ignored("main", 13)])
    done = await made(hub)
    assert told(done) == {
        "Northwind Traders": ("Northwind Traders", None),
        "[MDR] Contoso Ltd": ("Contoso Ltd", None),
    }
    assert (done.added, done.skipped, done.items[1].account) == (2, 0, "account")
    there = {one.name: one.external_id for one in await registry.find(hub.db)}
    assert there == {"Northwind Traders": "CRM-0", "Contoso Ltd": "CRM-1", "Somebody": None}
    assert set(await grounds.owners()) == {("main", 12)}
    assert {item.action for item in (await made(hub)).items} == {Action.SKIP}


async def test_what_is_left_out(hub: Hub, grounds: Grounds) -> None:
    """No organization is made of a generic name, of none, nor of one that is there by name or alias, or just made."""
    main, other = await grounds.console("main"), await grounds.console("other")
    await registry.add(hub.db, SERVICE, "Initech", aliases=["Initrode"])
    for place, name in enumerate(("Default site", "Initech GmbH", "INITRODE", "Globex", None)):
        await grounds.site(main, place, name)
    await grounds.site(other, 1, "globex, inc.")
    await grounds.site(other, 2, "Umbrella" * 40)
    reasons = {name: reason for name, (_, reason) in told(await made(hub)).items() if reason}
    assert set(reasons) == {"Default site", "Initech GmbH", "INITRODE", "", "globex, inc.", "Umbrella" * 40}
    assert reasons["Initech GmbH"] == "There is 'Initech' already."
    assert "'Globex'" in reasons["globex, inc."]
    assert "200 are the most" in reasons["Umbrella" * 40]
    assert [one.name for one in await registry.find(hub.db)] == ["Globex", "Initech"]


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("PROD_Contoso Ltd - HQ", "Contoso Ltd"),
        ("[MDR] O'Neill & Sons GmbH (old)", "O'Neill & Sons GmbH"),
        ("Contoso (Wales) Ltd", "Contoso (Wales) Ltd"),
        ("Northwind/Tailspin", "Northwind/Tailspin"),
        ("#TRIAL [PROD] Contoso [MDR] (old)", "Contoso"),
        ("[MDR] MDR Solutions", "MDR Solutions"),
        ("Contoso", "Contoso"),
    ],
)
async def test_names_without_decorations(hub: Hub, grounds: Grounds, name: str, bare: str) -> None:
    """What is set apart from a name and says nothing is left out of the organization's; the legal form stays."""
    await grounds.site(await grounds.console("main"), 1, name)
    assert [item.name for item in (await made(hub)).items] == [bare]


async def test_external_ids_that_are_taken(hub: Hub, grounds: Grounds) -> None:
    """An external id that another organization has, or that two sites share, stays with the first."""
    main = await grounds.console("main")
    await registry.add(hub.db, SERVICE, "Initech", external_id="1")
    for place, external_id in enumerate(("1", "2", "2", "", "x" * 300)):
        await grounds.site(main, place, f"{'ABCDE'[place]}corp Holdings", external_id=external_id)
    assert [item.external_id for item in (await made(hub)).items] == [None, "2", None, None, None]


async def test_accounts(hub: Hub, grounds: Grounds) -> None:
    """Of accounts, those are taken that have a site which is nobody's, or none at all."""
    main = await grounds.console("main")
    await registry.add(hub.db, SERVICE, "Somebody")
    for account_id, name in ((1, "Northwind"), (2, "Contoso"), (3, "Tailspin"), (4, "Fabrikam")):
        await grounds.account(main, account_id, name)
    await grounds.site(main, 11, "first", 1)
    await grounds.site(main, 21, "second", 2)
    await grounds.site(main, 41, "fourth", 4)
    wishes = [mapped("main", 21, "Somebody"), mapped("main", 4, "Somebody", kind=Kind.ACCOUNT)]
    await saving.save(hub.db, SERVICE, wishes)
    assert told(await made(hub, kind=Kind.ACCOUNT)) == {
        "Northwind": ("Northwind", None), "Tailspin": ("Tailspin", None),
    }  # fmt: skip


async def test_one_console(hub: Hub, grounds: Grounds) -> None:
    """Only the console that is named is looked at, by name or id; one that belongs to an organization has nothing."""
    owner = await registry.add(hub.db, SERVICE, "Owner")
    one, other = await grounds.console("one"), await grounds.console("other")
    owned = await grounds.console("owned", organization_id=owner.organization_id)
    for place, connection in enumerate((one, other, owned)):
        await grounds.site(connection, place, f"{connection.name.title()} Industries")
    assert list(told(await made(hub, connection=str(one.connection_uuid)))) == ["One Industries"]
    assert list(told(await made(hub, connection="owned"))) == []
    assert list(told(await made(hub, connection="other"))) == ["Other Industries"]
    with pytest.raises(errors.NoSuchConnectionError, match="'nobody'"):
        await from_console.preview(hub.db, connection="nobody")
