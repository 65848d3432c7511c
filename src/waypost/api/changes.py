"""`/changes`: the change log, as a list for looking back and as a feed for going on.

A key that is bound to an organization reads what changed about findings and devices at its sites, through both walls
of `changes/choosing.py`.
"""

import asyncio
import contextlib
import time
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.params import Parameter
from msgspec import Meta

from waypost import errors
from waypost.access.keys import Principal, Scope
from waypost.api import calls, guard, shapes
from waypost.api.filtering import ConnectionName, Fields, Kinds, Organization, Since, Site, one, words
from waypost.api.pages import Cursor, Limit
from waypost.api.service import Service
from waypost.changes import following, log
from waypost.unified.filters import Filters
from waypost.unified.items import ChangeItem

LONGEST_WAIT: Final = 30
_LOOK_AGAIN: Final = 0.5
"""Seconds between two looks of a request that waits."""

After = Annotated[
    str,
    Parameter(
        max_length=2_000,
        description="Read the feed, the oldest first: `start` from the oldest entry that is kept, `now` for a cursor "
        "of the present and nothing else, or the `next_cursor` of the answer before, with the same filters.",
    ),
]
Wait = Annotated[
    int,
    Parameter(
        ge=0,
        le=LONGEST_WAIT,
        description="With `after`: if there is nothing yet, wait so many seconds for something.",
    ),
]


class ChangePage(msgspec.Struct, frozen=True):
    """Entries of the change log."""

    items: list[ChangeItem]
    next_cursor: Annotated[
        str | None,
        Meta(
            description="Of the feed never null: store it, and go on from it with `after`. Of the list for `cursor`."
        ),
    ]
    has_more: Annotated[
        bool,
        Meta(
            description="Whether there is more right now; there may be, even if there are no items in this answer."
        ),
    ]


@get(
    "/changes",
    operation_id="listChanges",
    tags=["data"],
    summary="List what changed, or follow it",
    description="Without `after`: the change log, the newest first; `cursor` goes on with older entries. With `after`: "
    "the same entries as an ordered feed without gaps. Store `next_cursor` together with what you made of the items; "
    "whoever goes on from it misses nothing and gets nothing twice. A key that is bound to an organization sees what "
    "changed about findings and devices at its sites, as they are mapped now.",
    opt=guard.needs(Scope.READ, problems=(410,)),
)
async def list_changes(
    request: Request[Any, Principal, Any],
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    kind: Kinds = "",
    changed_since: Since = "",
    after: After = "",
    wait: Wait = 0,
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> ChangePage:
    _check_together(after=after, cursor=cursor, changed_since=changed_since, wait=wait)
    until = time.monotonic() + wait
    filters = Filters(
        connection=one(connection), site=one(site), kind=words(kind), changed_since=changed_since
    )
    async with calls.opened(request) as call:
        filters = msgspec.structs.replace(filters, organization=await call.narrowed(organization))
        bound = call.organization_id
        if not after:
            listed = await log.newest(call.db, filters, organization_id=bound, limit=limit, cursor=cursor)
            answer = ChangePage(listed.items, listed.next_cursor, listed.next_cursor is not None)
            return shapes.in_part(answer, listed.items, ChangeItem, fields)
        page = await following.page(call.db, filters, after, organization_id=bound, limit=limit)
    while not page.items and await _something(request, filters, page.next_cursor, until):
        async with calls.opened(request) as call:
            page = await following.page(
                call.db, filters, page.next_cursor, organization_id=bound, limit=limit
            )
    answer = ChangePage(page.items, page.next_cursor, page.has_more)
    return shapes.in_part(answer, page.items, ChangeItem, fields)


async def _something(
    request: Request[Any, Principal, Any], filters: Filters, cursor: str, until: float
) -> bool:
    """Wait for the feed to go on, without a session of the database in between; whether it did in time."""
    service: Service = request.app.state.service
    while (left := until - time.monotonic()) > 0 and not service.stopping.is_set():
        async with calls.opened(request) as call:
            if await following.goes_on(call.db, filters, cursor):
                return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(service.stopping.wait(), min(left, _LOOK_AGAIN))
    return False


def _check_together(*, after: str, cursor: str, changed_since: str, wait: int) -> None:
    """See that what is asked for is either the list or the feed.

    Raises:
        FilterError: It is something of both.
    """
    if after and cursor:
        raise errors.FilterError(
            "`after` follows the feed, `cursor` goes back in the list; they do not go together.",
            remedy="Give one of them.",
            field="after",
        )
    if after and changed_since:
        raise errors.FilterError(
            "The feed goes on from a place, not from a time.",
            remedy="Leave out `changed_since`, or `after`.",
            field="changed_since",
        )
    if wait and not after:
        raise errors.FilterError(
            "Only the feed can be waited for.", remedy="Give `after`, or leave out `wait`.", field="wait"
        )


ROUTES = (list_changes,)
