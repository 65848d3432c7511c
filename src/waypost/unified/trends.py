"""Findings over time: opened and resolved day by day, how long resolving takes, how old is what is open.

All of it is told by the findings' own dates, `detected_at` and `resolved_at`, which are the console's: so it reaches
back before Waypost was connected, and the numbers of a day agree with each other. What dates do not tell is how often
a finding came back; that is counted in the change log, by the day on which a pull saw it.
"""

from datetime import UTC, date, timedelta
from typing import Any, Final

from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import selecting, summaries
from waypost.unified.filters import Filters
from waypost.unified.numbers import Ages, Bucket, Day, Resolution, Resolutions, Trend
from waypost.unified.selecting import Selection
from waypost.unified.words import ChangeKind, FindingState, Severity, word

MOST_DAYS: Final = 366
BOUNDS: Final = (7, 30, 90, 180, 365)
"""Where one bucket of ages ends and the next begins, in days."""

Row = dict[str, Any]  # Any: columns of different types
_FACTS: Final = {
    "resolved": FindingState.RESOLVED.value,
    "critical": Severity.CRITICAL.value,
    "high": Severity.HIGH.value,
    "reopened": ChangeKind.FINDING_REOPENED.value,
}


async def trend(
    db: Connection, filters: Filters, *, days: int = 90, organization_id: int | None = None
) -> Trend:
    """Findings opened, resolved, reopened and open, day by day.

    Raises:
        FilterError: A filter, or the number of days, cannot be understood.
    """
    check_days(days)
    async with db.transaction():
        as_of = await summaries.begin(db)
        first = as_of.astimezone(UTC).date() - timedelta(days - 1)
        facts = {**_FACTS, "first": first}
        moved: list[Row] = []
        again: dict[date, int] = {}
        async with selecting.selected(db, "finding", filters, organization_id) as selection:
            if selection is not None:
                moved = await _rows(db, selection, queries.summaries.trend, facts)
                found = await _rows(db, selection, queries.summaries.reopened, facts)
                again = {row["at"]: row["count"] for row in found}
    return Trend(_days(first, days, moved, again), as_of)


async def resolution(
    db: Connection, filters: Filters, *, days: int = 90, organization_id: int | None = None
) -> Resolutions:
    """How long it took to resolve what was resolved in these days.

    Raises:
        WaypostError: As for `trend`.
    """
    check_days(days)
    async with db.transaction():
        as_of = await summaries.begin(db)
        facts = {**_FACTS, "first": as_of.astimezone(UTC).date() - timedelta(days - 1)}
        rows: list[Row] = []
        async with selecting.selected(db, "finding", filters, organization_id) as selection:
            if selection is not None:
                rows = await _rows(db, selection, queries.summaries.resolution, facts)
    told = {row["severity"]: (row["count"], row["mean"], row["median"]) for row in rows}
    items = [
        Resolution(word(severity), *told.get(severity.value, (0, None, None)))
        for severity in sorted(Severity, reverse=True)
    ]
    return Resolutions(items, Resolution(None, *told.get(None, (0, None, None))), days, as_of)


async def age(db: Connection, filters: Filters, *, organization_id: int | None = None) -> Ages:
    """How old the findings are that are not resolved.

    Raises:
        WaypostError: As for `trend`.
    """
    async with db.transaction():
        as_of = await summaries.begin(db)
        facts = {**_FACTS, "as_of": as_of, "bounds": [float(bound) for bound in BOUNDS]}
        rows: list[Row] = []
        async with selecting.selected(db, "finding", filters, organization_id) as selection:
            if selection is not None:
                rows = await _rows(db, selection, queries.summaries.age, facts)
    there = {row["bucket"]: row for row in rows}
    dated = [row for row in rows if row["bucket"] is not None]
    number = sum(row["count"] for row in dated)
    return Ages(
        items=[
            *(_bucket(start, end, there.get(place)) for place, (start, end) in enumerate(_ranges())),
            _bucket(None, None, there.get(None)),
        ],
        total=sum(row["count"] for row in rows),
        mean_days=sum(row["days"] for row in dated) / number if number else None,
        as_of=as_of,
    )


def check_days(days: int) -> None:
    """See that a summary can go back so far.

    Raises:
        FilterError: It cannot.
    """
    if not 1 <= days <= MOST_DAYS:
        raise errors.FilterError(f"{days} days are not from 1 to {MOST_DAYS}.", field="days")


async def _rows(db: Connection, selection: Selection, query: Any, facts: Row) -> list[Row]:
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(selection.put(query), selection.facts | facts)
    return await cursor.fetchall()


def _days(first: date, days: int, moved: list[Row], again: dict[date, int]) -> list[Day]:
    before = first - timedelta(1)
    opened, resolved = (dict.fromkeys((before + timedelta(n) for n in range(days + 1)), 0) for _ in range(2))
    for row in moved:
        for day, counts in ((row["detected"], opened), (row["resolved"], resolved)):
            if day in counts:  # what the console says will be tomorrow is not counted yet
                counts[day] += row["count"]
    open_ = opened.pop(before) - resolved.pop(before)
    found = []
    for day in opened:
        open_ += opened[day] - resolved[day]
        found.append(Day(day, opened[day], resolved[day], again.get(day, 0), open_))
    return found


def _ranges() -> list[tuple[int, int | None]]:
    return list(zip((0, *BOUNDS), (*BOUNDS, None), strict=True))


def _bucket(start: int | None, end: int | None, row: Row | None) -> Bucket:
    if row is None:
        return Bucket(start, end, 0, 0, 0)
    return Bucket(start, end, row["count"], row["critical"], row["high"])
