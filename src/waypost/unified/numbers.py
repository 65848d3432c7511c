"""Findings in numbers, as users read them at the command line, through the API and in the client alike."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta


class Group(msgspec.Struct, frozen=True):
    """So many findings have this in common."""

    key: Annotated[
        str | None,
        Meta(
            description="The word, the day, the CVE, the application's name, the console's id of the site, the id of "
            "the organization; null for findings of which it is not known, and for those of no organization."
        ),
    ]
    name: Annotated[str | None, Meta(description="For people, of what has one.")]
    connection: Annotated[str | None, Meta(description="Of a site.")]
    vendor: Annotated[str | None, Meta(description="Of an application.")]
    count: Annotated[int, Meta(description="All that the filters leave.")]
    open: Annotated[int, Meta(description="Those of them that are not resolved.")]
    critical: Annotated[int, Meta(description="Those that are not resolved and critical.")]
    high: Annotated[int, Meta(description="Those that are not resolved and high.")]


class Others(msgspec.Struct, frozen=True):
    """What the groups that are not told have together."""

    groups: int
    count: int
    open: int
    critical: int
    high: int


class Summary(msgspec.Struct, frozen=True):
    """Findings by something: the largest groups, and the others added up. `total` is over all of them."""

    by: str
    items: list[Group]
    others: Others | None
    total: int
    as_of: datetime


class Day(msgspec.Struct, frozen=True):
    """What happened on one day of UTC. `open` are those that were not resolved when it ended."""

    day: date
    opened: Annotated[int, Meta(description="Detected on this day, by the console's clock.")]
    resolved: Annotated[int, Meta(description="Resolved on this day, and so still.")]
    reopened: Annotated[
        int,
        Meta(
            description="Seen again after they had been resolved, by the change log, as far as it goes back."
        ),
    ]
    open: Annotated[int, Meta(description="`open` of the day before, and `opened`, less `resolved`.")]


class Trend(msgspec.Struct, frozen=True):
    """Day by day, the earliest first; the last one is today and not over."""

    items: list[Day]
    as_of: datetime


class Resolution(msgspec.Struct, frozen=True):
    """How long it took from detection to resolution; null where nothing was resolved. `severity` is null for all."""

    severity: str | None
    resolved: int
    mean_seconds: float | None
    median_seconds: float | None


class Resolutions(msgspec.Struct, frozen=True):
    """Time to resolve, by severity and for all together, of the findings that were resolved in these days."""

    items: list[Resolution]
    all: Resolution
    days: int
    as_of: datetime


class Bucket(msgspec.Struct, frozen=True):
    """Findings that are not resolved, and were detected so many days ago; null for those without a date."""

    from_days: int | None
    until_days: Annotated[int | None, Meta(description="Null for the last bucket, which has no end.")]
    count: int
    critical: int
    high: int


class Ages(msgspec.Struct, frozen=True):
    """How old the findings are that are not resolved."""

    items: list[Bucket]
    total: int
    mean_days: Annotated[float | None, Meta(description="Of those with a date; null where there is none.")]
    as_of: datetime
