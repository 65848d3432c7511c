"""Who may call what: no key, a wrong one, one that may not, one that is over."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.program import Running

Start = Callable[..., tuple[Any, Running]]
NOBODY = "00000000-0000-4000-8000-000000000000"
OPEN = {"live", "ready", "metrics", "getProblem"}

LOOKS = {"suggestMapping", "createExport", "deleteExport"}
"""What is asked with a body and still only looks."""


def _targets(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for path, item in description["paths"].items():
        target = re.sub(r"\{\w+\}", NOBODY, path)
        for method, operation in item.items():
            if isinstance(operation, dict) and operation["operationId"] not in OPEN:
                found.append((method.upper(), target, operation))
    return found


def test_nothing_without_a_key(service: Any, description: dict[str, Any]) -> None:
    """Every operation that is not open to all is closed to who has no key, whatever else is sent."""
    stranger = service.with_key("")
    targets = _targets(description)
    assert len(targets) > 20
    for method, path, operation in targets:
        assert operation["security"] == [{"key": []}], path
        answer = stranger(method, path, raw=b"{not looked at")
        answer.refused(401, "access.key")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_scopes(service: Any, description: dict[str, Any]) -> None:
    """A key that may only read changes nothing; one that may only act does not even read."""
    reader, actor = service.make_key("read"), service.make_key("act")
    for method, path, operation in _targets(description):
        actor(method, path).refused(403, "access.scope")
        if "the scope `read`" not in operation["description"]:
            problem = reader(method, path).refused(403, "access.scope")
            assert "manage" in problem["detail"], operation["operationId"]
        else:
            assert method == "GET" or operation["operationId"] in LOOKS, operation["operationId"]


def test_revoked_at_once(service: Any) -> None:
    """A key opens nothing from the moment on in which it is revoked."""
    key = service.make_key("read")
    key.get("/api/v1/connections")
    service("DELETE", f"/api/v1/keys/{key.key[3:15]}").done(204)
    problem = key("GET", "/api/v1/connections").refused(401, "access.key")
    assert "revoked" in problem["detail"]
    service("DELETE", f"/api/v1/keys/{key.key[3:15]}").refused(404, "request.not_found")


def test_expired(service: Any) -> None:
    """A key opens nothing once its time is over."""
    key = service.make_key("read", expires_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    until = time.monotonic() + 30
    while (answer := key("GET", "/api/v1/connections")).status == 200:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert "expired" in answer.refused(401, "access.key")["detail"]


def test_no_key_gives_away_more_than_it_has(service: Any) -> None:
    """Scopes, organization and lifetime of a key that a key makes are within its own."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    service("POST", "/api/v1/organizations", {"name": "giver"}).done(201)
    service("POST", "/api/v1/organizations", {"name": "other"}).done(201)
    giver = service.make_key("manage", organization="giver", expires_at=soon.isoformat())
    body = {"name": "k", "scopes": ["manage"]}
    giver("POST", "/api/v1/keys", {**body, "scopes": ["read"]}).refused(403, "access.scope")
    giver("POST", "/api/v1/keys", {**body, "organization": "other"}).refused(422, "organization.unknown")
    later = (soon + timedelta(seconds=1)).isoformat()
    giver("POST", "/api/v1/keys", {**body, "expires_at": later}).refused(422, "request.field", "expires_at")
    made = giver("POST", "/api/v1/keys", body).done(201).document["key"]
    assert made["organization"]["name"] == "giver"
    assert datetime.fromisoformat(made["expires_at"]) == soon


@pytest.mark.parametrize("header", ["", "Basic d3A6d3A=", "Bearer", "Bearer ", "wp_x", "Bearer wp_x y"])
def test_headers_that_are_none(service: Any, header: str) -> None:
    """What is no key is refused like a wrong one, and nothing of it comes back."""
    answer = service.with_key("")("GET", "/api/v1/connections", Authorization=header)
    answer.refused(401, "access.key")
    service("GET", "/api/v1/connections", Authorization=f"bearer  {service.key} ").done()


def test_guessing(serve: Start) -> None:
    """Ten wrong keys from one address, and it waits; a right key from another address gets through."""
    api, _ = serve("--no-worker", "--behind-proxy")
    guesser = api.with_key("wp_" + "A" * 12 + "_" + "b" * 43)
    for number in range(10):
        told = {"X-Forwarded-For": f"10.0.0.{number}, 198.51.100.7"}  # what comes before can be made up
        guesser("GET", "/api/v1/connections", **told).refused(401, "access.key")
    answer = guesser("GET", "/api/v1/connections", **{"X-Forwarded-For": "198.51.100.7"})
    answer.refused(429, "access.too_many_attempts")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    api("GET", "/api/v1/connections", **{"X-Forwarded-For": "198.51.100.8"}).done()


def test_no_other_site_may_ask(service: Any) -> None:
    """No answer allows another site's page to read it."""
    for method in ("GET", "OPTIONS"):
        answer = service(method, "/api/v1/connections", Origin="https://evil.example")
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
