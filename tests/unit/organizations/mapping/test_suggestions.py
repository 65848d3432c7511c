"""Suggestions for what nobody has decided about: what only the whole estate shows, and what may be taken in bulk."""

from typing import Any

import pytest

from support.estates import Grounds, ignored, mapped
from waypost.access.audit import Actor
from waypost.connections.connection import Connection
from waypost.organizations.mapping import saving, suggestions
from waypost.organizations.mapping.decisions import Kind
from waypost.organizations.mapping.suggestions import SuggestionItem
from waypost.organizations.matching import Grade

ADA = Actor("key", "k1 Ada")


@pytest.fixture
async def main(grounds: Grounds) -> Connection:
    for name in ("Acme Rockets", "Initech", "Umbrella Labs"):
        await grounds.client(name)
    return await grounds.console("main")


async def suggested(grounds: Grounds, **filters: Any) -> dict[str, tuple[str, Grade] | None]:
    """The best candidate of each, by the console's id."""
    items = await suggestions.suggest(grounds.db, **filters)
    return {item.id: _best(item) for item in items}


def _best(item: SuggestionItem) -> tuple[str, Grade] | None:
    first = next(iter(item.candidates), None)
    return (first.organization.name, first.grade) if first else None


async def accepted(grounds: Grounds, **filters: Any) -> list[tuple[str, str]]:
    return [(wish.kind, wish.id) for wish in await suggestions.accepted(grounds.db, **filters)]


async def test_what_is_suggested(grounds: Grounds, main: Connection) -> None:
    """By name, by external id, by the devices' domains; each with its reasons, its version and where it is."""
    await grounds.client("Hooli", external_id="CRM-77", domains=["hooli.example"])
    await grounds.account(main, 1, "the provider")
    await grounds.site(main, 11, "INITECH GmbH", 1)
    await grounds.site(main, 12, "building 9", 1, external_id="CRM-77")
    await grounds.site(main, 13, "somewhere", 1)
    await grounds.devices(main, 13, 3, domain="AD.Hooli.example")
    await grounds.site(main, 14, "Default site", 1)
    items = {item.id: item for item in await suggestions.suggest(grounds.db, kind=Kind.SITE)}
    assert {site: _best(item) for site, item in items.items()} == {
        "11": ("Initech", Grade.SURE),
        "12": ("Hooli", Grade.SURE),
        "13": ("Hooli", Grade.SURE),
        "14": None,
    }
    item = items["12"]
    assert (item.connection, item.connection_id, item.account) == (
        "main",
        main.connection_uuid,
        "the provider",
    )
    assert (item.kind, item.name, item.version) == (Kind.SITE, "building 9", 0)
    assert "CRM-77" in item.candidates[0].reasons[0]
    assert 0 < item.candidates[0].confidence <= 1


async def test_only_what_is_undecided(grounds: Grounds, main: Connection) -> None:
    """Nothing is suggested for what is decided, by itself, its account or its connection; nor for a covered account."""
    for account_id in (1, 2, 3):
        await grounds.account(main, account_id, f"account {account_id}")
        for number in (1, 2):
            await grounds.site(main, 10 * account_id + number, "Initech", account_id)
    await grounds.account(main, 4, "empty")
    owner = await grounds.client("Owner")
    theirs = await grounds.console("theirs", organization_id=owner.id)
    await grounds.site(theirs, 51, "Initech")
    wishes = [
        mapped("main", 1, "Initech", kind=Kind.ACCOUNT),
        ignored("main", 21),
        ignored("main", 31),
        ignored("main", 32),
    ]
    await saving.save(grounds.db, ADA, wishes)
    assert set(await suggested(grounds)) == {"2", "22"}


async def test_a_choice_teaches(grounds: Grounds, main: Connection) -> None:
    """What a person mapped once is suggested by its alias the next time."""
    await grounds.account(main, 1, "account")
    await grounds.site(main, 11, "Wile E. Coyote Supplies", 1)
    await grounds.site(main, 12, "WILE E COYOTE SUPPLIES - HQ", 1)
    assert await suggested(grounds, kind=Kind.SITE) == {"11": None, "12": None}
    await saving.save(grounds.db, ADA, [mapped("main", 11, "Acme Rockets")])
    assert await suggested(grounds, kind=Kind.SITE) == {"12": ("Acme Rockets", Grade.SURE)}


async def test_a_name_under_two_accounts(grounds: Grounds, main: Connection) -> None:
    """The same name in another account keeps both from being sure, even where one of them is decided."""
    for account_id in (1, 2):
        await grounds.account(main, account_id, f"account {account_id}")
        await grounds.site(main, 10 + account_id, "Initech", account_id)
    assert set((await suggested(grounds, kind=Kind.SITE)).values()) == {("Initech", Grade.LIKELY)}
    await saving.save(grounds.db, ADA, [mapped("main", 11, "Initech")])
    assert await suggested(grounds, kind=Kind.SITE) == {"12": ("Initech", Grade.LIKELY)}
    assert await accepted(grounds, kind=Kind.SITE) == []


@pytest.mark.parametrize(
    ("sites", "grade"),
    [
        (["Default site", "Servers"], Grade.SURE),
        (["Initech Ltd", "Workstations"], Grade.SURE),
        (["Default site", "Umbrella Labs"], Grade.LIKELY),
        (["Initech", "Northern branch of nobody"], Grade.LIKELY),
    ],
)
async def test_a_customer_that_is_an_account(
    grounds: Grounds, main: Connection, sites: list[str], grade: Grade
) -> None:
    """An account is sure only if all of its sites are nobody's in particular or speak of the same organization."""
    await grounds.account(main, 1, "Initech Inc.")
    for number, name in enumerate(sites):
        await grounds.site(main, 11 + number, name, 1)
    assert await suggested(grounds, kind=Kind.ACCOUNT) == {"1": ("Initech", grade)}


