"""Tokens, authentication and who-am-I."""

import base64
import json
from typing import Any

import pytest

from sentinelone_simulator import clock, issuing
from sentinelone_simulator.console import Console

CHECK = "/users/viewer-auth-check"
REFUSED = {"errors": [{"code": 4010010, "detail": None, "title": "Authentication Failed"}]}


@pytest.mark.parametrize("scheme", ["ApiToken", "APIToken", "apitoken"])
async def test_scheme_word_has_any_case(desk: Any, scheme: str) -> None:
    """The word before the token may be written in any case."""
    headers = {"Authorization": f"{scheme} {desk.token}"}
    answer = await desk.client.get(f"/web/api/v2.1{CHECK}", headers=headers)
    assert answer.status == 200


@pytest.mark.parametrize("header", [None, "", "Bearer {}", "Token {}", "ApiToken wrong", "{}"])
async def test_other_headers_are_refused(desk: Any, header: str | None) -> None:
    """Anything but ApiToken and a live token is a 401 in the recorded words."""
    headers = {} if header is None else {"Authorization": header.format(desk.token)}
    answer = await desk.client.get(f"/web/api/v2.1{CHECK}", headers=headers)
    assert answer.status == 401
    assert await answer.json() == REFUSED


@pytest.mark.parametrize("name", ["Ended last week", "Taken back"])
async def test_dead_tokens_look_like_wrong_ones(desk: Any, name: str) -> None:
    """An expired and a revoked token get the same 401, and work again once they are valid."""
    token = desk.holder(name).token
    assert await desk.get(CHECK, token) == (401, REFUSED)
    await desk.control("POST", f"/tokens/{token}", {"state": "valid"})
    assert (await desk.get(CHECK, token))[0] == 200


async def test_tokens_end_by_the_simulated_clock(desk: Any) -> None:
    """A token that ends the day after tomorrow works until then, and not after."""
    token = desk.holder("Ends the day after tomorrow").token
    await desk.control("POST", "/advance", {"days": 1})
    assert (await desk.get(CHECK, token))[0] == 200
    await desk.control("POST", "/advance", {"days": 1})
    assert (await desk.get(CHECK, token))[0] == 401


async def test_every_kind_of_token_is_listed(desk: Any) -> None:
    """The list has every scope, state and kind, and both token formats."""
    listed = await desk.control("GET", "/tokens")
    assert {"tenant", "account", "site"} == {token["scope"] for token in listed}
    assert {"valid", "expired", "revoked"} == {token["state"] for token in listed}
    assert {"user", "service_user"} == {token["kind"] for token in listed}
    assert any(token["token"].count(".") == 2 for token in listed)
    assert any(len(token["token"]) == 80 and token["token"].isalnum() for token in listed)
    viewers = [token for token in listed if token["name"].startswith("Viewer of ")]
    assert sum(token["scope"] == "account" for token in viewers) == 3
    assert sum(len(token["scopeIds"]) == 1 and token["scope"] == "site" for token in viewers) == 12
    assert sum(len(token["scopeIds"]) == 2 for token in listed) == 1


async def test_jwt_tells_its_expiry(desk: Any) -> None:
    """A JWT-shaped token carries the expiry that the API tells."""
    listed = await desk.control("GET", "/tokens")
    token = next(each for each in listed if each["token"].count(".") == 2)
    claims = json.loads(base64.urlsafe_b64decode(token["token"].split(".")[1] + "==="))
    assert clock.coarse(claims["exp"] * clock.SECOND) == token["expiresAt"]


def test_own_token_replaces_the_tenant_viewer(built: Console) -> None:
    """`--token` becomes the tenant viewer's token."""
    assert issuing.issue(built.estate, "mine")[0].token == "mine"
    assert issuing.issue(built.estate)[0].token == next(iter(built.tokens))


async def test_tenant_check_is_for_tenants(desk: Any) -> None:
    """The tenant check refuses account and site tokens and lets tenants through."""
    assert (await desk.get("/users/tenant-admin-auth-check"))[0] == 200
    for scope in ("account", "site"):
        assert (await desk.get("/users/tenant-admin-auth-check", desk.first(scope).token))[0] == 403


async def test_user_tells_scope_and_expiry(desk: Any) -> None:
    """GET /user tells the scope, its roles and the token's expiry."""
    holder = desk.holder("Viewer of two sites")
    _, page = await desk.get("/user", holder.token)
    assert page["data"]["scope"] == "site"
    assert [role["id"] for role in page["data"]["scopeRoles"]] == holder.scope_ids
    assert page["data"]["apiToken"]["expiresAt"] == clock.coarse(holder.expires)


async def test_token_details_by_id(desk: Any) -> None:
    """A tenant token reads anybody's expiry, others only their own; nobody's is a 404."""
    site = desk.first("site")
    path = f"/users/{site.user_id}/api-token-details"
    assert (await desk.get(path))[0] == 200
    assert (await desk.get(path, site.token))[1]["data"]["expiresAt"] == clock.coarse(site.expires)
    tenant = f"/users/{desk.first('tenant').user_id}/api-token-details"
    status, page = await desk.get(tenant, site.token)
    assert (status, page["errors"][0]["code"]) == (404, 4040010)


async def test_token_details_by_token(desk: Any) -> None:
    """POST with the token in the body needs no header; an unknown token and a wrong body are 400."""
    url = "/web/api/v2.1/users/api-token-details"
    good = await desk.client.post(url, json={"data": {"apiToken": desk.token}})
    assert (await good.json())["data"].keys() == {"createdAt", "expiresAt"}
    for body in ({"data": {"apiToken": "nobody's"}}, {"data": {}}, []):
        answer = await desk.client.post(url, json=body)
        assert answer.status == 400
        assert (await answer.json())["errors"][0]["code"] == 4000010


async def test_status_needs_no_token(desk: Any) -> None:
    """/system/status answers anybody; /system/info does not."""
    assert (await desk.client.get("/web/api/v2.1/system/status")).status == 200
    assert (await desk.client.get("/web/api/v2.1/system/info")).status == 401


async def test_a_role_without_risks_sees_the_rest(desk: Any) -> None:
    """The role without viewRisks gets 403 on risks and 200 elsewhere."""
    token = desk.holder("Without risks").token
    status, page = await desk.get("/application-management/risks", token)
    assert (status, page["errors"][0]["code"]) == (403, 4030010)
    assert (await desk.get("/agents", token))[0] == 200
