"""Who may call what: every operation names the scope that it needs, and a key must have it.

An operation that names none does not start up: forgetting it must not open it.
"""

from typing import Any, Final

from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from waypost import errors
from waypost.access import keys
from waypost.access.keys import Principal, Scope
from waypost.api import sessions
from waypost.api.service import Service
from waypost.api.sessions import Caller

_SCOPE: Final = "waypost_scope"
_WHOLE: Final = "waypost_whole"
PROBLEMS: Final = "waypost_problems"


def needs(
    scope: Scope, *, whole: bool = False, problems: tuple[int, ...] = ()
) -> dict[str, Any]:  # Any: `opt`
    """The options of an operation.

    Args:
        scope: What the key must be allowed to do.
        whole: Whether the key must not be bound to an organization.
        problems: Statuses that it may answer with besides those that follow from its shape.
    """
    return {_SCOPE: scope, _WHOLE: whole, PROBLEMS: problems}


def scope_of(handler: BaseRouteHandler) -> Scope | None:
    """The scope that an operation needs; None if it is open to everybody."""
    return handler.opt.get(_SCOPE)


async def admit(connection: Caller, handler: BaseRouteHandler) -> None:
    """Let a request with the right key pass, and keep in mind whose it is.

    Raises:
        KeyRefusedError: There is no good key.
        TooManyAttemptsError: There were too many wrong ones from this address.
        RateLimitedError: The key has made more requests than it may.
        KeyScopeError: The key may not do this.
    """
    if isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}:
        return  # it tells which methods there are, and nothing else: `methods.answer`
    principal = await let_in(
        connection, Scope(handler.opt[_SCOPE]), whole=handler.opt[_WHOLE], handler=handler
    )
    connection.scope["auth"] = principal


async def let_in(
    connection: Caller, scope: Scope, *, whole: bool, handler: BaseRouteHandler | None = None
) -> Principal:
    """Whose key this is, if it may do what is asked; the database's session is kept for the handler.

    Raises:
        AccessError: As for `admit`.
    """
    principal = await _principal(connection, handler)
    keys.check(principal, scope, whole=whole)
    return principal


async def _principal(connection: Caller, handler: BaseRouteHandler | None) -> Principal:
    service: Service = connection.app.state.service
    text = presented(connection)
    address = service.caller(connection.scope)
    service.attempts.check(address)
    async with sessions.of_key(connection, service.means.database, handler) as db:
        try:
            principal = await keys.authenticate(db, text)
        except errors.KeyRefusedError:
            service.attempts.failed(address)
            raise
    service.allowance.spend(principal.key_id, connection.scope)
    return principal


def presented(connection: Caller) -> str:
    """The key in the request's header.

    Raises:
        KeyRefusedError: There is none.
    """
    scheme, _, text = connection.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise errors.KeyRefusedError("There is no API key with this request.")
    return text.strip()
