"""The orders in which findings and devices come, page after page.

An order is the expressions of an index, so that any page costs what the first one costs, from either end. A cursor
keeps what they are in a page's last row, as the database writes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

import msgspec

from waypost import errors
from waypost.unified.nearest import meant


class Order(msgspec.Struct, frozen=True):
    """Expressions and the types of their values; together they are unique over all connections."""

    keys: Mapping[LiteralString, LiteralString]
    falling: bool = False

    @property
    def by(self) -> LiteralString:
        """What stands after ORDER BY."""
        return ", ".join(f"{key} DESC" if self.falling else key for key in self.keys)

    @property
    def columns(self) -> LiteralString:
        """The values of a row, as texts."""
        return ", ".join(
            f"({key})::text AS key_{place}" for place, key in zip(_PLACES, self.keys, strict=False)
        )

    def after(self, key: Sequence[Any]) -> tuple[LiteralString, dict[str, Any]]:  # Any: texts, or nothing
        """The condition that a row comes after the one with these values, and its parameters."""
        if not key or key[0] is None:
            return "true", {}
        values: LiteralString = ", ".join(
            f"%(after_{place})s::{kind}" for place, kind in zip(_PLACES, self.keys.values(), strict=False)
        )
        sign: LiteralString = "<" if self.falling else ">"
        return (
            f"({', '.join(self.keys)}) {sign} ({values})",
            {f"after_{place}": value for place, value in zip(_PLACES, key, strict=False)},
        )


_PLACES: Final[tuple[LiteralString, ...]] = ("1", "2", "3")

FINDINGS: Final[Mapping[str, Order]] = {
    "severity": Order(
        {"f.severity": "smallint", "coalesce(f.score, -1::real)": "real", "f.finding_id": "uuid"}
    ),
    "score": Order({"coalesce(f.score, -1::real)": "real", "f.finding_id": "uuid"}),
    "detected": Order(
        {"coalesce(f.detected_at, '-infinity'::timestamptz)": "timestamptz", "f.finding_id": "uuid"}
    ),
    "changed": Order({"f.changed_at": "timestamptz", "f.finding_id": "uuid"}),
}
"""Of findings; one without a score, or without a date, comes before all that have one."""

DEVICES: Final[Mapping[str, Order]] = {
    "name": Order({"coalesce(d.name, '')": "text", "d.device_uuid": "uuid"}),
    "changed": Order({"d.changed_at": "timestamptz", "d.device_uuid": "uuid"}),
}
"""Of devices."""

SITES: Final[Mapping[str, Order]] = {
    "name": Order({"coalesce(s.name, '')": "text", "s.connection_id": "bigint", "s.site_id": "bigint"}),
}
"""Of sites."""


def chosen(orders: Mapping[str, Order], sort: str) -> Order:
    """The order of this name; with `-` before it, from the other end.

    Raises:
        FilterError: There is none.
    """
    name = sort.removeprefix("-")
    if name not in orders:
        raise errors.FilterError(
            f"There is no order {name!r}; there are {', '.join(orders)}.{meant(name, orders)}", field="sort"
        )
    return msgspec.structs.replace(orders[name], falling=sort.startswith("-"))
