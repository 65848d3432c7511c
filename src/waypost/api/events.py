"""Server-sent events: what happens, told as it happens, until it is over or the service stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import msgspec
from litestar.response import Stream

from waypost import errors
from waypost.api import problems

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment goes out, so that nothing on the way takes the stream for dead."""


class Event(msgspec.Struct, frozen=True):
    """One event: its name and what it tells, as JSON."""

    name: str
    data: object


def wanted(accept: str) -> bool:
    """Whether the caller asks for events instead of one answer."""
    return any(part.partition(";")[0].strip().lower() == MEDIA_TYPE for part in accept.split(","))


def stream(source: AsyncGenerator[Event, None], stopping: asyncio.Event, request_id: str) -> Stream:
    """An answer that sends these events."""
    return Stream(
        _lines(source, stopping, request_id),
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(
    source: AsyncGenerator[Event, None], stopping: asyncio.Event, request_id: str
) -> AsyncIterator[bytes]:
    number = 0
    async with contextlib.aclosing(_beating(source, stopping)) as events:
        try:
            async for event in events:
                number += event is not None
                yield b": still here\n\n" if event is None else _written(event, number)
        except errors.WaypostError as error:
            problem = problems.described(error, request_id)
            yield _written(Event("problem", problem), number + 1)


async def _beating(
    source: AsyncGenerator[Event, None], stopping: asyncio.Event
) -> AsyncGenerator[Event | None, None]:
    """The events, and None wherever there was none for a while; it ends when the service stops."""
    stop = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[Event] | None = None
    try:
        while not stop.done():
            coming = coming or asyncio.ensure_future(anext(source))
            waiting: set[asyncio.Future[Any]] = {coming, stop}  # Any: their results are of two kinds
            await asyncio.wait(waiting, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                if not stop.done():
                    yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield event
    finally:
        stop.cancel()
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
        await source.aclose()


def _written(event: Event, number: int) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        number,
        event.name.encode(),
        msgspec.json.encode(event.data, enc_hook=str),
    )
