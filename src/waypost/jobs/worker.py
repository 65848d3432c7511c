"""The worker: takes connections that are due, pulls them side by side, gives them back.

Any number of workers share the schedule, in one process or on many machines. A worker keeps nothing that matters: it
may be killed at any point, and what it had is taken by another when its lease has run out.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec
import psycopg
import structlog

from waypost import errors
from waypost.connections.states import State
from waypost.jobs import bell, delivery, exporting, gauges, turn, upkeep
from waypost.jobs.gauges import Gauges
from waypost.jobs.limiters import Limiters
from waypost.storage.database import Connection
from waypost.sync import runs, schedule
from waypost.sync.now import Means
from waypost.sync.schedule import Taken

CONCURRENCY: Final = 24
"""Pulls at once: 1,000 connections a minute, if each takes no longer than 1.4 s."""

_SPARE_SESSIONS: Final = 4 + delivery.SESSIONS + exporting.SESSIONS
"""Of the database beside those of the pulls: looking for work, holding it, the bell, the upkeep, delivering."""
_LONGEST_LOOK: Final = 2.0
"""Seconds between two looks for work, at most; what is asked for meanwhile rings."""
_SHORTEST_LOOK: Final = 0.2
"""And at least: connections that come due together are taken together."""
_TROUBLE: Final = 5.0
"""Seconds until the next look when the database does not answer."""
_GRACE: Final = 10.0
"""Seconds that pulls have to leave things in order when the worker is to stop."""

_log: Final = structlog.get_logger()


async def run(
    means: Means,
    stop: asyncio.Event,
    *,
    concurrency: int = CONCURRENCY,
    name: str = "",
    counts: Gauges = gauges.HERE,
    lease: timedelta = schedule.LEASE,
) -> None:
    """Work until told to stop; then pulls under way are left to be gone on with.

    Args:
        means: What pulls need. The worker keeps database sessions of its own, two for each pull at most.
        stop: Ends it.
        concurrency: Pulls at once.
        name: Who has taken a connection; made up if it is not given, and never used twice at the same time.
        counts: Where the worker tells how it fares.
        lease: How long others leave its connections alone when it says nothing.
    """
    async with means.database.pooled(2 * concurrency + _SPARE_SESSIONS) as database:
        worker = _Worker(
            msgspec.structs.replace(means, database=database),
            concurrency,
            name or f"{runs.this_process()}:{secrets.token_hex(2)}",
            counts,
            lease,
        )
        async with worker.beside():
            await worker.work(stop)


class _Worker:
    def __init__(self, means: Means, concurrency: int, name: str, counts: Gauges, lease: timedelta) -> None:
        self._means = means
        self._name = name
        self._counts = counts
        self._lease = lease
        self._limiters = Limiters(means.limiter)
        self._pulls: dict[int, asyncio.Task[None]] = {}
        self._first: set[int] = set()
        """Of the pulls, those that are their connection's first."""
        self._wake = asyncio.Event()
        counts.places = concurrency

    @contextlib.asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """What goes on beside the work, and an orderly end of the pulls under way."""
        tasks = [
            asyncio.create_task(self._keep_holding()),
            asyncio.create_task(bell.listen(self._means.database, self._wake.set)),
            asyncio.create_task(upkeep.run(self._means, self._limiters, self._counts)),
            asyncio.create_task(delivery.run(self._means, self._counts)),
            asyncio.create_task(exporting.run(self._means.database, self._name, self._means.exports)),
        ]
        try:
            yield
        finally:
            pulls = list(self._pulls.values())
            for task in (*pulls, *tasks[1:]):
                task.cancel()
            if pulls:
                await asyncio.wait(pulls, timeout=_GRACE)
            tasks[0].cancel()  # holds what is being put in order
            await asyncio.gather(*tasks, return_exceptions=True)

    async def work(self, stop: asyncio.Event) -> None:
        """Look for work, again and again."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
        try:
            while not stop.is_set():
                self._counts.alive_at = time.time()
                pause = await self._look_if_possible()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
        finally:
            stopping.cancel()

    async def _look_if_possible(self) -> float:
        self._wake.clear()
        try:
            return await self._look()
        except (psycopg.Error, errors.StorageError) as problem:
            _log.warning("no work can be taken", error=type(problem).__name__)
            return _TROUBLE

    async def _look(self) -> float:
        """Take what is due as far as there are places; seconds until the next look."""
        async with self._means.database.connect() as db:
            for taken in await self._take(db, self._free(), schedule.OLD):
                self._start(taken)
            # First pulls may take long, so they leave half of the places to the others.
            places = min(self._free(), max(1, self._counts.places // 2) - len(self._first))
            for taken in await self._take(db, places, schedule.NEW):
                self._first.add(taken.connection_id)
                self._start(taken)
            if not self._free():
                return _LONGEST_LOOK  # the end of a pull wakes it
            seconds = await schedule.seconds_to_next(db)
        return min(_LONGEST_LOOK, max(_SHORTEST_LOOK, _LONGEST_LOOK if seconds is None else seconds))

    def _free(self) -> int:
        return self._counts.places - len(self._pulls)

    async def _take(self, db: Connection, places: int, states: Sequence[State]) -> list[Taken]:
        if places <= 0:
            return []
        return await schedule.take(db, self._name, places, states=states, lease=self._lease)

    def _start(self, taken: Taken) -> None:
        if taken.connection_id in self._pulls:  # taken back from itself, after a freeze: the pull will notice
            return
        limiter = self._limiters.of(taken.connection_id)
        task = asyncio.create_task(turn.serve(self._means, self._name, taken, limiter, self._counts))
        self._pulls[taken.connection_id] = task
        task.add_done_callback(lambda _: self._ended(taken.connection_id))
        self._counts.taken = len(self._pulls)

    def _ended(self, connection_id: int) -> None:
        was_full = not self._free()
        del self._pulls[connection_id]
        self._first.discard(connection_id)
        self._counts.taken = len(self._pulls)
        if was_full:
            self._wake.set()

    async def _keep_holding(self) -> None:
        """Say that the worker lives; stop pulls of what it no longer holds, or may no longer pull."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            mine = dict(self._pulls)
            try:
                async with self._means.database.connect() as db:
                    held = await schedule.hold(db, self._name, mine, lease=self._lease)
            except (psycopg.Error, errors.StorageError):  # `_look` tells
                continue
            for connection_id in mine.keys() - held:
                mine[connection_id].cancel()
