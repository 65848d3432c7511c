"""A key that is bound to an organization: nothing else exists for it, on any route that there is."""

import json
import re
import time
from typing import Any

import pytest

from support.simulator import Simulator

Document = dict[str, Any]
THEIRS = ("Globex", "globex")
"""What everything of the other organization has in its name."""


@pytest.fixture(scope="module")
def estate(service: Any, console: Simulator) -> Document:
    """Two organizations with a connection, a pull, a link and a key each; and what is theirs."""
    found: Document = {}
    for place, name in enumerate(("Initech", "Globex")):
        organization = service("POST", "/api/v1/organizations", {"name": name}).done(201).document
        token = console.of_scope("account", place)
        connection = service.add(f"{name} console", console, token, organization=name)
        pull = service("POST", f"/api/v1/connections/{connection['id']}/sync").done(202).document
        while service.get(f"/api/v1/syncs/{pull['pull_id']}")["state"] in ("queued", "running"):
            time.sleep(0.1)
        link = service("POST", "/api/v1/connect-links", {"organization": name}).done(201).document["link"]
        key = service.make_key("read", "manage", "act", organization=name)
        key_id = key.key[3:15]
        found[name] = {
            "organization_id": organization["id"],
            "connection_id": connection["id"],
            "pull_id": pull["pull_id"],
            "link_id": link["id"],
            "key_id": key_id,
            "key": key,
        }
    return found


def _requests(description: Document, ids: Document) -> list[tuple[str, str, Document | None]]:
    """Every operation with these ids in its path and a good body."""
    found = []
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if not path.startswith("/api/v1/") or "operationId" not in operation:
                continue
            target = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            found.append((method.upper(), target, content and content["example"]))
    return found


def test_others_do_not_exist(service: Any, estate: Document, description: Document) -> None:
    """With an id of another organization every route answers 404, and changes nothing."""
    bound, theirs = estate["Initech"]["key"], estate["Globex"]
    before = _state(service, theirs)
    tried = 0
    for method, path, body in _requests(description, theirs):
        if not any(value in path for value in theirs.values() if isinstance(value, str)):
            continue
        if (
            "links" in path
            or "keys" in path
            or "organizations" in path
            or "connections" in path
            or "syncs" in path
        ):
            tried += 1
        bound(method, path, body).refused(404, "request.not_found")
    assert tried >= 12
    assert _state(service, theirs) == before


def test_no_list_has_anything_of_others(estate: Document, description: Document) -> None:
    """What a bound key reads anywhere names nothing of another organization, by id or by name."""
    bound, theirs = estate["Initech"]["key"], estate["Globex"]
    secret = [value for value in theirs.values() if isinstance(value, str)] + [*THEIRS]
    for method, path, _ in _requests(description, estate["Initech"]):
        if method == "GET" and not path.endswith("/events"):
            text = bound(method, path).done().text
            assert not [value for value in secret if value in text], path


def test_the_own_is_there(estate: Document, description: Document) -> None:
    """The same key reads all of its own organization's, by every route, its own things among them."""
    own = estate["Initech"]
    for method, path, _ in _requests(description, own):
        if method == "GET":
            own["key"](method, path).done()
    for path, name in (("connections", "connection_id"), ("organizations", "organization_id")):
        items = own["key"].get(f"/api/v1/{path}")["items"]
        assert [item["id"] for item in items] == [own[name]]
    assert {run["connection_id"] for run in own["key"].get("/api/v1/syncs")["items"]} <= {
        own["connection_id"]
    }
    assert {entry["subject_id"] for entry in own["key"].get("/api/v1/audit")["items"]} >= {
        own["connection_id"]
    }


def test_nothing_is_made_for_others(estate: Document, console: Simulator) -> None:
    """What a bound key makes is its organization's; what names another is refused without telling of it."""
    own = estate["Initech"]["key"]
    token = console.of_scope("site", 3)
    body = {"name": "of whom?", "url": console.url, "token": token}
    for name in ("Globex", estate["Globex"]["organization_id"]):
        own("POST", "/api/v1/connections", {**body, "organization": name}).refused(
            422, "organization.unknown"
        )
        own("POST", "/api/v1/connect-links", {"organization": name}).refused(422, "organization.unknown")
        own("POST", "/api/v1/keys", {"name": "k", "scopes": ["read"], "organization": name}).refused(
            422, "organization.unknown"
        )
    link = {"connection": estate["Globex"]["connection_id"]}
    own("POST", "/api/v1/connect-links", link).refused(404, "request.not_found")
    made = own("POST", "/api/v1/connections", body).done(201).document["connection"]
    assert made["organization"]["name"] == "Initech"
    own("DELETE", f"/api/v1/connections/{made['id']}").done(204)


def test_a_taken_name_or_token_tells_nothing(estate: Document, console: Simulator) -> None:
    """That a name or a token is taken by another organization is told without saying by whom."""
    own = estate["Initech"]["key"]
    body = {"name": "Globex console", "url": console.url, "token": console.of_scope("site", 4)}
    taken = own("POST", "/api/v1/connections", body).refused(409, "connection.exists")
    assert console.url not in json.dumps(taken)
    body = {"name": "mine", "url": console.url, "token": console.of_scope("account", 1)}
    same = own("POST", "/api/v1/connections", body).refused(409, "connection.same_identity")
    assert "Globex" not in json.dumps(same)


def test_whose_the_default_was_before(service: Any, estate: Document) -> None:
    """When the default passes from one organization to another, neither's audit log names the other's connection."""
    for name in ("Globex", "Initech", "Globex"):
        path = f"/api/v1/connections/{estate[name]['connection_id']}"
        service("PATCH", path, {"default": True}).done()
    told = service.get("/api/v1/audit?action=connection.default_set")["items"]
    assert told[0]["before"] == {"default": "Initech console"}
    assert "Globex" not in estate["Initech"]["key"]("GET", "/api/v1/audit").done().text
    assert "Initech" not in estate["Globex"]["key"]("GET", "/api/v1/audit").done().text
    service("PATCH", path, {"default": False}).done()


def test_what_is_everybodys(estate: Document) -> None:
    """A bound key adds no organization and chooses no default for the whole service."""
    own, path = estate["Initech"]["key"], f"/api/v1/connections/{estate['Initech']['connection_id']}"
    own("POST", "/api/v1/organizations", {"name": "more"}).refused(403, "access.scope")
    own("PATCH", path, {"default": True, "name": "renamed"}).refused(403, "access.scope")
    own("DELETE", f"{path}?new_default=Globex%20console").refused(403, "access.scope")
    assert own.get(path)["name"] == "Initech console"


def _state(service: Any, ids: Document) -> Document:
    connection = service.get(f"/api/v1/connections/{ids['connection_id']}")
    kept = ("name", "state", "is_default", "auto_renew", "rhythm", "organization")
    keys = [key for key in service.get("/api/v1/keys")["items"] if key["id"] == ids["key_id"]]
    links = [link for link in service.get("/api/v1/connect-links")["items"] if link["id"] == ids["link_id"]]
    return {
        "connection": {name: connection[name] for name in kept},
        "revoked": [keys[0]["revoked_at"], links[0]["revoked_at"]],
    }
