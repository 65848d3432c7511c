"""Every answer against the vendor's own description of it, where that description is at hand."""

import gzip
import json
import pathlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from sentinelone_simulator import queries, roles
from sentinelone_simulator.endpoints.table import CALLS, TABLE

Row = dict[str, Any]

SWAGGER = pathlib.Path(__file__).resolve().parents[4] / "shared" / "sentinelone" / "swagger-2.1.json.gz"
if not SWAGGER.exists():
    pytest.skip(f"the vendor's swagger is not at {SWAGGER}", allow_module_level=True)

BOOK = json.loads(gzip.decompress(SWAGGER.read_bytes()))
PREFIX = "/web/api/v2.1"
INVENTORY = "/application-management/inventory"

# Where the swagger and recorded answers differ, the recorded answers win (API notes 7 and 9). It leaves
# the check nothing to say about these fields: (list, field) -> (what the swagger lacks, what is recorded).
LIES = {
    ("/application-management/risks", "markType"): ("type", '"" on an unmarked row'),
    ("/application-management/risks", "severity"): ("enum", "upper case; null and UNKNOWN are possible"),
    ("/application-management/risks", "lastScanResult"): ("enum", "Succeeded, Failed"),
    ("/application-management/risks", "markedBy"): ("x-nullable", "null on an unmarked row"),
    ("/application-management/risks", "mitigationStatusChangedBy"): ("x-nullable", "null until changed"),
    ("/groups", "registrationToken"): ("type", "a text, and a secret"),
    ("/agents", "locations"): ("x-nullable", "null on most agents"),
    ("/agents", "proxyStates"): ("x-nullable", "null without a proxy"),
    ("/agents", "containerizedWorkloadCounts"): ("x-nullable", "null without containers"),
    ("/agents", "serialNumber"): ("x-nullable", "null on virtual machines"),
    ("/agents", "machineSid"): ("x-nullable", "null where there is no Windows"),
    ("/accounts", "irFields"): ("x-nullable", "null unless the account is for incident response"),
}
QUESTIONS = {
    "/system/status": {},
    "/system/info": {},
    "/user": {},
    "/users/viewer-auth-check": {},
    "/users/tenant-admin-auth-check": {},
    "/service-users": {"limit": "1000"},
    "/rbac/roles": {"limit": "1000"},
    "/accounts": {"limit": "1000"},
    "/sites": {"limit": "1000", "states": "active,expired,deleted"},
    "/groups": {"limit": "1000"},
    "/agents": {"limit": "1000", "isDecommissioned": "true,false", "isUninstalled": "true,false"},
    "/agents/count": {},
    "/application-management/risks": {"limit": "1000", "includeRemovals": "true"},
    "/application-management/settings": {},
    "/threats": {"limit": "1000"},
    "/cloud-detection/alerts": {"limit": "1000"},
    "/activities": {"limit": "1000"},
    "/activities/types": {},
    INVENTORY: {"limit": "1000"},
    f"{INVENTORY}/endpoints": {"applicationName": "Google Chrome", "applicationVendor": "Google LLC"},
}
TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
}


# The swagger names what is in a path after its kind; the simulator calls each of them an id.
SPELLED = {"/users/": "{user_id}", "/service-users/": "{service_user_id}", "/rbac/role/": "{role_id}"}


def spelled(path: str) -> str:
    """A path template of the simulator as the swagger has it."""
    return next(
        (path.replace("{id}", name) for start, name in SPELLED.items() if path.startswith(start)), path
    )


