"""Pulling a stored connection now: database session, token, claim, pull, and what the connection is after it."""

import contextlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from waypost import errors
from waypost.connections import credentials, health
from waypost.connections.connection import Connection
from waypost.connections.states import State
from waypost.connections.vault import Vault
from waypost.organizations import drift
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Connection as DatabaseConnection
from waypost.storage.database import Database
from waypost.sync import due, runs, tree
from waypost.sync.progress import Listener, silent
from waypost.sync.pull import Puller, PullResult
from waypost.sync.runs import Claim, Reader
from waypost.sync.streams import IN_ORDER, Stream


class Means(msgspec.Struct, frozen=True):
    """What every pull needs of the program: where data goes, how tokens are opened, what may be called."""

    database: Database
    vault: Vault
    allowed: Allowed
    limiter: Limiter | None = None
    """By default each client has one of its own, with the published limits."""
    exports: str = ""
    """Where exports that were asked for are kept; without it none are made."""


_OF_ALL: Final = (
    errors.UnreachableError,
    errors.NotAConsoleError,
    errors.TokenRefusedError,
    errors.UsageError,
    errors.VaultError,
)
"""What keeps all streams from being pulled, whichever met it."""

_MAPPED: Final = frozenset({"accounts", "sites"})
"""Streams of what is mapped to organizations."""

_OF_NOBODY: Final = (errors.InterruptedRunError, errors.LeaseLostError, errors.SyncRunningError)
"""What says nothing about the console or the token."""


async def pull(
    means: Means,
    connection: Connection,
    *,
    full: bool = False,
    streams: Sequence[Stream] | None = IN_ORDER,
    listen: Listener = silent,
    pull_id: uuid.UUID | None = None,
    session: DatabaseConnection | None = None,
) -> PullResult:
    """Pull a connection.

    Args:
        means: Of the program.
        connection: Which.
        full: Walk everything instead of what changed.
        streams: Which; None pulls what is due.
        listen: Hears how it goes on.
        pull_id: What the pull was announced as, if it was.
        session: Of the database, for this pull alone meanwhile; by default one of its own.

    Raises:
        ConnectionStateError: It is paused.
        SyncRunningError: It is being pulled already.
        TokenRefusedError: The console refused the token; the connection now needs attention.
        WaypostError: Whatever else stopped the pull.
    """
    if connection.state == State.PAUSED:
        raise errors.ConnectionStateError(
            f"The connection {connection.name!r} is paused.",
            remedy="Resume it: `waypost connection resume NAME`, or POST to its /resume.",
        )
    result = None
    while result is None:
        async with contextlib.AsyncExitStack() as stack:
            db = session
            if db is None:
                db = await stack.enter_async_context(means.database.connect())
            result = await _pull(
                means, db, connection, full=full, streams=streams, listen=listen, pull_id=pull_id
            )
    return result


async def _pull(
    means: Means,
    db: DatabaseConnection,
    connection: Connection,
    *,
    full: bool,
    streams: Sequence[Stream] | None,
    listen: Listener,
    pull_id: uuid.UUID | None,
) -> PullResult | None:
    """Pull with the token in use; None if that was replaced meanwhile and refused: there is another to go on with."""
    async with contextlib.AsyncExitStack() as stack:
        claim = await stack.enter_async_context(
            runs.claim(db, connection.connection_id, connection.name, pull_id)
        )
        marks = await due.read(db, connection.connection_id)
        try:
            client = await credentials.reach(db, means.vault, connection, means.allowed, means.limiter)
        except errors.WaypostError as problem:
            await health.failed(db, connection.connection_id, health.WHOLE, problem)
            raise
        await stack.enter_async_context(client)
        puller = Puller(db, Reader(means.database, stack), marks, client, claim, connection.name, listen)
        try:
            result = await puller.pull(streams, full=full)
        except errors.WaypostError as problem:
            if isinstance(problem, errors.TokenRefusedError) and await credentials.replaced(
                db, connection, client
            ):
                return None
            await _failed(db, connection, puller, problem, marks.now)
            if not isinstance(problem, _OF_NOBODY):
                await _look_for_drift(db, connection, puller.result)
            raise
        except psycopg.Error:
            if db.broken and await _taken_over(means.database, claim):
                raise errors.LeaseLostError from None
            raise
        await _went_well(db, connection, client, puller, marks)
        await _look_for_drift(db, connection, result)
        return result


async def _went_well(
    db: DatabaseConnection, connection: Connection, client: Client, puller: Puller, marks: due.Marks
) -> None:
    """Tell what each stream came to. A pull through which nothing was shown proves no token and no state."""
    for run in puller.result.runs:
        await _tell(db, connection, puller, run.stream, marks.troubled)
    if not any(run.state in ("done", "partial") for run in puller.result.runs):
        return
    if health.WHOLE in marks.troubled:
        await health.recovered(db, connection.connection_id, health.WHOLE)
    if connection.state != State.ACTIVE:
        await health.pulled(db, connection)
    if marks.tokens > 1:
        await credentials.proved(db, connection, client)


async def _look_for_drift(db: DatabaseConnection, connection: Connection, result: PullResult) -> None:
    """Tell what of the mapping needs a person now; that this cannot be done makes no pull a failed one.

    What no single connection tells of can only be other than it was where an account or site is.
    """
    if not any(run.stream in _MAPPED for run in result.runs):
        return
    changed = bool(result.changes.keys() & tree.WORDS)
    await drift.look(db, connection.connection_id, overall=changed)


async def _failed(
    db: DatabaseConnection,
    connection: Connection,
    puller: Puller,
    problem: errors.WaypostError,
    began: datetime,
) -> None:
    """Tell what a pull came to that an error ended; that the database went away as well changes nothing."""
    if isinstance(problem, _OF_NOBODY):
        return
    with contextlib.suppress(psycopg.Error):
        if isinstance(problem, errors.TokenRefusedError):
            await health.needs_attention(db, connection, problem, began=began)
            return
        stream = health.WHOLE
        if not isinstance(problem, _OF_ALL) and puller.result.runs:
            stream = puller.result.runs[-1].stream
        await health.failed(db, connection.connection_id, stream, problem)


async def _tell(
    db: DatabaseConnection, connection: Connection, puller: Puller, stream: str, troubled: frozenset[str]
) -> None:
    problem = puller.problems.get(stream)
    if problem is not None:
        await health.failed(db, connection.connection_id, stream, problem)
    elif stream in troubled:
        await health.recovered(db, connection.connection_id, stream)


async def _taken_over(database: Database, claim: Claim) -> bool:
    """Whether another worker holds the connection now.

    The server ends the session of a worker that was frozen inside a transaction; thawed, the worker finds its
    session broken before it can find its fence gone.
    """
    async with database.connect() as db:
        return not await runs.holds(db, claim)
