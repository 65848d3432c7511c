"""The worker: what is due is pulled, and what goes wrong is told, waited for or left to others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from support import fleet
from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator
from waypost.access import audit
from waypost.connections import lifecycle, registry
from waypost.connections.connection import Connection
from waypost.jobs import worker
from waypost.jobs.gauges import Gauges
from waypost.sync import progress, runs, schedule, streams

Start = Callable[..., Simulator]
ESTATE = {"accounts": 1, "sites": 2, "agents": 6, "risks_per_agent": 5}
PATIENCE = 60.0
RISKS = "/application-management/risks"


@contextlib.asynccontextmanager
async def working(hub: Hub, **options: Any) -> AsyncIterator[Gauges]:
    """A worker of this process, while the block runs."""
    counts = Gauges()
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(hub.means, stop, counts=counts, **options))
    try:
        yield counts
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for something to come about."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  # it comes about in a database
            await asyncio.sleep(0.05)


async def beat(hub: Hub, seconds: float) -> None:
    """From now on every connection has a short beat: shorter than users can set."""
    await hub.db.execute(
        "UPDATE schedule SET delta_every = make_interval(secs => %s), next_at = now()", [seconds]
    )


async def pulls(hub: Hub, connection: Connection, stream: str = "agents", state: str = "done") -> int:
    ((count,),) = await hub.rows(
        "SELECT count(*) FROM sync_run WHERE connection_id = %s AND stream = %s AND state = %s",
        connection.connection_id, stream, state,
    )  # fmt: skip
    return int(count)


async def outages(hub: Hub) -> list[tuple[Any, ...]]:
    return await hub.rows("SELECT stream, code, ended_at IS NULL FROM outage ORDER BY began_at")


async def test_a_new_connection_is_pulled_at_once_and_then_by_its_beat(
    hub: Hub, start_simulator: Start
) -> None:
    """The first pull is whole; the beats after it ask for devices and findings only, and end with the truth."""
    console = start_simulator(**ESTATE, seed=90)
    connection = await hub.add(console.url, console.token)
    await beat(hub, 1)
    async with working(hub) as counts:
        await until(lambda: _at_least(pulls(hub, connection), 3))
        console.advance()
        seen = await pulls(hub, connection)
        await until(lambda: _at_least(pulls(hub, connection), seen + 2))
    assert await hub.state(connection) == "active"
    assert await pulls(hub, connection, "sites") == 1
    kinds = await hub.rows(
        "SELECT kind, count(*) FROM sync_run WHERE stream = 'risks' GROUP BY kind ORDER BY kind"
    )
    assert kinds[1] == ("full", 1)
    await truths.assert_equal(hub, connection, console.truth())
    await truths.assert_log_replays(hub, connection)
    assert (counts.taken, counts.failed) == (0, 0)
    assert counts.done >= 4
    assert counts.alive_at > 0


async def test_a_new_site_is_known_with_its_first_device(hub: Hub, start_simulator: Start) -> None:
    """A beat that brings a device of an unknown site pulls the tree at once, not when that is due."""
    console = start_simulator(**ESTATE, seed=101)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    await hub.pull(connection, streams=None)
    assert await pulls(hub, connection, "sites") == 1
    ((site, device),) = await hub.rows("SELECT site_id, max(device_id) FROM device GROUP BY site_id LIMIT 1")
    await hub.db.execute("DELETE FROM site WHERE site_id = %s", [site])
    await hub.db.execute("DELETE FROM finding WHERE device_id = %s", [device])
    await hub.db.execute("DELETE FROM device WHERE device_id = %s", [device])
    await hub.db.execute("UPDATE sync_watermark SET since = since - interval '10 years'")

    await hub.pull(connection, streams=None)

    assert await pulls(hub, connection, "sites") == 2
    assert (await hub.rows("SELECT count(*) FROM site WHERE site_id = %s", site)) == [(1,)]


async def test_many_connections_share_the_places(hub: Hub, start_simulator: Start) -> None:
    """With fewer places than connections everyone has its turn, and no more are pulled at once than there are."""
    console = start_simulator(**ESTATE, seed=91, latency=30)
    stored = await fleet.stored(hub, 12, url=console.url, token=console.token)
    await hub.db.execute("UPDATE schedule SET delta_every = '1000 days'")
    most = 0
    async with working(hub, concurrency=3) as counts:

        async def all_pulled() -> bool:
            nonlocal most
            most = max(most, counts.taken)
            return counts.done >= len(stored)

        await until(all_pulled)
    assert 1 <= most <= 3
    assert [await pulls(hub, connection) for connection in stored] == [1] * len(stored)
    assert await hub.rows("SELECT DISTINCT state FROM connection") == [("active",)]


async def test_first_pulls_leave_places_to_the_others(hub: Hub, start_simulator: Start) -> None:
    """Connections that were never pulled fill half of the places at most, however many there are."""
    console = start_simulator(**ESTATE, seed=92, latency=100)
    *new, old = await fleet.stored(hub, 7, url=console.url, token=console.token)
    await hub.pull(old)
    await beat(hub, 1)
    most = 0
    async with working(hub, concurrency=4) as counts:

        async def all_pulled() -> bool:
            nonlocal most
            first = await hub.rows(
                "SELECT count(*) FROM schedule s JOIN connection c USING (connection_id)"
                " WHERE c.state = 'pending' AND s.taken_until > now()"
            )
            most = max(most, int(first[0][0]))
            return counts.done >= len(new) + 2

        await until(all_pulled)
    assert most == 2


async def test_a_refused_stream_stops_only_itself(hub: Hub, start_simulator: Start) -> None:
    """A 403 begins one outage of its stream; the others are pulled on, and it is not asked for on every beat."""
    console = start_simulator(**ESTATE, seed=93)
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "forbidden", "path": RISKS})
    await beat(hub, 1)
    async with working(hub):
        await until(lambda: _at_least(pulls(hub, connection), 4))
    assert await outages(hub) == [("risks", "console.forbidden_role", True)]
    assert await pulls(hub, connection, "risks", "failed") == 1
    assert await hub.state(connection) == "active"

    console.heal()
    await hub.db.execute("UPDATE sync_watermark SET refused_at = refused_at - interval '25 hours'")
    async with working(hub):
        await until(lambda: _at_least(pulls(hub, connection, "risks"), 1))
    assert await outages(hub) == [("risks", "console.forbidden_role", False)]
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_refused_token_ends_the_pulls(hub: Hub, start_simulator: Start) -> None:
    """After a 401 the connection needs attention, and the console is not asked again until somebody does something."""
    console = start_simulator(**ESTATE, seed=94)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.change_token(console.token, state="revoked")
    await beat(hub, 1)
    async with working(hub) as counts:
        await until(lambda: _is_state(hub, connection, "needs_attention"))
        await until(lambda: _true(counts.taken == 0))
        console.forget_requests()
        await asyncio.sleep(2.5)
        assert console.count("/agents") == 0
        assert counts.failed == 1

        console.change_token(console.token, state="valid")
        waiting = await registry.by_uuid(hub.db, connection.connection_uuid)
        asked = await schedule.request(hub.db, audit.SERVICE, waiting)
        await until(lambda: _is_over(hub, asked))
    assert await hub.state(connection) == "active"


async def test_failures_back_off_and_are_forgotten(hub: Hub, start_simulator: Start) -> None:
    """A console that fails is left alone for longer and longer; one success brings the beat back."""
    console = start_simulator(**ESTATE, seed=95)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.fault({"kind": "status", "status": 400, "body": "json", "path": RISKS})
    await beat(hub, 15)
    for failures in (1, 2):
        await hub.db.execute("UPDATE schedule SET next_at = now()")
        async with working(hub) as counts:
            await until(lambda counts=counts: _true(counts.failed))
        ((counted, rest),) = await hub.rows(
            "SELECT failures, extract(epoch FROM next_at - now())::float8 FROM schedule"
        )
        assert counted == failures
        assert rest > 2000  # a request that the console does not accept will not be accepted in a minute
    console.heal()
    await hub.db.execute("UPDATE schedule SET next_at = now()")
    async with working(hub) as counts:
        await until(lambda: _true(counts.done))
    ((counted, rest),) = await hub.rows(
        "SELECT failures, extract(epoch FROM next_at - now())::float8 FROM schedule"
    )
    assert counted == 0
    assert rest <= 15


async def test_what_was_asked_for_is_followed_to_its_end(hub: Hub, start_simulator: Start) -> None:
    """Who asks for a pull sees it queued, under way and over, with its runs, though another process does it."""
    console = start_simulator(**ESTATE, seed=96, latency=60)
    connection = await hub.add(console.url, console.token)
    asked = await schedule.request(hub.db, audit.SERVICE, connection, full=True)
    queued = await progress.snapshot(hub.db, asked.pull_id)
    assert queued is not None
    assert (queued.state, queued.runs, queued.connection) == ("queued", [], "console")
    async with working(hub):
        seen = [pull async for pull in progress.follow(hub.means.database, asked.pull_id, every=0.02)]
    states = list(dict.fromkeys(pull.state for pull in seen))
    assert states[-2:] == ["running", "done"]
    last = seen[-1]
    assert last.over
    assert [run.stream for run in last.runs] == [stream.name for stream in streams.IN_ORDER]
    assert all(run.kind == "full" and run.walks_left == 0 for run in last.runs)
    assert last.finished_at is not None
    assert last.asked_at is not None
    counted = [sum(run.counts.get("rows", 0) for run in pull.runs) for pull in seen]
    assert counted == sorted(counted)
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_pull_by_hand_is_not_disturbed(hub: Hub, start_simulator: Start) -> None:
    """A connection that somebody pulls by hand is left alone, counts no failure, and is pulled when they have done."""
    console = start_simulator(**ESTATE, seed=97)
    connection = await hub.add(console.url, console.token)
    async with (
        hub.means.database.connect() as db,
        runs.claim(db, connection.connection_id, connection.name) as claim,
    ):
        await claim.start("accounts", "full", None, '[{"walk": 0, "scope": "connection"}]')
        async with working(hub) as counts:
            await until(lambda: _column(hub, "taken_until IS NOT NULL AND worker IS NULL"))
            assert (counts.done, counts.failed) == (0, 0)
    await hub.db.execute("UPDATE schedule SET taken_until = now(), next_at = now()")
    async with working(hub) as counts:
        await until(lambda: _true(counts.done))
    assert await _column(hub, "failures = 0")
    await truths.assert_equal(hub, connection, console.truth())


async def test_pausing_stops_a_pull(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """A pull that is under way when its connection is paused stores nothing more; resumed, it goes on to the truth."""
    page_rows(5)
    console = start_simulator(accounts=1, sites=2, agents=30, risks_per_agent=10, seed=98, latency=50)
    connection = await hub.add(console.url, console.token)
    async with working(hub, lease=timedelta(seconds=1)) as counts:
        await until(lambda: _at_least(pulls(hub, connection, "agents", "running"), 1))
        paused = await lifecycle.pause(hub.db, audit.SERVICE, connection)
        await until(lambda: _true(counts.taken == 0))
        stored = await hub.rows("SELECT stream, state, counts FROM sync_run ORDER BY started_at")
        assert ("agents", "interrupted") in [row[:2] for row in stored]
        await asyncio.sleep(1)
        assert await hub.rows("SELECT stream, state, counts FROM sync_run ORDER BY started_at") == stored
        await lifecycle.resume(hub.db, audit.SERVICE, paused)
        await until(lambda: _at_least(pulls(hub, connection, "risks"), 1))
    assert (counts.failed, await pulls(hub, connection, "agents")) == (0, 1)
    await truths.assert_equal(hub, connection, console.truth())


async def test_stopping_leaves_pulls_to_go_on_with(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """A worker that stops gives back what it has at once, and the next goes on with the same run."""
    page_rows(5)
    console = start_simulator(accounts=1, sites=2, agents=30, risks_per_agent=10, seed=99, latency=50)
    connection = await hub.add(console.url, console.token)
    async with working(hub):
        await until(lambda: _at_least(pulls(hub, connection, "agents", "running"), 1))
    assert await _column(hub, "worker IS NULL AND taken_until IS NULL AND next_at <= now()")
    assert await pulls(hub, connection, "agents", "interrupted") == 1
    async with working(hub):
        await until(lambda: _at_least(pulls(hub, connection, "risks"), 1))
    assert len(await hub.rows("SELECT FROM sync_run WHERE stream = 'agents'")) == 1
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_mistake_in_one_pull_does_not_end_the_worker(
    hub: Hub, start_simulator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of is told, answers who asked, and the other connections are pulled."""
    console = start_simulator(**ESTATE, seed=100)
    bad, good = await fleet.stored(hub, 2, url=console.url, token=console.token)
    asked = await schedule.request(hub.db, audit.SERVICE, bad)
    find = registry.by_uuid

    async def broken(db: Any, connection_uuid: Any) -> Connection:
        if connection_uuid == bad.connection_uuid:
            raise ZeroDivisionError
        return await find(db, connection_uuid)

    monkeypatch.setattr(registry, "by_uuid", broken)
    async with working(hub) as counts:
        await until(lambda: _true(counts.done and counts.failed))
    pull = await progress.snapshot(hub.db, asked.pull_id)
    assert pull is not None
    assert (pull.state, (pull.error or {})["code"]) == ("failed", "waypost.error")
    assert await pulls(hub, good) == 1
    assert await hub.rows("SELECT failures FROM schedule ORDER BY connection_id") == [(1,), (0,)]


async def _at_least(count: Awaitable[int], least: int) -> bool:
    return await count >= least


async def _true(value: object) -> bool:
    return bool(value)


async def _is_state(hub: Hub, connection: Connection, state: str) -> bool:
    return await hub.state(connection) == state


async def _is_over(hub: Hub, asked: schedule.Requested) -> bool:
    pull = await progress.snapshot(hub.db, asked.pull_id)
    return pull is not None and pull.over


async def _column(hub: Hub, condition: str) -> bool:
    ((true,),) = await hub.rows(f"SELECT {condition} FROM schedule")  # noqa: S608  # constants
    return bool(true)