def resolve(schema: Row) -> Row:
    while "$ref" in schema:
        schema = BOOK["definitions"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def merged(schema: Row) -> tuple[Row, list[str]]:
    """Properties and required names, with what allOf brings."""
    schema = resolve(schema)
    properties, required = dict(schema.get("properties", {})), list(schema.get("required", []))
    for part in schema.get("allOf", []):
        more, needed = merged(part)
        properties |= more
        required += needed
    return properties, required


def problems(schema: Row, value: Any, place: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a value, as (place, complaint); null is allowed anywhere."""
    schema = resolve(schema)
    if value is None:
        return
    kind = schema.get("type") or ("object" if "properties" in schema or "allOf" in schema else None)
    wrong_type = kind and not isinstance(value, TYPES[kind])
    if wrong_type or (kind in ("integer", "number") and isinstance(value, bool)):
        yield place, f"{type(value).__name__} is not {kind}"
        return
    if schema.get("enum") and not isinstance(value, list) and value not in schema["enum"]:
        yield place, f"{value!r} is not in {schema['enum']}"
    if schema.get("format") == "date-time":
        yield from wrong_time(value, place)
    if isinstance(value, dict):
        yield from wrong_members(schema, value, place)
    elif isinstance(value, list):
        for item in value:
            yield from problems(schema.get("items", {}), item, place)


def wrong_time(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", value):
        yield place, f"{value!r} is not a date-time"
    else:
        datetime.fromisoformat(value)


def wrong_members(schema: Row, value: Any, place: str) -> Iterator[tuple[str, str]]:
    properties, required = merged(schema)
    if not properties:
        return
    for key, member in value.items():
        if key not in properties:
            yield f"{place}.{key}", "is not in the definition"
        else:
            yield from problems(properties[key], member, f"{place}.{key}")
    for key in required:
        if key not in value:
            yield f"{place}.{key}", "is required"


def complaints(path: str, page: Any, method: str = "get") -> list[tuple[str, str]]:
    schema = BOOK["paths"][PREFIX + path][method]["responses"]["200"]["schema"]
    return sorted(set(problems(schema, page, path)))


async def check_all(desk: Any) -> None:
    for path, parameters in QUESTIONS.items():
        status, page = await desk.get(path, **parameters)
        assert status == 200, (path, page)
        assert complaints(path, page) == []
    _, agents = await desk.get("/agents")
    ids = ",".join(agent["id"] for agent in agents["data"])
    _, page = await desk.get(f"{INVENTORY}/applications", ids=ids)
    assert complaints(f"{INVENTORY}/applications", page) == []


async def test_every_endpoint_on_several_days(desk: Any) -> None:
    """Every endpoint answers as described, today and after each of three days."""
    for _ in range(4):
        await check_all(desk)
        await desk.control("POST", "/advance")


async def test_both_tiers_as_every_scope_sees_them(desk: Any) -> None:
    """Each site's risks and settings, of either tier, and each token's view are as described."""
    for site in await desk.drain("/sites", states="active,expired,deleted"):
        for path in ("/application-management/risks", "/application-management/settings"):
            _, page = await desk.get(path, siteIds=site["id"])
            assert complaints(path, page) == []
    for scope in ("account", "site"):
        token = desk.first(scope).token
        for path in ("/user", "/sites", "/groups", "/agents"):
            _, page = await desk.get(path, token)
            assert complaints(path, page) == []


async def test_token_details(desk: Any) -> None:
    """Both ways to read an expiry are as described."""
    holder = desk.first("tenant")
    _, page = await desk.get(f"/users/{holder.user_id}/api-token-details")
    assert complaints("/users/{user_id}/api-token-details", page) == []
    url = f"{PREFIX}/users/api-token-details"
    answer = await desk.client.post(url, json={"data": {"apiToken": holder.token}})
    assert complaints("/users/api-token-details", await answer.json(), "post") == []


async def test_service_users_and_roles(desk: Any) -> None:
    """One service user, what becomes of it, and one role are as described."""
    admin = desk.holder("Admin service user").token
    role = (await desk.get("/rbac/roles", name="Viewer"))[1]["data"][0]["id"]
    _, page = await desk.get(f"/rbac/role/{role}")
    assert complaints("/rbac/role/{role_id}", page) == []
    later = "2027-01-31T12:00:00Z"
    held = [{"roleId": role}]
    wish = {"name": "n", "scope": "tenant", "scopeRoles": held, "expirationDate": later}
    _, made = await desk.call("POST", "/service-users", {"data": wish}, admin)
    assert complaints("/service-users", made, "post") == []
    one, path = "/service-users/{service_user_id}", f"/service-users/{made['data']['id']}"
    for method, tail, body in (
        ("GET", "", None),
        ("PUT", "", {"data": {"description": "d", "scope": "tenant", "scopeRoles": held}}),
        ("POST", "/generate-api-token", {"data": {"expirationDate": later}}),
        ("DELETE", "", None),
    ):
        status, page = await desk.call(method, path + tail, body, admin)
        assert (status, complaints(one + tail, page, method.lower())) == (200, [])
    many = "/service-users/delete-service-users"
    _, page = await desk.call("POST", many, {"filter": {"ids": ["1"]}}, admin)
    assert complaints(many, page, "post") == []


def test_permissions_are_the_swaggers() -> None:
    """Each call asks for the permission that its description requires, and no role knows another permission."""
    named = set()
    for described in (each for path in BOOK["paths"].values() for each in path.values()):
        named |= {*(described.get("x-s1-required-permissions") or ())}
        named |= {*(described.get("x-s1-optional-permissions") or ())}
    assert named >= roles.NAMES
    asked = {("GET", path): endpoint.permission for path, endpoint in TABLE.items()}
    asked |= {call: described.permission for call, described in CALLS.items()}
    for (method, path), permission in asked.items():
        described = BOOK["paths"][PREFIX + spelled(path)][method.lower()]
        assert [permission] * bool(permission) == (described.get("x-s1-required-permissions") or []), path


@pytest.mark.parametrize(("path", "field"), LIES)
def test_the_swagger_still_lies(path: str, field: str) -> None:
    """A row of the table of lies is dropped when the swagger has been put right."""
    schema = BOOK["paths"][PREFIX + path]["get"]["responses"]["200"]["schema"]
    properties, _ = merged(merged(schema)[0]["data"]["items"])
    lacking, _ = LIES[path, field]
    assert lacking not in resolve(properties[field])


FLAT = (
    "/accounts", "/groups", "/agents", "/service-users", "/rbac/roles", "/threats", "/cloud-detection/alerts",
    "/activities",
)  # fmt: skip


async def test_nested_parts_have_every_key(desk: Any) -> None:
    """The parts of threats and alerts have all the keys of their definitions."""
    for path in ("/threats", "/cloud-detection/alerts"):
        schema = BOOK["paths"][PREFIX + path]["get"]["responses"]["200"]["schema"]
        parts, _ = merged(merged(schema)[0]["data"]["items"])
        for row in await desk.drain(path):
            for name, part in parts.items():
                keys, _ = merged(part)
                missing = keys.keys() - row[name].keys() if isinstance(row[name], dict) else set()
                assert not missing, (path, name)


async def test_rows_have_every_key_but_the_other_tiers(desk: Any) -> None:
    """Rows of flat lists have all the keys of their definition; risks leave out the other tier's."""
    other_tier = {
        "baseScore",
        "cvssVersion",
        "nvdBaseScore",
        "nvdCvssVersion",
        "riskScore",
        "exploitCodeMaturity",
        "remediationLevel",
        "reportConfidence",
        "mitigationStatus",
        "mitigationStatusChangeTime",
        "mitigationStatusChangedBy",
        "mitigationStatusReason",
    }
    for path in (*FLAT, "/application-management/risks", INVENTORY, "/sites"):
        schema = BOOK["paths"][PREFIX + path]["get"]["responses"]["200"]["schema"]
        properties, _ = merged(merged(schema)[0]["data"].get("items", {}))
        if path == "/sites":
            nested, _ = merged(merged(schema)[0]["data"])
            properties, _ = merged(nested["sites"]["items"])
        for row in await desk.drain(path):
            missing = properties.keys() - row.keys()
            assert missing <= (other_tier if path.endswith("risks") else set()), (path, missing)


def test_known_parameters_are_the_swaggers() -> None:
    """The parameter names in the package are the swagger's, no more and no fewer."""
    for path, known in queries.KNOWN.items():
        described = BOOK["paths"][PREFIX + spelled(path)]["get"]
        names = {p["name"] for p in described.get("parameters", []) if p["in"] == "query"}
        assert known.parameters == names


def test_a_wrong_answer_would_be_noticed() -> None:
    """The check itself complains of unknown keys, wrong types, wrong enums and missing keys."""
    page = {"data": [{"id": 5, "shoe": 1, "status": "Gone", "detectionDate": "today"}], "pagination": {}}
    found = dict(complaints("/application-management/risks", page))
    rows = "/application-management/risks.data"
    assert found.keys() >= {f"{rows}.id", f"{rows}.shoe", f"{rows}.status", f"{rows}.detectionDate"}
    assert "/application-management/risks.pagination.totalItems" in found
