"""The program is killed, frozen, interrupted or started twice: the data comes out as if nothing had happened."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import psycopg
import pytest

from support import program, simulator
from support import truth as truths
from support.hub import Hub
from support.program import Program, Running
from support.simulator import Simulator

Start = Callable[..., Simulator]
Freeze = Callable[[Running, str], None]
IN_TRANSACTION = "starts_with(state, 'idle in transaction')"
KILLS = 4
ESTATE = {"accounts": 2, "sites": 5, "agents": 30, "risks_per_agent": 30, "latency": 40}
STORED = (
    "finding",
    "device",
    "change",
    "software",
    "cve_facts",
    "site",
    "sync_run",
    "sync_walk",
    "sync_watermark",
)


@pytest.fixture
def waypost(tmp_path: Path, database_url: str) -> Program:
    """The program, on the database that `hub` looks at."""
    return Program(tmp_path, database_url)


def everything(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables that a pull writes, as text."""
    return {
        table: program.rows(database_url, f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608  # constants
        for table in STORED
    }


def sessions(database_url: str, state: str) -> bool:
    """Whether the program has a database session of which this is true."""
    query = (
        "SELECT pid FROM pg_stat_activity"  # noqa: S608  # constants
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        f" AND application_name = 'waypost' AND {state}"
    )
    return bool(program.rows(database_url, query))


def freeze_between_transactions(running: Running, database_url: str) -> None:
    for attempt in range(200):
        time.sleep(0.01 * (attempt % 8))  # it has to come on between two attempts, and not always as far
        running.send(signal.SIGSTOP)
        running.wait_until(lambda: running.stopped)
        time.sleep(0.05)  # what it had sent, the server has answered by now
        if not sessions(database_url, IN_TRANSACTION):
            return
        running.send(signal.SIGCONT)
    raise AssertionError("it was never between two transactions")


def freeze_inside_a_transaction(running: Running, database_url: str) -> None:
    """Hold what it is about to write, stop it while it waits for that, let go."""
    with psycopg.connect(database_url, options="-c search_path=waypost") as db:
        db.execute("SELECT FROM sync_run WHERE state = 'running' FOR UPDATE")
        assert running.wait_until(
            lambda: sessions(database_url, "xact_start < query_start AND wait_event_type = 'Lock'")
        )
        running.send(signal.SIGSTOP)
        running.wait_until(lambda: running.stopped)
    assert running.wait_until(lambda: sessions(database_url, IN_TRANSACTION))


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_random_points(seed: int, hub: Hub, start_simulator: Start, waypost: Program) -> None:
    """Killed again and again in the midst of first and full pulls, it goes on at once and ends with the truth."""
    chance = Random(seed)
    console = start_simulator(**ESTATE, seed=40 + seed)
    connection = await hub.add(console.url, console.token)
    for arguments in (("sync",), ("sync", "--full")):
        truth, before = console.truth(), await truths.held(hub, connection)
        for kill in range(KILLS):
            with waypost.start(*arguments) as running:
                if running.wait_until_at("sites" if kill == 0 else "risks"):
                    await asyncio.sleep(chance.uniform(0, 0.05 + 0.1 * kill))
                    running.send(signal.SIGKILL)
                code = running.wait()
                assert code in (0, -signal.SIGKILL), running.output
            lost = truths.falsely_resolved(await truths.held(hub, connection), before, truth)
            assert not lost, f"{len(lost)} findings were falsely resolved, like {min(lost)}"
            if code == 0:
                break
        last = waypost.run(*arguments)
        assert last.wait() == 0, last.output
        await truths.assert_equal(hub, connection, truth)
        await truths.assert_log_replays(hub, connection)
        console.advance()


def pass_a_lease(database_url: str) -> None:
    """Do what happens when a lease's time passes: the server ends sessions inside transactions, the lease ends."""
    program.rows(
        database_url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"  # noqa: S608  # constants
        " WHERE datname = current_database()"
        f" AND application_name = 'waypost' AND {IN_TRANSACTION}",
    )
    program.rows(database_url, "UPDATE sync_run SET lease_until = now() WHERE state = 'running'")


@pytest.mark.parametrize(
    ("pages", "freeze"),
    [(1, freeze_between_transactions), (12, freeze_between_transactions), (12, freeze_inside_a_transaction)],
)
async def test_a_frozen_worker_loses_its_lease(
    pages: int, freeze: Freeze, hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """Another worker takes a frozen one's run over once its lease ran out; thawed, it stores nothing more."""
    console = start_simulator(**{**ESTATE, "latency": 150}, seed=50)
    connection = await hub.add(console.url, console.token)
    with waypost.start("sync") as frozen:
        assert frozen.wait_until_at("risks", pages=pages), frozen.output
        freeze(frozen, database_url)

        early = waypost.run("sync")
        assert early.wait() == 1
        assert "sync.running" in early.output

        pass_a_lease(database_url)
        other = waypost.run("sync")
        assert other.wait() == 0, other.output
        await truths.assert_equal(hub, connection, console.truth())
        stored = everything(database_url)

        frozen.send(signal.SIGCONT)
        assert frozen.wait() == 1
    assert "sync.lease_lost" in frozen.output
    assert everything(database_url) == stored
    last = waypost.run("sync")
    assert last.wait() == 0, last.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_by_hand(
    number: signal.Signals, hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """Ctrl-C and a polite kill leave a run to go on with, and say so."""
    console = start_simulator(
        **{**ESTATE, "latency": 300}, seed=60
    )  # so that there is something left to stop
    connection = await hub.add(console.url, console.token)
    with waypost.start("sync") as running:
        assert running.wait_until_at("risks", pages=1), running.output
        running.send(number)
        assert running.wait() == 1
    assert "sync.interrupted" in running.output
    assert "waypost sync" in running.output
    assert "Traceback" not in running.output
    query = "SELECT run_id, state FROM sync_run WHERE stream = 'risks'"
    ((run_id, state),) = program.rows(database_url, query)
    assert state == "interrupted"

    again = waypost.run("sync")

    assert again.wait() == 0, again.output
    assert program.rows(database_url, query) == [(run_id, "done")]
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_second_sync_at_the_same_time(hub: Hub, start_simulator: Start, waypost: Program) -> None:
    """The second is told that the first is at work, and the first does not notice."""
    console = start_simulator(**ESTATE, seed=70)
    connection = await hub.add(console.url, console.token)
    with waypost.start("sync") as first:
        assert first.wait_until_at("risks"), first.output
        first.send(signal.SIGSTOP)  # so that it cannot end before the second has begun
        second = waypost.run("sync")
        first.send(signal.SIGCONT)
        assert second.wait() == 1
        assert "sync.running" in second.output
        assert "console" in second.output
        assert first.wait() == 0, first.output
    await truths.assert_equal(hub, connection, console.truth())


async def test_the_console_goes_away(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """Without a console nothing is resolved; the error names the console, and its return mends it."""
    with simulator.running(simulator.arguments(**ESTATE, seed=80)) as console:
        connection = await hub.add(console.url, console.token)
        await hub.pull(connection)
        before = everything(database_url)["finding"]
        port = console.url.rpartition(":")[2]
    gone = waypost.run("sync", "--full")
    assert gone.wait() == 1
    assert "console.unreachable" in gone.output
    assert everything(database_url)["finding"] == before

    console = start_simulator(**ESTATE, seed=80, port=port)
    back = waypost.run("sync", "--full")
    assert back.wait() == 0, back.output
    await truths.assert_equal(hub, connection, console.truth())
