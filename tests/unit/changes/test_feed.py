"""The feed of changes: whoever goes on from where he ended misses nothing and gets nothing twice."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from support.hub import Hub
from waypost import errors
from waypost.changes import choosing, feed
from waypost.changes.choosing import Choice
from waypost.changes.feed import Bounds, Place
from waypost.storage.database import Connection
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.items import ChangeItem, Ref
from waypost.unified.words import ChangeKind, word

ENTRY = (
    "INSERT INTO change (connection_id, kind, subject_id, site_id)"
    " SELECT %s, %s, gen_random_uuid(), %s FROM generate_series(1, %s) RETURNING change_id::text"
)
Item = ChangeItem


async def enter(
    db: Connection, count: int = 1, *, kind: int = 1, connection: int = 1, site: int | None = 1
) -> list[str]:
    """Entries of the transaction that the session is in; their ids."""
    cursor = await db.execute(ENTRY, [connection, kind, site, count])
    return [change_id for (change_id,) in await cursor.fetchall()]


async def follow(db: Connection, place: Place, *, limit: int = 7, **options: Any) -> tuple[list[Item], Place]:
    """Everything after a place that is there now, page by page."""
    items: list[Item] = []
    while True:
        window = await feed.read(db, place, limit=limit, **options)
        assert len(window.items) == len(window.places) <= limit
        assert sorted(window.places) == window.places
        assert all(place < one <= window.end for one in window.places)
        items += window.items
        assert window.has_more == (window.end != place and window.has_more)
        place = window.end
        if not window.has_more:
            return items, place


def ids(items: Sequence[Item]) -> list[str]:
    return [item.id for item in items]


@pytest.fixture
async def log(hub: Hub) -> Hub:
    """Two connections with sites 1 to 3; of the first site 1 is Acme's and 2 is Globex's, the other is Globex's."""
    for name in ("one", "other"):
        await hub.store(name)
    for name in ("Acme", "Globex"):
        await hub.db.execute("INSERT INTO organization (name) VALUES (%s)", [name])
    await hub.db.execute(
        "INSERT INTO site (connection_id, site_id, account_id, name, state, vendor)"
        " SELECT c, s, 1, 'Site ' || s, 'active', '{}' FROM generate_series(1, 2) c, generate_series(1, 3) s"
    )
    await hub.db.execute(
        "INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'test', 'save')"
    )
    await hub.db.execute(
        "INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, seen, save_id)"
        " VALUES (1, 'site', 1, 'mapped', 1, '{}', 1), (1, 'site', 2, 'mapped', 2, '{}', 1)"
    )
    await hub.db.execute("UPDATE connection SET organization_id = 2 WHERE connection_id = 2")
    await hub.db.execute("TRUNCATE change, change_batch")
    return hub


@contextlib.asynccontextmanager
async def sessions(hub: Hub, count: int) -> AsyncIterator[list[Connection]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(hub.means.database.connect()) for _ in range(count)]


async def test_an_empty_feed(log: Hub) -> None:
    """Of a log without entries there is nothing from the start, nothing from now, and a place to go on from."""
    for place in (feed.START, await feed.newest(log.db)):
        window = await feed.read(log.db, place, limit=10)
        assert (window.items, window.places, window.has_more) == ([], [], False)
        assert not await feed.goes_on(log.db, window.end)
        entered = await enter(log.db)
        assert await feed.goes_on(log.db, window.end)
        assert ids((await feed.read(log.db, window.end, limit=10)).items) == entered
        await log.db.execute("TRUNCATE change, change_batch")
        await log.db.execute("UPDATE feed SET newest = -1")


async def test_the_slower_transaction_comes_after(log: Hub) -> None:
    """What was entered first and committed last is not stepped over."""
    place = await feed.newest(log.db)
    async with sessions(log, 2) as (slow, fast):
        async with slow.transaction():
            first = await enter(slow, 2)
            second = await enter(fast, 3)
            seen, place = await follow(log.db, place)
            assert ids(seen) == second
            first += await enter(slow)
        seen, place = await follow(log.db, place)
        assert ids(seen) == first
    assert await follow(log.db, place) == ([], place)