async def test_an_account_with_a_site_of_another(grounds: Grounds, main: Connection) -> None:
    """A site that is mapped to another organization keeps its account from being sure; one that is ignored does not."""
    await grounds.account(main, 1, "Initech")
    for site_id, name in ((11, "Default site"), (12, "the lab"), (13, "bought last year")):
        await grounds.site(main, site_id, name, 1)
    saved = await saving.save(grounds.db, ADA, [ignored("main", 12), mapped("main", 13, "Umbrella Labs")])
    (item,) = await suggestions.suggest(grounds.db, kind=Kind.ACCOUNT)
    assert _best(item) == ("Initech", Grade.LIKELY)
    assert "'bought last year' is mapped to 'Umbrella Labs'" in item.candidates[0].reasons[-1]
    await saving.save(grounds.db, ADA, [ignored("main", 13, version=saved.version)])
    assert await suggested(grounds, kind=Kind.ACCOUNT) == {"1": ("Initech", Grade.SURE)}


async def test_the_same_site_through_another_connection(grounds: Grounds, main: Connection) -> None:
    """Whose a site is through one connection, it surely is through the other, whatever it is called there."""
    second = await grounds.console("second")
    await grounds.site(main, 11, "Initech")
    await grounds.site(second, 11, "Initech")
    await saving.save(grounds.db, ADA, [mapped("main", 11, "Umbrella Labs")])
    (item,) = await suggestions.suggest(grounds.db)
    assert [(one.organization.name, one.grade) for one in item.candidates] == [
        ("Umbrella Labs", Grade.SURE), ("Initech", Grade.LIKELY),
    ]  # fmt: skip
    assert "through the connection 'main'" in item.candidates[0].reasons[0]
    await saving.save(grounds.db, ADA, await suggestions.accepted(grounds.db))
    assert set((await grounds.owners()).values()) == {"Umbrella Labs"}


async def test_what_may_be_taken_in_bulk(grounds: Grounds, main: Connection) -> None:
    """Only what is sure; the sites of a sure account follow it; and what is taken can be saved as it is."""
    await grounds.account(main, 1, "Initech Inc.")
    await grounds.site(main, 11, "Initech Servers", 1)
    await grounds.site(main, 12, "Default site", 1)
    await grounds.account(main, 2, "the provider")
    await grounds.site(main, 21, "Umbrella Labs, Ltd.", 2)
    await grounds.site(main, 22, "Acme Rocketry", 2)
    assert await accepted(grounds) == [(Kind.ACCOUNT, "1"), (Kind.SITE, "21")]
    assert await accepted(grounds, kind=Kind.SITE, connection_id=main.connection_id + 1) == []
    await saving.save(grounds.db, ADA, await suggestions.accepted(grounds.db))
    assert await grounds.owners() == {
        ("main", 11): "Initech", ("main", 12): "Initech", ("main", 21): "Umbrella Labs",
    }  # fmt: skip
    evidence = "SELECT DISTINCT evidence->>'grade' FROM mapping"
    assert await grounds.hub.rows(evidence) == [("sure",)]
    assert await accepted(grounds) == []


async def test_two_that_cannot_both_be(grounds: Grounds, main: Connection) -> None:
    """Where one site is surely two organizations', by two connections, neither is taken; all others are."""
    second = await grounds.console("second")
    await grounds.site(main, 11, "Initech")
    await grounds.site(second, 11, "Umbrella Labs")
    await grounds.site(main, 12, "Acme Rockets")
    assert await suggested(grounds) == {
        "11": ("Umbrella Labs", Grade.SURE),
        "12": ("Acme Rockets", Grade.SURE),
    }
    assert await accepted(grounds) == [(Kind.SITE, "12")]
    await saving.save(grounds.db, ADA, await suggestions.accepted(grounds.db))


async def test_pages_and_filters(grounds: Grounds, main: Connection) -> None:
    """Pages follow one another in one order, whatever is asked for."""
    await grounds.account(main, 1, "the provider")
    names = ("Initech", "Initech", None, "Umbrella Labs", "Servers")
    for number, name in enumerate(names):
        await grounds.site(main, 11 + number, name, 1)
    every = await suggestions.suggest(grounds.db)
    found, after = [], None
    while page := await suggestions.suggest(grounds.db, after=after, limit=2):
        found += page
        after = suggestions.key(page[-1])
    assert found == every
    assert [item.id for item in every] == ["1", "13", "11", "12", "15", "14"]
    sure = await suggestions.suggest(grounds.db, grade=Grade.SURE)
    assert [item.id for item in sure] == ["11", "12", "14"]
    after = suggestions.key(sure[0])
    (second,) = await suggestions.suggest(grounds.db, grade=Grade.SURE, after=after, limit=1)
    assert second == sure[1]
    assert list(await suggested(grounds, scope_id=14, kind=Kind.SITE)) == ["14"]
    assert await suggested(grounds, connection_id=main.connection_id + 1) == {}


async def test_archived_organizations(grounds: Grounds, main: Connection) -> None:
    """An archived organization is not suggested, nor does it stand in another's way."""
    bygone = await grounds.client("Hooli")
    await grounds.archive(bygone)
    await grounds.site(main, 11, "Hooli")
    assert await suggested(grounds) == {"11": None}
    await grounds.client("Hooli")
    assert await suggested(grounds) == {"11": ("Hooli", Grade.SURE)}
