"""What a check finds: one `Result` a line, and the `Report` of them all.

The groups and the names of lines are here as data, in the order in which they are shown. Names are stable:
programs read them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from waypost.connections.probe import Identity
from waypost.errors import Owner, WaypostError

PASS: Final = "pass"  # noqa: S105  # a state
WARN: Final = "warn"
FAIL: Final = "fail"
SKIPPED: Final = "skipped"

GROUPS: Final = {
    "address": "Address",
    "token": "Token",
    "scope": "Scope",
    "privilege": "Privilege",
    "streams": "Data",
    "vulnerability_management": "Vulnerability Management",
    "estimate": "Estimate",
}
"""The groups of lines, and what people read above them."""

TITLES: Final = {
    "address.shape": "Address",
    "address.resolves": "Name look-up",
    "address.answers": "Connection",
    "address.secure": "Certificate",
    "address.console": "Console",
    "token.accepted": "Accepted",
    "token.holder": "Belongs to",
    "token.lifetime": "Lifetime",
    "scope.reach": "Sees",
    "scope.narrower": "Against before",
    "privilege.role": "Role",
    "privilege.enough": "Enough to read",
    "stream.accounts": "Accounts",
    "stream.sites": "Sites",
    "stream.groups": "Groups",
    "stream.agents": "Agents",
    "stream.risks": "Risks",
    "stream.software": "Software",
    "stream.threats": "Threats",
    "stream.alerts": "Alerts",
    "stream.activities": "Activities",
    "vulnerability_management.licence": "Licence",
    "vulnerability_management.scanning": "Scanning",
    "estimate.first_pull": "First pull",
}
"""All lines there are, and what people read in front of them."""

_WORST_FIRST: Final = (FAIL, WARN, PASS, SKIPPED)
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})  # Any: whatever JSON holds
_REFUSING: Final = frozenset({"address", "token"})
_GROUP_OF: Final = {
    "address": "address",
    "token": "token",
    "scope": "scope",
    "privilege": "privilege",
    "stream": "streams",
    "vulnerability_management": "vulnerability_management",
    "estimate": "estimate",
}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a check.

    Attributes:
        name: Stable, like `stream.risks`; `TITLES` has them all.
        group: One of `GROUPS`.
        state: `pass`, `warn`, `fail`, or `skipped` where something before it failed.
        found: What was found, in a sentence or less.
        remedy: The next step, where there is one.
        owner: Who must take it; empty where nobody must.
        seconds: How long the console took to answer.
        details: What programs may want beside the sentence: counts, lists, an error's code.
    """

    name: str
    state: str
    found: str
    group: str
    remedy: str = ""
    owner: str = ""
    seconds: float = 0.0
    details: dict[str, Any] = {}  # Any: whatever JSON holds

    @property
    def title(self) -> str:
        return TITLES[self.name]


class Report(msgspec.Struct):
    """A whole check."""

    results: list[Result]
    identity: Identity
    requests: int
    seconds: float

    @property
    def state(self) -> str:
        """The worst state of any line."""
        states = {result.state for result in self.results}
        return next((state for state in _WORST_FIRST if state in states), SKIPPED)

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.state == FAIL]

    @property
    def refused(self) -> list[Result]:
        """The failures that keep a connection from being saved: those of its address and its token."""
        return [result for result in self.failed if result.group in _REFUSING]


Listener = Callable[[Result], None]
"""Is told each line as soon as it is known, in the order of `TITLES`."""


def silent(result: Result) -> None:
    """Tell nobody."""


def line(
    name: str,
    state: str,
    found: str,
    *,
    remedy: str = "",
    owner: Owner | None = None,
    seconds: float = 0.0,
    code: str = "",
    facts: Mapping[str, Any] = _NONE,  # Any: as above
) -> Result:
    """A line of this name, in the group that the name tells; `code` says what is wrong, `facts` what else."""
    return Result(
        name=name,
        group=_GROUP_OF[name.partition(".")[0]],
        state=state,
        found=found,
        remedy=remedy,
        owner=owner.value if owner else "",
        seconds=round(seconds, 3),
        details={**facts, **({"code": code} if code else {})},
    )


def failure(name: str, error: WaypostError, *, state: str = FAIL, seconds: float = 0.0) -> Result:
    """A line that says what an error says."""
    return line(
        name, state, str(error), remedy=error.remedy, owner=error.owner, seconds=seconds, code=error.code
    )


def skipped(name: str, why: str) -> Result:
    return line(name, SKIPPED, why)
