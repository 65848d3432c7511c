"""Opening the database: which server, which version, which schema.

A `Database` is the address of a server that has been looked at; `connect` gives a connection to it: a new one for
a command, one of a pool for the service. Every connection works in the schema `waypost`, in UTC.
"""

import contextlib
import logging
import select
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection, conninfo
from psycopg_pool import AsyncConnectionPool

from waypost import errors
from waypost.settings import Settings
from waypost.storage import embedded, migrations

OLDEST: Final = 150000
"""PostgreSQL 15: what Debian 12 ships, and the oldest that CI runs against."""

Connection = AsyncConnection[tuple[Any, ...]]  # Any: a row has the columns its query names


Pool = AsyncConnectionPool[Connection]

_PATIENCE: Final = 10
"""Seconds to wait for the server, or for a connection of the pool."""

_BY_ITSELF: Final = 2**31
"""Queries are prepared after so many times, which is never: a prepared plan would be the first batch's, or the one for
no filter at all. What every request asks, and has one good plan, says `prepare=True`."""

_KEEPALIVE: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""After a minute of silence a session whose server cannot be reached any more counts as ended."""

_CLEAN: Final = (
    "SET synchronous_commit TO DEFAULT; SET idle_in_transaction_session_timeout TO DEFAULT;"
    " UNLISTEN *; SELECT pg_advisory_unlock_all()"
)
"""What a session may have been changed by, undone before somebody else gets it."""

# What it warns of, that a connection could not be made, whoever waits for one is told by an error.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class Database(msgspec.Struct, frozen=True):
    """A PostgreSQL server whose version and schema fit; with a pool while `pooled`."""

    url: str
    embedded: bool
    pool: Pool | None = None

    def __repr__(self) -> str:  # the URL may hold a password
        return f"Database(embedded={self.embedded})"

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection for the block alone, in autocommit; what belongs together uses `connection.transaction()`.

        Raises:
            DatabaseUnreachableError: The server does not answer, or all connections of the pool are taken for long.
        """
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.give_back(connection)

    async def take(self) -> Connection:
        """A connection, as for `connect`, to be given back by who takes it."""
        return await (_connect(self.url) if self.pool is None else _borrow(self.pool))

    async def give_back(self, connection: Connection, *, as_it_was: bool = False) -> None:
        """Take a connection back.

        Args:
            connection: It may be in the middle of something; that is undone.
            as_it_was: Whether nothing of the session was set, listened to or locked, so that nothing is to be undone.
        """
        if self.pool is None:
            await connection.close()
            return
        try:
            if not as_it_was:
                await connection.rollback()
                await _clean(connection)
        except BaseException as problem:
            await connection.close()
            if not isinstance(problem, psycopg.Error):
                raise
        finally:
            await self.pool.putconn(connection)

    @contextlib.asynccontextmanager
    async def pooled(self, most: int, *, deadline: timedelta | None = None) -> AsyncIterator["Database"]:
        """This database while the block runs, with connections that are kept and used again, so many at most.

        Args:
            most: Connections.
            deadline: After so long a statement is ended, that nobody waits for.
        """
        pool: Pool = AsyncConnectionPool(
            kwargs=_parameters(self.url),
            configure=partial(_configure, deadline=deadline),
            check=_check,
            min_size=1,
            max_size=most,
            timeout=_PATIENCE,
            open=False,
        )
        async with pool:
            yield msgspec.structs.replace(self, pool=pool)


async def prepare(settings: Settings, *, upgrade: bool = False) -> Database:
    """Find the database, start it where it is the embedded one, and see that its schema fits.

    An empty database gets its schema at once, and so does an embedded one that an older Waypost made;
    a server of the operator's is only ever upgraded on request.

    Raises:
        KeyScopeError: The settings have an API key: only who has looked what it may do, and left it out, gets in.
        DataFolderError: The embedded database cannot live in the data folder.
        DatabaseUnreachableError: The server does not answer.
        DatabaseTooOldError: The server is older than `OLDEST`.
        SchemaError: The schema is newer than this program, or older and not to be upgraded here.
        RowSecurityError: The server's user may not read as the role that is held to one organization's rows.
    """
    refuse_key(settings)
    url = settings.database_url or embedded.start(settings.home)
    database = Database(url=url, embedded=not settings.database_url)
    async with database.connect() as connection:
        _check_version(connection.info.server_version)
        await migrations.run(connection, allowed=upgrade or database.embedded)
    return database


def refuse_key(settings: Settings) -> None:
    """See that nobody acts as an API key.

    Raises:
        KeyScopeError: Somebody does.
    """
    if settings.key:
        raise errors.KeyScopeError(
            "This is for whoever runs Waypost, not for an API key.", remedy="Run it without WAYPOST_KEY."
        )


async def _connect(url: str) -> Connection:
    try:
        connection = await AsyncConnection.connect(**_parameters(url))
        try:
            await _configure(connection)
        except BaseException:  # cancelled, for one: nobody else would close it
            await connection.close()
            raise
    except (psycopg.OperationalError, psycopg.ProgrammingError) as problem:
        reason = " ".join(str(problem).split())
        raise errors.DatabaseUnreachableError(
            f"The database cannot be reached: {_redacted(reason, url)}."
        ) from None
    return connection


async def _borrow(pool: Pool) -> Connection:
    try:
        return await pool.getconn()
    except psycopg.OperationalError as problem:
        reason = " ".join(str(problem).split())
        raise errors.DatabaseUnreachableError(f"The database gives no connection: {reason}.") from None


def _parameters(url: str) -> dict[str, Any]:
    parameters: dict[str, Any] = conninfo.conninfo_to_dict(url)
    parameters.setdefault("connect_timeout", _PATIENCE)
    for name, seconds in _KEEPALIVE.items():
        parameters.setdefault(name, seconds)
    return {**parameters, "application_name": "waypost", "autocommit": True, "prepare_threshold": _BY_ITSELF}


async def _configure(connection: Connection, *, deadline: timedelta | None = None) -> None:
    await connection.execute("SET search_path TO waypost; SET timezone TO 'UTC'")
    if deadline is not None:
        milliseconds = round(deadline.total_seconds() * 1000)
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)])


async def _check(connection: Connection) -> None:
    """See that the server has not ended a session of the pool; by a question only if it has said something.

    Raises:
        OperationalError: It has.
    """
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    if heard.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def _clean(connection: Connection) -> None:
    await connection.execute(_CLEAN)


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
