"""Connections that rest and end: paused, resumed, removed, purged, and what becomes of a pull meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support.hub import Hub
from support.simulator import Simulator
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.connections import health, lifecycle, registry
from waypost.connections.connection import Connection
from waypost.sync import history, quarantine
from waypost.sync.history import RunFilters
from waypost.sync.progress import BatchStored
from waypost.sync.quarantine import QuarantineFilters
from waypost.unified import reading, software
from waypost.unified.filters import Filters

ADA = Actor("key", "k1 Ada")
OF_CONNECTIONS = (
    "SELECT table_name::text FROM information_schema.columns"
    " JOIN pg_tables ON schemaname = table_schema AND tablename = table_name"
    " WHERE table_schema = 'waypost' AND column_name = 'connection_id' ORDER BY 1"
)


async def test_pausing_and_resuming(hub: Hub) -> None:
    """A paused connection says who paused it and is due at no time; resumed, it is due at once. Twice is once."""
    connection = await hub.store()
    await hub.db.execute("UPDATE schedule SET next_at = now() + interval '1 hour', failures = 7")
    for _ in range(2):
        paused = await lifecycle.pause(hub.db, ADA, connection)
    assert (paused.state, paused.next_at) == ("paused", None)
    assert paused.reason is not None
    assert "k1 Ada" in paused.reason["message"]
    assert "resume" in paused.reason["remedy"]
    assert connection.name not in paused.reason["remedy"].split()  # it may be renamed meanwhile
    for _ in range(2):
        resumed = await lifecycle.resume(hub.db, ADA, connection)
    assert (resumed.state, resumed.reason) == ("pending", None)
    assert await hub.rows("SELECT next_at <= now(), failures FROM schedule") == [(True, 0)]
    told = "SELECT action, before ->> 'state', after ->> 'state', actor FROM audit ORDER BY audit_id OFFSET 1"
    assert await hub.rows(told) == [
        ("connection.paused", "pending", "paused", "k1 Ada"),
        ("connection.resumed", "paused", "pending", "k1 Ada"),
    ]


async def test_what_waits_for_a_token(hub: Hub) -> None:
    """A connection that needs attention is neither paused nor resumed: the error says to rotate."""
    connection = await hub.store()
    await health.needs_attention(hub.db, connection, errors.TokenRefusedError())
    for change in (lifecycle.pause, lifecycle.resume):
        with pytest.raises(errors.ConnectionStateError, match="new token") as refusal:
            await change(hub.db, ADA, connection)
        assert "connection rotate" in refusal.value.remedy
    assert await hub.state(connection) == "needs_attention"


async def test_removing(hub: Hub) -> None:
    """A removed connection is in no list, its token is gone at once, its name and identity are free."""
    connection = await hub.store("ACME", default=False)
    await hub.db.execute("INSERT INTO sync_request (connection_id) VALUES (%s)", [connection.connection_id])
    await lifecycle.remove(hub.db, ADA, connection)
    assert await registry.find(hub.db) == []
    with pytest.raises(errors.NoSuchConnectionError):
        await registry.by_uuid(hub.db, connection.connection_uuid)
    assert await hub.rows("SELECT FROM credential") == []
    assert await hub.rows("SELECT error ->> 'code' FROM sync_request WHERE finished_at IS NOT NULL") == [
        ("connection.removed",)
    ]
    assert await hub.rows("SELECT purge_at - now() BETWEEN '29 days' AND '30 days' FROM connection") == [
        (True,)
    ]
    again = await hub.store("ACME")
    assert again.connection_uuid != connection.connection_uuid
    told = (
        "SELECT actor, before ->> 'state', after ->> 'state' FROM audit WHERE action = 'connection.removed'"
    )
    assert await hub.rows(told) == [("k1 Ada", "pending", "deleted")]


async def test_a_removed_connection_stays_removed(hub: Hub) -> None:
    """Whoever comes with a connection that was removed meanwhile is told so, and changes nothing."""
    connection = await hub.store()
    await lifecycle.remove(hub.db, ADA, connection)
    before = await hub.rows("SELECT c::text FROM connection c")
    for late in (
        lifecycle.pause(hub.db, ADA, connection),
        lifecycle.resume(hub.db, ADA, connection),
        lifecycle.remove(hub.db, ADA, connection),
        registry.rename(hub.db, ADA, connection, "other"),
        registry.set_default(hub.db, ADA, connection),
        registry.set_rhythm(hub.db, ADA, connection, delta=77),
    ):
        with pytest.raises(errors.NoSuchConnectionError):
            await late
    assert not await health.needs_attention(hub.db, connection, errors.TokenRefusedError())
    assert not await health.failed(hub.db, connection.connection_id, "risks", errors.LimitedError())
    assert await hub.rows("SELECT c::text FROM connection c") == before
    assert await hub.rows("SELECT FROM outage") == []


async def test_removing_the_default_needs_a_choice(hub: Hub) -> None:
    """The default goes only when it is said what takes its place."""
    one, other = await hub.store("one", default=True), await hub.store("other")
    with pytest.raises(errors.DefaultConnectionError, match="'one' is the default"):
        await lifecycle.remove(hub.db, ADA, one)
    with pytest.raises(errors.DefaultConnectionError, match="the one to be removed"):
        await lifecycle.remove(hub.db, ADA, one, new_default="one")
    with pytest.raises(errors.DefaultConnectionError, match="'nobody'") as unknown:
        await lifecycle.remove(hub.db, ADA, one, new_default="nobody")
    assert unknown.value.field == "new_default"
    with pytest.raises(errors.DefaultConnectionError, match="at once"):
        await lifecycle.remove(hub.db, ADA, one, new_default="other", no_default=True)
    assert [c.name for c in await registry.find(hub.db)] == ["one", "other"]
    await lifecycle.remove(hub.db, ADA, one, new_default="other")
    assert (await hub.again(other)).is_default
    await lifecycle.remove(hub.db, ADA, other, no_default=True)
    assert await hub.rows("SELECT FROM connection WHERE is_default") == []


@pytest.fixture
async def estate(hub: Hub, start_simulator: Callable[..., Simulator]) -> tuple[Connection, Connection]:
    """Two connections of one console that were pulled, the second of fewer sites."""
    console = start_simulator(accounts=2, sites=4, agents=12, risks_per_agent=6)
    stays = await hub.add(console.url, console.of_scope("account"), "stays")
    goes = await hub.add(console.url, console.token, "goes")
    for connection in (stays, goes):
        await hub.pull(connection)
    return stays, goes


async def held(hub: Hub, connection: Connection) -> dict[str, int]:
    """How many rows each table holds of a connection."""
    found = {}
    for (table,) in await hub.rows(OF_CONNECTIONS):
        count = f"SELECT count(*) FROM {table} WHERE connection_id = %s"  # noqa: S608  # a table of ours
        ((found[table],),) = await hub.rows(count, connection.connection_id)
    return found


async def shown(hub: Hub, **filters: Any) -> list[list[str]]:
    """The connections of every row that any list shows."""
    wanted = Filters(**filters)
    lists = [
        await reading.findings(hub.db, wanted, limit=10_000),
        await reading.devices(hub.db, wanted, limit=10_000),
    ]
    names = [[item.connection for item in page.items] for page in lists]  # type: ignore[union-attr]
    applications = await software.listed(hub.db, wanted, limit=10_000)
    names.append([str(sum(item.findings for item in applications.items))])
    runs = await history.newest(hub.db, RunFilters(), limit=10_000)
    unread = await quarantine.listed(hub.db, QuarantineFilters(), limit=10_000)
    names += [[run.connection for run in runs.items], [row.connection for row in unread.items]]
    return names


async def test_what_was_removed_is_shown_nowhere(hub: Hub, estate: tuple[Connection, Connection]) -> None:
    """Findings, devices, software, runs and rows in quarantine of a removed connection are in no list and no count."""
    _, goes = estate
    quarantined = "INSERT INTO quarantine (connection_id, stream, content_hash, reason, content, run_id)"
    await hub.db.execute(
        f"{quarantined} VALUES (%s, 'risks', 1, 'x', 'x', gen_random_uuid())", [goes.connection_id]
    )
    only = await shown(hub, connection=("stays",))
    kept = await held(hub, goes)
    await lifecycle.remove(hub.db, ADA, goes)

    after = await shown(hub)

    assert [set(names) for names in after[:2]] == [{"stays"}, {"stays"}]
    assert after[:3] == only[:3]
    assert (set(after[3]), after[4]) == ({"stays"}, [])
    assert await shown(hub, connection=("goes",)) == [[], [], ["0"], after[3], after[4]]
    still = await held(hub, goes)
    assert {table for table in kept if still[table] != kept[table]} == {"credential"}


async def test_a_new_one_of_the_same_name(hub: Hub, estate: tuple[Connection, Connection]) -> None:
    """A new connection under the name of a removed one does not show what came through that."""
    _, goes = estate
    await lifecycle.remove(hub.db, ADA, goes)
    await hub.store("goes")
    assert (await shown(hub, connection=("goes",)))[:3] == [[], [], ["0"]]


@pytest.mark.parametrize("at_once", [True, False])
async def test_purging(hub: Hub, estate: tuple[Connection, Connection], *, at_once: bool) -> None:
    """Purged, at once or when its time has come, a connection leaves no row in any table, and others lose none."""
    stays, goes = estate
    before = await held(hub, stays)
    assert (await held(hub, goes))["finding"] > 0
    await lifecycle.remove(hub.db, ADA, goes, purge=at_once)
    if not at_once:
        assert await lifecycle.purge_expired(hub.db) == 0
        assert (await held(hub, goes))["finding"] > 0
        await hub.db.execute("UPDATE connection SET purge_at = now() WHERE state = 'deleted'")
        assert await lifecycle.purge_expired(hub.db) == 1
    assert set((await held(hub, goes)).values()) == {0}
    assert await held(hub, stays) == before
    assert await lifecycle.purge_expired(hub.db) == 0
    actors = await hub.rows("SELECT actor FROM audit WHERE action = 'connection.purged'")
    assert actors == [("k1 Ada" if at_once else "waypost",)]


async def test_two_that_purge(hub: Hub, estate: tuple[Connection, Connection]) -> None:
    """Several workers that purge at once count one connection between them."""
    _, goes = estate
    await lifecycle.remove(hub.db, ADA, goes)
    await hub.db.execute("UPDATE connection SET purge_at = now() WHERE state = 'deleted'")

    async def purge() -> int:
        async with hub.means.database.connect() as db:
            return await lifecycle.purge_expired(db)

    assert sum(await asyncio.gather(*(purge() for _ in range(3)))) == 1


@pytest.mark.parametrize("change", ["pause", "remove", "purge"])
async def test_a_pull_under_way_stores_nothing_more(
    hub: Hub, start_simulator: Callable[..., Simulator], page_rows: Callable[[int], None], change: str
) -> None:
    """A pull of a connection that is paused or removed stops at its next transaction, and what it stored stays."""
    page_rows(10)
    console = start_simulator(accounts=1, sites=3, agents=20, risks_per_agent=20)
    connection = await hub.add(console.url, console.token)
    at_risks = asyncio.Event()

    def listen(event: object) -> None:
        if isinstance(event, BatchStored) and event.stream == "risks":
            at_risks.set()

    pulling = asyncio.ensure_future(hub.pull(connection, listen=listen))
    console.fault({"kind": "latency", "ms": 30})
    waiting = asyncio.ensure_future(at_risks.wait())
    await asyncio.wait([pulling, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert not pulling.done()
    if change == "pause":
        await lifecycle.pause(hub.db, SERVICE, connection)
    else:
        await lifecycle.remove(hub.db, SERVICE, connection, purge=change == "purge")
    stored = await held(hub, connection)

    with pytest.raises(errors.LeaseLostError):
        await pulling

    assert await held(hub, connection) == stored
    console.heal()
    if change == "pause":
        assert await hub.state(connection) == "paused"
        await lifecycle.resume(hub.db, SERVICE, connection)
        result = await hub.pull(await hub.again(connection))
        assert result.ok
        truth = len(console.truth()["findings"])
        assert (await held(hub, connection))["finding"] == truth
    else:
        assert set(stored.values()) == {0} or change == "remove"


async def test_a_pull_that_begins_as_the_pause_comes(
    hub: Hub, start_simulator: Callable[..., Simulator]
) -> None:
    """A pull that was taken before the pause and begins after it stores nothing."""
    console = start_simulator(accounts=1, sites=2, agents=3, risks_per_agent=3)
    connection = await hub.add(console.url, console.token)
    await lifecycle.pause(hub.db, SERVICE, connection)
    with pytest.raises(errors.LeaseLostError):
        await hub.pull(connection)  # as it was before the pause
    assert await hub.rows("SELECT FROM sync_run") == []
    with pytest.raises(errors.ConnectionStateError, match="is paused"):
        await hub.pull(await hub.again(connection))
