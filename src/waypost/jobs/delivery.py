"""Delivering to webhooks, beside the pulls: any number of workers share them, and each is one worker's at a time.

A receiver that is slow or dead costs a place and no session of the database while it is waited for; those that failed
last get half of the places at most, so that however many there are the others are told in time.
"""

import asyncio
import itertools
import secrets
from typing import Final

import psycopg
import structlog

from waypost import errors
from waypost.changes import feed
from waypost.changes.webhooks import lease
from waypost.changes.webhooks.lease import Taken
from waypost.changes.webhooks.sending import Sender
from waypost.changes.webhooks.turn import Turn
from waypost.jobs.gauges import Gauges
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import runs
from waypost.sync.now import Means
from waypost.unified import cursors

PLACES: Final = 200
"""Webhooks that are delivered at once."""
SESSIONS: Final = 4
"""Of the database, for all of them."""
_LOOK: Final = 1.0
"""Seconds between two looks for something to deliver."""
_TROUBLE: Final = 5.0
"""Seconds until the next look when the database does not answer."""

_log: Final = structlog.get_logger()


async def run(means: Means, gauges: Gauges, *, places: int = PLACES, every: float = _LOOK) -> None:
    """Deliver until cancelled; batches under way are sent again by whoever takes their webhooks next."""
    async with Sender(means.allowed) as sender:
        deliverer = Deliverer(means, sender, gauges, places)
        try:
            while True:
                try:
                    pause = every if await deliverer.look() else 2 * every
                except (psycopg.Error, errors.StorageError) as problem:
                    _log.warning("nothing can be delivered", error=type(problem).__name__)
                    pause = _TROUBLE
                except Exception:  # noqa: BLE001  # a mistake must not end all delivering
                    _log.exception("nothing can be delivered")
                    pause = _TROUBLE
                await asyncio.sleep(pause)
        finally:
            await deliverer.stop()


class Deliverer:
    """Takes webhooks and has them delivered.

    Args:
        means: Database, vault, and what may be called.
        sender: Makes the requests.
        gauges: Where it tells how it fares.
        places: Webhooks at once.
    """

    def __init__(self, means: Means, sender: Sender, gauges: Gauges, places: int = PLACES) -> None:
        self._means = means
        self._sender = sender
        self._gauges = gauges
        self._places = places
        self._gate = asyncio.Semaphore(SESSIONS)
        self._names = (f"{runs.this_process()}:{secrets.token_hex(2)}:{count}" for count in itertools.count())
        self._turns: set[asyncio.Task[None]] = set()
        self._failing: set[asyncio.Task[None]] = set()
        self._signs = False

    async def look(self) -> bool:
        """Take what there is something for, as far as there are places; whether there is any webhook."""
        async with self._gate, self._means.database.connect() as db:
            ((anybody,),) = await (await db.execute(queries.webhooks.any_enabled)).fetchall()
            if not anybody:
                return False
            if not self._signs:  # bodies have cursors in them
                await cursors.adopt(db)
                self._signs = True
            await feed.number(db)
            await self._take(db, self._places - len(self._turns), failing=False)
            places = min(self._places - len(self._turns), self._places // 2 - len(self._failing))
            await self._take(db, places, failing=True)
        return True

    async def idle(self) -> None:
        """Wait until nothing is being delivered."""
        while self._turns:
            await asyncio.wait(self._turns)

    async def stop(self) -> None:
        """Put everything down."""
        for task in self._turns:
            task.cancel()
        await asyncio.gather(*self._turns, return_exceptions=True)

    async def _take(self, db: Connection, places: int, *, failing: bool) -> None:
        if places <= 0:
            return
        for taken in await lease.take(db, next(self._names), places, failing=failing):
            task = asyncio.create_task(self._serve(taken))
            self._turns.add(task)
            if failing:
                self._failing.add(task)
            task.add_done_callback(self._ended)

    async def _serve(self, taken: Taken) -> None:
        turn = Turn(self._means.database, self._gate, self._means.vault, self._sender, taken)
        await turn.serve()
        self._gauges.delivered += turn.accepted
        self._gauges.delivery_failures += turn.failed

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._turns.discard(task)
        self._failing.discard(task)