async def test_now_is_after_what_is_committed(log: Hub) -> None:
    """Going on from now, one gets what was under way, and nothing of what was done."""
    async with sessions(log, 1) as (other,), other.transaction():
        under_way = await enter(other)
        await enter(log.db)
        place = await feed.newest(log.db)
        assert await follow(log.db, place) == ([], place)
    assert ids((await follow(log.db, place))[0]) == under_way


class Writer:
    """A session whose transactions take long, and end one way or the other."""

    def __init__(self, db: Connection, chance: random.Random) -> None:
        self._db = db
        self._chance = chance
        self._open: contextlib.AsyncExitStack | None = None
        self._entered: list[str] = []
        self.committed: list[list[str]] = []

    async def step(self) -> None:
        """Begin something, enter something, take a part back, or end it."""
        if self._open is None:
            self._open = contextlib.AsyncExitStack()
            await self._open.enter_async_context(self._db.transaction())
        what = self._chance.random()
        if what < 0.5:
            self._entered += await enter(self._db, self._chance.choice((1, 1, 2, 9)))
        elif what < 0.7:
            with contextlib.suppress(psycopg.errors.DivisionByZero):
                async with self._db.transaction():
                    await enter(self._db)
                    await self._db.execute("SELECT 1 / 0")
        elif what < 0.8:
            async with self._db.transaction():
                self._entered += await enter(self._db)
        else:
            await self.end(rolled_back=what > 0.95)

    async def end(self, *, rolled_back: bool = False) -> None:
        if self._open is None:
            return
        try:
            async with self._open:
                if rolled_back:
                    raise psycopg.Rollback
        finally:
            if self._entered and not rolled_back:
                self.committed.append(self._entered)
            self._open, self._entered = None, []


@pytest.mark.parametrize("seed", range(12))
async def test_interleavings(log: Hub, seed: int) -> None:
    """However transactions begin and end, a reader gets each entry once, those of each in order.

    Now and then he goes on from the middle of what he was given.
    """
    chance = random.Random(seed)
    async with sessions(log, 5) as (reading, *writing):
        writers = [Writer(db, chance) for db in writing]
        place, seen = await feed.newest(reading), list[str]()
        for _ in range(120):
            await chance.choice(writers).step()
            if chance.random() < 0.3:
                window = await feed.read(reading, place, limit=chance.choice((1, 2, 5, 100)))
                taken = chance.randint(0, len(window.items))
                seen += ids(window.items[:taken])
                place = window.end if taken == len(window.items) else [place, *window.places][taken]
        for writer in writers:
            await writer.end()
        rest, _ = await follow(reading, place)
        seen += ids(rest)
    committed = [batch for writer in writers for batch in writer.committed]
    assert sorted(seen, key=int) == sorted((one for batch in committed for one in batch), key=int)
    for batch in committed:
        assert [one for one in seen if one in set(batch)] == batch


async def test_many_number_at_once(log: Hub) -> None:
    """However many readers number at the same moment, each position is given once and none is left out."""
    place = await feed.newest(log.db)
    async with sessions(log, 8) as many:

        async def work(db: Connection, count: int) -> None:
            for _ in range(count):
                await enter(db)
                await feed.number(db)

        await asyncio.gather(*(work(db, 25) for db in many))
    assert await log.rows(
        "SELECT count(position), count(DISTINCT position), max(position) - min(position) FROM change_batch"
    ) == [(200, 200, 199)]
    assert len((await follow(log.db, place))[0]) == 200


async def test_a_numbering_that_hangs_delays_nobody_for_long(log: Hub) -> None:
    """While somebody holds the numbering up, readers get what has been numbered; afterwards the rest."""
    place = await feed.newest(log.db)
    first = await enter(log.db)
    await feed.number(log.db)
    async with sessions(log, 1) as (stuck,), stuck.transaction():
        await stuck.execute("SELECT pg_advisory_xact_lock(1464878660, 0)")
        second = await enter(log.db)
        window = await feed.read(log.db, place, limit=10)
        assert (ids(window.items), window.has_more) == (first, False)
    assert ids((await feed.read(log.db, window.end, limit=10)).items) == second


