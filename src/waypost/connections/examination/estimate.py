"""The line about the first pull: how much there is, and how long it takes under the console's limits."""

import math
from typing import Final

import msgspec

from waypost.connections.examination import result, scope
from waypost.connections.examination.result import Result
from waypost.sentinelone import limits

PAGE: Final = 1000
PAGE_SECONDS: Final = 1.0
"""A full page takes a console about this long, however fast its small ones are (API notes, section 7)."""
SIDE_BY_SIDE: Final = 6
"""Walks of one run at a time."""
RISKS_AN_AGENT: Final = 140
"""294,709 risks on 2,095 agents (API notes, 3.1), where the console does not count them."""
FEW_WALKS: Final = 16

_PATHS: Final = {
    "sites": "/sites",
    "groups": "/groups",
    "agents": "/agents",
    "risks": "/application-management/risks",
}
_MINUTE: Final = 60
_HOUR: Final = 3600


class Estate(msgspec.Struct, frozen=True):
    """How much there is of each stream; None where it is not known.

    Attributes:
        latency: Seconds of a small request.
    """

    sites: int | None
    groups: int | None
    agents: int | None
    risks: int | None
    latency: float = 0.0


class Estimate(msgspec.Struct, frozen=True):
    """What the first pull takes."""

    pages: int
    seconds: float
    risks: int


def first_pull(estate: Estate) -> Estimate:
    """Pages of each stream one after the other, as fast as the console's limits and its latency let them come."""
    risks = estate.risks if estate.risks is not None else (estate.agents or 0) * RISKS_AN_AGENT
    rows = {"sites": estate.sites, "groups": estate.groups, "agents": estate.agents, "risks": risks}
    walks = dict.fromkeys(rows, 1) | {"risks": _walks(estate.sites or 1, risks)}
    pages = {name: _pages(count or 0, walks[name]) for name, count in rows.items()}
    seconds = sum(_seconds(name, pages[name], walks[name], estate.latency) for name in pages)
    return Estimate(sum(pages.values()), seconds, risks)


def line(estate: Estate) -> Result:
    if estate.agents is None and estate.risks is None:
        return result.skipped("estimate.first_pull", "Neither agents nor risks could be counted.")
    estimate = first_pull(estate)
    about = "" if estate.risks is not None else "about "
    return result.line(
        "estimate.first_pull",
        result.PASS,
        f"{scope.counted(estate.agents, 'agent')} and {about}{scope.counted(estimate.risks, 'risk')}: "
        f"{scope.counted(estimate.pages, 'page')}, {words(estimate.seconds)}.",
        facts={
            "agents": estate.agents,
            "risks": estate.risks,
            "pages": estimate.pages,
            "pull_seconds": round(estimate.seconds),
        },
    )


def words(seconds: float) -> str:
    """A time as people say it, since an estimate is no better than that."""
    if seconds < _MINUTE:
        return "less than a minute"
    if seconds < 1.5 * _HOUR:
        return f"about {scope.counted(round(seconds / _MINUTE), 'minute')}"
    return f"about {round(seconds / _HOUR * 2) / 2:g} hours"


def _walks(sites: int, risks: int) -> int:
    """A pull walks risks site by site unless that would more than double the pages."""
    return sites if sites <= max(FEW_WALKS, risks // PAGE // 2) else 1


def _pages(rows: int, walks: int) -> int:
    """Each walk ends with a page that is half full on average, and takes one at least."""
    return max(walks, math.ceil(rows / PAGE + (walks - 1) / 2))


def _seconds(name: str, pages: int, walks: int, latency: float) -> float:
    bucket = limits.Limiter().bucket(_PATHS[name])
    rate = bucket.limit.rate if bucket else math.inf
    each = max(PAGE_SECONDS, latency)
    return max(pages / rate, pages * each / min(walks, SIDE_BY_SIDE), each)
