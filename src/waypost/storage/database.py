"""Opening the database: which server, which version, which schema.

A `Database` is the address of a server that has been looked at; `connect` gives a connection to it. Every
connection works in the schema `waypost`, in UTC.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection, conninfo

from waypost import errors
from waypost.settings import Settings
from waypost.storage import embedded, migrations

OLDEST: Final = 150000
"""PostgreSQL 15: what Debian 12 ships, and the oldest that CI runs against."""

Connection = AsyncConnection[tuple[Any, ...]]  # Any: a row has the columns its query names


class Database(msgspec.Struct, frozen=True):
    """A PostgreSQL server whose version and schema fit."""

    url: str
    embedded: bool

    def __repr__(self) -> str:  # the URL may hold a password
        return f"Database(embedded={self.embedded})"

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection of its own, in autocommit; work that belongs together uses `connection.transaction()`.

        Raises:
            DatabaseUnreachableError: The server does not answer.
        """
        connection = await _connect(self.url)
        async with connection:
            yield connection


async def prepare(settings: Settings, *, upgrade: bool = False) -> Database:
    """Find the database, start it where it is the embedded one, and see that its schema fits.

    An empty database gets its schema at once, and so does an embedded one that an older Waypost made;
    a server of the operator's is only ever upgraded on request.

    Raises:
        DataFolderError: The embedded database cannot live in the data folder.
        DatabaseUnreachableError: The server does not answer.
        DatabaseTooOldError: The server is older than `OLDEST`.
        SchemaError: The schema is newer than this program, or older and not to be upgraded here.
    """
    url = settings.database_url or embedded.start(settings.home)
    database = Database(url=url, embedded=not settings.database_url)
    async with database.connect() as connection:
        _check_version(connection.info.server_version)
        await migrations.run(connection, allowed=upgrade or database.embedded)
    return database


async def _connect(url: str) -> Connection:
    try:
        parameters: dict[str, Any] = conninfo.conninfo_to_dict(url)
        parameters.setdefault("connect_timeout", 10)
        parameters["application_name"] = "waypost"
        # A prepared plan would be the first batch's, or the one for no filter at all.
        connection = await AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)
        try:
            await connection.execute("SET search_path TO waypost")
            await connection.execute("SET timezone TO 'UTC'")
        except BaseException:  # cancelled, for one: nobody else would close it
            await connection.close()
            raise
    except (psycopg.OperationalError, psycopg.ProgrammingError) as problem:
        reason = " ".join(str(problem).split())
        raise errors.DatabaseUnreachableError(
            f"The database cannot be reached: {_redacted(reason, url)}."
        ) from None
    return connection


def _redacted(reason: str, url: str) -> str:
    """A connection error without the password, should the driver repeat what it was given."""
    with contextlib.suppress(psycopg.ProgrammingError):
        password = conninfo.conninfo_to_dict(url).get("password")
        return reason.replace(str(password), "…") if password else reason
    return "WAYPOST_DATABASE_URL is not a PostgreSQL URL"


def _check_version(version: int) -> None:
    if version < OLDEST:
        raise errors.DatabaseTooOldError(
            f"The database server is PostgreSQL {version // 10000}; Waypost needs {OLDEST // 10000} or newer."
        )
