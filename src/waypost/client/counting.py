"""Findings counted, for charts. All take the filters of findings."""

from typing import Final, Unpack

from waypost.client import filters
from waypost.client.wire import Wire
from waypost.unified.numbers import Ages, Resolutions, Summary, Trend

DAYS: Final = 90


async def summary(wire: Wire, by: str = "severity", **narrowed: Unpack[filters.FindingFilters]) -> Summary:
    """Findings by severity, state, organization, site, application, cve or day."""
    return await wire.get("/summary/findings", Summary, {**narrowed, "by": by})


async def trend(wire: Wire, *, days: int = DAYS, **narrowed: Unpack[filters.FindingFilters]) -> Trend:
    """Findings opened, resolved, reopened and open, day by day."""
    return await wire.get("/summary/findings/trend", Trend, {**narrowed, "days": days})


async def resolution(
    wire: Wire, *, days: int = DAYS, **narrowed: Unpack[filters.FindingFilters]
) -> Resolutions:
    """How long it took to resolve what was resolved in these days."""
    return await wire.get("/summary/findings/resolution", Resolutions, {**narrowed, "days": days})


async def age(wire: Wire, **narrowed: Unpack[filters.FindingFilters]) -> Ages:
    """Findings that are not resolved, by how long ago they were detected."""
    return await wire.get("/summary/findings/age", Ages, narrowed)
