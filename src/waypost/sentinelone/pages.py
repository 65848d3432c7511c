"""A chain of pages, from the first or from a stored cursor to the last, or an error: never silently less.

What is known of the vendor's pages is in the API notes, section 5. Cursors are opaque; the last page's is
null, empty or missing; a console may send a cursor twice, a row on two pages, or a page without rows.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import unquote

import msgspec

from waypost.errors import IncompleteWalkError, UnreadableAnswerError
from waypost.sentinelone.client import Answer, Client

T = TypeVar("T")

LIMIT = 1000
"""Rows of a page, the most that the vendor gives."""
PAGE_CAP = 100_000
EMPTY_PAGES = 3
"""Pages without a row, one after the other, that have a next one all the same."""
_REMEMBERED_PAGES = 3
"""Rows repeat at the seam of two pages, when their place in the order changes meanwhile. A row that comes
again later than this is handed out twice, which an upsert bears; remembering all would cost the memory of
the estate."""
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


class Unreadable(msgspec.Struct, frozen=True):
    """A row that could not be read, as it was sent, and why."""

    raw: bytes
    reason: str


class Decoded(msgspec.Struct, Generic[T], frozen=True):
    """What a decoder makes of one page's body.

    Attributes:
        total: As the console counts; capped or 0 in some answers, so nothing is decided by it.
        has_pagination: The page said something about the next one, if only that there is none.
    """

    rows: list[T]
    unreadable: list[Unreadable]
    next_cursor: str | None
    total: int | None
    has_pagination: bool


Decode = Callable[[bytes], Decoded[T]]
"""Reads a page's body. An UnreadableAnswerError or a msgspec.DecodeError makes the client ask again."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page, without the rows that a page shortly before it had.

    Attributes:
        cursor: What fetched this page; None for the first.
        next_cursor: What fetches the next, as the console sent it; None after the last.
        date: The console's clock when it answered, in UTC.
        bytes: Size of the body, unpacked.
        duplicates: How many rows were left out because they had just been seen.
    """

    rows: list[T]
    unreadable: list[Unreadable]
    cursor: str | None
    next_cursor: str | None
    total: int | None
    date: datetime | None
    request_id: str
    seconds: float
    bytes: int
    duplicates: int


async def walk(
    client: Client,
    path: str,
    params: Mapping[str, str],
    decode: Decode[T],
    *,
    row_id: Callable[[T], Hashable],
    limit: int = LIMIT,
    cursor: str | None = None,
    page_cap: int = PAGE_CAP,
) -> AsyncGenerator[Page[T]]:
    """Hand out the pages of a list in order, fetching one ahead while the caller handles the last.

    A caller that may stop early wraps it in `contextlib.aclosing`, so that the fetch ahead stops at once.
    An error comes where its page would have come, after all pages before it.

    Args:
        client: One that has been entered.
        path: The list, below the API's prefix.
        params: Filters and sort, sent with every page.
        decode: Reads a page's body.
        row_id: What makes two rows the same.
        limit: Rows of a page.
        cursor: Where to go on, as an earlier page's `next_cursor` has it.
        page_cap: Pages after which the chain is held to be endless.

    Raises:
        CursorRefusedError: The cursor has expired; start again from the first page.
        IncompleteWalkError: The chain goes in circles, yields nothing, or does not end.
        ConsoleError: As for `Client.get`.
    """
    chain = _Chain(client, path, params, decode, row_id=row_id, limit=limit, page_cap=page_cap)
    ahead: asyncio.Task[Page[T]] | None = asyncio.create_task(chain.page(cursor))
    try:
        while ahead is not None:
            page = await ahead
            ahead = asyncio.create_task(chain.page(page.next_cursor)) if page.next_cursor else None
            yield page
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


class _Chain(Generic[T]):
    """What is remembered from page to page."""

    def __init__(
        self,
        client: Client,
        path: str,
        params: Mapping[str, str],
        decode: Decode[T],
        *,
        row_id: Callable[[T], Hashable],
        limit: int,
        page_cap: int,
    ) -> None:
        self._client = client
        self._path = path
        self._params = {**params, "limit": str(limit)}
        self._decode = decode
        self._row_id = row_id
        self._limit = limit
        self._page_cap = page_cap
        self._pages = 0
        self._empty = 0
        # Hashes are enough to see a circle, and a cap on pages is a cap on them.
        self._cursors: set[int] = set()
        self._recent: deque[set[Hashable]] = deque(maxlen=_REMEMBERED_PAGES)

    async def page(self, cursor: str | None) -> Page[T]:
        if self._pages >= self._page_cap:
            raise self._incomplete(f"it has more than {self._page_cap} pages")
        self._pages += 1
        if cursor:
            self._cursors.add(hash(cursor))
        answer = await self._fetch(cursor)
        if self._circles(answer):
            # Once may be a slip of a proxy or a cache; twice is the console's own mind.
            answer = await self._fetch(cursor)
            if self._circles(answer):
                raise self._incomplete("the console gave a page cursor that it had given before")
        decoded = answer.content
        self._count_empty(decoded)
        rows = self._new(decoded.rows)
        return Page(
            rows=rows,
            unreadable=decoded.unreadable,
            cursor=cursor,
            next_cursor=decoded.next_cursor or None,
            total=decoded.total,
            date=answer.date,
            request_id=answer.request_id,
            seconds=answer.seconds,
            bytes=len(answer.body),
            duplicates=len(decoded.rows) - len(rows),
        )

    async def _fetch(self, cursor: str | None) -> Answer[Decoded[T]]:
        params = {**self._params, "cursor": _once(cursor)} if cursor else self._params
        return await self._client.get(self._path, params, check=self._read)

    def _read(self, body: bytes) -> Decoded[T]:
        decoded = self._decode(body)
        count = len(decoded.rows) + len(decoded.unreadable)
        if count >= self._limit and not decoded.has_pagination:
            raise UnreadableAnswerError("A full page does not say whether there is another.")
        return decoded

    def _circles(self, answer: Answer[Decoded[T]]) -> bool:
        following = answer.content.next_cursor
        return bool(following) and hash(following) in self._cursors

    def _count_empty(self, decoded: Decoded[T]) -> None:
        if decoded.rows or decoded.unreadable or not decoded.next_cursor:
            self._empty = 0
            return
        self._empty += 1
        if self._empty > EMPTY_PAGES:
            raise self._incomplete(f"{self._empty} pages in a row had no rows, and yet a next page")

    def _new(self, rows: list[T]) -> list[T]:
        """The rows that are neither on the pages just before nor twice on this one."""
        keys = [self._row_id(row) for row in rows]
        ids: set[Hashable] = set(keys)
        new = rows
        if len(ids) < len(rows) or not all(page.isdisjoint(ids) for page in self._recent):
            known = set().union(*self._recent)
            new = []
            for key, row in zip(keys, rows, strict=True):
                if key not in known:
                    new.append(row)
                    known.add(key)
        self._recent.append(ids)
        return new

    def _incomplete(self, why: str) -> IncompleteWalkError:
        return IncompleteWalkError(
            f"The walk over {self._path} was stopped at page {self._pages}: {why}. "
            "What was stored stays, and nothing was resolved by it."
        )


def _once(cursor: str) -> str:
    """A cursor that arrives percent-encoded is decoded, since the HTTP client encodes it again."""
    return unquote(cursor) if _ESCAPE.search(cursor) else cursor
