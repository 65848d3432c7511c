"""Who am I: /system/*, /user, auth checks and token details (API notes 1)."""

import msgspec

from sentinelone_simulator import clock, refusals
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token

SYSTEM_INFO = {
    "release": "Simulator",
    "version": "S-26.1.3",
    "build": "S-26.1.3#42",
    "patch": "3",
    "latestAgentVersion": "25.1.2.105",
}


def system_status() -> bytes:
    return envelopes.data({"health": "ok"})


def system_info(_console: Console, _token: Token, _query: Query) -> bytes:
    return envelopes.data(SYSTEM_INFO)


def viewer_check(_console: Console, _token: Token, _query: Query) -> bytes:
    return envelopes.data({"success": True})


def tenant_admin_check(_console: Console, token: Token, _query: Query) -> bytes:
    if token.scope != "tenant":
        raise refusals.forbidden()
    return envelopes.data({"success": True})


def user(console: Console, token: Token, _query: Query) -> bytes:
    """The holder of the token; that a service user gets this answer too is a belief (API notes 8)."""
    service = token.kind == "service_user"
    email = None if service else "viewer@example.com"
    content = {
        "id": token.user_id,
        "source": "mgmt",
        "globalUserId": None,
        "globalOrganizationId": None,
        "email": email,
        "emailReadOnly": False,
        "fullName": token.name,
        "fullNameReadOnly": False,
        "firstLogin": None if service else clock.precise(token.created + clock.SECOND),
        "lastLogin": None if service else clock.precise(clock.START - clock.DAY),
        "dateJoined": clock.precise(token.created),
        "lowestRole": token.role,
        "groupsReadOnly": False,
        "twoFaEnabled": not service,
        "primaryTwoFaMethod": "application",
        "emailVerified": True,
        "scope": token.scope,
        "apiToken": _details(token),
        "twoFaEnabledReadOnly": False,
        "agreedEula": True,
        "agreementUrl": None,
        "allowRemoteShell": False,
        "twoFaConfigured": not service,
        "scopeRoles": _roles(console, token),
        "isSystem": False,
        "isExternalLoginUser": False,
        "canGenerateApiToken": not service,
        "elevatedSessionDurationMinutes": 30,
        "twoFaStatus": "not_configured" if service else "configured",
        "tenantRoles": [token.role] if token.scope == "tenant" else [],
        "siteRoles": _site_roles(console, token) if token.scope == "site" else [],
    }
    return envelopes.data(content)


def _roles(console: Console, token: Token) -> list[dict[str, object]]:
    estate = console.estate
    named = {str(account.id): (account.name, account.name) for account in estate.accounts}
    named |= {str(site.id): (site.name, estate.accounts[site.account].name) for site in estate.sites}
    role_id = str(433_241_117_337_580_000 + len(token.role))
    return [
        {
            "id": identifier,
            "name": named.get(identifier, ("", ""))[0],
            "accountName": named.get(identifier, ("", ""))[1],
            "roleId": role_id,
            "roleName": token.role,
            "roles": [token.role],
        }
        for identifier in token.scope_ids
    ]


def _site_roles(console: Console, token: Token) -> list[dict[str, object]]:
    """The deprecated form: the same roles without their account."""
    roles = _roles(console, token)
    return [{key: value for key, value in role.items() if key != "accountName"} for role in roles]


def _details(token: Token) -> dict[str, str]:
    return {"createdAt": clock.precise(token.created), "expiresAt": clock.coarse(token.expires)}


def own_details(console: Console, token: Token, user_id: str) -> bytes:
    """GET /users/{id}/api-token-details; a token of the tenant may ask about anybody's."""
    for other in console.tokens.values():
        if other.user_id == user_id and (other is token or token.scope == "tenant"):
            return envelopes.data(_details(other))
    raise refusals.missing()


class _TokenBody(msgspec.Struct, rename="camel"):
    api_token: str


class _DetailsRequest(msgspec.Struct):
    data: _TokenBody


def details_by_token(console: Console, body: bytes) -> bytes:
    """POST /users/api-token-details: needs no role; 400 for a token nobody has is a belief."""
    try:
        request = msgspec.json.decode(body, type=_DetailsRequest)
    except msgspec.MsgspecError as error:
        raise refusals.invalid(f"data: {error}") from None
    found = console.tokens.get(request.data.api_token.strip())
    if found is None or found.revoked:
        raise refusals.invalid("apiToken: Invalid token.")
    return envelopes.data(_details(found))
