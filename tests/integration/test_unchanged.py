"""Rule 2: what has not changed costs nothing."""

from collections.abc import Callable

import pytest

from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator

Start = Callable[..., Simulator]


@pytest.fixture
def console(start_simulator: Start, page_rows: Callable[[int], None]) -> Simulator:
    page_rows(40)
    return start_simulator(accounts=2, sites=5, agents=20, risks_per_agent=20, seed=5)


@pytest.mark.parametrize("full", [True, False], ids=["full", "delta"])
async def test_pulling_the_same_again_writes_no_finding(hub: Hub, console: Simulator, full: bool) -> None:
    """A pull of an unchanged console writes no row of finding and tells of no change."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    held = {table: await truths.footprint(hub, table) for table in ("finding", "change", "device")}
    written = await truths.rows_written(hub)
    assert written == len(held["finding"])  # PostgreSQL's count is a count

    result = await hub.pull(connection, full=full)

    assert result.changes == {}
    assert {table: await truths.footprint(hub, table) for table in held} == held
    assert await truths.rows_written(hub) == written


async def test_what_moves_daily_writes_no_finding(hub: Hub, console: Simulator) -> None:
    """After a day on which scan dates and ages moved, only findings of which something new is said are written."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.advance(risk_change=0)
    before = await truths.footprint(hub)
    facts_before = await truths.held(hub, connection)

    await hub.pull(connection, full=True)

    after = await truths.footprint(hub)
    facts = await truths.assert_equal(hub, connection, console.truth())
    moved = {
        key
        for key, finding in facts.findings.items()
        if key in facts_before.findings and facts_before.findings[key].site_id != finding.site_id
    }
    rewritten = sum(after[finding] != place for finding, place in before.items())
    changed = {key for key, finding in facts_before.findings.items() if facts.findings[key] != finding}
    assert rewritten < len(before) / 2  # a day without much change is not the whole table
    assert rewritten - len(changed) <= len(moved) + 12  # marks change without changing what is compared here


async def test_a_delta_asks_little(hub: Hub, console: Simulator) -> None:
    """A delta of a quiet day takes a handful of requests, whatever the estate's size."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.forget_requests()

    await hub.pull(connection)

    assert console.count("/application-management/risks") == 1
    assert console.requests()["total"] <= 6
