"""Pages of lists at the command line: how many rows, from where, and as whom they are read."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
from cyclopts import Parameter

from waypost.access.keys import Scope
from waypost.cli import means
from waypost.unified import paging
from waypost.unified.filters import Filters
from waypost.unified.paging import ListPage

I = TypeVar("I")  # noqa: E741  # an item

Limit = Annotated[int, Parameter(help=f"Rows, at most {paging.MOST:,}.")]
Cursor = Annotated[str, Parameter(help="Where the page before this one ended.")]


async def page(
    read: Callable[..., Awaitable[ListPage[I]]], filters: Filters, organization: str, limit: int, cursor: str
) -> ListPage[I]:
    """A page of a list, as whoever asks may see it."""
    async with means.session(needs=Scope.READ, whole=False) as session:
        filters = msgspec.structs.replace(filters, organization=await session.narrowed(organization))
        return await read(
            session.db, filters, organization_id=session.organization_id, limit=limit, cursor=cursor
        )
