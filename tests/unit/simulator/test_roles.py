"""Roles and permissions: what each role may, on every endpoint, and how the console tells it."""

from typing import Any

import pytest

from sentinelone_simulator import roles
from sentinelone_simulator.endpoints.table import CALLS, TABLE

FORBIDDEN = {"errors": [{"code": 4030010, "detail": None, "title": "Insufficient permissions"}]}
BY_ROLE = [
    "Tenant viewer", "Tenant admin", "Tenant IT", "Tenant SOC", "Tenant IR Team", "Tenant C-Level",
    "Without risks", "Without users", "Endpoints only", "Renews itself",
]  # fmt: skip
NEEDED = {
    "/application-management/inventory/endpoints": {"applicationName": "x", "applicationVendor": "x"},
    "/application-management/inventory/applications": {"ids": "1"},
}


@pytest.mark.parametrize("name", BY_ROLE)
async def test_every_endpoint_asks_for_its_permission(desk: Any, name: str) -> None:
    """Each endpoint answers a role that has its permission, and is a 403 in the recorded words without."""
    holder = desk.holder(name)
    for path, endpoint in TABLE.items():
        status, page = await desk.get(path, holder.token, **NEEDED.get(path, {}))
        if holder.may(endpoint.permission):
            assert status == 200, (path, page)
        else:
            assert (status, page) == (403, FORBIDDEN), path


@pytest.mark.parametrize("name", BY_ROLE)
async def test_every_change_asks_for_its_permission(desk: Any, name: str) -> None:
    """A change without its permission is a 403, whatever its body; with it, the body and the id are looked at."""
    holder = desk.holder(name)
    for (method, path), call in CALLS.items():
        status, _ = await desk.call(method, path.replace("{id}", "1"), {}, holder.token)
        assert (status == 403) is not holder.may(call.permission), (method, path)


def test_permissions_are_the_vendors() -> None:
    """No endpoint asks for a permission that the vendor does not name, and the roles differ as they should."""
    asked = {each.permission for each in (*TABLE.values(), *CALLS.values())} - {""}
    assert asked <= roles.NAMES
    viewer, admin = roles.named("Viewer").permissions, roles.named("Admin").permissions
    assert admin == roles.NAMES
    assert not {"Service Users.create", "Service Users.delete", "Endpoints.showPassphrase"} & viewer
    assert viewer - roles.named("Viewer without risks").permissions == {
        "Applications Page.viewRisks",
        "SDL Data.viewEdr",
    }
    for name in ("IT", "SOC", "IR Team"):
        assert roles.named(name).permissions - viewer


async def test_a_role_tells_its_permissions(desk: Any) -> None:
    """The definition of a role has each permission of the vendor's once, on where the role has it."""
    for row in await desk.drain("/rbac/roles"):
        _, page = await desk.get(f"/rbac/role/{row['id']}")
        told = [each for part in page["data"]["pages"] for each in part["permissions"]]
        assert len(told) == len(roles.NAMES) == len({each["identifier"] for each in told})
        on = {each["identifier"] for each in told if each["value"]}
        assert on == roles.named(row["name"]).permissions
    assert (await desk.get("/rbac/role/1"))[0] == 404


async def test_roles_are_filtered(desk: Any) -> None:
    """By name, by text and by who made them."""
    assert [row["name"] for row in await desk.drain("/rbac/roles", name="Viewer")] == ["Viewer"]
    assert len(await desk.drain("/rbac/roles", query="viewer")) == 4
    own = await desk.drain("/rbac/roles", predefinedRole="false")
    assert own
    assert all(not row["predefinedRole"] and row["creator"] != "SentinelOne" for row in own)


async def test_a_role_may_be_taken_away(desk: Any) -> None:
    """The control plane gives a token's user another role, which counts at once; an unknown one is refused."""
    assert (await desk.get("/application-management/risks"))[0] == 200
    await desk.control("POST", f"/tokens/{desk.token}", {"role": "Endpoints only"})
    assert (await desk.get("/application-management/risks"))[0] == 403
    answer = await desk.client.post(f"/_simulator/tokens/{desk.token}", json={"role": "King"})
    assert answer.status == 400
    await desk.control("POST", f"/tokens/{desk.token}", {"role": "Viewer"})
    assert (await desk.get("/application-management/risks"))[0] == 200


async def test_a_role_in_each_site(desk: Any) -> None:
    """Who has different roles in two sites sees of each what the role there lets it, as truth says."""
    first, second = (str(site.id) for site in desk.console.estate.sites[:2])
    body = {
        "name": "Two roles",
        "scope": "site",
        "expirationDate": "2027-01-31T12:00:00Z",
        "scopeRoles": [
            {"id": first, "roleId": roles.named("Viewer").id},
            {"id": second, "roleId": roles.named("Endpoints only").id},
        ],
    }
    admin = desk.holder("Admin service user").token
    status, page = await desk.call("POST", "/service-users", {"data": body}, admin)
    assert status == 200
    token = page["data"]["apiToken"]["value"]
    _, me = await desk.get("/user", token)
    held = {role["id"]: role["roleName"] for role in me["data"]["scopeRoles"]}
    assert held == {first: "Viewer", second: "Endpoints only"}
    both = await desk.drain("/agents", token)
    assert {row["siteId"] for row in both} == {first, second}
    truth = await desk.truth(token)
    seen = {row["id"] for row in await desk.drain("/application-management/risks", token)}
    assert seen == {fact["id"] for fact in truth["findings"]}
    assert {fact["siteId"] for fact in truth["findings"]} == {first}
    assert (await desk.get("/application-management/risks", token, siteIds=second))[0] == 403
    narrowed = {"data": {"scope": "site", "scopeRoles": body["scopeRoles"][1:]}}
    path = f"/service-users/{page['data']['id']}"
    assert (await desk.call("PUT", path, narrowed, admin))[0] == 200
    assert (await desk.get("/application-management/risks", token))[0] == 403
