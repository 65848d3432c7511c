"""`/summary/findings`: the numbers of the lists, for each caller his own."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from support.clients import ACME, GLOBEX, INITECH, NAMES, Clients

Document = dict[str, Any]  # Any: straight from JSON
SUMMARIES = ("", "/trend", "/resolution", "/age")


def findings(api: Any, query: str = "") -> list[Document]:
    items: list[Document] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/api/v1/findings?limit=1000&cursor={cursor}&{query}")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


KEYS: dict[str, Callable[[Document], str | None]] = {
    "severity": lambda item: item["severity"],
    "state": lambda item: item["state"],
    "site": lambda item: item["site_id"],
    "application": lambda item: item["software"]["name"],
    "cve": lambda item: item["cve"],
    "day": lambda item: item["detected_at"] and item["detected_at"][:10],
}


@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize("name", [*NAMES, "everybody"])
@pytest.mark.parametrize("query", ["", "severity=critical,high&state=open", "score_min=8&has_fix=true"])
def test_they_agree_with_the_list(of: Callable[[str], Any], name: str, by: str, query: str) -> None:
    """With the same filters a summary counts what the list of findings has, whoever asks."""
    listed = findings(of(name), query)
    summary = of(name).get(f"/api/v1/summary/findings?by={by}&{query}")
    counts = Counter(KEYS[by](item) for item in listed)
    told: Counter[str | None] = Counter()
    for item in summary["items"]:
        told[item["key"]] += item["count"]
    assert summary["total"] == len(listed)
    assert summary["total"] == sum(told.values()) + (summary["others"] or {"count": 0})["count"]
    assert all(number <= counts[key] for key, number in told.items())
    assert sum(item["open"] for item in summary["items"]) <= len(listed)
    assert bool(listed) == (name != INITECH)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", SUMMARIES)
def test_nothing_of_others(of: Callable[[str], Any], clients: Clients, name: str, path: str) -> None:
    """No name, id or CVE that is another's is in an answer, by whatever is counted."""
    secret = clients.secrets_from(name)
    for by in KEYS if not path else [""]:
        text = of(name)("GET", f"/api/v1/summary/findings{path}{f'?by={by}' if by else ''}").done().text
        assert not [one for one in secret if f'"{one}"' in text]


def test_by_organization(of: Callable[[str], Any], clients: Clients) -> None:
    """By organization findings are counted for who sees everybody; a bound key is refused."""
    summary = of("everybody").get("/api/v1/summary/findings?by=organization")
    for item in summary["items"]:
        name = item["name"]
        assert item["key"] == (clients.ids[name] if name else None)
        assert item["count"] == len(findings(of("everybody"), f"organization={name or 'none'}"))
    assert {item["name"] for item in summary["items"]} == {ACME, GLOBEX, None}
    of(ACME)("GET", "/api/v1/summary/findings?by=organization").refused(403, "access.scope")
    assert of(ACME).get("/api/v1/summary/findings?by=severity")["total"]


def test_over_time(of: Callable[[str], Any]) -> None:
    """The last day's open findings are those that the list has, and so are those of all ages."""
    for name in ("everybody", ACME):
        open_ = [item for item in findings(of(name)) if item["state"] != "resolved"]
        ages = of(name).get("/api/v1/summary/findings/age")
        assert ages["total"] == sum(item["count"] for item in ages["items"]) == len(open_)
        days = of(name).get("/api/v1/summary/findings/trend?days=14")["items"]
        assert len(days) == 14
        assert days[-1]["open"] == len(open_)
        found = of(name).get("/api/v1/summary/findings/resolution")
        assert (found["days"], found["all"]["severity"], len(found["items"])) == (90, None, 6)
        assert found["all"]["resolved"] == sum(item["resolved"] for item in found["items"])


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("?by=colour", 400, "by"),
        ("?by=severity&by=state", 422, "by"),
        ("?severity=severe", 400, "severity"),
        ("?sevrity=high", 422, "sevrity"),
        ("?detected_since=2026-02-02&detected_until=2026-02-01", 400, "detected_until"),
        ("/trend?days=0", 422, "days"),
        ("/trend?days=367", 422, "days"),
        ("/resolution?days=x", 422, "days"),
        ("/age?state=closed", 400, "state"),
    ],
)
def test_what_makes_no_sense(of: Callable[[str], Any], query: str, status: int, field: str) -> None:
    """What means nothing is named."""
    answer = of("everybody")("GET", f"/api/v1/summary/findings{query}")
    answer.refused(status, "filter" if status == 400 else "request.field", field)
