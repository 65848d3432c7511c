"""One page of findings, devices or sites: the rows that are meant, in an order, from where the page before ended.

Pages go by the key of their last row, so that rows which come or go meanwhile move nothing: a walk sees every row that
stood as it was throughout exactly once. One that changed while it was walked may come where it stands now.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, LiteralString, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, ordering
from waypost.unified.filters import Filters
from waypost.unified.ordering import Order
from waypost.unified.selecting import Selection
from waypost.unified.words import Severity

MOST: Final = 100_000
"""Rows of one page at the command line."""
COUNTED: Final = 10_000
"""So many rows are counted; of more the planner is asked how many it thinks there are."""

FEW: Final = 30_000
"""So many rows are read and sorted in less time than a page may take."""

FEW_SITES: Final = 500
"""So many sites are gone along side by side."""

I = TypeVar("I")  # noqa: E741  # an item
Row = dict[str, Any]  # Any: columns of different types
_KEY: Final = "key_"


class Total(msgspec.Struct, frozen=True):
    """How many rows there are in all; estimated where counting them would take long."""

    count: int
    exact: bool


class ListPage(msgspec.Struct, Generic[I], frozen=True):
    """One page of a list; `next_cursor` is null on the last one, `total` is there where it was asked for."""

    items: list[I]
    next_cursor: str | None
    total: Total | UnsetType = UNSET


def check_limit(limit: int) -> None:
    """See that a page can have so many rows.

    Raises:
        FilterError: It cannot.
    """
    if not 1 <= limit <= MOST:
        raise errors.FilterError(f"A limit of {limit} is not from 1 to {MOST}.", field="limit")


class Page:
    """A page that is asked for.

    Args:
        kind: The list's name.
        orders: Those that the list has.
        filters: What it is limited to.
        sort: One of the orders.
        limit: Rows of the page.
        cursor: Where the page before ended.

    Raises:
        FilterError: The order, the limit or the cursor cannot be understood.
    """

    def __init__(
        self,
        kind: Literal["findings", "devices", "sites"],
        orders: Mapping[str, Order],
        filters: Filters,
        sort: str,
        limit: int,
        cursor: str,
    ) -> None:
        check_limit(limit)
        self._order = ordering.chosen(orders, sort)
        self._by_score = sort.endswith("score")
        self._by_severity = sort.endswith("severity") and kind == "findings"
        self._kind = kind
        self._list = [sort, filters]
        self._limit = limit
        self._after = self._order.after(cursors.read(cursor, kind, self._list, len(self._order.keys)))

    async def rows(self, db: Connection, selection: Selection, query: LiteralString, facts: Row) -> list[Row]:
        """The rows, and one beyond the page's end where there is one.

        Args:
            db: Where to read.
            selection: The rows that are meant.
            query: With places for `{page}`, `{order}` and `{keys}`.
            facts: Its parameters.
        """
        condition, after = self._after
        page = queries.lists.page
        one_plan = self._goes_by_site(selection)
        if one_plan:
            page = queries.lists.page_by_site
        elif selection.narrow:
            pass
        elif await _few(db, selection):
            page = queries.lists.page_of_few.replace("{alias}", selection.alias)
        elif self._by_score:
            page = queries.lists.page_by_score
            after = after | {"lowest": min(Severity).value, "highest": max(Severity).value}
        text = selection.put(query.replace("{page}", page).replace("{after}", condition))
        text = text.replace("{keys}", self._order.columns).replace("{order}", self._order.by)
        cursor = db.cursor(row_factory=dict_row)
        facts = {**facts, **selection.facts, **after, "limit": self._limit + 1}
        await cursor.execute(text, facts, prepare=one_plan or None)
        return await cursor.fetchall()

    def _goes_by_site(self, selection: Selection) -> bool:
        """Whether the worst of each site, merged, are sooner there than all of them, sorted."""
        return self._by_severity and selection.by_sites and len(selection.facts["site_ids"]) <= FEW_SITES

    def next_cursor(self, rows: Sequence[Row]) -> str | None:
        """Where the next page begins, if there is one."""
        if len(rows) <= self._limit:
            return None
        last = rows[self._limit - 1]
        key = [last[f"{_KEY}{place}"] for place in range(1, len(self._order.keys) + 1)]
        return cursors.write(self._kind, self._list, key)


async def _few(db: Connection, selection: Selection) -> bool:
    """Whether all of them are sooner found than an order is gone along, by what the planner thinks of their number."""
    if selection.weighed == "true":
        return False
    return await _about(db, msgspec.structs.replace(selection, where=selection.weighed)) <= FEW


async def total(db: Connection, selection: Selection) -> Total:
    """How many rows are meant: counted up to a limit, estimated above it."""
    query = selection.put(queries.lists.at_most)
    ((count,),) = await (await db.execute(query, selection.facts | {"most": COUNTED + 1})).fetchall()
    if count <= COUNTED:
        return Total(count, exact=True)
    return Total(max(count, await _about(db, selection)), exact=False)


async def _about(db: Connection, selection: Selection) -> int:
    """How many there are, as the planner thinks."""
    cursor = await db.execute(selection.put(queries.lists.about), selection.facts)
    (([plan],),) = await cursor.fetchall()
    return int(plan["Plan"]["Plan Rows"])
