"""Service users: who may make, renew and end them, and what becomes of their tokens."""

from typing import Any

import aiohttp
import pytest

from sentinelone_simulator import clock, roles

USERS = "/service-users"
CHECK = "/users/viewer-auth-check"
LATER = "2027-01-31T12:00:00Z"


def wish(role: str = "Viewer", **other: Any) -> dict[str, Any]:
    """The body that makes a service user of the tenant."""
    data = {
        "name": "Reader",
        "description": None,
        "expirationDate": LATER,
        "scope": "tenant",
        "scopeRoles": [{"roleId": roles.named(role).id}],
        **other,
    }
    return {"data": {name: value for name, value in data.items() if value != "left out"}}


async def made(desk: Any, token: str | None = None, **other: Any) -> Any:
    maker = token or desk.holder("Admin service user").token
    status, page = await desk.call("POST", USERS, wish(**other), maker)
    assert status == 200, page
    return page["data"]


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_new_service_user_opens_the_console(desk: Any, legacy: bool) -> None:
    """Its token works at once, in either form, is told only once, and is whose it says."""
    user = await made(desk, forceLegacy=legacy)
    token = user["apiToken"]["value"]
    assert (token.count(".") == 2) is not legacy
    assert (await desk.get(CHECK, token))[0] == 200
    _, me = await desk.get("/user", token)
    assert (me["data"]["id"], me["data"]["fullName"]) == (user["id"], "Reader")
    assert me["data"]["apiToken"] == {key: user["apiToken"][key] for key in ("createdAt", "expiresAt")}
    assert me["data"]["apiToken"]["expiresAt"] == LATER
    _, shown = await desk.get(f"{USERS}/{user['id']}")
    assert "value" not in shown["data"]["apiToken"]
    _, details = await desk.get(f"/users/{user['id']}/api-token-details", token)
    assert details["data"] == me["data"]["apiToken"]


async def test_no_two_tokens_are_made_at_one_moment(desk: Any) -> None:
    """Users and tokens made while the clock stands still differ in id, text and time of creation."""
    users = [await made(desk) for _ in range(5)]
    assert len({user["id"] for user in users}) == 5
    assert len({user["apiToken"]["value"] for user in users}) == 5
    assert len({user["apiToken"]["createdAt"] for user in users}) == 5


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"name": "left out"}, "name: Missing"),
        ({"name": "  "}, "name: Missing"),
        ({"name": "x" * 256}, "name: Longer"),
        ({"name": "<b>"}, "name: Must not contain"),
        ({"name": 5}, "name"),
        ({"description": "x" * 256}, "description: Longer"),
        ({"expirationDate": "left out"}, "expirationDate: Missing"),
        ({"expirationDate": "soon"}, "expirationDate: Not a valid datetime"),
        ({"expirationDate": "2027-01-31"}, "expirationDate: Not a valid datetime"),
        ({"expirationDate": "2027-01-31T12:00:00"}, "expirationDate: Not a valid datetime"),
        ({"expirationDate": "2026-06-01T08:00:00Z"}, "must be in the future"),
        ({"scope": "left out"}, "scope: Missing"),
        ({"scope": "galaxy"}, "not a valid choice"),
        ({"scopeRoles": "left out"}, "scopeRoles: Missing"),
        ({"scope": "site"}, "scopeRoles.id: Missing"),
        ({"scopeRoles": [{"roleId": "1"}]}, "Role was not found"),
        ({"shoe": 1}, "shoe"),
    ],
)
async def test_a_wrong_wish_is_refused_by_field(desk: Any, other: dict[str, Any], words: str) -> None:
    """What is missing or wrong is a 400 that names the field, and makes nobody."""
    before = {row["id"] for row in await desk.drain(USERS)}
    maker = desk.holder("Admin service user").token
    status, page = await desk.call("POST", USERS, wish(**other), maker)
    assert status == 400
    assert words in page["errors"][0]["detail"]
    assert {row["id"] for row in await desk.drain(USERS)} == before
    assert await made(desk)


