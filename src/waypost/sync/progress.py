"""How a pull goes on: plain events for who runs it, and for everybody else what the database says of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection, Database

POLL: Final = 0.5
"""Seconds between two looks at a pull that somebody follows."""

QUEUED: Final = "queued"
RUNNING: Final = "running"
_WORST_FIRST: Final = (RUNNING, "interrupted", "failed", "partial", "done")


class RunStarted(msgspec.Struct, frozen=True):
    """A run begins, or goes on from where an earlier pull stopped."""

    connection: str
    stream: str
    kind: str
    walks: int
    resumed: bool


class BatchStored(msgspec.Struct, frozen=True):
    """Totals of the run after one more transaction."""

    connection: str
    stream: str
    rows: int
    pages: int
    walks_left: int


class RunEnded(msgspec.Struct, frozen=True):
    """The run is over, whichever way."""

    connection: str
    stream: str
    state: str
    counts: dict[str, int]
    seconds: float


Event = RunStarted | BatchStored | RunEnded
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does nothing."""
    del event


class RunProgress(msgspec.Struct, frozen=True):
    """How one run of a pull stands, whoever works on it."""

    stream: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float
    walks: int
    walks_left: int
    counts: dict[str, int]
    warnings: list[str]
    error: dict[str, str] | None = None


class Pull(msgspec.Struct, frozen=True):
    """How a pull stands.

    Attributes:
        connection_id: The connection's public id.
        connection: Its name.
        organization_id: The organization that the connection belongs to, for who may see this.
        state: `queued`, `running`, and at the end `done`, `partial`, `failed` or `interrupted`.
        runs: One for each stream that it has come to, in order.
        error: What ended it before its end.
    """

    pull_id: uuid.UUID
    connection_id: uuid.UUID
    connection: str
    organization_id: int | None
    state: str
    asked_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    runs: list[RunProgress]
    error: dict[str, str] | None = None

    @property
    def over(self) -> bool:
        return self.state not in (QUEUED, RUNNING)


async def snapshot(db: Connection, pull_id: uuid.UUID) -> Pull | None:
    """A pull as it stands; None if there is none of this id, or it is so long ago that it was forgotten."""
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.schedule.pull, {"pull_id": pull_id})
        rows = await cursor.fetchall()
    if not rows:
        return None
    runs = [_run(row) for row in rows if row["stream"] is not None]
    first = rows[0]
    ends = [run.finished_at for run in runs if run.finished_at is not None]
    state = _state(first, runs)
    return Pull(
        pull_id,
        first["connection_uuid"],
        first["connection"],
        first["organization_id"],
        state,
        first["asked_at"],
        first["taken_at"] or (runs[0].started_at if runs else None),
        first["answered_at"] or (max(ends, default=None) if state not in (QUEUED, RUNNING) else None),
        runs,
        first["error"] or next((run.error for run in runs if run.error), None),
    )


async def follow(
    database: Database, pull_id: uuid.UUID, *, every: float = POLL, known: Pull | None = None
) -> AsyncIterator[Pull]:
    """A pull as it stands, again each time that something has changed, until it is over.

    Whoever works on it is asked nothing: the database has it all.
    """
    while True:
        async with database.connect() as db:
            pull = await snapshot(db, pull_id)
        if pull is None:
            return
        if known is None or _told(pull) != _told(known):
            known = pull
            yield pull
        if pull.over:
            return
        await asyncio.sleep(every)


def _run(row: dict[str, Any]) -> RunProgress:  # Any: columns of different types
    error = row["run_error"]
    return msgspec.convert({**row, "error": error}, RunProgress)


def _state(asked: dict[str, Any], runs: Sequence[RunProgress]) -> str:  # Any: as above
    """A request is over when it was answered; a pull that nobody asked for, when no run of it goes on."""
    if asked["asked_at"] is not None and asked["answered_at"] is None:
        return RUNNING if asked["taken_at"] is not None else QUEUED
    states = {run.state for run in runs}
    if asked["error"] is not None and not states & {"failed", "interrupted"}:
        return "failed"
    return next((state for state in _WORST_FIRST if state in states), "done")


def _told(pull: Pull) -> tuple[object, ...]:
    """What of a pull is news; that time goes by is none."""
    return pull.state, [(run.stream, run.state, run.counts, run.walks_left, run.walks) for run in pull.runs]
