"""What a console refuses or garbles while it is pulled: what is said, what is kept, and how it recovers."""

import asyncio
from collections.abc import Callable

import pytest

from support import hub as hubs
from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator
from waypost import errors
from waypost.sync.pull import PullResult, RunResult

Start = Callable[..., Simulator]
RISKS = "/application-management/risks"


@pytest.fixture
def console(start_simulator: Start, page_rows: Callable[[int], None]) -> Simulator:
    """Few rows a page, so that each site is a chain of pages."""
    page_rows(25)
    return start_simulator(accounts=2, sites=4, agents=30, risks_per_agent=25, seed=12)


def run_of(result: PullResult, stream: str) -> RunResult:
    return next(run for run in result.runs if run.stream == stream)


async def test_a_token_that_expires_on_the_way(hub: Hub, console: Simulator) -> None:
    """The connection needs attention, what was stored stays, and a good token goes on instead of beginning anew."""
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "token_expired", "path": RISKS, "at": [20]})
    with pytest.raises(errors.TokenRefusedError):
        await hub.pull(connection)
    assert await hub.state(connection) == "needs_attention"
    assert await hub.rows("SELECT stream, state FROM sync_run WHERE state <> 'done'") == [
        ("risks", "interrupted")
    ]
    stored = len((await truths.held(hub, connection)).findings)
    assert stored

    console.heal()
    console.forget_requests()
    result = await hub.pull(connection)

    resumed = console.count(RISKS)
    assert await hub.state(connection) == "active"
    assert run_of(result, "risks").counts["rows"] == len(
        console.truth()["findings"]
    )  # of both pulls together
    await truths.assert_equal(hub, connection, console.truth())
    console.forget_requests()
    await hub.pull(connection, full=True)
    assert resumed < console.count(RISKS)


async def test_a_revoked_token(hub: Hub, console: Simulator) -> None:
    """Nothing changes but the connection's state, and the token's return mends it."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    held = await truths.held(hub, connection)
    console.change_token(console.token, state="revoked")

    for full in (False, True):
        with pytest.raises(errors.TokenRefusedError):
            await hub.pull(connection, full=full)
    assert await truths.held(hub, connection) == held
    assert await hub.state(connection) == "needs_attention"

    console.change_token(console.token, state="valid")
    await hub.pull(connection)
    assert await hub.state(connection) == "active"
    await truths.assert_equal(hub, connection, console.truth())


SHAPES = {"site by site": (2, 4), "account by account": (2, 22), "whole": (1, 22)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("when", ["on the way", "before"])
async def test_a_token_that_loses_sites(
    shape: str, when: str, hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """Nothing of the lost site is resolved or retired, a warning says so, and its return is the truth again."""
    page_rows(25)
    accounts, sites = SHAPES[shape]
    console = start_simulator(accounts=accounts, sites=sites, agents=30, risks_per_agent=15, seed=13)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    before = await truths.held(hub, connection)
    places = [finding.site_id for finding in before.findings.values()]
    lost = max(set(places), key=places.count)
    at = {"path": RISKS, "at": [2]} if when == "on the way" else {"path": "/accounts"}
    console.fault({"kind": "scope_lost", "siteIds": [str(lost)], **at})

    result = await hub.pull(connection, full=True)

    held = await truths.held(hub, connection)
    assert held.unresolved == before.unresolved
    assert held.device_states == before.device_states
    assert [warning for run in result.runs for warning in run.warnings]
    console.heal()
    await hub.pull(connection, full=True)
    await truths.assert_equal(hub, connection, console.truth(), placed=shape == "site by site")


async def test_a_token_whose_scope_is_narrowed(hub: Hub, console: Simulator) -> None:
    """A token that was narrowed for good resolves nothing, and what it still sees goes on being the truth."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    before = await truths.held(hub, connection)
    kept = [site["id"] for site in console.truth()["sites"]][:2]
    console.change_token(console.token, scopeIds=kept)

    result = await hub.pull(connection, full=True)

    assert any("no longer listed" in warning for warning in run_of(result, "sites").warnings)
    assert (await truths.held(hub, connection)).unresolved == before.unresolved
    console.advance()
    await hub.pull(connection, full=True)
    after = (await truths.held(hub, connection)).unresolved
    seen = {int(site) for site in kept}
    due = truths.expected(console.truth(console.token))
    assert {key for key, finding in after.items() if finding.site_id in seen} == due.keys()
    elsewhere = {key for key, finding in before.unresolved.items() if finding.site_id not in seen}
    assert elsewhere - due.keys() <= after.keys()


async def test_a_role_without_risks(hub: Hub, console: Simulator) -> None:
    """A token that may not read risks, from the start or from some day on, keeps everything else."""
    narrow = await hub.add(console.url, console.holder("Without risks"), "narrow")
    assert [run.state for run in (await hub.pull(narrow)).runs] == ["done"] * 4 + ["failed"]
    health = (await hub.again(narrow)).health
    assert (health.state, health.owner, "viewRisks" in health.remedy) == ("degraded", "customer", True)
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "forbidden", "detail": "Insufficient permissions", "path": RISKS})

    result = await hub.pull(connection)

    assert {run.stream: run.state for run in result.runs} == {
        "accounts": "done", "sites": "done", "groups": "done", "agents": "done", "risks": "failed",
    }  # fmt: skip
    error = run_of(result, "risks").error
    assert error is not None
    assert error["code"] in ("console.forbidden_role", "console.forbidden_scope")
    assert not (await truths.held(hub, connection)).findings
    console.heal()
    await hub.pull(connection)
    await truths.assert_equal(hub, connection, console.truth())