async def test_nobody_hands_out_more_than_they_have(desk: Any) -> None:
    """A wider role, a wider scope and another's site are a 403; the same or less is not."""
    renewer = desk.holder("Renews itself in a site")
    inside = {
        "scope": "site",
        "scopeRoles": [{"id": renewer.scope_ids[0], "roleId": roles.named("Viewer").id}],
    }
    foreign = next(s for s in desk.console.estate.sites if str(s.id) not in renewer.scope_ids)
    account = desk.console.estate.accounts[0].id
    viewer = roles.named("Viewer").id
    for other in (
        {"role": "Viewer"},
        {"scope": "site", "scopeRoles": [{"id": str(foreign.id), "roleId": viewer}]},
        {"scope": "account", "scopeRoles": [{"id": str(account), "roleId": viewer}]},
        {"scope": "site", "scopeRoles": [{"id": renewer.scope_ids[0], "roleId": roles.named("Admin").id}]},
    ):
        assert (await desk.call("POST", USERS, wish(**other), renewer.token))[0] == 403
    assert (await made(desk, renewer.token, **inside))["scope"] == "site"


@pytest.mark.parametrize("holder", ["Tenant viewer", "Tenant SOC", "Endpoints only"])
async def test_reading_roles_change_no_users(desk: Any, holder: str) -> None:
    """Viewer and roles like it may neither make, renew, change nor delete a service user, themselves included."""
    token = desk.holder(holder)
    own = f"{USERS}/{token.user_id}"
    for method, path, body in (
        ("POST", USERS, wish()),
        ("POST", f"{own}/generate-api-token", {"data": {"expirationDate": LATER}}),
        ("PUT", own, {"data": {"description": "mine"}}),
        ("DELETE", own, None),
        ("POST", f"{USERS}/delete-service-users", {"filter": {"ids": [token.user_id]}}),
    ):
        status, page = await desk.call(method, path, body, token.token)
        assert (status, page["errors"][0]["code"]) == (403, 4030010), (method, path)
    assert (await desk.get(CHECK, token.token))[0] == 200


async def test_a_new_token_ends_the_old_one(desk: Any) -> None:
    """From the moment that a token is generated the one before is refused; the user is the same."""
    user = await made(desk)
    admin = desk.holder("Admin service user").token
    path = f"{USERS}/{user['id']}/generate-api-token"
    status, page = await desk.call("POST", path, {"data": {"expirationDate": LATER}}, admin)
    assert status == 200
    assert page["data"].keys() == {"createdAt", "expiresAt", "token"}
    assert (await desk.get(CHECK, user["apiToken"]["value"]))[0] == 401
    _, me = await desk.get("/user", page["data"]["token"])
    assert me["data"]["id"] == user["id"]
    assert me["data"]["apiToken"]["createdAt"] == page["data"]["createdAt"] != user["apiToken"]["createdAt"]


async def test_a_renewal_by_a_second_user(desk: Any) -> None:
    """A service user reads itself, makes its successor, and the successor deletes it: never no token."""
    old = desk.holder("Renews itself")
    _, own = await desk.get(f"{USERS}/{old.user_id}", old.token)
    again = {key: own["data"][key] for key in ("scope", "scopeRoles", "description")}
    again["scopeRoles"] = [{"roleId": role["roleId"]} for role in again["scopeRoles"]]
    new = await made(desk, old.token, name=f"{own['data']['name']} (2)", **again)
    token = new["apiToken"]["value"]
    assert (await desk.get(CHECK, old.token))[0] == (await desk.get(CHECK, token))[0] == 200
    assert await desk.call("DELETE", f"{USERS}/{old.user_id}", None, token) == (
        200,
        {"data": {"success": True}},
    )
    assert (await desk.get(CHECK, old.token))[0] == 401
    assert (await desk.get(f"{USERS}/{old.user_id}", token))[0] == 404
    assert (await desk.get("/application-management/risks", token))[0] == 200


async def test_a_service_user_may_end_itself(desk: Any) -> None:
    """One whose role may delete service users can delete itself, and is gone with its token."""
    user = await made(desk, role="Viewer that renews")
    token = user["apiToken"]["value"]
    assert (await desk.call("DELETE", f"{USERS}/{user['id']}", None, token))[0] == 200
    assert (await desk.get(CHECK, token))[0] == 401
    assert user["id"] not in {row["id"] for row in await desk.drain(USERS)}


async def test_others_are_seen_inside_ones_scope(desk: Any) -> None:
    """A site's administrator sees the service users of that site, and neither people nor wider ones."""
    renewer = desk.holder("Renews itself in a site")
    listed = await desk.drain(USERS, renewer.token)
    assert listed
    for row in listed:
        assert {role["id"] for role in row["scopeRoles"]} <= set(renewer.scope_ids)
    everybody = await desk.drain(USERS)
    people = {user.id for user in desk.console.users.values() if user.kind == "user"}
    assert people
    assert not people & {row["id"] for row in everybody}
    status, page = await desk.get(f"{USERS}/{desk.holder('Admin service user').user_id}", renewer.token)
    assert (status, page["errors"][0]["code"]) == (404, 4040010)


