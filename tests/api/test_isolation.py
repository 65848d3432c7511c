"""A key that is bound to an organization: nothing else exists for it, on any route that there is."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from support.clients import ACME, GLOBEX, INITECH, UNKNOWN_KEY, Clients
from support.simulator import Simulator

Document = dict[str, Any]
Request = tuple[str, str, Document]
"""Method, path, and how to call the service besides."""
NOBODY = "00000000-0000-4000-8000-000000000000"
LISTS = (
    "/findings", "/devices", "/software", "/cves", "/sites", "/accounts", "/groups", "/runs", "/changes",
    "/connections", "/webhooks", "/keys", "/audit",
)  # fmt: skip
WHOLE = "This is about the whole service"
OPEN = {"live", "ready", "metrics", "getProblem"}
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
        hook = {"name": f"{name} hook", "url": f"http://127.0.0.1:9/{name}", "organization": name}
        webhook_id = service("POST", "/api/v1/webhooks", hook).done(201).document["webhook"]["id"]
        pinged = service("POST", f"/api/v1/webhooks/{webhook_id}/ping").done().document
        site = service.get(f"/api/v1/sites?connection={name}%20console")["items"][0]
        export_id = _exported(key)
        wish = {"connection": f"{name} console", "kind": "site", "id": site["id"]}
        saved = {"items": [{**wish, "decision": "mapped", "organization": name}]}
        service("PUT", "/api/v1/mapping", saved).done()
        found[name] = {
            "save_id": service.get("/api/v1/mapping/history")["items"][0]["id"],
            "drift_id": service.get("/api/v1/mapping/drift")["items"][0]["id"],
            "organization_id": organization["id"],
            "connection_id": connection["id"],
            "pull_id": pull["pull_id"],
            "link_id": link["id"],
            "export_id": export_id,
            "key_id": key_id,
            "finding_id": key.get("/api/v1/findings?limit=1")["items"][0]["id"],
            "device_id": key.get("/api/v1/devices?limit=1")["items"][0]["id"],
            "webhook_id": webhook_id,
            "delivery_id": pinged["id"],
            "key": key,
        }
    return found


def _exported(key: Any) -> str:
    """An export that is there."""
    wanted = {"kind": "devices", "format": "csv"}
    made: Document = key("POST", "/api/v1/exports", wanted).done(202).document
    while key.get(f"/api/v1/exports/{made['id']}")["state"] in ("queued", "running"):
        time.sleep(0.1)
    return str(made["id"])


def _requests(description: Document, ids: Document) -> list[Request]:
    """Every operation with these ids in its path and a good body."""
    found: list[Request] = []
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and operation["operationId"] not in OPEN:
                found.append((method.upper(), _path(path, ids), _body(operation)))
    return found


def _path(path: str, ids: Document) -> str:
    missing = {*re.findall(r"\{(\w+)\}", path)} - ids.keys()
    assert not missing, f"{path}: add an id of each organization to `estate` for {sorted(missing)}"
    return re.sub(r"\{(\w+)\}", lambda match: str(ids[match[1]]), path)


def _body(operation: Document) -> Document:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return {}
    (kind,) = content
    if kind == "application/json":
        return {"body": content[kind]["example"]}
    assert kind == "text/csv", f"{operation['operationId']}: say here how a body of {kind} is sent"
    return {"raw": content[kind]["example"].encode(), "Content_Type": kind}


def test_others_do_not_exist(service: Any, estate: Document, description: Document) -> None:
    """With an id of another organization every route answers 404, and changes nothing."""
    bound, theirs = estate["Initech"]["key"], estate["Globex"]
    before = _state(service, theirs)
    tried = 0
    for (method, path, more), (_, mine, _) in zip(
        _requests(description, theirs), _requests(description, estate["Initech"]), strict=True
    ):
        if path == mine:
            continue
        tried += 1
        answer = bound(method, path, **more)
        if answer.status == 403:  # about the whole service, whoever's id it is
            answer.refused(403, "access.scope")
            bound(method, mine, **more).refused(403, "access.scope")
        else:
            answer.refused(404, "request.not_found")
    assert tried >= 16
    assert _state(service, theirs) == before


def test_no_list_has_anything_of_others(estate: Document, description: Document) -> None:
    """What a bound key reads anywhere names nothing of another organization, by id or by name."""
    bound, theirs = estate["Initech"]["key"], estate["Globex"]
    secret = [value for value in theirs.values() if isinstance(value, str)] + [*THEIRS]
    for method, path, _ in _requests(description, estate["Initech"]):
        if method == "GET" and not path.endswith("/events"):
            answer = bound(method, path)
            assert answer.status in (200, 403), (path, answer.text)
            assert not [value for value in secret if value in answer.text], path


@pytest.mark.parametrize("name", [ACME, GLOBEX, INITECH])
def test_shared_consoles(
    of: Callable[[str], Any], clients: Clients, description: Document, estate: Document, name: str
) -> None:
    """Where organizations share a console, no answer of any operation has a name, id or CVE that is not one's own."""
    secret = clients.secrets_from(name)
    ids = dict.fromkeys(estate["Globex"].keys() - {"key"}, NOBODY) | {
        "organization_id": clients.ids[name if name != INITECH else ACME],
        "connection_id": clients.ids["Globex console"],
    }
    answered = 0
    for method, path, more in _requests(description, ids):
        if method == "GET" or "/connections/" not in path:
            answer = of(name)(method, f"{path}?limit=1000" if path.endswith(LISTS) else path, **more)
            answered += answer.status == 200
            assert answer.status < 500, (method, path, answer.text)
            assert not [one for one in secret if f'"{one}"' in answer.text and one not in path], (
                method,
                path,
            )
    assert answered >= 9


def test_keys_that_are_none(of: Callable[[str], Any], description: Document, estate: Document) -> None:
    """With a key that has expired, was revoked or is unknown every operation is refused, and tells nothing."""
    tried = 0
    for method, path, more in _requests(description, estate["Initech"]):
        for key, word in (("expired", "expired"), ("revoked", "revoked"), (UNKNOWN_KEY, "no such")):
            tried += 1
            address = {
                "X_Forwarded_For": f"10.9.{tried // 250}.{tried % 250}"
            }  # so many wrong ones are suspicious
            problem = of(key)(method, path, **more, **address).refused(401, "access.key")
            assert word in problem["detail"]
    assert tried > 100


def test_the_own_is_there(estate: Document, description: Document) -> None:
    """The same key reads all of its own organization's, by every route, its own things among them."""
    own = estate["Initech"]
    read = 0
    for method, path, _ in _requests(description, own):
        if method == "GET":
            answer = own["key"](method, path)
            assert answer.status == 200 or answer.refused(403, "access.scope")["detail"].startswith(WHOLE), (
                path
            )
            read += answer.status == 200
    assert read >= 15
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
