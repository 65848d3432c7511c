"""Fetching: the walks of a run side by side, their pages in one queue, in order within each walk.

Knows no SQL. What goes wrong in a walk comes through the queue too, after the pages before it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.sentinelone import pages
from waypost.sentinelone.client import Client
from waypost.sync.plan import Partition
from waypost.sync.runs import Run
from waypost.sync.streams import Stream

SIDE_BY_SIDE: Final = 6
"""Walks fetched at once. With a page ahead each, enough to use 3 requests/s at 3 s an answer."""
_QUEUED_PAGES: Final = 10
"""Bounds memory: a page is about 2 MB when decoded."""
_RESTARTS: Final = 3
"""How often a walk may begin again because its cursor expired."""

REFUSALS: Final = (errors.ForbiddenRoleError, errors.ForbiddenScopeError, errors.NotLicensedError)
"""What ends a walk but not the run: the console will not show this partition."""


class Walk(msgspec.Struct):
    """One chain of pages. `whole` falls when a row could not be read and not be told from others either."""

    number: int
    partition: Partition
    state: str = "pending"
    whole: bool = True
    cursor: str | None = None
    batches: int = 0


class Fetched(msgspec.Struct, frozen=True):
    """One page of a walk."""

    walk: Walk
    page: pages.Page[Any]  # Any: each stream has rows of its own


class Restarted(msgspec.Struct, frozen=True):
    """The walk's cursor has expired; it begins again with the pages after this."""

    walk: Walk


class Refused(msgspec.Struct, frozen=True):
    """The console will not show what the walk covers."""

    walk: Walk
    error: errors.ConsoleError


class _Failed(msgspec.Struct, frozen=True):
    error: BaseException


Item = Fetched | Restarted | Refused
_END: Final = None


class Fetcher:
    """Feeds the pages of all pending walks of a run through `next_items`."""

    def __init__(self, client: Client, stream: Stream, run: Run, walks: Sequence[Walk]) -> None:
        self._client = client
        self._stream = stream
        self._run = run
        self._todo = [walk for walk in walks if walk.state == "pending"]
        self._queue: asyncio.Queue[Item | _Failed | None] = asyncio.Queue(_QUEUED_PAGES)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Fetcher"]:
        """Fetch while the block runs; leaving it stops all requests."""
        task = asyncio.create_task(self._fetch_all())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def next_items(self, most: int) -> list[Item]:
        """Wait for something, and take what else is there already; empty when all walks have ended.

        Raises:
            WaypostError: Of a walk, once everything before it was handed out.
        """
        items: list[Item] = []
        while len(items) < most and (not items or not self._queue.empty()):
            item = await self._queue.get()
            if item is _END or isinstance(item, _Failed):
                if items:  # later: first what came before it
                    self._put_back(item)
                    break
                if isinstance(item, _Failed):
                    raise item.error
                break
            items.append(item)
        return items

    def _put_back(self, item: _Failed | None) -> None:
        rest: asyncio.Queue[Item | _Failed | None] = asyncio.Queue()
        rest.put_nowait(item)
        self._queue = rest

    async def _fetch_all(self) -> None:
        todo = iter(self._todo)

        async def worker() -> None:
            for walk in todo:
                await self._fetch(walk)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(SIDE_BY_SIDE, len(self._todo))):
                    group.create_task(worker())
        except BaseExceptionGroup as failures:
            await self._queue.put(_Failed(failures.exceptions[0]))
        else:
            await self._queue.put(_END)

    async def _fetch(self, walk: Walk) -> None:
        cursor = walk.cursor
        for _ in range(_RESTARTS + 1):
            try:
                await self._chain(walk, cursor)
            except errors.CursorRefusedError:
                cursor = None
                await self._queue.put(Restarted(walk))
            except REFUSALS as error:
                await self._queue.put(Refused(walk, error))
                return
            else:
                return
        raise errors.IncompleteWalkError(
            f"The cursors of {self._stream.path} expired {_RESTARTS + 1} times before its last page."
        )

    async def _chain(self, walk: Walk, cursor: str | None) -> None:
        params = self._stream.request(walk.partition, self._run.since)
        chain = pages.walk(
            self._client,
            self._stream.path,
            params,
            self._stream.decode,
            row_id=self._stream.row_id,
            cursor=cursor,
        )
        async with contextlib.aclosing(chain):
            async for page in chain:
                await self._queue.put(Fetched(walk, page))
