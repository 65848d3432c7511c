"""The change log as a feed: ordered, without gaps, gone on with from a stored place."""

from typing import Final, Unpack

from waypost.client import filters
from waypost.client.walking import AsyncFeed, ChangePage
from waypost.client.wire import Wire

START: Final = "start"
"""The oldest entry that is kept."""
NOW: Final = "now"
"""What changes from now on."""
WAIT: Final = 25
"""Seconds for which the service is asked to hold a request while there is nothing new; at most 30."""
LIMIT: Final = 500


def changes(
    wire: Wire,
    *,
    after: str = START,
    follow: bool = False,
    wait: int = WAIT,
    limit: int = LIMIT,
    **narrowed: Unpack[filters.ChangeFilters],
) -> AsyncFeed:
    """What changed after a place in the feed, the oldest first; without `follow` until there is no more.

    Args:
        wire: Where to ask.
        after: `start`, `now`, or a cursor that was stored, with the same filters.
        follow: Go on for ever, waiting for what is new.
        wait: How long one request may wait for it.
        limit: Entries of one window.
        narrowed: Filters.
    """
    held = wait if follow else 0

    async def fetch(cursor: str) -> ChangePage:
        asked = {**narrowed, "after": cursor, "wait": held, "limit": limit}
        return await wire.get("/changes", ChangePage, asked, wait=held)

    return AsyncFeed(fetch, after, endless=follow)
