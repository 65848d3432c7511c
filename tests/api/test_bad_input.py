"""What bad input gets: an error at its field, for every field of every operation, and nothing done."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.simulator import Simulator

Document = dict[str, Any]
NOBODY = "00000000-0000-4000-8000-000000000000"


def _bodies(description: Document) -> Iterator[tuple[str, str, Document]]:
    """Every operation with a JSON body: its method, a path that leads nowhere, and the schema of its body."""
    schemas = description["components"]["schemas"]
    for path, item in description["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {}) if isinstance(operation, dict) else {}
            if content := body.get("content", {}).get("application/json"):
                name = content["schema"]["$ref"].rpartition("/")[2]
                target = re.sub(r"\{\w+\}", NOBODY, path)
                yield method.upper(), target, schemas[name] | {"example": content["example"]}


WRONG_TYPES: Document = {
    "string": 5, "integer": "five", "boolean": "perhaps", "array": "none", "object": [], "null": {"a": 1},
}  # fmt: skip


def _type(schema: Document, schemas: Document) -> str:
    if "$ref" in schema:
        return _type(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return _type(schema["anyOf"][0], schemas)
    return str(schema.get("type", "string"))


def test_each_field_of_each_body(service: Any, description: Document) -> None:
    """Missing, of the wrong type, too long, with control characters, unknown: each is named at its field."""
    schemas = description["components"]["schemas"]
    tried = 0
    for method, path, schema in _bodies(description):
        good = schema["example"]
        for field, part in schema["properties"].items():
            kind = _type(part, schemas)
            wrong = [{**good, field: WRONG_TYPES[kind]}]
            if kind == "string" and "format" not in json.dumps(part):
                wrong += [{**good, field: "x" * 30_000}]
            if kind == "string" and "pattern" in json.dumps(part):
                wrong += [{**good, field: "a\x00b"}, {**good, field: "a\x1b[31mb"}]
            if field in schema.get("required", ()):
                wrong += [{name: value for name, value in good.items() if name != field}]
            for body in wrong:
                problem = service(method, path, body).refused(422, "request.field", field)
                assert all(error["field"].partition(".")[0] == field for error in problem["errors"])
                tried += 1
        service(method, path, {**good, "unheard_of": 1}).refused(422, "request.field", "unheard_of")
    assert tried > 40


def test_all_faults_at_once(service: Any) -> None:
    """Whoever fills in a form wrongly learns of every field at once, inside of others too."""
    path = f"/api/v1/connections/{NOBODY}"
    body = {"name": 5, "default": "x", "rhythm": {"delta_seconds": "often", "beats": 1}}
    problem = service("PATCH", path, body).refused(422, "request.field")
    fields = {error["field"] for error in problem["errors"]}
    assert fields == {"name", "default", "rhythm.delta_seconds", "rhythm.beats"}
    assert "3 more" in problem["detail"]


def test_values_that_there_are_not(service: Any) -> None:
    """A value that is none of a few, or no id, is told in plain words at its field."""
    problem = service("POST", "/api/v1/keys", {"name": "x", "scopes": ["all"]}).refused(422, "request.field")
    assert problem["errors"] == [{"field": "scopes", "detail": "There is no such value: 'all'."}]
    body = {"organization": "x", "connection": "y"}
    problem = service("POST", "/api/v1/connect-links", body).refused(422, "request.field")
    assert problem["errors"] == [{"field": "connection", "detail": "It is no id."}]


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 422, "request.field"),
        (b"{", 400, "request.body"),
        (b"[]", 400, "request.body"),
        (b'"text"', 400, "request.body"),
        (b'{"name": "\xff"}', 400, "request.body"),
        (b"[" * 100_000, 400, "request.body"),
        (b'{"name": "' + b"x" * 1_100_000 + b'"}', 413, "request.too_large"),
    ],
)
def test_bodies_that_are_none(service: Any, raw: bytes, status: int, code: str) -> None:
    """What is no JSON object, or too long, is refused as what it is."""
    headers = {"Content-Type": "application/json"}
    service("POST", "/api/v1/organizations", raw=raw, **headers).refused(status, code)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_bodies_of_another_kind(service: Any, kind: str) -> None:
    """A form of another site's page is no JSON, whatever is in it."""
    answer = service("POST", "/api/v1/organizations", raw=b'{"name": "x"}', **{"Content-Type": kind})
    answer.refused(415, "request.media_type")


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("limit=0", 422, "request.field", "limit"),
        ("limit=1001", 422, "request.field", "limit"),
        ("limit=many", 422, "request.field", "limit"),
        ("limit=1&limit=2", 422, "request.field", "limit"),
        ("limt=5", 422, "request.field", "limt"),
        ("cursor=abc", 400, "filter", "cursor"),
        ("cursor=" + "x" * 3_000, 422, "request.field", "cursor"),
        ("cursor=%00", 422, "request.field", "cursor"),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "connections",
        "keys",
        "organizations",
        "audit",
        "syncs",
        "connect-links",
        "mapping",
        "mapping/organizations",
        "mapping/drift",
        "mapping/history",
    ],
)
def test_parameters(service: Any, path: str, query: str, status: int, code: str, field: str) -> None:
    """A parameter that is wrong, unknown or given twice is named; it is never passed over."""
    service("GET", f"/api/v1/{path}?{query}").refused(status, code, field)
    service("GET", f"/api/v1/{path}").done()


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "audit?action=%00", "action"),
        ("GET", "audit?subject_id=a%00b", "subject_id"),
        ("DELETE", "keys/%00", "key_id"),
        ("DELETE", f"connections/{NOBODY}?new_default=%00", "new_default"),
    ],
)
def test_parameters_with_control_characters(service: Any, method: str, path: str, field: str) -> None:
    """What no name or id has in it is refused at its parameter, in the path too."""
    service(method, f"/api/v1/{path}").refused(422, "request.field", field)


