"""How long the database may take for an answer that somebody waits for."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import psycopg

from waypost import errors
from waypost.storage.database import Connection

SECONDS: Final = 10


@contextlib.asynccontextmanager
async def within(db: Connection, seconds: float = SECONDS) -> AsyncIterator[None]:
    """Give each statement of the block so many seconds; it is a transaction.

    Raises:
        TooSlowError: One took longer, and was given up.
    """
    try:
        async with db.transaction():
            limit = f"{round(seconds * 1000)}ms"
            await db.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
            yield
    except psycopg.errors.QueryCanceled:
        raise errors.TooSlowError(
            f"The database took longer than {seconds:g} seconds for this, and the question was given up."
        ) from None
