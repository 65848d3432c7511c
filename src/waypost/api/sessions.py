"""The database session of a request that looks at something: taken to look at its key, and used on for the answer.

What changes something takes a new one after its key was looked at: its body may come slowly, and a session that waits
for it would be missing elsewhere.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from waypost.storage.database import Connection, Database

_KEPT: Final = "waypost_session"
_DEPENDENCY: Final = "call"
"""By this name a handler takes the session."""

Caller = ASGIConnection[Any, Any, Any, Any]  # Any: what the framework leaves open


@contextlib.asynccontextmanager
async def of_key(
    connection: Caller, database: Database, handler: BaseRouteHandler | None
) -> AsyncGenerator[Connection, None]:
    """A session to look at the key of a request with; kept for its handler, if that will take it at once.

    Raises:
        DatabaseUnreachableError: There is none to be had.
    """
    db = await database.take()
    try:
        yield db
    except BaseException:
        await database.give_back(db, as_it_was=True)
        raise
    if (
        handler is not None
        and _looks(connection.scope)
        and _DEPENDENCY in handler.parsed_fn_signature.parameters
    ):
        connection.scope["state"][_KEPT] = db
    else:
        await database.give_back(db, as_it_was=True)


@contextlib.asynccontextmanager
async def of_answer(scope: Scope, database: Database) -> AsyncGenerator[Connection, None]:
    """The session that was kept, or a new one, for the block alone.

    Raises:
        DatabaseUnreachableError: There is none to be had.
    """
    db: Connection = scope["state"].pop(_KEPT, None) or await database.take()
    try:
        yield db
    finally:
        await database.give_back(db, as_it_was=_looks(scope))


async def end(scope: Scope, database: Database) -> None:
    """Give back what a request has kept that did not come as far as its handler."""
    db: Connection | None = scope.get("state", {}).pop(_KEPT, None)  # the beginning and the end have none
    if db is not None:
        await database.give_back(db, as_it_was=True)


def _looks(scope: Scope) -> bool:
    method: str = scope.get("method", "")  # type: ignore[assignment]  # a scope of HTTP has one
    return method == "GET"
