"""Lists that are read page by page while somebody goes through them; and the feed, which is one that does not end.

Each has one part that says what comes next, and two faces: one for programs with an event loop, one for those without.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from waypost.client.errors import UnreadableError
from waypost.client.portal import Portal
from waypost.unified.items import ChangeItem

T = TypeVar("T")
P = TypeVar("P")
S_co = TypeVar("S_co", covariant=True)


class Total(msgspec.Struct, frozen=True):
    """How many there are in all; estimated where counting them would take long."""

    count: int
    exact: bool


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last one. `total` is there where it was asked for."""

    items: list[T]
    next_cursor: str | None
    total: Total | UnsetType = UNSET


class ChangePage(msgspec.Struct, frozen=True):
    """Entries of the feed, and the place after the last of them."""

    items: list[ChangeItem]
    next_cursor: str
    has_more: bool


Fetch = Callable[[str], Awaitable[Page[T]]]
"""Reads the page that begins at a cursor."""


class _Steps(Protocol[S_co]):
    async def next(self) -> S_co | None: ...


class _Pages(Generic[T]):
    """The pages of one walk, one after the other."""

    def __init__(self, fetch: Fetch[T], cursor: str) -> None:
        self._fetch = fetch
        self._cursor: str | None = cursor

    async def next(self) -> Page[T] | None:
        if self._cursor is None:
            return None
        page = await self._fetch(self._cursor)
        if page.next_cursor and page.next_cursor == self._cursor:
            raise UnreadableError("The list goes in circles: a page leads to itself.")
        self._cursor = page.next_cursor
        return page


class AsyncListing(Generic[T]):
    """A list: nothing is read before somebody goes through it, and each time it is read anew."""

    def __init__(self, fetch: Fetch[T]) -> None:
        self._fetch = fetch

    async def page(self, cursor: str = "") -> Page[T]:
        """The page that begins there; the first by default."""
        return await self._fetch(cursor)

    def pages(self, cursor: str = "") -> AsyncIterator[Page[T]]:
        """Page by page, from there on."""
        return _each(_Pages(self._fetch, cursor))

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item


class Listing(Generic[T]):
    """A list: nothing is read before somebody goes through it, and each time it is read anew."""

    def __init__(self, listing: AsyncListing[T], portal: Portal) -> None:
        self._listing = listing
        self._portal = portal

    def page(self, cursor: str = "") -> Page[T]:
        """The page that begins there; the first by default."""
        return self._portal.run(self._listing.page(cursor))

    def pages(self, cursor: str = "") -> Iterator[Page[T]]:
        """Page by page, from there on."""
        return _every(_Pages(self._listing._fetch, cursor), self._portal)  # noqa: SLF001  # its other face

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


class _Following:
    """The windows of the feed, one after the other, and how far they have been taken."""

    def __init__(self, fetch: Callable[[str], Awaitable[ChangePage]], after: str, *, endless: bool) -> None:
        self.cursor = after
        self._fetch = fetch
        self._endless = endless
        self._given: ChangePage | None = None
        self._over = False

    async def next(self) -> ChangePage | None:
        if self._given is not None:  # who comes for more is done with what he has
            self.cursor = self._given.next_cursor
            self._given = None
        while not self._over:
            page = await self._fetch(self.cursor)
            self._over = not page.has_more and not self._endless
            if page.items:
                self._given = page
                return page
            self.cursor = page.next_cursor
        return None


class AsyncFeed:
    """The feed from a place on. `cursor` is the place to store: before the entries that were not finished with.

    Entries count as finished with once the next page is asked for.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[ChangePage]], after: str, *, endless: bool) -> None:
        self._following = _Following(fetch, after, endless=endless)

    @property
    def cursor(self) -> str:
        """Where to go on from."""
        return self._following.cursor

    def pages(self) -> AsyncIterator[ChangePage]:
        """Window by window; what was made of one is stored together with its `next_cursor`."""
        return _each(self._following)

    async def __aiter__(self) -> AsyncIterator[ChangeItem]:
        async for page in self.pages():
            for entry in page.items:
                yield entry


class Feed:
    """The feed from a place on. `cursor` is the place to store: before the entries that were not finished with.

    Entries count as finished with once the next page is asked for.
    """

    def __init__(self, feed: AsyncFeed, portal: Portal) -> None:
        self._feed = feed
        self._portal = portal

    @property
    def cursor(self) -> str:
        """Where to go on from."""
        return self._feed.cursor

    def pages(self) -> Iterator[ChangePage]:
        """Window by window; what was made of one is stored together with its `next_cursor`."""
        return _every(self._feed._following, self._portal)  # noqa: SLF001  # its other face

    def __iter__(self) -> Iterator[ChangeItem]:
        for page in self.pages():
            yield from page.items


async def _each(steps: _Steps[P]) -> AsyncIterator[P]:
    while (step := await steps.next()) is not None:
        yield step


def _every(steps: _Steps[P], portal: Portal) -> Iterator[P]:
    async def further() -> P | None:
        return await steps.next()

    while (step := portal.run(further())) is not None:
        yield step
