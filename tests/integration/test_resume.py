"""A pull that is stopped at any point is gone on with, and ends where an undisturbed one would have."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator
from waypost import errors
from waypost.connections.connection import Connection
from waypost.sync import runs

Start = Callable[..., Simulator]
PULLS = ("first", "full", "delta")
MOST_STOPS = 10


async def _stopped_pull(hub: Hub, connection: Connection, after: float, *, full: bool) -> bool:
    """Pull and stop after so many seconds; whether it was done before that."""
    task = asyncio.create_task(hub.pull(connection, full=full))
    await asyncio.sleep(after)
    task.cancel()
    try:
        await task
    except (errors.InterruptedRunError, asyncio.CancelledError):
        return False
    return True


@pytest.mark.parametrize("seed", range(6))
async def test_stopped_and_gone_on_with(
    seed: int, hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """Stopped many times at random points, first, full and delta pulls lose nothing and resolve nothing falsely."""
    page_rows(20)
    chance = Random(seed)
    console = start_simulator(accounts=2, sites=4, agents=25, risks_per_agent=20, seed=20 + seed, latency=3)
    connection = await hub.add(console.url, console.token)
    for which in PULLS:
        truth, before = console.truth(), await truths.held(hub, connection)
        for stop in range(MOST_STOPS):
            after = chance.uniform(0, 0.03 + 0.03 * stop)
            done = await _stopped_pull(hub, connection, after, full=which == "full")
            lost = truths.falsely_resolved(await truths.held(hub, connection), before, truth)
            assert not lost, f"{len(lost)} findings were falsely resolved, like {min(lost)}"
            if done:
                break
        await hub.pull(connection, full=which == "full")
        await truths.assert_equal(hub, connection, truth)
        await truths.assert_log_replays(hub, connection)
        console.advance()


async def test_a_stopped_run_is_the_same_run_later(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """Going on keeps the run and asks for none of the pages that were stored."""
    page_rows(20)
    console = start_simulator(accounts=1, sites=3, agents=20, risks_per_agent=30, seed=30, latency=10)
    connection = await hub.add(console.url, console.token)
    task = asyncio.create_task(hub.pull(connection))
    query = "SELECT run_id, (counts ->> 'pages')::int FROM sync_run WHERE stream = 'risks'"
    for _ in range(2000):
        found = await hub.rows(query)
        if found and (found[0][1] or 0) >= 8:
            break
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(errors.InterruptedRunError) as caught:
        await task
    assert "waypost sync" in caught.value.remedy
    ((run_id, stored, state),) = await hub.rows(
        "SELECT run_id, (counts ->> 'pages')::int, state FROM sync_run WHERE stream = 'risks'"
    )
    assert state == "interrupted"

    console.forget_requests()
    await hub.pull(connection)

    ((same, pages, state),) = await hub.rows(
        "SELECT run_id, (counts ->> 'pages')::int, state FROM sync_run WHERE stream = 'risks'"
    )
    assert (same, state) == (run_id, "done")
    assert console.count("/application-management/risks") == pages - stored
    await truths.assert_equal(hub, connection, console.truth())


async def test_full_on_request_begins_anew_after_a_stopped_delta(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """A stopped delta does not keep a full pull from being full."""
    page_rows(20)
    console = start_simulator(accounts=1, sites=3, agents=20, risks_per_agent=20, seed=31)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.advance()
    console.fault({"kind": "token_expired", "path": "/application-management/risks", "at": [1]})
    with pytest.raises(errors.TokenRefusedError):
        await hub.pull(connection)
    console.heal()

    result = await hub.pull(connection, full=True)

    assert {run.stream: run.kind for run in result.runs}["risks"] == "full"
    await truths.assert_equal(hub, connection, console.truth())


@pytest.mark.parametrize("stream", ["accounts", "sites", "groups", "agents", "risks"])
async def test_cut_off_at_the_very_end_of_a_stream(
    stream: str, hub: Hub, start_simulator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has stored everything but its own end is gone on with, and takes nothing for gone."""
    console = start_simulator(accounts=2, sites=4, agents=10, risks_per_agent=12, seed=32)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    finish = runs.finish

    async def dies(db: Any, run: runs.Run, *rest: Any) -> None:
        if run.stream == stream:
            raise asyncio.CancelledError
        await finish(db, run, *rest)

    monkeypatch.setattr(runs, "finish", dies)
    with pytest.raises(asyncio.CancelledError):
        await hub.pull(connection, full=True)
    monkeypatch.undo()
    await hub.db.execute("UPDATE sync_run SET lease_until = now()")

    await hub.pull(connection, full=True)

    await truths.assert_equal(hub, connection, console.truth())
    await truths.assert_log_replays(hub, connection)
