"""The life of a connection by the API: added, seen, changed, pulled, given a new token, removed; and its traces."""

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from support import simulator
from support.simulator import Simulator

Document = dict[str, Any]


@pytest.fixture(scope="module")
def console_of_its_own() -> Iterator[Simulator]:
    """A console whose tokens no other test uses."""
    options = simulator.arguments(accounts=2, sites=4, agents=8, risks_per_agent=4, seed=11)
    with simulator.running(options) as running:
        yield running


def test_a_life(service: Any, console_of_its_own: Simulator) -> None:
    """Every change answers with what is now, and leaves exactly one entry in the audit log, without a secret."""
    console = console_of_its_own
    first, second = console.of_scope("account", 0), console.holder("Tenant viewer")
    texts: list[str] = []

    def change(
        action: str, method: str, path: str, body: object = None, status: int = 200, also: str = ""
    ) -> Any:
        before = _audit(service)
        answer = service(method, path, body, **{"X-Request-ID": f"life-{action}"}).done(status)
        texts.append(answer.text)
        new = _audit(service)[: len(_audit(service)) - len(before)]
        assert sorted(entry["action"] for entry in new) == sorted(filter(None, [action, also]))
        assert {entry["request_id"] for entry in new} == {f"life-{action}"}
        assert all(entry["actor"].endswith(" administrator") for entry in new)
        texts.append(str(new))
        return answer

    body = {"name": "Hooli", "url": console.url, "token": first}
    added = change("connection.added", "POST", "/api/v1/connections", body, 201)
    path = added.headers["Location"]
    assert added.document["connection"]["id"] == path.rpartition("/")[2]
    assert added.document["check"]["state"] in ("pass", "warn")
    assert service.get(path)["name"] == "Hooli"
    renamed = change("connection.renamed", "PATCH", path, {"name": "Hooli Inc"}).document
    assert renamed["name"] == "Hooli Inc"
    assert change("connection.default_set", "PATCH", path, {"default": True}).document["is_default"]
    faster = change("connection.rhythm_set", "PATCH", path, {"rhythm": {"delta_seconds": 45}}).document
    assert faster["rhythm"]["delta_seconds"] == 45
    assert change("connection.paused", "POST", f"{path}/pause").document["state"] == "paused"
    service("POST", f"{path}/sync").refused(409, "connection.state")
    assert change("connection.resumed", "POST", f"{path}/resume").document["state"] in ("pending", "active")
    change("credential.rotated", "PUT", f"{path}/credential", {"token": second})
    change("connection.sync_asked", "POST", f"{path}/sync", {"full": True}, 202)
    service("DELETE", path).refused(409, "connection.is_default")
    service("DELETE", f"{path}?new_default=nobody").refused(409, "connection.is_default", "new_default")
    change("connection.removed", "DELETE", f"{path}?no_default=true", None, 204, "connection.default_set")
    service("GET", path).refused(404, "request.not_found")
    for token in (first, second):
        forms = (token, quote(token, safe=""), base64.b64encode(token.encode()).decode())
        assert not [form for form in forms if any(form in text for text in texts)]


def test_one_change_or_none(service: Any, console: Simulator) -> None:
    """A change of several things of which one cannot be changes nothing."""
    added = service.add("all or nothing", console, console.of_scope("site", 5))
    path = f"/api/v1/connections/{added['id']}"
    body = {"name": "half done", "rhythm": {"delta_seconds": 1}}
    service("PATCH", path, body).refused(422, "request.field", "rhythm.delta_seconds")
    assert service.get(path)["name"] == "all or nothing"
    service("DELETE", path).done(204)


def test_pages(service: Any) -> None:
    """Page by page a list gives each item once, in order, whatever the size of the pages."""
    for number in range(7):
        service("POST", "/api/v1/organizations", {"name": f"page {number}"}).done(201)
    whole = [item["name"] for item in service.get("/api/v1/organizations?limit=1000")["items"]]
    for limit in (1, 3, len(whole)):
        assert _walked(service, f"/api/v1/organizations?limit={limit}") == whole
    entries = service.get("/api/v1/audit?limit=1000")["items"]
    ids = [entry["id"] for entry in entries]
    assert ids == sorted(ids, reverse=True)
    added = service.get("/api/v1/audit?action=organization.added&limit=1000")["items"]
    assert added == [entry for entry in entries if entry["action"] == "organization.added"]


def test_a_check_told_line_by_line(service: Any, console: Simulator) -> None:
    """As events the lines of a check come one by one, and then the same report that one answer has."""
    body = {"url": console.url, "token": console.token}
    whole = service("POST", "/api/v1/connections/check", body).done().document
    answer = service("POST", "/api/v1/connections/check", body, Accept="text/event-stream").done()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    events = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in answer.text.split("\n\n")
        if block
    ]
    names = [event["event"] for event in events]
    assert names == ["result"] * len(whole["results"]) + ["report"]
    assert [event["id"] for event in events] == [str(number + 1) for number in range(len(events))]
    assert console.token not in answer.text


def test_checks_of_stored_connections(service: Any, console: Simulator) -> None:
    """A stored connection is checked with its own token, and a check leaves no trace but its answer."""
    added = service.add("to be checked", console, console.of_scope("account", 2))
    before = _audit(service)
    report = service("POST", f"/api/v1/connections/{added['id']}/check").done().document
    assert {line["name"] for line in report["results"]} >= {"token.accepted", "stream.risks"}
    assert report["requests"] <= 25
    assert _audit(service) == before
    service("DELETE", f"/api/v1/connections/{added['id']}").done(204)


def test_following_a_pull(service: Any, console_of_its_own: Simulator) -> None:
    """A pull is followed to its end without the same thing told twice; afterwards the end alone is told."""
    added = service.add("followed", console_of_its_own, console_of_its_own.of_scope("site", 1))
    asked = service("POST", f"/api/v1/connections/{added['id']}/sync").done(202)
    path = asked.headers["Location"]
    told = _events(service("GET", f"{path}/events", Accept="text/event-stream").done().text)
    assert told[-1]["state"] == "done"
    assert all(one["state"] in ("queued", "running") for one in told[:-1])
    assert all(before != after for before, after in itertools.pairwise(told))
    assert _events(service("GET", f"{path}/events").done().text) == [told[-1]]
    assert service.get(path) == told[-1]
    runs = service.get(f"/api/v1/syncs?connection_id={added['id']}")["items"]
    assert {run["stream"] for run in runs} >= {"sites", "agents", "risks"}
    again = service("POST", f"/api/v1/connections/{added['id']}/sync", {"streams": ["risks"]}).done(202)
    assert again.document["joined"] is False
    service("DELETE", f"/api/v1/connections/{added['id']}?purge=true").done(204)
    service("GET", path).refused(404, "request.not_found")


def _events(text: str) -> list[Any]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def _audit(service: Any) -> list[Document]:
    """What the administrator did; other workers' entries are their own."""
    items: list[Document] = service.get("/api/v1/audit?limit=1000")["items"]
    return [entry for entry in items if entry["actor_kind"] == "key"]


def _walked(service: Any, path: str) -> list[str]:
    names: list[str] = []
    cursor = ""
    while cursor is not None:
        page = service.get(f"{path}&cursor={cursor}")
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    return names
