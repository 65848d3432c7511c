"""The mapping as people read it: each site and account, and which organization is on which console."""

from typing import Any

import pytest

from support.estates import Grounds, ignored, mapped
from waypost.access.audit import SERVICE, Actor
from waypost.connections import lifecycle
from waypost.connections.connection import Connection
from waypost.organizations.mapping import saving, view
from waypost.organizations.mapping.decisions import Decided, Kind, ScopeItem

ADA = Actor("key", "k1 Ada")


@pytest.fixture
async def two(grounds: Grounds) -> tuple[Connection, Connection]:
    """Two consoles: `a` with two accounts of two sites each, `b` with one site; and three organizations."""
    a, b = await grounds.console("a"), await grounds.console("b")
    for account_id in (1, 2):
        await grounds.account(a, account_id, f"account {account_id}")
        for number in (1, 2):
            await grounds.site(a, 10 * account_id + number, f"Site {account_id}{number}", account_id)
    await grounds.site(b, 31, "elsewhere", external_id="X-1", gone=True)
    for name in ("ACME", "Initech", "Umbrella"):
        await grounds.client(name)
    return a, b


def brief(item: ScopeItem) -> tuple[Any, ...]:
    owner = item.effective.organization
    return (item.connection, item.id, owner.name if owner else None, item.effective.origin)


async def test_whose_each_is(grounds: Grounds, two: tuple[Connection, Connection]) -> None:
    """Each account and site is shown with its own decision, what holds, where that comes from, and who said so."""
    a, _ = two
    await grounds.devices(a, 11, 2)
    await grounds.devices(a, 12, 1)
    account = mapped("a", 1, "ACME", kind=Kind.ACCOUNT)
    saved = await saving.save(grounds.db, ADA, [account, mapped("a", 12, "Initech"), ignored("a", 21)])
    items = await view.scopes(grounds.db)
    assert [brief(item) for item in items] == [
        ("a", "1", "ACME", "account"), ("a", "2", None, None), ("a", "11", "ACME", "account"),
        ("a", "12", "Initech", "site"), ("a", "21", None, "site"), ("a", "22", None, None), ("b", "31", None, None),
    ]  # fmt: skip
    first, follower, own, left_out, open_one, last = (items[number] for number in (0, 2, 3, 4, 5, 6))
    assert (first.devices, first.account, first.version, first.decided_by) == (
        3,
        None,
        saved.version,
        "k1 Ada",
    )
    assert (follower.devices, follower.account, follower.account_id, follower.version) == (
        2,
        "account 1",
        "1",
        0,
    )
    assert (follower.own.decision, follower.effective.decision) == (Decided.UNDECIDED, Decided.MAPPED)
    assert (follower.decided_by, follower.decided_at, follower.evidence) == (None, None, None)
    assert (own.own, own.decided_at is None, own.evidence is None) == (own.effective, False, False)
    assert (left_out.effective.decision, left_out.effective.reason) == (Decided.IGNORED, "a lab")
    assert open_one.effective.decision is Decided.UNDECIDED
    assert (last.gone, last.external_id, last.state) == (True, "X-1", "active")


async def test_of_a_console_that_was_connected_for_one(grounds: Grounds) -> None:
    """A site without a decision is the organization's that its connection belongs to, and says so."""
    acme = await grounds.client("ACME")
    console = await grounds.console("theirs", organization_id=acme.id)
    await grounds.account(console, 1, "account")
    await grounds.site(console, 11, "site", 1)
    items = await view.scopes(grounds.db)
    assert [brief(item) for item in items] == [
        ("theirs", "1", "ACME", "connection"), ("theirs", "11", "ACME", "connection"),
    ]  # fmt: skip
    assert {item.own.decision for item in items} == {Decided.UNDECIDED}


