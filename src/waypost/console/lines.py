"""A check as a page shows it: each line in plain words, and what they come to.

Who reads it is the customer, so a remedy says whose it is only where it is not theirs.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from waypost.connections.examination import remedies
from waypost.connections.examination import result as results
from waypost.connections.examination.result import Report, Result
from waypost.errors import Owner

_WORDS: Final = {"pass": "OK", "warn": "Warning", "fail": "Failed", "skipped": "Skipped"}
_NEXT: Final = {
    Owner.CUSTOMER.value: "What to do: ",
    Owner.OPERATOR.value: "For whoever sent you this link: ",
    Owner.SENTINELONE.value: "For SentinelOne: ",
}
_FOR_CUSTOMERS: Final = {remedies.NEW_TOKEN: remedies.NEW_SERVICE_USER}
"""Next steps that speak of commands, which a customer does not have."""
_FLAWED: Final = ("warn", "fail")
_CONFIRM: Final = (
    "The new token sees less than the old one. If that is meant, tick it in the form before saving."
)
_NARROWER: Final = "scope.narrower"


class Line(msgspec.Struct, frozen=True):
    """One line of a check; `state` gives it colour and icon, `word` says the same."""

    group: str
    title: str
    state: str
    word: str
    found: str
    remedy: str


class Group(msgspec.Struct, frozen=True):
    """Lines under one heading."""

    title: str
    lines: Sequence[Line]


class Verdict(msgspec.Struct, frozen=True):
    """What a check comes to: whether the connection may be saved, and what to know before.

    Attributes:
        ready: Nothing in address and token failed, so it may be saved.
        narrower: The token sees less than the one it replaces, which must be confirmed.
    """

    ready: bool
    title: str
    text: str
    narrower: bool = False


def line(result: Result) -> Line:
    """A result in a customer's words."""
    remedy = _FOR_CUSTOMERS.get(result.remedy, result.remedy)
    remedy = remedy and f"{_NEXT.get(result.owner, '')}{remedy}"
    group = results.GROUPS[result.group]
    return Line(group, result.title, result.state, _WORDS[result.state], result.found, remedy)


def groups(found: Iterable[Result]) -> list[Group]:
    """All lines, under their headings."""
    return [
        Group(title, list(lines)) for title, lines in groupby(map(line, found), key=lambda one: one.group)
    ]


def warnings(report: Report) -> list[Line]:
    """What works only in part, or not, though the connection is saved."""
    return [line(result) for result in report.results if result.state in _FLAWED]


def verdict(report: Report) -> Verdict:
    """What a check comes to."""
    if report.refused:
        text = "Do what the failed lines say, then check again. Nothing was saved."
        return Verdict(ready=False, title="Not ready to save", text=text)
    narrower = any(result.name == _NARROWER and result.state in _FLAWED for result in report.results)
    text = _CONFIRM if narrower else _told(len(warnings(report)))
    return Verdict(ready=True, title="Ready to save", text=text, narrower=narrower)


def _told(flaws: int) -> str:
    if not flaws:
        return "Everything that was checked works."
    lines = "One line needs" if flaws == 1 else f"{flaws} lines need"
    return f"{lines} attention, now or after saving."
