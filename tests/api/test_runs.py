"""`/runs` and `/quarantine`: what was pulled, for each caller his own; what could not be read, for who sees all."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from support import clients as estates
from support import hub as hubs
from support.clients import ACME, GLOBEX, OWN, SHARED, Clients

Document = dict[str, Any]  # Any: straight from JSON


def everything(api: Any, path: str, limit: int = 1000) -> list[Document]:
    items: list[Document] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/api/v1/{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


def test_runs(of: Callable[[str], Any]) -> None:
    """One run for each stream of each pull, the newest first, page by page."""
    whole = everything(of("everybody"), "runs")
    assert everything(of("everybody"), "runs", 3) == whole
    assert {(item["connection"], item["stream"]) for item in whole} == {
        (name, stream) for name in (SHARED, OWN) for stream in ("accounts", "sites", "groups", "agents", "risks")
    }  # fmt: skip
    started = [item["started_at"] for item in whole]
    assert started == sorted(started, reverse=True)
    assert of("everybody").get("/api/v1/syncs?limit=1000")["items"] == whole


def test_filters_of_runs(of: Callable[[str], Any]) -> None:
    """Runs are found by connection, stream, state, kind and time; several words are alternatives."""
    whole = everything(of("everybody"), "runs")
    middle = whole[len(whole) // 2]["started_at"]
    for query, fits in (
        (f"connection={quote(OWN)}", lambda item: item["connection"] == OWN),
        ("stream=risks,agents", lambda item: item["stream"] in ("risks", "agents")),
        ("state=done", lambda item: item["state"] == "done"),
        ("state=failed,interrupted", lambda _: False),
        ("kind=FULL", lambda item: item["kind"] == "full"),
        (f"since={quote(middle)}", lambda item: item["started_at"] >= middle),
        ("connection=nowhere", lambda _: False),
    ):
        assert everything(of("everybody"), f"runs?{query}", 2) == [item for item in whole if fits(item)]


def test_runs_of_ones_own(of: Callable[[str], Any]) -> None:
    """A bound key sees the runs of its own connections, and none of a console that it shares."""
    assert {item["connection"] for item in everything(of(GLOBEX), "runs")} == {OWN}
    assert everything(of(ACME), "runs") == []
    assert everything(of(ACME), f"runs?connection={quote(OWN)}") == []


@pytest.fixture
def quarantined(clients: Clients) -> int:
    """How many rows there are that could not be read; three came at a time."""

    async def store() -> None:
        async with hubs.opened(clients.url) as hub:
            await hub.db.execute("DELETE FROM quarantine")
            await hub.db.execute(
                "INSERT INTO quarantine (connection_id, stream, content_hash, vendor_id, reason, content, run_id,"
                " first_seen_at) SELECT 1 + n % 2, CASE n % 3 WHEN 0 THEN 'risks' ELSE 'agents' END, n, n, 'odd', '{}',"
                " gen_random_uuid(), now() - n / 3 * interval '1 hour' FROM generate_series(1, 20) n",
            )

    estates.apart(store)
    return 20


def test_quarantine(of: Callable[[str], Any], clients: Clients, quarantined: int) -> None:
    """Every row is on one page, the newest first; one that is met again while pages are turned is not lost."""
    whole = everything(of("everybody"), "quarantine")
    assert len({item["vendor_id"] for item in whole}) == len(whole) == quarantined
    seen = [item["first_seen_at"] for item in whole]
    assert seen == sorted(seen, reverse=True)

    page = of("everybody").get("/api/v1/quarantine?limit=7")

    async def meet_again() -> None:
        async with hubs.opened(clients.url) as hub:
            await hub.db.execute("UPDATE quarantine SET last_seen_at = now() + interval '1 minute'")

    estates.apart(meet_again)
    ids = [item["vendor_id"] for item in page["items"]]
    on = of("everybody").get(f"/api/v1/quarantine?limit=1000&cursor={page['next_cursor']}")["items"]
    assert ids + [item["vendor_id"] for item in on] == [item["vendor_id"] for item in whole]


def test_filters_of_quarantine(of: Callable[[str], Any], quarantined: int) -> None:
    """Rows are found by connection and stream, and by when they were last seen."""
    whole = everything(of("everybody"), "quarantine")
    assert len(whole) == quarantined
    for query, fits in (
        (f"connection={quote(SHARED)}", lambda item: item["connection"] == SHARED),
        ("stream=risks", lambda item: item["stream"] == "risks"),
        ("since=2099-01-01", lambda _: False),
    ):
        assert everything(of("everybody"), f"quarantine?{query}", 2) == [item for item in whole if fits(item)]


def test_quarantine_is_about_whole_consoles(of: Callable[[str], Any]) -> None:
    """A bound key does not see rows of which nobody knows whose they are."""
    of(GLOBEX)("GET", "/api/v1/quarantine").refused(403, "access.scope")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("runs?stream=risk", 400, "stream"),
        ("runs?state=finished", 400, "state"),
        ("runs?kind=half", 400, "kind"),
        ("runs?since=x", 400, "since"),
        ("runs?limit=0", 422, "limit"),
        ("runs?streem=risks", 422, "streem"),
        ("runs?cursor=abc", 400, "cursor"),
        ("quarantine?stream=risk", 400, "stream"),
        ("quarantine?cursor=abc", 400, "cursor"),
    ],
)
def test_what_makes_no_sense(of: Callable[[str], Any], query: str, status: int, field: str) -> None:
    """What means nothing is named."""
    answer = of("everybody")("GET", f"/api/v1/{query}")
    answer.refused(status, "filter" if status == 400 else "request.field", field)