async def test_the_list_is_filtered_and_ends_in_nothing(desk: Any) -> None:
    """Filters narrow the list, and its last page has an empty text for a cursor."""
    await made(desk, name="Waypost", description="reads for us")
    _, page = await desk.get(USERS, query="waypost")
    assert [row["name"] for row in page["data"]] == ["Waypost"]
    assert page["pagination"] == {"totalItems": 1, "nextCursor": ""}
    admins = await desk.drain(USERS, roleIds=roles.named("Admin").id)
    assert {row["scopeRoles"][0]["roleName"] for row in admins} == {"Admin"}
    whole = await desk.drain(USERS)
    assert await desk.drain(USERS, limit="3") == whole
    late = await desk.drain(USERS, sortBy="apiTokenExpiresAt", sortOrder="desc")
    ends = [row["apiToken"]["expiresAt"] for row in late]
    assert ends == sorted(ends, reverse=True)
    assert (await desk.get(USERS, fullName="x"))[0] == 400


async def test_many_are_deleted_by_filter(desk: Any) -> None:
    """The bulk call deletes what its filter matches and says how many."""
    users = [await made(desk, name=f"Orphan {number}") for number in range(3)]
    admin = desk.holder("Admin service user").token
    body = {"filter": {"query": "orphan"}}
    status, page = await desk.call("POST", f"{USERS}/delete-service-users", body, admin)
    assert (status, page) == (200, {"data": {"affected": 3}})
    for user in users:
        assert (await desk.get(CHECK, user["apiToken"]["value"]))[0] == 401
    assert (await desk.get(CHECK, admin))[0] == 200


async def test_a_change_takes_hold_of_the_living_token(desk: Any) -> None:
    """A narrower role given to a service user counts from the next request of its token."""
    user = await made(desk)
    token = user["apiToken"]["value"]
    assert (await desk.get("/agents/count", token))[0] == 200
    admin = desk.holder("Admin service user").token
    narrow = {"data": {"scope": "tenant", "scopeRoles": [{"roleId": roles.named("Endpoints only").id}]}}
    status, page = await desk.call("PUT", f"{USERS}/{user['id']}", narrow, admin)
    assert (status, page["data"]["scopeRoles"][0]["roleName"]) == (200, "Endpoints only")
    assert (await desk.get("/application-management/risks", token))[0] == 403
    assert (await desk.get("/agents/count", token))[0] == 200


async def test_use_is_seen(desk: Any) -> None:
    """`lastActivation` is empty until the token is used, and then the time of the use."""
    user = await made(desk)
    assert user["lastActivation"] is None
    await desk.get(CHECK, user["apiToken"]["value"])
    _, page = await desk.get(f"{USERS}/{user['id']}")
    assert page["data"]["lastActivation"] == clock.precise(desk.console.estate.now)


@pytest.mark.parametrize("kind", ["status", "drop", "reset"])
async def test_the_effect_may_outlive_its_answer(desk: Any, kind: str) -> None:
    """A creation that ends in an error or a broken connection has made a user whose token nobody was told."""
    fault = {"kind": kind, "status": 500, "body": "json", "path": USERS, "method": "POST", "after": True}
    await desk.control("PUT", "/faults", {"faults": [fault]})
    admin = desk.holder("Admin service user").token
    if kind == "status":
        assert (await desk.call("POST", USERS, wish(name="Orphan"), admin))[0] == 500
    else:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await desk.call("POST", USERS, wish(name="Orphan"), admin)
    assert [row["name"] for row in await desk.drain(USERS, query="orphan")] == ["Orphan"]
    await desk.control("DELETE", "/faults")
    assert await made(desk, name="Second")


@pytest.mark.parametrize(
    ("fault", "status"), [({"kind": "status", "status": 500}, 500), ({"kind": "conflict"}, 409)]
)
async def test_without_an_effect_nothing_was_made(desk: Any, fault: dict[str, Any], status: int) -> None:
    """The same faults without `after` come before anything is done."""
    await desk.control(
        "PUT", "/faults", {"faults": [{**fault, "body": "json", "method": "POST", "times": 1}]}
    )
    admin = desk.holder("Admin service user").token
    assert (await desk.call("POST", USERS, wish(name="Orphan"), admin))[0] == status
    assert await desk.drain(USERS, query="orphan") == []
    assert await made(desk, name="Orphan")
