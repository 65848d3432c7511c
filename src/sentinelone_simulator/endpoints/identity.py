"""Who am I: /system/*, /user, auth checks and token details (API notes 1)."""

from collections.abc import Callable

import msgspec

from sentinelone_simulator import refusals
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import bodies, envelopes
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import users as wire

VIEW_USERS = "Users.view"
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


def allowed(_console: Console, _token: Token, _query: Query) -> bytes:
    """An auth check that the caller's permissions have decided already."""
    return envelopes.data({"success": True})


def tenant_admin_check(_console: Console, token: Token, _query: Query) -> bytes:
    if token.scope != "tenant":
        raise refusals.forbidden()
    return envelopes.data({"success": True})


def user(console: Console, token: Token, _query: Query) -> bytes:
    return envelopes.data(wire.myself(console.estate, token))


def token_details(console: Console, token: Token, user_id: str, _body: bytes) -> bytes:
    """GET /users/{id}/api-token-details: one's own; those of the tenant's users need a tenant token."""
    other = console.users.get(user_id)
    if other is None or (other is not token.user and token.scope != "tenant"):
        raise refusals.missing()
    if other is not token.user and not token.may(VIEW_USERS):
        raise refusals.forbidden()
    return envelopes.data(wire.api_token(console.token_of(other)))


class _TokenBody(msgspec.Struct, rename="camel"):
    api_token: str


class _DetailsRequest(msgspec.Struct):
    data: _TokenBody


def details_by_token(find: Callable[[str], tuple[Console, Token | None]], body: bytes) -> bytes:
    """POST /users/api-token-details: needs no role; 400 for a token nobody has is a belief."""
    request = bodies.read(body, _DetailsRequest)
    console, found = find(request.data.api_token.strip())
    if found is None or found.state(console.estate.now) == "revoked":
        raise refusals.invalid("apiToken: Invalid token.")
    return envelopes.data(wire.api_token(found))
