"""Workers are killed, frozen and stopped in the midst of pulls: others go on; nothing is lost, nothing done twice."""

import asyncio
import math
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support import fleet, program
from support import truth as truths
from support.hub import Hub
from support.program import Program, Running
from support.simulator import Simulator

Start = Callable[..., Simulator]
LEASE = 2
"""Seconds instead of 45, of what a worker holds; what a run's lease keeps is let go by hand."""
SHORT_LEASE = f"""
from datetime import timedelta
from waypost.jobs import backoff, worker
worker.run.__kwdefaults__["lease"] = timedelta(seconds={LEASE})
backoff.BUSY = timedelta(seconds=1)
"""
ESTATE = {"accounts": 2, "sites": 5, "agents": 30, "risks_per_agent": 30, "latency": 60}
DATA = ("finding", "device", "change", "software", "cve_facts", "site")
SLOW_BEAT = "UPDATE schedule SET delta_every = '1 day'"


@pytest.fixture
def waypost(tmp_path: Path, database_url: str) -> Program:
    """The program, on the database that `hub` looks at."""
    return Program(tmp_path, database_url, also=SHORT_LEASE)


def data(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of what was pulled, as text."""
    return {
        table: program.rows(database_url, f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608  # constants
        for table in DATA
    }


def owner(database_url: str) -> str:
    """Host and process of the worker that has the only connection, or nothing."""
    rows = program.rows(database_url, "SELECT worker FROM schedule WHERE taken_until > now()")
    return str(rows[0][0]) if rows else ""


def wait_for(running: Running, database_url: str, query: str) -> None:
    """Until this asks for something that is there."""
    assert running.wait_until(lambda: program.rows(database_url, query), seconds=150), running.output


DONE = "SELECT 1 FROM sync_run WHERE stream = 'risks' AND state = 'done'"


async def test_two_workers_share_twenty_connections(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """Two processes pull twenty connections on their beats: both take part, and each beat is pulled once."""
    beat = 3
    console = start_simulator(accounts=1, sites=2, agents=5, risks_per_agent=4, seed=200)
    stored = await fleet.stored(hub, 20, url=console.url, token=console.token)
    await hub.db.execute("UPDATE schedule SET delta_every = make_interval(secs => %s)", [beat])
    enough = (
        "SELECT 1 WHERE (SELECT count(*) FROM (SELECT connection_id FROM sync_run WHERE stream = 'risks'"
        " AND state = 'done' GROUP BY connection_id HAVING count(*) >= 5) c) = 20"
    )
    with waypost.start("worker") as one, waypost.start("worker") as other:
        wait_for(one, database_url, enough)
        for worker in (one, other):
            worker.send(signal.SIGTERM)
            assert worker.wait() == 0, worker.output
    pulled = await hub.rows(
        "SELECT connection_id, worker, extract(epoch FROM started_at)::float8 FROM sync_run WHERE stream = 'agents'"
    )
    assert {str(worker).rpartition(":")[2] for _, worker, _ in pulled} == {str(one.pid), str(other.pid)}
    places = {
        connection.connection_id: (connection.connection_uuid.int & 0xFFFF_FFFF) / 2**32
        for connection in stored
    }
    beats = [(connection, math.floor(at / beat - places[connection])) for connection, _, at in pulled]
    assert len(beats) == len(set(beats)), "a connection was pulled twice on one beat"
    failures = await hub.rows("SELECT sum(failures) FROM schedule")
    assert failures == [(0,)]
    for connection in stored[:3]:
        await truths.assert_equal(hub, connection, console.truth())
        await truths.assert_log_replays(hub, connection)


@pytest.mark.parametrize("pages", [1, 10, 25])
async def test_a_killed_worker_s_pull_is_gone_on_with(
    pages: int, hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """Kill -9 in the midst of a pull: another worker goes on with the same run, from the last batch stored."""
    console = start_simulator(**ESTATE, seed=210)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(SLOW_BEAT)
    with waypost.start("worker") as first:
        assert first.wait_until_at("risks", pages=pages), first.output
        with waypost.start("worker") as second:
            first.send(signal.SIGKILL)
            first.wait()
            stored = await hub.rows("SELECT run_id, counts -> 'pages' FROM sync_run WHERE stream = 'risks'")
            wait_for(second, database_url, DONE)
    ended = await hub.rows("SELECT run_id, counts -> 'pages', worker FROM sync_run WHERE stream = 'risks'")
    assert len(ended) == 1
    assert ended[0][0] == stored[0][0]
    assert ended[0][1] >= stored[0][1]
    assert str(ended[0][2]).endswith(f":{second.pid}")
    await truths.assert_equal(hub, connection, console.truth())
    await truths.assert_log_replays(hub, connection)


async def test_killed_again_and_again(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """However often workers die, the first pull comes to its end, in one run, and to the truth."""
    console = start_simulator(**ESTATE, seed=211)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(SLOW_BEAT)
    for kill in range(4):
        with waypost.start("worker") as running:
            if running.wait_until_at("risks", pages=5 * kill):
                await asyncio.sleep(0.1 * kill)
                running.send(signal.SIGKILL)
                running.wait()
    with waypost.start("worker") as last:
        wait_for(last, database_url, DONE)
    assert len(await hub.rows("SELECT FROM sync_run WHERE stream = 'risks'")) == 1
    await truths.assert_equal(hub, connection, console.truth())
    await truths.assert_log_replays(hub, connection)


async def test_a_thawed_worker_stores_nothing(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """A worker that is frozen is replaced when its leases have run out; thawed, it changes nothing and works on."""
    console = start_simulator(**{**ESTATE, "latency": 120}, seed=220)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(SLOW_BEAT)
    with waypost.start("worker") as frozen:
        assert frozen.wait_until_at("risks", pages=3), frozen.output
        frozen.send(signal.SIGSTOP)
        frozen.wait_until(lambda: frozen.stopped)
        with waypost.start("worker") as other:
            assert other.wait_until(lambda: str(frozen.pid) not in owner(database_url)), other.output
            assert not program.rows(database_url, DONE)  # the run itself is still the frozen one's
            program.rows(
                database_url,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'waypost' AND starts_with(state, 'idle in transaction')",
            )
            program.rows(database_url, "UPDATE sync_run SET lease_until = now() WHERE state = 'running'")
            wait_for(other, database_url, DONE)
            await truths.assert_equal(hub, connection, console.truth())
            stored = data(database_url)

            frozen.send(signal.SIGCONT)
            await asyncio.sleep(2 * LEASE)
            assert data(database_url) == stored
            assert len(await hub.rows("SELECT FROM sync_run WHERE stream = 'risks'")) == 1
        await hub.db.execute("UPDATE schedule SET next_at = now()")
        wait_for(frozen, database_url, f"{DONE} AND kind = 'delta' AND worker LIKE '%%:{frozen.pid}'")
        frozen.send(signal.SIGTERM)
        assert frozen.wait() == 0, frozen.output
    assert await hub.rows("SELECT failures FROM schedule") == [(0,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_stopped_gives_back(
    number: signal.Signals, hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """A polite end leaves the pull to go on with and the connection to whoever comes next, at once."""
    console = start_simulator(**ESTATE, seed=230)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(SLOW_BEAT)
    with waypost.start("worker") as running:
        assert running.wait_until_at("risks", pages=3), running.output
        running.send(number)
        assert running.wait() == 0, running.output
    assert "Traceback" not in running.output
    assert owner(database_url) == ""
    assert program.rows(database_url, "SELECT state FROM sync_run WHERE stream = 'risks'") == [
        ("interrupted",)
    ]
    with waypost.start("worker") as again:
        wait_for(again, database_url, DONE)
    await truths.assert_equal(hub, connection, console.truth())


async def test_the_database_goes_away(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """A worker whose database sessions are ended goes on by itself."""
    console = start_simulator(**ESTATE, seed=240)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(SLOW_BEAT)
    with waypost.start("worker") as running:
        assert running.wait_until_at("risks", pages=3), running.output
        await hub.db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'waypost' AND pid <> pg_backend_pid()"
        )
        wait_for(running, database_url, DONE)
    await truths.assert_equal(hub, connection, console.truth())
    await truths.assert_log_replays(hub, connection)
