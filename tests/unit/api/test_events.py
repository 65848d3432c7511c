"""Server-sent events: told as they come, kept alive in between, ended when it is over or the service stops."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from waypost import errors
from waypost.api import events
from waypost.api.events import Event


async def _all(lines: AsyncIterator[bytes]) -> list[bytes]:
    return [line async for line in lines]


async def test_events_and_their_numbers() -> None:
    """Each event has its number, its name and its data, in order."""

    async def source() -> AsyncGenerator[Event, None]:
        yield Event("a", {"x": 1})
        yield Event("b", "two\nlines")

    told = await _all(events._lines(source(), asyncio.Event(), "r"))
    assert told == [
        b'id: 1\nevent: a\ndata: {"x":1}\n\n',
        b'id: 2\nevent: b\ndata: "two\\nlines"\n\n',
    ]


async def test_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens for a while a comment goes out, and the event that comes then is not lost."""
    monkeypatch.setattr(events, "HEARTBEAT", 0.02)
    go = asyncio.Event()

    async def source() -> AsyncGenerator[Event, None]:
        await go.wait()
        yield Event("late", None)

    lines = events._lines(source(), asyncio.Event(), "r")
    assert [await anext(lines) for _ in range(3)] == [b": still here\n\n"] * 3
    go.set()
    rest = await _all(lines)
    assert rest[-1] == b"id: 1\nevent: late\ndata: null\n\n"
    assert set(rest[:-1]) <= {b": still here\n\n"}


async def test_the_end_of_the_service() -> None:
    """A stream ends when the service stops, and what made its events is closed."""
    stopping, closed = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncGenerator[Event, None]:
        try:
            yield Event("first", 1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    lines = events._lines(source(), stopping, "r")
    await anext(lines)
    stopping.set()
    assert await _all(lines) == []
    assert closed.is_set()


async def test_a_client_that_leaves() -> None:
    """When nobody reads any more, what made the events is closed as well."""
    closed = asyncio.Event()

    async def source() -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield Event("more", 1)
        finally:
            closed.set()

    lines = events._lines(source(), asyncio.Event(), "r")
    await anext(lines)
    await lines.aclose()  # type: ignore[attr-defined]
    assert closed.is_set()


async def test_an_error_on_the_way() -> None:
    """An error after the first event is told as an event, since the answer's status has gone out."""

    async def source() -> AsyncGenerator[Event, None]:
        yield Event("first", 1)
        raise errors.VaultError

    told = await _all(events._lines(source(), asyncio.Event(), "r-9"))
    assert told[1].startswith(b"id: 2\nevent: problem\n")
    assert b'"request_id":"r-9"' in told[1]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("application/json, text/event-stream;q=0.5", True),
        ("TEXT/Event-Stream", True),
        ("application/json", False),
        ("", False),
        ("*/*", False),
    ],
)
def test_who_wants_events(accept: str, wanted: bool) -> None:
    """Only who asks for events by name gets them."""
    assert events.wanted(accept) is wanted
