"""One page of a list in an order: where it begins, what its query is told, where the next one begins.

Lists of findings and devices have more to them, and their own `paging.Page`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, LiteralString, TypeVar

from waypost.unified import cursors, ordering, paging
from waypost.unified.ordering import Order
from waypost.unified.paging import ListPage

I = TypeVar("I")  # noqa: E741  # an item
Row = dict[str, Any]  # Any: columns of different types
_KEY: Final = "key_"


class Walk:
    """A page that is asked for.

    Args:
        kind: The list's name.
        orders: Those that it has.
        filters: What it is limited to.
        sort: One of the orders; with `-` before it from its other end.
        limit: Rows of the page.
        cursor: Where the page before ended.

    Raises:
        FilterError: The order, the limit or the cursor cannot be understood.
    """

    def __init__(
        self, kind: str, orders: Mapping[str, Order], filters: object, sort: str, limit: int, cursor: str
    ) -> None:
        paging.check_limit(limit)
        self._order = ordering.chosen(orders, sort)
        self._kind, self._list, self._limit = kind, [sort, filters], limit
        key = cursors.read(cursor, kind, self._list, len(self._order.keys))
        self._condition, self._facts = self._order.after(key)

    @property
    def facts(self) -> Row:
        """Parameters of the query; it reads one row beyond the page's end."""
        return self._facts | {"limit": self._limit + 1}

    def put(self, query: LiteralString) -> LiteralString:
        """A query with `{after}`, `{order}` and `{keys}` filled in."""
        query = query.replace("{after}", self._condition).replace("{order}", self._order.by)
        return query.replace("{keys}", self._order.columns)

    def page(self, rows: Sequence[Row], item: Callable[[Row], I]) -> ListPage[I]:
        """The page of these rows."""
        shown, cursor = rows[: self._limit], None
        if len(rows) > self._limit:
            names = [f"{_KEY}{place + 1}" for place in range(len(self._order.keys))]
            cursor = cursors.write(self._kind, self._list, [shown[-1][name] for name in names])
        return ListPage([item(_without_keys(row)) for row in shown], cursor)


def _without_keys(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith(_KEY)}
