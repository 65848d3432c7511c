"""A connection's turn: it is pulled, and whatever came of that, it is given back with the time of its next one."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

import msgspec
import psycopg
import structlog

from waypost import errors
from waypost.connections import registry
from waypost.jobs import backoff
from waypost.jobs.gauges import Gauges
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Connection
from waypost.sync import now, schedule, streams
from waypost.sync.now import Means
from waypost.sync.schedule import Taken

_AT_ONCE: Final = timedelta(0)
_log: Final = structlog.get_logger()


async def serve(means: Means, worker: str, taken: Taken, limiter: Limiter, counts: Gauges) -> None:
    """Pull what was taken, and give it back. Errors end here: they are told where people look for them."""
    if taken.due:
        counts.began(taken.late)
    elif taken.pull_id is None:  # another worker was faster
        await _given_back(means, worker, taken, _AT_ONCE)
        return
    try:
        async with means.database.connect() as db:
            await _pull(db, means, taken, limiter)
            with contextlib.suppress(psycopg.Error):  # the lease will run out
                await schedule.done(db, worker, taken)
        counts.done += 1
    except (errors.InterruptedRunError, errors.LeaseLostError, errors.NoSuchConnectionError):
        await asyncio.shield(_given_back(means, worker, taken, _AT_ONCE))
    except errors.SyncRunningError:
        await _given_back(means, worker, taken, backoff.BUSY, kept=True)
    except Exception as problem:  # noqa: BLE001  # a mistake in one pull must not end the worker
        counts.failed += 1
        await _failed(means, worker, taken, problem)
    except asyncio.CancelledError:
        await asyncio.shield(_given_back(means, worker, taken, _AT_ONCE))
        raise


async def _pull(db: Connection, means: Means, taken: Taken, limiter: Limiter) -> None:
    connection = await registry.by_uuid(db, taken.connection_uuid)
    chosen = None
    if taken.pull_id is not None:
        chosen = [
            stream for stream in streams.IN_ORDER if taken.streams is None or stream.name in taken.streams
        ]
    await now.pull(
        msgspec.structs.replace(means, limiter=limiter),
        connection,
        full=taken.whole,
        streams=chosen,
        pull_id=taken.pull_id,
        session=db,
    )


async def _failed(means: Means, worker: str, taken: Taken, problem: Exception) -> None:
    """Rest before the next try. What a console or a token did wrong has been told; a mistake of ours is told here."""
    failures = taken.failures + 1
    if isinstance(problem, errors.WaypostError):
        error = problem
    elif isinstance(problem, psycopg.Error):
        error = errors.DatabaseUnreachableError("The database went away during the pull.")
    else:
        _log.error("pull broke", exc_info=problem)
        error = errors.WaypostError("The pull stopped by a mistake in Waypost; the log tells more.")
    await _given_back(means, worker, taken, backoff.rest(problem, failures), error=error, failures=failures)


async def _given_back(
    means: Means,
    worker: str,
    taken: Taken,
    pause: timedelta,
    *,
    error: errors.WaypostError | None = None,
    failures: int | None = None,
    kept: bool = False,
) -> None:
    with contextlib.suppress(psycopg.Error, errors.StorageError):  # the lease will run out
        async with means.database.connect() as db:
            await schedule.put_off(db, worker, taken, pause, error=error, failures=failures, kept=kept)
