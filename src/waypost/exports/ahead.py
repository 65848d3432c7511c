"""Reading ahead: while one thing is worked on, the next is on its way."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final, TypeVar

T = TypeVar("T")
_OVER: Final[Any] = object()  # Any: stands where an item would


async def ahead(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same items in the same order, each asked for while the one before is worked on; the source is closed."""
    async with contextlib.aclosing(source):
        coming = asyncio.ensure_future(anext(source, _OVER))
        try:
            while (item := await coming) is not _OVER:
                coming = asyncio.ensure_future(anext(source, _OVER))
                yield item
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