async def test_the_numbering_waits_for_the_disk(log: Hub) -> None:
    """What a reader was shown outlasts a crash of the server, though the session does not wait for the disk."""
    await log.db.execute("SET synchronous_commit TO off")
    await enter(log.db)
    async with log.db.transaction():
        await log.db.execute("SELECT number_batches(10)")
        assert await log.rows("SHOW synchronous_commit") == [("on",)]
    assert await log.rows("SHOW synchronous_commit") == [("off",)]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One read looks at so little that batches are cut and ends come early."""
    monkeypatch.setattr(feed, "EVERYWHERE", Bounds(entries=4, batches=3))
    monkeypatch.setattr(feed, "AT_SITES", Bounds(entries=6, batches=4))
    monkeypatch.setattr(feed, "_FIRST_LOOK", 1)
    return


async def fill(hub: Hub) -> None:
    """Transactions of all sizes, about all sites and none, of several kinds."""
    chance = random.Random(5)
    for size in (1, 1, 25, 3, 1, 11, 2, 1, 1, 40, 1):
        async with hub.db.transaction():
            for _ in range(size):
                await enter(
                    hub.db,
                    kind=chance.choice((1, 2, 11, 51)),
                    connection=chance.choice((1, 2)),
                    site=chance.choice((1, 2, 3, None)),
                )


FILTERS: tuple[Filters, ...] = (
    Filters(),
    Filters(kind=("finding_opened", "device_added")),
    Filters(connection=("one",)),
    Filters(connection=("nobody",)),
    Filters(site=("SITE 2",)),
    Filters(site=("3",), kind=("finding_changed",), connection=("other",)),
    Filters(organization=1),
    Filters(organization=2),
    Filters(organization=2, site=("Site 2",)),
    Filters(organization=NOBODY),
)


def fits(item: Item, filters: Filters) -> bool:
    owner = {None: None, "Acme": 1, "Globex": 2}[item.organization.name if item.organization else None]
    return (
        (not filters.kind or item.kind in filters.kind)
        and (not filters.connection or item.connection in filters.connection)
        and (not filters.site or filters.site[0].removeprefix("SITE ").removeprefix("Site ") == item.site_id)
        and (filters.organization in (None, owner) or (filters.organization == NOBODY and owner is None))
    )


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_a_filter_leaves_what_fits(log: Hub, filters: Filters, limit: int) -> None:
    """However little one read looks at, the feed of a filter is the whole feed without what does not fit."""
    await fill(log)
    whole, end = await follow(log.db, feed.START, limit=1000)
    assert len(whole) == 87
    found, last = await follow(log.db, feed.START, limit=limit, choice=await choosing.of(log.db, filters))
    assert found == [item for item in whole if fits(item, filters)]
    assert last == end


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("organization", [1, 2])
async def test_what_is_held_to_an_organization(log: Hub, organization: int) -> None:
    """A bound reader gets what changed about findings and devices at his sites, and no entry of the mapping."""
    await fill(log)
    whole, end = await follow(log.db, feed.START, limit=1000)
    mine = Filters(organization=organization)
    for choice in (Choice(), Choice(organization=organization)):
        found, last = await follow(log.db, feed.START, organization_id=organization, choice=choice)
        assert found == [item for item in whole if fits(item, mine) and item.kind != "mapping_changed"]
        assert found
        assert last == end
    others = Choice(organization=3 - organization)
    assert await follow(log.db, feed.START, organization_id=organization, choice=others) == ([], end)
    assert await log.rows("SELECT current_user <> 'waypost_capped'") == [(True,)]


async def test_an_entry(log: Hub) -> None:
    """An entry tells what, when, where, whose it is now, in which run; and nothing where there was no site."""
    await log.db.execute(
        "INSERT INTO change (connection_id, run_id, kind, subject_id, site_id, detail) VALUES"
        " (1, '00000000-0000-4000-8000-00000000000a', 14, '00000000-0000-4000-8000-00000000000b', 2, '{\"a\": 1}'),"
        " (2, NULL, 22, '00000000-0000-4000-8000-00000000000c', NULL, NULL)"
    )
    device, connection = (await feed.read(log.db, feed.START, limit=10)).items
    ((organization,),) = await log.rows(
        "SELECT organization_uuid::text FROM organization WHERE name = 'Globex'"
    )
    assert (device.kind, device.subject, device.subject_id[-1]) == ("device_retired", "device", "b")
    assert (device.connection, device.site, device.site_id) == ("one", "Site 2", "2")
    assert (device.organization, device.detail) == (Ref(organization, "Globex"), {"a": 1})
    assert device.run_id == "00000000-0000-4000-8000-00000000000a"
    assert (connection.kind, connection.subject, connection.connection) == (
        "connection_recovered",
        "connection",
        "other",
    )
    assert (connection.site, connection.site_id, connection.organization, connection.run_id) == (None,) * 4


@pytest.mark.parametrize("kind", ChangeKind)
async def test_every_kind_can_be_read(log: Hub, kind: ChangeKind) -> None:
    """No kind is without its word, and without what it is about."""
    await enter(log.db, kind=kind)
    (item,) = (await feed.read(log.db, feed.START, limit=1, kinds=[kind])).items
    assert item.kind == word(kind)
    assert item.subject


async def test_a_place_that_is_gone(log: Hub) -> None:
    """Whoever is behind what is kept, or ahead of a database that was restored, is told; he misses nothing unawares."""
    start = Place(0, 0)
    for _ in range(4):
        await enter(log.db)
    end = (await feed.read(log.db, start, limit=10)).end
    with pytest.raises(errors.FeedForgottenError):
        await feed.read(log.db, Place(end.position + 1, 0), limit=10)
    await log.db.execute("UPDATE feed SET forgotten = 1")
    with pytest.raises(errors.FeedForgottenError):
        await feed.read(log.db, start, limit=10)
    assert len((await feed.read(log.db, Place(2, 0), limit=10)).items) == 2
    assert len((await feed.read(log.db, feed.START, limit=10)).items) == 2


async def test_deleted_while_it_is_read(log: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that are deleted between two looks of one read are not silently missing."""
    for _ in range(3):
        await enter(log.db, 3)
    place = await feed.oldest(log.db)
    monkeypatch.setattr(feed, "_FIRST_LOOK", 1)
    looked = feed._ahead

    async def then_deleted(*arguments: Any, **options: Any) -> Any:
        found = await looked(*arguments, **options)
        async with log.means.database.connect() as other:
            await other.execute(
                "DELETE FROM change WHERE batch_id = (SELECT min(batch_id) FROM change_batch)"
            )
            await other.execute("UPDATE feed SET forgotten = 0")
        return found

    monkeypatch.setattr(feed, "_ahead", then_deleted)
    with pytest.raises(errors.FeedForgottenError):
        await feed.read(log.db, place, limit=2)


async def test_old_batches_without_entries(log: Hub) -> None:
    """Batches that are gone for good leave a reader at the end, not waiting for them."""
    await enter(log.db)
    place = await feed.oldest(log.db)
    await feed.number(log.db)
    await log.db.execute("DELETE FROM change")
    await log.db.execute("DELETE FROM change_batch")
    window = await feed.read(log.db, place, limit=10)
    assert (window.items, window.end, window.has_more) == ([], Place(place.position + 1, 0), False)


async def test_deleted_connections_are_left_out(log: Hub) -> None:
    """What came through a deleted connection is not told any more."""
    await enter(log.db, connection=2)
    await enter(log.db, connection=1)
    await log.db.execute("UPDATE connection SET state = 'deleted' WHERE connection_id = 2")
    for choice in (Choice(), Choice(site=("Site 1",)), Choice(connection_ids=[1, 2])):
        items, _ = await follow(log.db, feed.START, choice=choice)
        assert [item.connection for item in items] == ["one"]
