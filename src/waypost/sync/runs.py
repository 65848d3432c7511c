"""Sync runs and the right to work on them: claim, start or go on, renew, finish (rule 4).

A claim raises the connection's fence; everything stored afterwards proves that fence in its own
transaction. A worker that was frozen meanwhile finds its fence gone and stores nothing more. A lock of the
database session tells a living worker from one that died, so that a crash is gone on with at once.
"""

import asyncio
import contextlib
import os
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection, Database
from waypost.unified.words import ChangeKind

LEASE: Final = timedelta(seconds=45)
"""How long a worker that says nothing keeps its runs."""

_EFFORT: Final = frozenset({"pages", "rows", "requests", "duplicates"})
"""Counts of what a run asked for and got, which say nothing of what was new."""

_LOCK_SPACE: Final = 0x5750_5359  # "WPSY": the session locks of pulls


class Run(msgspec.Struct):
    """One pull of one stream, as this worker holds it. `counts` are totals over all its resumptions."""

    connection_id: int
    connection_uuid: uuid.UUID
    run_id: uuid.UUID
    stream: str
    kind: str
    fence: int
    since: datetime | None
    console_time: datetime | None
    counts: Counter[str]
    warnings: list[str]
    resumed: bool = False

    @property
    def full(self) -> bool:
        return self.kind == "full"

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


class Unfinished(msgspec.Struct, frozen=True):
    """A run that stopped before its end; `usable` if it can be gone on with."""

    run_id: uuid.UUID
    stream: str
    kind: str
    since: datetime | None
    console_time: datetime | None
    counts: dict[str, int]
    warnings: list[str]
    usable: bool


class Reached(msgspec.Struct, frozen=True):
    """What the schedule and the next run of a stream learn from the end of one.

    Attributes:
        since: Where the next delta starts; None leaves that as it is.
        whole: Everything was walked.
        refused: The console showed nothing.
    """

    since: datetime | None = None
    whole: bool = False
    refused: bool = False


class Reader:
    """A second database session beside the one that stores; most deltas end without having needed it.

    Args:
        database: Where from.
        stack: Ends the session when the pull ends.
    """

    def __init__(self, database: Database, stack: contextlib.AsyncExitStack) -> None:
        self._database = database
        self._stack = stack
        self._opening = asyncio.Lock()
        self._db: Connection | None = None

    async def get(self) -> Connection:
        """The session, opened by the first who asks."""
        async with self._opening:
            if self._db is None:
                self._db = await self._stack.enter_async_context(self._database.connect())
            return self._db


class Claim:
    """The right to pull one connection, until it ends or another worker claims it."""

    def __init__(
        self,
        db: Connection,
        connection_id: int,
        connection_uuid: uuid.UUID,
        fence: int,
        pull_id: uuid.UUID | None = None,
    ) -> None:
        self._db = db
        self.connection_id = connection_id
        self.connection_uuid = connection_uuid
        self.fence = fence
        self.pull_id = pull_id or uuid.uuid4()

    async def unfinished(self) -> list[Unfinished]:
        """Runs that stopped before their end, oldest first."""
        cursor = await self._db.execute(queries.runs.unfinished, {"connection_id": self.connection_id})
        return [Unfinished(*row) for row in await cursor.fetchall()]

    async def keep_only(self, runs: Sequence[Unfinished]) -> None:
        """End every other unfinished run, and forget what ended runs had seen."""
        keep = [run.run_id for run in runs]
        async with self._db.transaction():
            await self._db.execute(queries.runs.give_up, {"connection_id": self.connection_id, "keep": keep})
            await self._db.execute(queries.runs.forget_seen, {"connection_id": self.connection_id})

    async def start(self, stream: str, kind: str, since: datetime | None, walks: str) -> Run:
        """A new run; `walks` are those of its plan, as JSON.

        Raises:
            LeaseLostError: The connection was claimed by another worker, paused or removed.
        """
        cursor = await self._db.execute(
            queries.runs.start, self._facts(stream=stream, kind=kind, since=since, walks=walks)
        )
        started = await cursor.fetchone()
        if started is None:
            raise errors.LeaseLostError
        (run_id,) = started
        return Run(
            self.connection_id,
            self.connection_uuid,
            run_id,
            stream,
            kind,
            self.fence,
            since,
            None,
            Counter(),
            [],
        )

    async def go_on(self, stopped: Unfinished) -> Run:
        """A run that stopped, taken up again.

        Raises:
            LeaseLostError: As above.
        """
        cursor = await self._db.execute(queries.runs.take_over, self._facts(run_id=stopped.run_id))
        if cursor.rowcount == 0:
            raise errors.LeaseLostError
        return Run(
            self.connection_id, self.connection_uuid, stopped.run_id, stopped.stream, stopped.kind, self.fence,
            stopped.since, stopped.console_time, Counter(stopped.counts), list(stopped.warnings), resumed=True,
        )  # fmt: skip

    def _facts(self, **more: Any) -> dict[str, Any]:  # Any: parameters of a query
        return {
            "connection_id": self.connection_id,
            "fence": self.fence,
            "pull_id": self.pull_id,
            "lease": LEASE,
            "worker": this_process(),
            **more,
        }


