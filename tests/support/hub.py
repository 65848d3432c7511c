"""Waypost as the tests use it: one database, a vault, and pulls without a program around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from waypost import errors
from waypost.access import audit
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Connection as DatabaseConnection
from waypost.storage.database import Database
from waypost.sync import now
from waypost.sync.pull import PullResult

MASTER_KEY = bytes(range(32))
Row = tuple[Any, ...]  # Any: a row has the columns its query names


class Hub:
    """Adds connections, pulls them and asks the database.

    Args:
        means: What pulls need.
        db: For the test's own questions; no pull uses it.
    """

    def __init__(self, means: now.Means, db: DatabaseConnection) -> None:
        self.means = means
        self.db = db

    async def add(self, url: str, token: str, name: str = "console") -> Connection:
        connection, _ = await registry.add(
            self.db,
            self.means.vault,
            audit.SERVICE,
            name=name,
            url=url,
            token=token,
            allowed=self.means.allowed,
            limiter=self.means.limiter,
        )
        return connection

    async def store(self, name: str = "console", **more: Any) -> Connection:
        """A connection to a console that nobody calls, with a user of its own."""
        return await registry.store(
            self.db,
            self.means.vault,
            audit.SERVICE,
            **{
                "name": name,
                "origin": "https://usea1-example.sentinelone.net",
                "token": f"token of {name}",
                "identity": Identity(user_id=f"user of {name}", scope="tenant"),
                **more,
            },
        )

    async def again(self, connection: Connection) -> Connection:
        """The connection as it is now."""
        return await registry.by_uuid(self.db, connection.connection_uuid)

    async def pull(self, connection: Connection, **options: Any) -> PullResult:
        return await now.pull(self.means, connection, **options)

    async def rows(self, query: str, *parameters: object) -> list[Row]:
        cursor = await self.db.execute(query.encode(), parameters)
        return await cursor.fetchall()

    async def state(self, connection: Connection) -> str:
        """The connection's own state."""
        return (await registry.find(self.db, [connection.name]))[0].state

    async def pull_until_done(
        self, connection: Connection, *, most: int = 6, after_each: Any = None, **options: Any
    ) -> list[errors.WaypostError | PullResult]:
        """Pull until all streams are done, at most so often; what each pull ended with."""
        ends: list[errors.WaypostError | PullResult] = []
        for _ in range(most):
            try:
                end: errors.WaypostError | PullResult = await self.pull(connection, **options)
            except errors.WaypostError as error:
                end = error
            ends.append(end)
            if after_each is not None:
                await after_each()
            if isinstance(end, PullResult) and all(run.state == "done" for run in end.runs):
                return ends
        raise AssertionError(f"not done after {most} pulls: {ends}")


@asynccontextmanager
async def opened(url: str, *, limited: bool = False) -> AsyncIterator[Hub]:
    """A hub on this database. Its pulls keep to the published limits only if asked to."""
    database = Database(url=url, embedded=False)
    limiter = None if limited else Limiter.unlimited()
    means = now.Means(database, Vault(MASTER_KEY), Allowed.parse("127.0.0.1"), limiter)
    async with database.connect() as db:
        yield Hub(means, db)
