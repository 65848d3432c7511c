"""Every fault of the simulator's list: in the end equal to the truth, and on the way nothing falsely resolved."""

from collections.abc import Callable
from typing import Any

import pytest

from support import truth as truths
from support.hub import Hub
from support.simulator import Document, Simulator
from support.truth import Held

Start = Callable[..., Simulator]
RISKS = "/application-management/risks"


@pytest.fixture
def console(start_simulator: Start, page_rows: Callable[[int], None]) -> Simulator:
    """Few rows a page, so that each site is a chain of pages."""
    page_rows(25)
    return start_simulator(accounts=2, sites=4, agents=24, risks_per_agent=20, seed=11)


def fault(kind: str, **options: Any) -> Document:
    return {"kind": kind, **options}


FAULTS: dict[str, Document] = {
    "latency": fault("latency", ms=60, every=4, times=10),
    "limited": fault("limited", every=9, times=2),
    "limited, retry after": fault("limited", retry_after=1, path=RISKS, at=[3]),
    "502 text": fault("status", status=502, body="text", every=8, times=2),
    "500 json": fault("status", status=500, body="json", path=RISKS, at=[2, 7]),
    "503 html": fault("status", status=503, body="html", path="/agents", at=[1]),
    "500 spring": fault("status", status=500, body="spring", path="/sites", at=[1]),
    "reset": fault("reset", every=7, times=2),
    "truncated": fault("truncate", every=7, times=2),
    "truncated, clean": fault("truncate", clean=True, every=7, times=2),
    "repeated cursor once": fault("repeat_cursor", path=RISKS, at=[4]),
    "repeated cursor": fault("repeat_cursor", path=RISKS, every=5, times=4),
    "duplicates": fault("duplicate_row", every=2),
    "duplicate agents": fault("duplicate_row", path="/agents"),
    "expired cursor": fault("expired_cursor", path=RISKS, every=6, times=3),
    "expired cursors": fault("expired_cursor", path=RISKS, times=9),
    "token expired": fault("token_expired", path=RISKS, at=[8], times=3),
    "forbidden site": fault("forbidden", detail="Insufficient permissions", path=RISKS, at=[5]),
    "forbidden agents": fault("forbidden", detail="Insufficient permissions", path="/agents", at=[1]),
    "wrong id": fault("wrong_type", path=RISKS, at=[3]),
    "wrong cve": fault("wrong_type", field="cveId", path=RISKS, at=[3, 9]),
    "wrong time": fault("wrong_type", field="detectionDate", path=RISKS, at=[1, 4]),
    "wrong agent": fault("wrong_type", field="siteId", path="/agents", at=[1]),
    "wrong site": fault("wrong_type", field="id", path="/sites", at=[1]),
    "unknown field": fault("unknown_field", name="brandNew", value={"a": [1]}),
    "no pagination": fault("missing_pagination", path=RISKS, every=4, times=3),
    "empty cursor": fault("empty_string_cursor"),
    "html": fault("html_200", every=11, times=2),
    "redirect": fault("redirect", every=11, times=2),
}
PULLS = ("first", "delta", "full")


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_delays_and_falsifies_nothing(name: str, hub: Hub, console: Simulator) -> None:
    """Under this fault first, delta and full pulls end with the truth, and no finding is lost on the way."""
    connection = await hub.add(console.url, console.token)
    for which in PULLS:
        before = await truths.held(hub, connection)
        truth = console.truth()
        console.fault(FAULTS[name])

        async def nothing_lost(before: Held = before, truth: Document = truth) -> None:
            lost = truths.falsely_resolved(await truths.held(hub, connection), before, truth)
            assert not lost, f"{len(lost)} findings were falsely resolved, like {min(lost)}"

        await hub.pull_until_done(connection, after_each=nothing_lost, full=which == "full")

        console.heal()
        if "wrong" in name:  # what could not be read comes with the next whole pull, as it is sent then
            await hub.pull(connection, full=True)
        await truths.assert_equal(hub, connection, truth)
        await truths.assert_log_replays(hub, connection)
        console.advance()
