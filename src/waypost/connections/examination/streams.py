"""The lines about the streams: one small request to each, as a pull would make it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.connections.examination import remedies, result
from waypost.connections.examination.questions import Answer, Question
from waypost.connections.examination.result import Result
from waypost.errors import Owner
from waypost.sentinelone import refusals, wire

PAGE: Final = 1000
_ONE: Final = {"limit": "1"}
_EVERY_STATE: Final = {"states": "active,expired,deleted"}
"""As a pull asks: which states a list without it leaves out is not known (API notes, section 2)."""
_EVERY_SITE: Final = {"limit": str(PAGE), "sortBy": "id", "sortOrder": "asc", **_EVERY_STATE}
_SLOW: Final = 5.0


class Stream(msgspec.Struct, frozen=True):
    """How a stream is probed.

    Attributes:
        params: Beside the smallest page there is.
        slow: Seconds for one row above which pulling will be slow. Consoles need 0.3 to 3 s for a page, and
            longer to count risks (API notes, 3.1).
        capped: The console counts no further than this.
    """

    path: str
    params: Mapping[str, str] = {}
    slow: float = _SLOW
    capped: int | None = None


TABLE: Final = {
    "accounts": Stream("/accounts", _EVERY_STATE),
    "sites": Stream("/sites", _EVERY_SITE),
    "groups": Stream("/groups"),
    "agents": Stream("/agents"),
    "risks": Stream("/application-management/risks", slow=10.0),
    "software": Stream("/application-management/inventory"),
    "threats": Stream("/threats"),
    "alerts": Stream("/cloud-detection/alerts"),
    "activities": Stream("/activities", capped=50_000),
}
"""The glossary's streams, in the order of a pull. Sites are read whole, since licences are in their rows."""


class Rows(msgspec.Struct, frozen=True):
    """What a probe brought.

    Attributes:
        total: As the console counts; None where it does not.
        rows: Of sites, as they were sent; of others none are kept.
    """

    total: int | None
    rows: tuple[dict[str, Any], ...] = ()  # Any: as the console sent them
    next_cursor: str | None = None


def question(name: str, cursor: str | None = None) -> Question:
    stream = TABLE[name]
    read = _sites if name == "sites" else _counted
    return Question(
        stream.path, {**_ONE, **stream.params, **({"cursor": cursor} if cursor else {})}, read=read
    )


def lacks_permission(answer: Answer[Any]) -> bool:
    """Refused because of the role; a web page that refuses stands before the console and knows no roles."""
    error = answer.error
    return isinstance(error, errors.ForbiddenRoleError) and error.vendor_code is not None


def probe(name: str, answer: Answer[Rows]) -> Result:
    """The line of one stream."""
    if answer.unasked:
        return result.skipped(f"stream.{name}", answer.unasked)
    if answer.error is None:
        return _works(name, answer)
    if name == "accounts" and isinstance(answer.error, errors.ForbiddenScopeError):
        found = "Not shown to tokens of single sites; the tree is made from the sites."
        return result.line("stream.accounts", result.PASS, found, seconds=answer.seconds)
    return _fails(name, answer, answer.error)


def _works(name: str, answer: Answer[Rows]) -> Result:
    stream, total = TABLE[name], answer.content.total if answer.content else None
    found = "Works." if total is None else f"Works: {total:,}."
    if total is not None and total == stream.capped:
        found = f"Works: {total:,} or more."
    if answer.seconds <= stream.slow:
        return result.line(
            f"stream.{name}", result.PASS, found, seconds=answer.seconds, facts={"total": total}
        )
    return result.line(
        f"stream.{name}",
        result.WARN,
        f"Slow: {answer.seconds:.1f} s for one request. {found}",
        remedy="Nothing to do unless it lasts: pulls take longer. If it does, ask SentinelOne why.",
        owner=Owner.SENTINELONE,
        seconds=answer.seconds,
        code="stream.slow",
        facts={"total": total},
    )


def _fails(name: str, answer: Answer[Rows], error: errors.WaypostError) -> Result:
    full = f"stream.{name}"
    if answer.late:
        return result.line(
            full,
            result.WARN,
            f"Slow: no answer in {answer.seconds:.0f} s.",
            remedy="Run the check again later; if it lasts, ask SentinelOne why.",
            owner=Owner.SENTINELONE,
            seconds=answer.seconds,
            code="stream.slow",
        )
    if lacks_permission(answer):
        permission = refusals.permission(TABLE[name].path)
        return result.line(
            full,
            result.FAIL,
            f"Forbidden: the role lacks the permission '{permission}'.",
            remedy=remedies.PERMISSION.format(permission=f"'{permission}'"),
            owner=Owner.CUSTOMER,
            seconds=answer.seconds,
            code=error.code,
            facts={"permission": permission},
        )
    if isinstance(error, errors.NotLicensedError):
        if error.status != 403:
            return _lesser(full, "Not deployed on this console.", error, answer.seconds)
        return _lesser(full, f"Not licensed for this scope: {error.detail}", error, answer.seconds)
    if isinstance(error, errors.LimitedError):
        return _lesser(full, f"Limited just now. {error.message}", error, answer.seconds)
    return result.failure(full, error, seconds=answer.seconds)


def _lesser(name: str, found: str, error: errors.ConsoleError, seconds: float) -> Result:
    """What keeps one kind of data away, and nothing else."""
    return result.line(
        name,
        result.WARN,
        found,
        remedy=error.remedy,
        owner=error.owner,
        seconds=seconds,
        code=error.code,
    )


class _Pagination(msgspec.Struct):
    totalItems: int | None = None


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    pagination: _Pagination | None = None


def _counted(body: bytes) -> Rows:
    page = msgspec.json.decode(body, type=_Page)
    return Rows(page.pagination.totalItems if page.pagination else None)


def _sites(body: bytes) -> Rows:
    page = wire.sites(body)
    total = len(page.rows) if page.total is None and not page.next_cursor else page.total
    return Rows(total, tuple(row.vendor for row in page.rows), page.next_cursor)
