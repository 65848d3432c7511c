"""`waypost summary`: findings counted, drawn for people who would rather look than read."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Final, TypeVar

import msgspec
from cyclopts import App, Parameter
from rich.bar import Bar
from rich.table import Table

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.filtering import ALL_FINDINGS, FindingFilters
from waypost.cli.output import Json
from waypost.unified import summaries, trends
from waypost.unified.numbers import Bucket, Group, Summary

app = App(
    name="summary", help="Findings counted: by something, day by day, by age, and how long resolving takes."
)

T = TypeVar("T")
Days = Annotated[int, Parameter(help=f"So many days, today among them; at most {trends.MOST_DAYS}.")]
_BAR: Final = 30
"""Characters of the longest bar."""
_DAY: Final = 86_400


@app.command
def findings(
    *,
    by: Annotated[str, Parameter(help=f"{', '.join(summaries.BY)}.")] = "severity",
    which: FindingFilters = ALL_FINDINGS,
    as_json: Json = False,
) -> None:
    """Count findings by something: all that the filters leave, and those of them that are not resolved."""

    async def work() -> None:
        summary = await _read(partial(summaries.grouped, by=by), which)
        if as_json:
            output.json(summary)
            return
        rows = [
            [_named(summary, group), group.count, group.open, group.critical, group.high]
            for group in summary.items
        ]
        if summary.others:
            others = summary.others
            name = f"{others.groups:,} others"
            rows.append([name, others.count, others.open, others.critical, others.high])
        _draw([by, "findings", "open", "critical", "high"], rows, bar_of=2)
        output.out.print(f"[dim]{summary.total:,} in all, at {output.cell(summary.as_of)} UTC[/]")

    means.run(work())


@app.command
def trend(*, days: Days = 30, which: FindingFilters = ALL_FINDINGS, as_json: Json = False) -> None:
    """Show findings day by day: opened, resolved, reopened, and open when the day ended."""

    async def work() -> None:
        found = await _read(partial(trends.trend, days=days), which)
        if as_json:
            output.json(found)
            return
        rows = [
            [day.day.isoformat(), day.opened, day.resolved, day.reopened, day.open] for day in found.items
        ]
        _draw(["day", "opened", "resolved", "reopened", "open"], rows, bar_of=4)

    means.run(work())


@app.command
def resolution(*, days: Days = 90, which: FindingFilters = ALL_FINDINGS, as_json: Json = False) -> None:
    """Show how many days it took from detection to resolution, of what was resolved in these days."""

    async def work() -> None:
        found = await _read(partial(trends.resolution, days=days), which)
        if as_json:
            output.json(found)
            return
        rows = [
            [item.severity or "all", item.resolved, _days(item.mean_seconds), _days(item.median_seconds)]
            for item in (*found.items, found.all)
        ]
        _draw(["severity", "resolved", "mean days", "median days"], rows, bar_of=3)

    means.run(work())


@app.command
def age(*, which: FindingFilters = ALL_FINDINGS, as_json: Json = False) -> None:
    """Show how old the findings are that are not resolved."""

    async def work() -> None:
        found = await _read(trends.age, which)
        if as_json:
            output.json(found)
            return
        rows = [[_range(item), item.count, item.critical, item.high] for item in found.items]
        _draw(["days", "findings", "critical", "high"], rows, bar_of=1)
        mean = "" if found.mean_days is None else f", {found.mean_days:,.1f} days old on average"
        output.out.print(f"[dim]{found.total:,} in all{mean}[/]")

    means.run(work())


async def _read(read: Callable[..., Awaitable[T]], which: FindingFilters) -> T:
    """What a summary says, as whoever asks may see it."""
    async with means.session(needs=Scope.READ, whole=False) as session:
        organization = await session.narrowed(which.organization)
        filters = msgspec.structs.replace(which.filters(), organization=organization)
        return await read(session.db, filters=filters, organization_id=session.organization_id)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[object]], *, bar_of: int) -> None:
    """A table with a bar for one of its numbers."""
    drawn = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        drawn.add_column(column, justify="right" if place else "left", no_wrap=True, overflow="ellipsis")
    drawn.add_column("", width=_BAR)
    numbers = [number if isinstance(number := row[bar_of], int | float) else 0 for row in rows]
    longest = max([*numbers, 0]) or 1
    for row, number in zip(rows, numbers, strict=True):
        drawn.add_row(
            *(f"{value:,.1f}" if isinstance(value, float) else output.cell(value) for value in row),
            Bar(longest, 0, number, width=_BAR, color="cyan"),
        )
    output.out.print(drawn)


def _named(summary: Summary, group: Group) -> str | None:
    """What people call a group."""
    if group.key is None:
        return {"organization": "nobody's", "day": "no date"}.get(summary.by, "not known")
    parts = [group.name or group.key, group.vendor, group.connection]
    return ", ".join(part for part in parts if part)


def _range(item: Bucket) -> str:
    if item.from_days is None:
        return "no date"
    return (
        f"{item.from_days} and more" if item.until_days is None else f"{item.from_days} to {item.until_days}"
    )


def _days(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / _DAY
