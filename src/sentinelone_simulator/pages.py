"""Pages: limit, skip, sorting and keyset cursors (API notes 5).

A cursor is base64 of JSON with the id and the sort value of the last row shown, and the sort they
belong to; rows behind it are found by bisection, so a page costs the same wherever it is.
Descending order is the ascending one read backwards, ids included.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from sentinelone_simulator import queries, refusals

Raw = str | bool | int | float | None
Ident = int | str
Row = TypeVar("Row")
DEFAULT_LIMIT = 10
MOST = 1000


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id_column: str
    id_value: str
    sort_by_column: str
    sort_by_value: Raw
    id_sort_order: str


@dataclass(frozen=True, slots=True)
class Paging:
    limit: int
    skip: int
    cursor: Cursor | None
    sort_by: str
    descending: bool
    count_only: bool
    skip_count: bool

    def total(self, count: int) -> int:
        return 0 if self.skip_count and not self.count_only else count


def paging(query: queries.Query, default_sort: str = "id") -> Paging:
    """Read the paging parameters; refuses what the console refuses."""
    sorts = queries.KNOWN[query.endpoint].sort_by
    sort_by = query.values.get("sortBy", "")
    if sort_by and sort_by not in sorts:
        raise refusals.invalid(f"sortBy: '{sort_by}' is not a valid choice.")
    order = query.values.get("sortOrder", "").lower()
    if order not in ("", "asc", "desc"):
        raise refusals.invalid(f"sortOrder: '{order}' is not a valid choice.")
    cursor = decode(query.values["cursor"], default_sort) if query.values.get("cursor") else None
    if cursor:
        if (sort_by and sort_by != cursor.sort_by_column) or (order and order != cursor.id_sort_order):
            raise refusals.invalid("cursor: The cursor belongs to another sort.")
        sort_by, order = cursor.sort_by_column, cursor.id_sort_order
        if sort_by not in sorts and sort_by != default_sort:
            raise refusals.invalid("cursor: Invalid cursor.")
    return Paging(
        limit=query.number("limit", DEFAULT_LIMIT, 1, MOST),
        skip=query.number("skip", 0, 0, MOST),
        cursor=cursor,
        sort_by=sort_by or default_sort,
        descending=order == "desc",
        count_only=query.flag("countOnly"),
        skip_count=query.flag("skipCount"),
    )


def decode(text: str, id_column: str = "id") -> Cursor:
    try:
        plain = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        cursor = msgspec.json.decode(plain, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise refusals.invalid("cursor: Invalid cursor.") from None
    if cursor.id_column != id_column or cursor.id_sort_order not in ("asc", "desc"):
        raise refusals.invalid("cursor: Invalid cursor.")
    return cursor


def encode(cursor: Cursor) -> str:
    return base64.b64encode(msgspec.json.encode(cursor)).decode()


def rank(raw: Raw) -> tuple[int, float, str]:
    """A sort value that compares with every other: nothing first, then numbers, then texts."""
    if raw is None:
        return (0, 0, "")
    return (2, 0, raw) if isinstance(raw, str) else (1, raw, "")


def arrange(rows: list[Row], raw: Callable[[Row], Raw] | None, ident: Callable[[Row], Ident]) -> list[Row]:
    """Sort rows as `cut` expects them."""
    if raw is None:
        return sorted(rows, key=ident)
    return sorted(rows, key=lambda row: (rank(raw(row)), ident(row)))


def cut(
    rows: Sequence[Row],
    raw: Callable[[Row], Raw] | None,
    ident: Callable[[Row], Ident],
    wanted: Paging,
    id_column: str = "id",
) -> tuple[Sequence[Row], str | None]:
    """One page of arranged rows, and the cursor of the next one (None on the last)."""
    if wanted.count_only:
        return (), None
    key: Callable[[Row], object] = ident if raw is None else lambda row: (rank(raw(row)), ident(row))
    low, high = 0, len(rows)
    if wanted.cursor:
        place = _place(wanted.cursor, raw is None, rows, ident)
        if wanted.descending:
            high = bisect_left(rows, place, key=key)  # type: ignore[call-overload]
        else:
            low = bisect_right(rows, place, key=key)  # type: ignore[call-overload]
    if wanted.descending:
        high = max(low, high - wanted.skip)
        first = max(low, high - wanted.limit)
        page, more = rows[first:high][::-1], first > low
    else:
        low = min(high, low + wanted.skip)
        page, more = rows[low : min(high, low + wanted.limit)], low + wanted.limit < high
    if not more:
        return page, None
    last = page[-1]
    value = str(ident(last)) if raw is None else raw(last)
    order = "desc" if wanted.descending else "asc"
    return page, encode(Cursor(id_column, str(ident(last)), wanted.sort_by, value, order))


def _place(cursor: Cursor, by_id: bool, rows: Sequence[Row], ident: Callable[[Row], Ident]) -> object:
    text = cursor.id_value
    if rows and isinstance(ident(rows[0]), str):
        identifier: Ident = text
    elif text.isascii() and text.isdigit():
        identifier = int(text)
    else:
        raise refusals.invalid("cursor: Invalid cursor.")
    return identifier if by_id else (rank(cursor.sort_by_value), identifier)