async def test_filters(grounds: Grounds, two: tuple[Connection, Connection]) -> None:
    """By kind, by what is true, by organization, by connection, by a part of the name or the id."""
    a, b = two
    ((acme_id,),) = await grounds.hub.rows("SELECT organization_id FROM organization WHERE name = 'ACME'")
    await saving.save(grounds.db, ADA, [mapped("a", 1, "ACME", kind=Kind.ACCOUNT), ignored("a", 12)])

    async def ids(**filters: Any) -> list[str]:
        return [item.id for item in await view.scopes(grounds.db, **filters)]

    assert await ids(kind=Kind.ACCOUNT) == ["1", "2"]
    assert await ids(kind=Kind.SITE, decision=Decided.UNDECIDED) == ["21", "22", "31"]
    assert await ids(decision=Decided.IGNORED) == ["12"]
    assert await ids(organization_id=acme_id) == ["1", "11"]
    assert await ids(connection_id=b.connection_id) == ["31"]
    assert await ids(search="SITE 1") == ["11", "12"]
    assert await ids(search="22", connection_id=a.connection_id) == ["22"]
    assert await ids(search="%") == []


async def test_pages(grounds: Grounds, two: tuple[Connection, Connection]) -> None:
    """Pages follow one another without a gap or a double, names that repeat or are missing included."""
    a, _ = two
    for site_id in (41, 42, 43):
        await grounds.site(a, site_id, "the same")
    await grounds.site(a, 44, None)
    every = await view.scopes(grounds.db, limit=None)
    found, after = [], None
    while page := await view.scopes(grounds.db, after=after, limit=2):
        found += page
        after = view.key(page[-1])
    assert [item.id for item in found] == [item.id for item in every]
    assert len({item.id for item in every}) == 11


async def test_which_organization_is_on_which_console(
    grounds: Grounds, two: tuple[Connection, Connection]
) -> None:
    """Over all connections: one on two consoles, one through its own connection, what is nobody's, and who has none."""
    a, b = two
    ((umbrella,),) = await grounds.hub.rows(
        "SELECT organization_id FROM organization WHERE name = 'Umbrella'"
    )
    await grounds.console("theirs", organization_id=umbrella)
    await grounds.devices(a, 11, 2)
    await grounds.devices(a, 22, 1)
    await grounds.devices(b, 31, 4)
    wishes = [mapped("a", 1, "ACME", kind=Kind.ACCOUNT), ignored("a", 12), mapped("b", 31, "ACME")]
    await saving.save(grounds.db, ADA, wishes)

    async def shown(**filters: Any) -> list[tuple[Any, ...]]:
        items = await view.consoles(grounds.db, **filters)
        return [
            (
                item.organization and item.organization.name,
                item.connection,
                item.sites,
                item.devices,
                item.reached,
            )
            for item in items
        ]

    expected = [
        (None, "a", 2, 1, "none"),
        ("ACME", "a", 1, 2, "mapping"),
        ("ACME", "b", 1, 4, "mapping"),
        ("Initech", None, 0, 0, "none"),
        ("Umbrella", "theirs", 0, 0, "connection"),
    ]
    assert await shown() == expected
    await grounds.db.execute("UPDATE connection SET is_default = true WHERE name = 'b'")
    expected[3] = ("Initech", "b", 0, 0, "default")
    assert await shown() == expected
    assert await shown(connection_id=b.connection_id) == [expected[2], expected[3]]
    assert await shown(organization_id=umbrella) == [expected[4]]
    found, after = [], None
    while page := await view.consoles(grounds.db, after=after, limit=1):
        found += page
        after = view.place(page[-1])
    assert found == await view.consoles(grounds.db)


async def test_what_is_removed_or_archived_is_not_shown(
    grounds: Grounds, two: tuple[Connection, Connection]
) -> None:
    """A removed connection is on no list; an archived organization is on a console as long as sites are its own."""
    a, b = two
    await saving.save(grounds.db, ADA, [mapped("a", 11, "ACME"), mapped("b", 31, "Initech")])
    await grounds.db.execute("UPDATE organization SET archived_at = now()")
    await lifecycle.remove(grounds.db, SERVICE, b)
    assert {item.connection for item in await view.scopes(grounds.db)} == {"a"}
    items = await view.consoles(grounds.db)
    assert [(item.organization and item.organization.name, item.connection) for item in items] == [
        (None, "a"), ("ACME", "a"),
    ]  # fmt: skip
    assert items[1].connection_id == a.connection_uuid
