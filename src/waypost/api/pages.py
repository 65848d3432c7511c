"""Pages of a list: so many items, and a cursor to the next page."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from litestar.params import Parameter
from msgspec import UNSET, UnsetType

from waypost.unified import cursors
from waypost.unified.paging import Total

T = TypeVar("T")
S = TypeVar("S")
MOST: Final = 1_000

Limit = Annotated[int, Parameter(ge=1, le=MOST, description="Items of a page.")]
Cursor = Annotated[
    str,
    Parameter(max_length=2_000, description="`next_cursor` of the page before; empty for the first page."),
]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


class CountedPage(Page[T], Generic[T], frozen=True):
    """One page of a list that tells, where it is asked, how many there are in all."""

    total: Total | UnsetType = UNSET


def page(
    rows: Sequence[S],
    limit: int,
    *,
    kind: str,
    filters: object,
    key: Callable[[S], Sequence[Any]],  # Any: values of different columns
    item: Callable[[S], T],
) -> Page[T]:
    """A page of rows that were read one beyond its end.

    Args:
        rows: At most `limit` + 1.
        limit: Items of the page.
        kind: The list's name, for its cursors.
        filters: What the list is limited to, for its cursors.
        key: Where a page that ends with this row goes on.
        item: A row as it is answered.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        [item(row) for row in shown],
        cursors.write(kind, filters, key(shown[-1])) if more else None,
    )
