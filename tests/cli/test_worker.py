"""`waypost worker`, and `waypost sync` beside it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support import program
from support import truth as truths
from support.hub import Hub
from support.program import Program
from support.simulator import Simulator
from waypost.access import audit
from waypost.connections import lifecycle

Start = Callable[..., Simulator]


@pytest.fixture
def waypost(tmp_path: Path, database_url: str) -> Program:
    """The program, on the database that `hub` looks at."""
    return Program(tmp_path, database_url)


def test_a_worker_needs_a_place(waypost: Program) -> None:
    """A worker that could pull nothing is wrong use."""
    refused = waypost.run("worker", "--concurrency", "0")
    assert refused.wait() == 2
    assert "Use 1 or more" in refused.output


@pytest.mark.parametrize(
    "command", [("worker",), ("serve", "--port", "0"), ("serve", "--port", "0", "--no-worker")]
)
async def test_another_master_key(
    hub: Hub, tmp_path: Path, database_url: str, command: tuple[str, ...]
) -> None:
    """Whoever would work with another master key than the stored tokens' does not begin, and no connection rests."""
    await hub.store()
    with_another = Program(tmp_path, database_url, WAYPOST_MASTER_KEY="A" * 43 + "=")
    refused = with_another.run(*command)
    assert refused.wait() == 1
    assert "another master key" in refused.output
    assert await hub.rows("SELECT failures FROM schedule") == [(0,)]


async def test_sync_beside_a_worker_is_followed(
    hub: Hub, start_simulator: Start, waypost: Program, database_url: str
) -> None:
    """`waypost sync` of a connection that a worker is pulling has it pulled again, and tells what came of that."""
    console = start_simulator(accounts=1, sites=3, agents=20, risks_per_agent=20, seed=300)
    connection = await hub.add(console.url, console.token)
    await hub.db.execute("UPDATE schedule SET delta_every = '1 day'")
    console.fault({"kind": "latency", "path": "/application-management/risks", "ms": 2000})
    with waypost.start("worker") as worker:
        assert worker.wait_until_at("risks"), worker.output
        with waypost.start("sync", "console", "--json") as followed:
            assert followed.wait_until(lambda: program.rows(database_url, "SELECT pull_id FROM sync_request"))
            console.heal()
            assert followed.wait() == 0, followed.output
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    text = followed.output
    (item,) = json.loads(text[text.index("{") :])["items"]
    assert item["ok"]
    assert [run["stream"] for run in item["runs"]] == ["accounts", "sites", "groups", "agents", "risks"]
    asked = program.rows(database_url, "SELECT pull_id::text FROM sync_request WHERE finished_at IS NOT NULL")
    assert asked == [(item["pull_id"],)]
    await truths.assert_equal(hub, connection, console.truth())


async def test_paused_connections_are_left_out(hub: Hub, start_simulator: Start, waypost: Program) -> None:
    """Without a name a paused connection is left out and said so; by its name it is refused with the way out."""
    console = start_simulator(accounts=1, sites=2, agents=3, risks_per_agent=2, seed=301)
    connection = await hub.add(console.url, console.token)
    paused = await lifecycle.pause(hub.db, audit.SERVICE, connection)
    everything = waypost.run("sync")
    assert everything.wait() == 0, everything.output
    assert "paused" in everything.output
    named = waypost.run("sync", "console")
    assert named.wait() == 2
    assert "connection resume" in named.output
    await lifecycle.resume(hub.db, audit.SERVICE, paused)
    again = waypost.run("sync", "console")
    assert again.wait() == 0, again.output
    await truths.assert_equal(hub, connection, console.truth())
