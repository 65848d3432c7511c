"""When connections are pulled, as the database has it: asked for, taken by a worker, given back until the next beat.

There is one row a connection. A worker that takes it holds it for as long as it says so; one that died leaves that
to run out. What keeps two pulls of one connection apart is the claim (`runs.claim`); the schedule only spares workers
the attempt.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections.connection import Connection
from waypost.connections.states import State
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.sync import runs
from waypost.sync.streams import Stream

LEASE: Final = timedelta(seconds=45)
"""How long a worker that says nothing keeps what it has taken."""

OLD: Final = (State.ACTIVE,)
NEW: Final = (State.PENDING,)
"""First pulls can take hours, so workers take them apart from the others."""


class Requested(msgspec.Struct, frozen=True):
    """A pull that was asked for; `joined` if it had been asked for before and is not over."""

    pull_id: uuid.UUID
    joined: bool


class Taken(msgspec.Struct, frozen=True):
    """A connection that this worker is to pull now.

    Attributes:
        next_at: When it was due, or would be if nobody had asked.
        failures: Pulls that failed, in a row.
        now: The database's clock when it was taken.
        pull_id: Of the request that this pull answers; None for a beat.
        whole: The request is to walk everything.
        streams: What the request is limited to.
    """

    connection_id: int
    connection_uuid: uuid.UUID
    next_at: datetime
    failures: int
    now: datetime
    pull_id: uuid.UUID | None
    whole: bool
    streams: list[str] | None

    @property
    def late(self) -> float:
        """Seconds after its time; 0 for one that was asked for before it."""
        return max(0.0, (self.now - self.next_at).total_seconds())

    @property
    def due(self) -> bool:
        return self.next_at <= self.now


async def request(
    db: DatabaseConnection,
    actor: Actor,
    connection: Connection,
    *,
    full: bool = False,
    streams: Sequence[Stream] | None = None,
) -> Requested:
    """Have a connection pulled by the next worker that has a place free; the same asked for twice is done once.

    Raises:
        ConnectionStateError: It is paused.
        NoSuchConnectionError: It was removed meanwhile.
    """
    if connection.state == State.PAUSED:
        raise errors.ConnectionStateError(
            f"The connection {connection.name!r} is paused, so it is not pulled.",
            remedy="Resume it: `waypost connection resume NAME`, or POST to its /resume.",
        )
    facts = {
        "connection_id": connection.connection_id,
        "whole": full,
        "streams": None if streams is None else [stream.name for stream in streams],
    }
    async with db.transaction():
        if await (await db.execute(queries.schedule.lock, facts)).fetchone() is None:
            raise errors.NoSuchConnectionError(f"The connection {connection.name!r} was removed meanwhile.")
        row = await (await db.execute(queries.schedule.open_request, facts)).fetchone()
        if row is not None:
            return Requested(row[0], joined=True)
        ((pull_id,),) = await (await db.execute(queries.schedule.ask, facts)).fetchall()
        asked = {"pull_id": str(pull_id), "full": full, "streams": facts["streams"]}
        await audit.record(db, actor, "connection.sync_asked", **connection.subject, after=asked)
        await db.execute(queries.schedule.ring)
    return Requested(pull_id, joined=False)


async def take(
    db: DatabaseConnection,
    worker: str,
    limit: int,
    *,
    states: Sequence[State] = (*OLD, *NEW),
    lease: timedelta = LEASE,
) -> list[Taken]:
    """Take connections that are due or asked for and that no living worker has, the longest due first."""
    facts = {"worker": worker, "limit": limit, "states": list(states), "lease": lease}
    async with db.cursor(row_factory=class_row(Taken)) as cursor:
        await cursor.execute(queries.schedule.take, facts)
        return await cursor.fetchall()


async def hold(
    db: DatabaseConnection, worker: str, connection_ids: Collection[int], *, lease: timedelta = LEASE
) -> set[int]:
    """Keep what was taken; those that this worker still has and may go on to pull."""
    facts = {"worker": worker, "connection_ids": list(connection_ids), "lease": lease}
    cursor = await db.execute(queries.schedule.hold, facts)
    return {connection_id for (connection_id,) in await cursor.fetchall()}


async def worker_of(db: DatabaseConnection, connection: Connection) -> str | None:
    """The living worker that has the connection, if one has."""
    cursor = await db.execute(queries.schedule.worker, {"connection_id": connection.connection_id})
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def seconds_to_next(db: DatabaseConnection) -> float | None:
    """Until the next connection is due; negative if one is; None if there is none."""
    ((seconds,),) = await (await db.execute(queries.schedule.next)).fetchall()
    return None if seconds is None else float(seconds)


async def done(
    db: DatabaseConnection, worker: str, taken: Taken, error: errors.WaypostError | None = None
) -> None:
    """Give a connection back until its next place on the beat: the pull went well enough.

    Args:
        db: In autocommit.
        worker: Who has it.
        taken: What.
        error: What to answer a request with all the same.
    """
    facts = {
        "connection_id": taken.connection_id,
        "worker": worker,
        "place": place(taken.connection_uuid),
    }
    await _answer(db, taken, error)
    await db.execute(queries.schedule.on_beat, facts)


async def put_off(
    db: DatabaseConnection,
    worker: str,
    taken: Taken,
    pause: timedelta,
    *,
    error: errors.WaypostError | None = None,
    failures: int | None = None,
    kept: bool = False,
) -> None:
    """Give a connection back for a while.

    Args:
        db: In autocommit.
        worker: Who has it.
        taken: What.
        pause: Until it is due again.
        error: Answers a request; without one it stays open.
        failures: In a row so far; None leaves the count.
        kept: Not even a request is served before.
    """
    facts = {
        "connection_id": taken.connection_id,
        "worker": worker,
        "pause": pause,
        "failures": failures,
        "kept": kept,
    }
    if error is not None:
        await _answer(db, taken, error)
    await db.execute(queries.schedule.put_off, facts)


async def refuse_stopped(db: DatabaseConnection) -> None:
    """Answer what was asked for before a connection was paused, or it would wait for ever."""
    error = errors.ConnectionStateError(
        "The connection was paused before it was pulled.",
        remedy="Resume it with `waypost connection resume NAME`, then ask again.",
    )
    await db.execute(queries.schedule.refuse, {"error": Jsonb(runs.described(error))})


def place(connection: uuid.UUID) -> float:
    """Where in the interval between two beats a connection has its own, from 0 to 1.

    Its id is random, so any number of connections spread evenly, and each keeps its place.
    """
    return (connection.int & 0xFFFF_FFFF) / 0x1_0000_0000


async def _answer(db: DatabaseConnection, taken: Taken, error: errors.WaypostError | None) -> None:
    if taken.pull_id is not None:
        described = Jsonb(runs.described(error)) if error else None
        await db.execute(queries.schedule.answer, {"pull_id": taken.pull_id, "error": described})
