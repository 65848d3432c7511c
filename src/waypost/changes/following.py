"""Reading on in the feed, page by page: cursors for places, and the words for its two ends."""

from typing import Final

import msgspec

from waypost import errors
from waypost.changes import choosing, feed
from waypost.changes.feed import Place
from waypost.storage.database import Connection
from waypost.unified import cursors, paging
from waypost.unified.filters import Filters
from waypost.unified.items import ChangeItem

START: Final = "start"
"""From the oldest entry that is kept."""
NOW: Final = "now"
"""From here on: nothing but a cursor."""
_KIND: Final = "feed"


class FeedPage(msgspec.Struct, frozen=True):
    """Entries in the order of the feed; `next_cursor` is where to go on, also when there was nothing."""

    items: list[ChangeItem]
    next_cursor: str
    has_more: bool


async def page(
    db: Connection, filters: Filters, after: str, *, organization_id: int | None = None, limit: int = 100
) -> FeedPage:
    """What comes after a cursor, after `START` or after `NOW`.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
        FeedForgottenError: Entries after it have been deleted.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    paging.check_limit(limit)
    choice = await choosing.of(db, filters)
    if after == NOW:
        return FeedPage([], cursor_at(filters, await feed.newest(db)), has_more=False)
    place = feed.START if after == START else place_at(after, filters)
    window = await feed.read(db, place, limit=limit, organization_id=organization_id, choice=choice)
    return FeedPage(window.items, cursor_at(filters, window.end), window.has_more)


async def goes_on(db: Connection, filters: Filters, cursor: str) -> bool:
    """Whether there is anything after a cursor, be it something that the filters leave out.

    Raises:
        FilterError: The cursor cannot be understood.
    """
    return await feed.goes_on(db, place_at(cursor, filters))


def cursor_at(filters: Filters, place: Place) -> str:
    """A place as users hold it."""
    return cursors.write(_KIND, filters, [place.position, place.change_id])


def place_at(cursor: str, filters: Filters) -> Place:
    """The place that a cursor of the feed with these filters stands for.

    Raises:
        FilterError: It has been altered, or belongs to another list.
    """
    try:
        return Place(*cursors.read(cursor, _KIND, filters, 2))
    except errors.FilterError as problem:
        remedy = f"Give the cursor that the feed gave, with the same filters; or `{START}`, or `{NOW}`."
        raise errors.FilterError(problem.message, remedy=remedy, field="after") from None