def test_numbers_and_times_without_bounds(service: Any) -> None:
    """A number that no machine holds, and a time after which there is none, are refused at their fields."""
    body: Document = {"rhythm": {"delta_seconds": 10**400}}
    service("PATCH", f"/api/v1/connections/{NOBODY}", body).refused(
        422, "request.field", "rhythm.delta_seconds"
    )
    body = {"name": "x", "scopes": ["read"], "expires_at": "9999-12-31T23:59:59-23:59"}
    service("POST", "/api/v1/keys", body).refused(422, "request.field", "expires_at")


def test_a_cursor_of_another_list(service: Any) -> None:
    """A cursor goes on with its own list alone."""
    for name in ("one", "two"):
        service("POST", "/api/v1/organizations", {"name": f"cursor {name}"}).done(201)
    cursor = service.get("/api/v1/organizations?limit=1")["next_cursor"]
    service("GET", f"/api/v1/audit?cursor={cursor}").refused(400, "filter", "cursor")
    assert service.get(f"/api/v1/organizations?cursor={cursor}")["items"]


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/connections", "/api/v1/connections/5", "/%00"],
)
def test_paths_that_lead_nowhere(service: Any, path: str) -> None:
    """An unknown path is a problem document, with everything that every answer has."""
    answer = service("GET", path)
    answer.refused(404, "request.not_found")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_methods_that_a_path_does_not_know(service: Any) -> None:
    """The answer says which methods there are."""
    answer = service("PUT", "/api/v1/connections")
    answer.refused(405, "request.method")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("client-7.a_B", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a;b", False),
        ("é", False),
    ],
)
def test_request_ids(service: Any, given: str, kept: bool) -> None:
    """A sane id of the caller's is kept, any other is replaced, and the problem document has the same."""
    answer = service("GET", "/nothing", **{"X-Request-ID": given.encode().decode("latin-1")})
    problem = answer.refused(404, "request.not_found")
    assert (problem["request_id"] == given) is kept
    assert len(problem["request_id"]) <= 64


def test_tokens_as_they_are_pasted(service: Any, console: Simulator) -> None:
    """White space around a token, the header's words before it and a path after the address do no harm."""
    token = console.of_scope("site", 2)
    body = {"url": f"{console.url}/dashboard?x=1#y", "token": f"  ApiToken {token}\n"}
    report = service("POST", "/api/v1/connections/check", body).done().document
    by_name = {line["name"]: line["state"] for line in report["results"]}
    assert (by_name["address.shape"], by_name["token.accepted"]) != ("fail", "fail"), report
    assert by_name["token.accepted"] == "pass", report


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"url": "http://example.com"}, "connection.address", "url"),
        ({"url": "https://169.254.169.254/"}, "connection.address", "url"),
        ({"url": "not an address"}, "connection.address", "url"),
        ({"token": "a\nb"}, "connection.token_shape", "token"),
        ({"name": "-rf"}, "connection.name", "name"),
        ({"organization": "nobody of this name"}, "organization.unknown", "organization"),
    ],
)
def test_connections_that_cannot_be(
    service: Any, console: Simulator, change: Document, code: str, field: str
) -> None:
    """What is well formed and still cannot be is an error at its field, and nothing is stored."""
    body = {"name": "never", "url": console.url, "token": console.token, **change}
    service("POST", "/api/v1/connections", body).refused(422, code, field)
    assert "never" not in [one["name"] for one in service.get("/api/v1/connections")["items"]]


def test_a_check_that_fails(service: Any, console: Simulator) -> None:
    """A token that the console refuses is not saved; the problem has the whole check, and never the token."""
    token = "wrong" + "T" * 75
    answer = service("POST", "/api/v1/connections", {"name": "never", "url": console.url, "token": token})
    problem = answer.refused(422, "connection.check_failed", "token")
    assert any(line["state"] == "fail" for line in problem["results"])
    assert token not in answer.text
