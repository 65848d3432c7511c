"""Making the exports that were asked for, one at a time, beside a worker's pulls; and removing what has expired."""

import asyncio
import contextlib
import time
from typing import Final

import psycopg
import structlog

from waypost import errors
from waypost.exports import exporting, kept
from waypost.exports.exporting import Outcome
from waypost.exports.kept import Taken
from waypost.exports.places import Place
from waypost.storage import queries
from waypost.storage.database import Connection, Database

SESSIONS: Final = 2
"""Of the database: one to read, one to say that it is read."""
_LOOK: Final = 2.0
"""Seconds between two looks for something to export."""
_TROUBLE: Final = 5.0
"""The same while the database does not answer."""
_TIDY: Final = 60.0
"""Seconds between two looks for files that are to go."""

_log: Final = structlog.get_logger()


async def run(database: Database, worker: str, address: str) -> None:
    """Make what is asked for, until cancelled.

    Args:
        database: Where it is asked for and read; one session of it is held while an export is made, one to hold it.
        worker: Who this is.
        address: The place to write to; without one there is nothing to do.
    """
    if not address:
        return
    tidied = 0.0
    while True:
        try:
            async with database.connect() as db:
                if time.monotonic() - tidied >= _TIDY:
                    await tidy(db, address)
                    tidied = time.monotonic()
                taken = await kept.take(db, worker, address)
            if taken is None:
                await asyncio.sleep(_LOOK)
            else:
                await make(database, worker, taken, address)
        except (psycopg.Error, errors.StorageError) as problem:
            _log.warning("no export can be made", error=type(problem).__name__)
            await asyncio.sleep(_TROUBLE)
        except errors.ExportPlaceError as problem:
            _log.warning("exports cannot be tidied", error=problem.message)
            await asyncio.sleep(_TROUBLE)


async def make(database: Database, worker: str, taken: Taken, address: str) -> None:
    """Make one export, and say how that ended. What it leaves when it is cancelled, another makes."""
    if taken.tries > kept.MOST_TRIES:
        too_often = errors.WaypostError(
            f"The worker ended {kept.MOST_TRIES} times while it made this export."
        )
        await _end(database, worker, taken, too_often)
        return
    written = _Written()
    work = asyncio.create_task(_export(database, taken, address, written))
    holding = asyncio.create_task(_hold(database, worker, taken, written, work))
    try:
        outcome = await work
    except asyncio.CancelledError:
        this = asyncio.current_task()
        if this is not None and this.cancelling():  # and not `work` alone, by whoever holds it
            await asyncio.shield(_put_back(database, worker, taken, counted=False))
            raise
    except Exception as problem:  # noqa: BLE001  # told to whoever asked for it
        error = _error(problem, taken)
        await (
            _put_back(database, worker, taken, counted=True)
            if error is None
            else _end(database, worker, taken, error)
        )
    else:
        await _finish(database, worker, taken, outcome, address)
    finally:
        holding.cancel()
        work.cancel()
        await asyncio.gather(holding, work, return_exceptions=True)


class _Written:
    """How many rows were written so far."""

    def __init__(self) -> None:
        self.rows = 0

    def more(self, rows: int) -> None:
        self.rows += rows


async def _export(database: Database, taken: Taken, address: str, written: _Written) -> Outcome:
    file = f"{address.rstrip('/')}/{taken.file}"
    async with database.connect() as db:
        return await exporting.to_file(db, taken.order, file, written.more, private=True)


async def _hold(
    database: Database, worker: str, taken: Taken, written: _Written, work: asyncio.Task[Outcome]
) -> None:
    """Hold the export while it is made; give it up when it is not this worker's any more."""
    while True:
        await asyncio.sleep(kept.LEASE.total_seconds() / 6)
        with contextlib.suppress(psycopg.Error, errors.StorageError):  # the lease lasts longer than that
            async with database.connect() as db:
                if not await kept.hold(db, worker, taken, written.rows):
                    work.cancel()
                    return


async def _end(database: Database, worker: str, taken: Taken, error: errors.WaypostError) -> None:
    with contextlib.suppress(psycopg.Error, errors.StorageError):  # the lease will run out
        async with database.connect() as db:
            await kept.failed(db, worker, taken, error)


async def _put_back(database: Database, worker: str, taken: Taken, *, counted: bool) -> None:
    with contextlib.suppress(psycopg.Error, errors.StorageError):  # as above
        async with database.connect() as db:
            await kept.put_back(db, worker, taken, counted=counted)


async def _finish(database: Database, worker: str, taken: Taken, outcome: Outcome, address: str) -> None:
    async with database.connect() as db:
        mine = await kept.done(db, worker, taken, rows=outcome.rows, size=outcome.bytes)
    if not mine:
        await asyncio.to_thread(Place(address).remove, taken.file)


def _error(problem: Exception, taken: Taken) -> errors.WaypostError | None:
    """What whoever asked is told; None where another try may do better."""
    if isinstance(problem, errors.WaypostError) and problem.reaction is not errors.Reaction.TRANSIENT:
        return problem
    if taken.tries < kept.MOST_TRIES and isinstance(problem, (psycopg.Error, errors.WaypostError)):
        return None
    _log.error("export failed", export=str(taken.export_id), exc_info=problem)
    return errors.WaypostError("The export stopped by a mistake in Waypost; the log tells more.")


async def tidy(db: Connection, address: str) -> None:
    """Remove the files of exports that have expired or were deleted, as far as they lie at this place.

    Raises:
        ExportPlaceError: A file cannot be removed.
    """
    cursor = await db.execute(queries.exports.over, {"place": kept.place_name(address)})
    for export_id, file, state in await cursor.fetchall():
        if file:
            await asyncio.to_thread(Place(address).remove, file)
        query = queries.exports.forget_deleted if state == "deleted" else queries.exports.gone
        await db.execute(query, {"export_id": export_id})
    await asyncio.to_thread(Place(address).sweep, kept.KEPT.total_seconds())
