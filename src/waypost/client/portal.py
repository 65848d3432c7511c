"""A thread with an event loop, through which code without one runs coroutines.

Any number of threads may use one portal. It ends when it is closed, when nothing refers to it any more, or with the
program.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from waypost.client.errors import ClosedError

T = TypeVar("T")
_PATIENCE: Final = 5.0
"""Seconds that closing may take."""


class Portal:
    """Runs coroutines for threads that have no event loop.

    Args:
        cleanup: Run in the loop before it ends. It must not refer to the portal.
    """

    def __init__(self, cleanup: Callable[[], Awaitable[None]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = thread = threading.Thread(
            target=_run, args=(self._loop,), name="waypost-client", daemon=True
        )
        thread.start()
        self._process = os.getpid()
        self._end = weakref.finalize(self, _end, self._loop, thread, cleanup)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this to its end, whichever thread asks.

        Raises:
            ClosedError: The portal was closed, or belongs to the process that this one was forked from.
            RuntimeError: Its own thread asks, and would wait for itself.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("A client cannot be asked from within one of its own calls.")
        if not self._end.alive or self._process != os.getpid():
            work.close()
            raise ClosedError(
                "This client was closed, or made before its process was forked; make a new one."
            )
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # the caller's thread may be interrupted while the work goes on
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread; again does nothing."""
        if self._process == os.getpid():
            self._end()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()


def _end(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, cleanup: Callable[[], Awaitable[None]]
) -> None:
    async def ending() -> None:
        try:
            await cleanup()
        finally:
            loop.stop()

    asyncio.run_coroutine_threadsafe(ending(), loop)
    if thread is not threading.current_thread():  # the collector may run anywhere, also there
        thread.join(_PATIENCE)
