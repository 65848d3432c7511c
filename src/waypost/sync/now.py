"""Pulling a stored connection now: database session, token, claim, pull, and the connection's state after it."""

from collections.abc import Sequence

import msgspec
import psycopg

from waypost import errors
from waypost.connections import credentials, registry
from waypost.connections.connection import Connection
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Database
from waypost.sync import runs
from waypost.sync.progress import Listener, silent
from waypost.sync.pull import Puller, PullResult
from waypost.sync.runs import Claim
from waypost.sync.streams import IN_ORDER, Stream


class Means(msgspec.Struct, frozen=True):
    """What every pull needs of the program: where data goes, how tokens are opened, what may be called."""

    database: Database
    vault: Vault
    allowed: Allowed
    limiter: Limiter | None = None
    """For benchmarks; by default each client has one with the published limits."""


async def pull(
    means: Means,
    connection: Connection,
    *,
    full: bool = False,
    streams: Sequence[Stream] = IN_ORDER,
    listen: Listener = silent,
) -> PullResult:
    """Pull a connection.

    Raises:
        SyncRunningError: It is being pulled already.
        TokenRefusedError: The console refused the token; the connection now needs attention.
        WaypostError: Whatever else stopped the pull.
    """
    async with means.database.connect() as db, means.database.connect() as reader:
        cursor = await db.execute("SELECT now()")
        ((began,),) = await cursor.fetchall()
        client = await credentials.reach(db, means.vault, connection, means.allowed, means.limiter)
        async with runs.claim(db, connection.connection_id, connection.name) as claim, client:
            puller = Puller(db, reader, client, claim, connection.name, listen)
            try:
                result = await puller.pull(streams, full=full)
            except errors.TokenRefusedError:
                await registry.set_state(db, connection, "needs_attention")
                raise
            except psycopg.Error:
                if db.broken and await _taken_over(means.database, claim):
                    raise errors.LeaseLostError from None
                raise
            await registry.set_state(db, connection, "active")
            await credentials.proved(db, connection, began)
        return result


async def _taken_over(database: Database, claim: Claim) -> bool:
    """Whether another worker holds the connection now.

    The server ends the session of a worker that was frozen inside a transaction; thawed, the worker finds its
    session broken before it can find its fence gone.
    """
    async with database.connect() as db:
        return not await runs.holds(db, claim)
