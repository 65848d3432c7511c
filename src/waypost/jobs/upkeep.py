"""What has to be done now and then, by one worker at a time: tokens looked after, old rows and old data removed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import psycopg
import structlog

from waypost import errors
from waypost.connections import expiry, lifecycle, renewal
from waypost.jobs import retention
from waypost.jobs.gauges import Gauges
from waypost.jobs.limiters import Limiters
from waypost.organizations import drift
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import schedule
from waypost.sync.now import Means

_log: Final = structlog.get_logger()
_LOCK_SPACE: Final = 0x5750_5550  # "WPUP"
_ROUND: Final = timedelta(seconds=15)
_MOST: Final = 25
"""Consoles that are asked in one round; the others wait for the next."""

Chore = Callable[[Connection, Means, Limiters], Awaitable[None]]


async def run(means: Means, limiters: Limiters, gauges: Gauges, *, every: timedelta = _ROUND) -> None:
    """Do every chore when its time has come, until cancelled."""
    done: dict[str, float] = {}
    while True:
        try:
            await once(means, limiters, done)
            gauges.upkeep_at = time.time()
        except (psycopg.Error, errors.StorageError) as problem:
            _log.warning("upkeep stopped", error=type(problem).__name__)
        await asyncio.sleep(every.total_seconds())


async def once(means: Means, limiters: Limiters, done: dict[str, float]) -> bool:
    """Do the chores whose time has come; `done` says when each was last done, by a monotonic clock.

    Returns:
        Whether this worker was the one to do it.
    """
    async with means.database.connect() as db:
        ((mine,),) = await (await db.execute(queries.schedule.try_upkeep, {"space": _LOCK_SPACE})).fetchall()
        if not mine:
            return False
        try:
            for name, (every, chore) in CHORES.items():
                if time.monotonic() - done.get(name, -every.total_seconds()) >= every.total_seconds():
                    done[name] = time.monotonic()
                    await _do(name, chore, db, means, limiters)
        finally:
            if not db.broken:
                await db.execute(queries.schedule.end_upkeep, {"space": _LOCK_SPACE})
    return True


async def _do(name: str, chore: Chore, db: Connection, means: Means, limiters: Limiters) -> None:
    """One chore; what goes wrong in it does not keep the others from being done."""
    try:
        await chore(db, means, limiters)
    except psycopg.OperationalError:
        raise  # the database is away, for the others too
    except errors.WaypostError as problem:
        _log.warning("upkeep failed", chore=name, code=problem.code, message=problem.message)
    except Exception as problem:  # noqa: BLE001  # a mistake in one chore must not end all upkeep
        _log.error("upkeep failed", chore=name, exc_info=problem)


async def _refuse_stopped(db: Connection, means: Means, limiters: Limiters) -> None:
    del means, limiters
    await schedule.refuse_stopped(db)


async def _keep(db: Connection, means: Means, limiters: Limiters) -> None:
    del means, limiters
    deleted = {what: count for what, count in (await retention.keep(db)).items() if count}
    if deleted:
        _log.info("old rows deleted", **{what.replace(" ", "_"): count for what, count in deleted.items()})


async def _purge(db: Connection, means: Means, limiters: Limiters) -> None:
    del means, limiters
    if purged := await lifecycle.purge_expired(db):
        _log.info("deleted connections purged", connections=purged)


async def _read_expiry(db: Connection, means: Means, limiters: Limiters) -> None:
    for connection in (await expiry.due(db))[:_MOST]:
        limiter = limiters.of(connection.connection_id)
        try:
            await expiry.read(db, means.vault, connection, means.allowed, limiter)
        except errors.WaypostError as problem:
            _log.info("expiry not read", connection=connection.name, code=problem.code)


async def _renew(db: Connection, means: Means, limiters: Limiters) -> None:
    for connection in (await renewal.due(db))[:_MOST]:
        limiter = limiters.of(connection.connection_id)
        try:
            await renewal.renew(db, means.vault, connection, means.allowed, limiter)
        except errors.WaypostError as problem:
            _log.warning("token not renewed", connection=connection.name, code=problem.code)


async def _look_for_drift(db: Connection, means: Means, limiters: Limiters) -> None:
    """Whatever changes the mapping looks for drift itself; this finds what a removed connection left, or a crash."""
    del means, limiters
    await drift.reconcile(db)


CHORES: Final[Mapping[str, tuple[timedelta, Chore]]] = {
    "refuse requests for stopped connections": (timedelta(seconds=15), _refuse_stopped),
    "read when tokens expire": (timedelta(minutes=1), _read_expiry),
    "renew tokens": (timedelta(minutes=1), _renew),
    "delete old rows": (timedelta(minutes=5), _keep),
    "purge deleted connections": (timedelta(minutes=5), _purge),
    "look for drift of the mapping": (timedelta(minutes=15), _look_for_drift),
}
"""What is done, and how often."""
