"""A check that runs while its page is watched: each line is told as it comes, and a visitor who leaves ends it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from waypost.connections import check
from waypost.connections.examination.result import Listener, Report, Result, silent
from waypost.connections.handover import Handover
from waypost.connections.links import Link
from waypost.connections.probe import Identity
from waypost.console import lines
from waypost.sync.now import Means


class Examination:
    """The check of what was handed over through a link.

    Args:
        before: What the token in use sees, where the link is for a connection that exists.
    """

    def __init__(self, link: Link, given: Handover, before: Identity | None, means: Means) -> None:
        self._url = link.url or given.url
        self._token = given.token
        self._before = before
        self._means = means

    async def report(self, listen: Listener = silent) -> Report:
        """Run it."""
        return await check.examine(
            self._url,
            self._token,
            self._means.allowed,
            limiter=self._means.limiter,
            before=self._before,
            listen=listen,
        )

    async def told(self) -> AsyncIterator[bytes]:
        """Run it, and tell it as lines of JSON: `line` for each of the check, and `verdict` at the end."""
        queue: asyncio.Queue[Result | None] = asyncio.Queue()
        running = asyncio.ensure_future(self.report(queue.put_nowait))
        running.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (result := await queue.get()) is not None:
                yield _document("line", lines.line(result))
            yield _document("verdict", lines.verdict(running.result()))
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def _document(name: str, content: msgspec.Struct) -> bytes:
    return msgspec.json.encode({name: content}) + b"\n"
