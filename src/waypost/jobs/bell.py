"""The bell: workers hear at once that something was asked for or stopped, instead of at their next look."""

import asyncio
from collections.abc import Callable
from typing import Final

import psycopg

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Database

_AGAIN: Final = 5.0
"""Seconds until a broken session is replaced; meanwhile workers look without being called."""


async def listen(database: Database, ring: Callable[[], None]) -> None:
    """Call `ring` whenever the schedule's bell is rung, until cancelled."""
    while True:
        try:
            async with database.connect() as db:
                await db.execute(queries.schedule.listen)
                ring()  # for what was missed
                async for _ in db.notifies():
                    ring()
        except (psycopg.Error, errors.StorageError):
            await asyncio.sleep(_AGAIN)
