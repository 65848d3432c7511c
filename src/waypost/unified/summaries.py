"""Summaries of findings: how many by something. Every number is exact, and of the moment that it is asked.

Whoever is bound to an organization reads through both walls, as in the lists; what belongs to whom is nobody's question
but theirs who see everybody.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, LiteralString, get_args

import msgspec
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import selecting
from waypost.unified.filters import Filters
from waypost.unified.nearest import meant
from waypost.unified.numbers import Group, Others, Summary
from waypost.unified.words import FindingState, Severity, word

By = Literal["severity", "state", "organization", "site", "application", "cve", "day"]
BY: Final[tuple[str, ...]] = get_args(By)
MOST: Final = 100
"""Groups that are told; the others are added up."""
MOST_DAYS: Final = 366

Row = dict[str, Any]  # Any: columns of different types


class _Dimension(msgspec.Struct, frozen=True):
    """How findings are grouped: by these columns, which are then named; in which order, and how many are told."""

    keys: LiteralString
    named: LiteralString
    order: LiteralString = queries.summaries.most_first
    most: int = MOST


_DIMENSIONS: Final[Mapping[str, _Dimension]] = {
    "severity": _Dimension("f.severity", queries.summaries.by_number.replace("{number}", "severity")),
    "state": _Dimension("f.state", queries.summaries.by_number.replace("{number}", "state")),
    "organization": _Dimension("f.connection_id, f.site_id", queries.summaries.by_organization),
    "site": _Dimension("f.connection_id, f.site_id", queries.summaries.by_site),
    "application": _Dimension("f.software_id", queries.summaries.by_application),
    "cve": _Dimension("f.facts_id", queries.summaries.by_cve),
    "day": _Dimension(
        "f.detected_at::date", queries.summaries.by_day, queries.summaries.newest_first, MOST_DAYS
    ),
}
_VOCABULARIES: Final[Mapping[str, tuple[Severity | FindingState, ...]]] = {
    "severity": tuple(sorted(Severity, reverse=True)),
    "state": tuple(FindingState),
}
"""What has few words is told with all of them, in their own order, so that a chart always has the same parts."""
_NUMBERS: Final = ("count", "open", "critical", "high")


async def grouped(
    db: Connection, by: str, filters: Filters, *, organization_id: int | None = None
) -> Summary:
    """How many findings there are by something.

    Raises:
        FilterError: There is nothing of this name to group by, or a filter cannot be understood.
        KeyScopeError: The caller is bound to an organization, and asks for others.
    """
    if by not in _DIMENSIONS:
        raise errors.FilterError(
            f"There is no {by!r} to count by; there are {', '.join(BY)}.{meant(by, BY)}", field="by"
        )
    if by == "organization" and organization_id is not None:
        raise errors.KeyScopeError(
            "This is about all organizations, and the key is bound to one.",
            remedy="Use a key that is bound to none, or count by something else.",
        )
    dimension = _DIMENSIONS[by]
    facts = {
        "resolved": FindingState.RESOLVED.value,
        "critical": Severity.CRITICAL.value,
        "high": Severity.HIGH.value,
        "most": dimension.most,
    }
    query = queries.summaries.grouped.replace("{named}", dimension.named).replace("{keys}", dimension.keys)
    query = query.replace("{order}", dimension.order)
    async with db.transaction():
        as_of = await begin(db)
        rows: list[Row] = []
        async with selecting.selected(db, "finding", filters, organization_id) as selection:
            if selection is not None:
                cursor = db.cursor(row_factory=dict_row)
                await cursor.execute(selection.put(query), selection.facts | facts)
                rows = await cursor.fetchall()
    return _summary(by, rows, as_of)  # type: ignore[arg-type]  # one of them, as asked above


async def begin(db: Connection) -> datetime:
    """Give the transaction room to count in memory; the database's clock, by which days begin."""
    ((now, _),) = await (await db.execute(queries.summaries.begin)).fetchall()
    return now  # type: ignore[no-any-return]  # a time


def _summary(by: By, rows: list[Row], as_of: datetime) -> Summary:
    total = {number: rows[0][f"all_{number}"] if rows else 0 for number in _NUMBERS}
    groups = rows[0]["groups"] if rows else 0
    told = {number: sum(row[number] for row in rows) for number in _NUMBERS}
    others = None
    if groups > len(rows):
        others = Others(groups - len(rows), **{number: total[number] - told[number] for number in _NUMBERS})
    items = [Group(**{name: row[name] for name in Group.__struct_fields__}) for row in rows]
    if by in _VOCABULARIES:
        items = _worded(items, _VOCABULARIES[by])
    elif by == "day":
        items.reverse()
    return Summary(by, items, others, total["count"], as_of)


def _worded(items: list[Group], members: tuple[Severity | FindingState, ...]) -> list[Group]:
    there = {item.key: item for item in items}
    nothing = Group(None, None, None, None, 0, 0, 0, 0)
    return [
        msgspec.structs.replace(there.get(str(member.value), nothing), key=word(member)) for member in members
    ]