async def test_risks_that_become_forbidden(hub: Hub, console: Simulator) -> None:
    """A refusal of all risks resolves nothing, though a whole pull sees none of them."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    before = await truths.held(hub, connection)
    console.fault({"kind": "forbidden", "detail": "Insufficient permissions", "path": RISKS})

    result = await hub.pull(connection, full=True)

    assert run_of(result, "risks").state == "failed"
    assert (await truths.held(hub, connection)).findings == before.findings
    console.heal()
    console.advance()
    await hub.pull(connection)
    await truths.assert_equal(hub, connection, console.truth())


@pytest.mark.parametrize("field", ["cveId", "endpointId", "detectionDate", "baseScore"])
async def test_a_row_that_cannot_be_read(field: str, hub: Hub, console: Simulator) -> None:
    """It goes to quarantine with its reason, everything else arrives, and it comes once it can be read."""
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "wrong_type", "field": field, "path": RISKS, "at": [1]})

    result = await hub.pull(connection)

    kept = await hub.rows("SELECT stream, vendor_id, reason, content FROM quarantine")
    assert len(kept) == 1
    stream, vendor_id, reason, content = kept[0]
    assert stream == "risks"
    assert reason
    assert "garbage" in content
    assert run_of(result, "risks").counts["quarantined"] == 1
    due = truths.expected(console.truth())
    missing = due.keys() - (await truths.held(hub, connection)).findings.keys()
    assert [due[key].vendor_id for key in missing] == [vendor_id]
    console.heal()
    await hub.pull(connection, full=True)
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_row_that_turns_unreadable_is_not_resolved(hub: Hub, console: Simulator) -> None:
    """A finding whose row can no longer be read, with its id or without, is still there."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    before = await truths.held(hub, connection)
    for field in ("cveId", "id"):
        console.fault({"kind": "wrong_type", "field": field, "path": RISKS, "every": 2})
        result = await hub.pull(connection, full=True)
        assert run_of(result, "risks").counts["quarantined"]
        assert (await truths.held(hub, connection)).findings == before.findings
    console.heal()
    await hub.pull(connection, full=True)
    await truths.assert_equal(hub, connection, console.truth())


async def test_an_unknown_field(hub: Hub, console: Simulator) -> None:
    """It is kept with every row it came with, and goes when it is no longer sent."""
    connection = await hub.add(console.url, console.token)
    news = {"nested": [1, 2.5, None, "ü"]}
    console.fault({"kind": "unknown_field", "name": "brandNew", "value": news})
    await hub.pull(connection)

    assert await hub.rows("SELECT DISTINCT extra FROM finding") == [({"brandNew": news},)]
    for table in ("device", "site", "scope_group", "account"):
        kept = await hub.rows(
            f"SELECT DISTINCT vendor -> 'brandNew' FROM {table} WHERE vendor IS NOT NULL"  # noqa: S608
        )
        assert kept == [(news,)], table
    console.heal()
    await hub.pull(connection, full=True)
    assert await hub.rows("SELECT DISTINCT extra FROM finding") == [(None,)]
    await truths.assert_equal(hub, connection, console.truth())


async def test_a_cursor_that_expires(hub: Hub, console: Simulator) -> None:
    """The walk begins again from its first page, within the same run."""
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "expired_cursor", "path": RISKS, "at": [4]})

    result = await hub.pull(connection)

    assert run_of(result, "risks").counts["restarts"] == 1
    assert run_of(result, "risks").state == "done"
    await truths.assert_equal(hub, connection, console.truth())


ENDLESS = {
    "repeat_cursor": errors.IncompleteWalkError,
    "expired_cursor": errors.IncompleteWalkError,
    "html_200": errors.NotAConsoleError,
    "redirect": errors.NotAConsoleError,
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.timeout(30)
async def test_a_fault_that_does_not_end(kind: str, hub: Hub, console: Simulator) -> None:
    """The pull ends with an error instead of going on for ever; the next one, when all is well, with the truth."""
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": kind, "path": RISKS})
    with pytest.raises(ENDLESS[kind]):
        await hub.pull(connection)
    ((state, code),) = await hub.rows("SELECT state, error ->> 'code' FROM sync_run WHERE stream = 'risks'")
    assert state in ("interrupted", "failed")
    assert code == ENDLESS[kind].code

    console.heal()
    await hub.pull(connection)
    await truths.assert_equal(hub, connection, console.truth())


async def test_published_limits_are_kept(
    database_url: str, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """A console that enforces its limits never has to answer 429 to a pull."""
    page_rows(1000)
    console = start_simulator(accounts=1, sites=2, agents=8, risks_per_agent=10, seed=3, limits=True)
    async with hubs.opened(database_url, limited=True) as hub:
        connection = await hub.add(console.url, console.token)
        for full in (True, False):
            await asyncio.sleep(1.1)  # each client counts for itself, so what is before is let pass
            console.forget_requests()
            await hub.pull(connection, full=full)
            assert console.requests()["limited"] == 0
            await truths.assert_equal(hub, connection, console.truth())
            console.advance()


async def test_limits_that_are_not_known_beforehand(hub: Hub, start_simulator: Start) -> None:
    """A client that asks too fast is told so, waits, and ends with the truth all the same."""
    console = start_simulator(accounts=1, sites=3, agents=8, risks_per_agent=10, seed=3, limits=True)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    await truths.assert_equal(hub, connection, console.truth())
    assert console.requests()["limited"] > 0