def this_process() -> str:
    """Host and process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextlib.asynccontextmanager
async def claim(
    db: Connection, connection_id: int, name: str, pull_id: uuid.UUID | None = None
) -> AsyncIterator[Claim]:
    """Hold the connection while the block runs.

    Args:
        db: In autocommit; the lock lives as long as it.
        connection_id: Which.
        name: For the error.
        pull_id: What the pull was announced as, if it was.

    Raises:
        SyncRunningError: A living worker holds it and its lease has not run out.
    """
    cursor = await db.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_SPACE, connection_id))
    (locked,) = await _one(cursor)
    if not locked:
        cursor = await db.execute(queries.runs.held_until, {"connection_id": connection_id})
        until, worker = await _one(cursor)
        if until is not None:
            raise errors.SyncRunningError(f"The connection {name!r} is being pulled already, by {worker}.")
    try:
        cursor = await db.execute(queries.runs.claim, {"connection_id": connection_id})
        fence, connection_uuid = await _one(cursor)
        yield Claim(db, connection_id, connection_uuid, fence, pull_id)
    finally:
        if locked and not db.closed:
            with contextlib.suppress(psycopg.Error):  # then the lock ends with the session
                await db.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK_SPACE, connection_id))


async def renew(db: Connection, run: Run) -> None:
    """Prove the fence and prolong the lease; inside every transaction that stores something.

    Raises:
        LeaseLostError: Another worker has the run; the transaction must be rolled back, which raising does.
    """
    cursor = await db.execute(queries.runs.renew, _held(run))
    if cursor.rowcount == 0:
        raise errors.LeaseLostError


async def advance(db: Connection, run: Run, walks: str) -> None:
    """Do what `renew` does, and write how far walks are; they are given as JSON.

    Raises:
        LeaseLostError: As above.
    """
    cursor = await db.execute(queries.runs.advance, {**_held(run), "walks": walks})
    if cursor.rowcount == 0:
        raise errors.LeaseLostError


def _held(run: Run) -> dict[str, Any]:  # Any: parameters of a query
    return {
        "connection_id": run.connection_id,
        "run_id": run.run_id,
        "fence": run.fence,
        "lease": LEASE,
        "console_time": run.console_time,
        "counts": Jsonb(run.counts),
        "warnings": Jsonb(run.warnings),
    }


async def holds(db: Connection, claim: Claim) -> bool:
    """Whether nobody has claimed the connection since."""
    cursor = await db.execute(queries.runs.fence, {"connection_id": claim.connection_id})
    return await cursor.fetchone() == (claim.fence,)


async def keep_alive(reader: Reader, run: Run) -> None:
    """Prolong the lease for as long as this is awaited: a slow console must not cost it."""
    facts = {
        "connection_id": run.connection_id,
        "run_id": run.run_id,
        "fence": run.fence,
        "lease": LEASE,
    }
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        db = await reader.get()
        await db.execute(queries.runs.beat, facts)


async def finish(
    db: Connection,
    run: Run,
    state: str,
    error: errors.WaypostError | None = None,
    reached: Reached | None = None,
) -> None:
    """Write the end of a run, and how far it reached unless it was cut off.

    Raises:
        LeaseLostError: Another worker has it, and so nothing was written.
    """
    facts = {
        "connection_id": run.connection_id,
        "run_id": run.run_id,
        "fence": run.fence,
        "state": state,
        "counts": Jsonb(run.counts),
        "warnings": Jsonb(run.warnings),
        "error": Jsonb(described(error)) if error else None,
        "marked": reached is not None,
        "told": _told(run, state),
        "detail": Jsonb(_detail(run, state, error)),
        **msgspec.structs.asdict(reached or Reached()),
    }
    cursor = await db.execute(queries.runs.finish, facts)
    if await cursor.fetchone() is None:
        raise errors.LeaseLostError


def _told(run: Run, state: str) -> int | None:
    """The kind of the end's entry in the change log; None for a run that found nothing new, and for a pause."""
    if state == "failed":
        return ChangeKind.RUN_FAILED.value
    if state == "interrupted" or not any(count for what, count in run.counts.items() if what not in _EFFORT):
        return None
    return ChangeKind.RUN_FINISHED.value


def _detail(run: Run, state: str, error: errors.WaypostError | None) -> dict[str, Any]:  # Any: JSON
    told = {"stream": run.stream, "kind": run.kind, "state": state}
    if error is not None:
        return {**told, "error": described(error)}
    return {**told, "counts": {what: count for what, count in run.counts.items() if count}}


def described(error: errors.WaypostError) -> dict[str, str]:
    """An error as it is kept and shown: code, message, owner, remedy."""
    return {"code": error.code, "message": str(error), "owner": str(error.owner), "remedy": error.remedy}


async def _one(cursor: Any) -> tuple[Any, ...]:  # Any: a row has the columns its query names
    row: tuple[Any, ...] | None = await cursor.fetchone()
    assert row is not None  # noqa: S101  # these queries always give a row
    return row
