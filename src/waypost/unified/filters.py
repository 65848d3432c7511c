"""What lists can be limited to, and what the values of each filter mean to the database.

One struct has the filters of all lists; which list takes which is said by the API and the command line. Values are as
users write them. What a filter does is a block of SQL of its name in `queries/selecting.sql`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, TypeVar

import msgspec

from waypost import errors
from waypost.unified.nearest import meant
from waypost.unified.words import DeviceState, FindingState, Severity, word

NOBODY: Final = 0
"""In place of an organization: what belongs to none, since its site is undecided or ignored, or not known."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMES: Final = "Write it like 2026-11-21 or 2026-11-21T08:30:00Z."

E = TypeVar("E", bound=IntEnum)
Row = dict[str, Any]  # Any: columns of different types


class Filters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a list is limited to; several values of one filter are alternatives.

    Attributes:
        site: Names, in any case, or the console's ids; so are `account` and `group`.
        device: Names, in any case, Waypost's ids or the agents' ids.
        application: Part of the name, in any case; so is `vendor`.
        state: Of findings or of devices, as the list has it.
        detected_since: From this time on; `detected_until` is before this time.
        kind: Of changes.
        organization: Waypost's own number of it, or `NOBODY`; of what a bound caller sees it is his own or nothing.
        exploited: Whether code that exploits the CVE is known, as the console says; `has_fix` whether there is a fix.
        search: Part of the device's or the application's name; of devices of theirs alone.
        os: Part of the operating system's name, or its type.
    """

    connection: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    cve: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    application: str = ""
    detected_since: str = ""
    changed_since: str = ""
    kind: tuple[str, ...] = ()
    organization: int | None = None
    account: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    vendor: str = ""
    score_min: float | None = None
    score_max: float | None = None
    has_fix: bool | None = None
    exploited: bool | None = None
    detected_until: str = ""
    resolved_since: str = ""
    search: str = ""
    os: str = ""


def of_findings(filters: Filters) -> Row:
    """The values of the filters of findings, by name; None where one is not given.

    Raises:
        FilterError: A value means nothing, or a range is upside down.
    """
    since, until = (
        time(filters.detected_since, "detected_since"),
        time(filters.detected_until, "detected_until"),
    )
    if since and until and since >= until:
        raise errors.FilterError(
            "`detected_since` is not before `detected_until`.",
            remedy="Give a later `detected_until`.",
            field="detected_until",
        )
    if (
        filters.score_min is not None
        and filters.score_max is not None
        and filters.score_min > filters.score_max
    ):
        raise errors.FilterError(
            "`score_min` is more than `score_max`.", remedy="Swap them.", field="score_max"
        )
    return {
        **_of_both(filters),
        "severity": members(filters.severity, Severity, "severity"),
        "state": members(filters.state, FindingState, "state"),
        "score_min": _score(filters.score_min, "score_min"),
        "score_max": _score(filters.score_max, "score_max"),
        "detected_since": since,
        "detected_until": until,
        "resolved_since": time(filters.resolved_since, "resolved_since"),
        "search": filters.search or None,
    }


def of_devices(filters: Filters) -> Row:
    """The values of the filters of devices, as `of_findings`."""
    return {
        **_of_both(filters),
        "state": members(filters.state, DeviceState, "state"),
        "os": filters.os or None,
        "search": filters.search or None,
    }


def of_sites(filters: Filters) -> Row:
    """The values of the filters of sites, as `of_findings`."""
    return {"connection": list(filters.connection) or None}


def _of_both(filters: Filters) -> Row:
    return {
        "connection": list(filters.connection) or None,
        "group": list(filters.group) or None,
        "changed_since": time(filters.changed_since, "changed_since"),
    }


def words(texts: Sequence[str]) -> tuple[str, ...]:
    """What stands between the commas of these texts.

    Raises:
        FilterError: There is nothing but commas: what is meant to limit a list must not leave it whole.
    """
    found = tuple(word.strip() for text in texts for word in text.split(",") if word.strip())
    if texts and not found:
        raise errors.FilterError(
            f"{','.join(texts)[:40]!r} names nothing.", remedy="Name something, or leave it out."
        )
    return found


def members(words: Sequence[str], kind: type[E], name: str) -> list[int] | None:
    """The numbers of these words of a vocabulary; None for no words.

    Raises:
        FilterError: There is no such word.
    """
    known = {word(member): member.value for member in kind}
    for text in words:
        if text.lower() not in known:
            raise errors.FilterError(
                f"There is no {name} {text!r}; there are {', '.join(known)}.{meant(text, known)}", field=name
            )
    return [known[text.lower()] for text in words] or None


def time(text: str, name: str) -> datetime | None:
    """A time, or the beginning of a day in UTC; None for no text.

    Raises:
        FilterError: It is neither, or a time of nobody knows which zone.
    """
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        # An address line turns a plus sign that is not written as %2B into a space.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise errors.FilterError(f"{text!r} is no time for {name}.", remedy=_TIMES, field=name) from None
    if found.tzinfo is None:
        raise errors.FilterError(f"{text!r} for {name} has no time zone.", remedy=_TIMES, field=name)
    return found


def _score(score: float | None, name: str) -> float | None:
    if score is not None and not 0 <= score <= 10:
        raise errors.FilterError(f"A score of {score:g} is not from 0 to 10.", field=name)
    return score
