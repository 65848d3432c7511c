"""What a visitor of a connect link is answered: a page, or for the page's script a document that says the same."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.enums import MediaType

from waypost import errors
from waypost.connections.examination.result import Report
from waypost.connections.handover import Handover, Saved
from waypost.connections.links import Link
from waypost.console import lines, pages
from waypost.console.form import Entered, Problem
from waypost.console.lines import Line
from waypost.console.visitors import Visit

LINES: Final = "application/x-ndjson"
"""What the script asks for to see a check as it runs."""
_DOCUMENT: Final = "application/json"

_STATUS: Final = (
    (errors.LinkRefusedError, 404),  # the same for every reason, so that it tells none
    (errors.TooManyAttemptsError, 429),
    (errors.AccessError, 403),
    (errors.UsageError, 422),
)
_LATER: Final = errors.WaypostError(
    "Waypost cannot do this at the moment.",
    remedy="Try again in a few minutes; if it lasts, tell whoever sent you the link.",
)
_REFUSED_TITLE: Final = {
    404: "This link opens nothing",
    429: "Please wait a moment",
    503: "Please try again later",
}

_FIELDS: Final = ("url", "token", "name")
_FIELDS_OF_TOKEN: Final = ("token", "narrower")
_NARROWER: Final = "Tick this if that is meant, or use a token of the same accounts or sites."

log = structlog.get_logger(__name__)


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    detail: str
    remedy: str


class Refusal(msgspec.Struct, frozen=True):
    """Why something was not done, and the next step."""

    detail: str
    remedy: str
    errors: Sequence[FieldProblem] = ()
    lines: Sequence[Line] = ()


class Done(msgspec.Struct, frozen=True):
    """What was saved, and what does not work in it."""

    title: str
    text: str
    warnings: Sequence[Line]


def form(
    secret: str, link: Link, *, status: int = 200, **shown: Any
) -> Response[str]:  # Any: as the template has it
    """The page with its form."""
    facts: dict[str, Any] = {
        "entered": Entered(),
        "problems": {},
        "groups": (),
        "verdict": None,
        "failure": None,
    }
    host = link.url and link.url.partition("://")[2]
    return pages.page("connect.html", status=status, secret=secret, link=link, host=host, **(facts | shown))


def unfit(
    visit: Visit, secret: str, link: Link, given: Handover, problems: Mapping[str, Problem]
) -> Response[Any]:  # Any: a page or a document
    """The form again, with what is wrong at its fields."""
    if _by_script(visit):
        fields = [FieldProblem(name, one.message, one.remedy) for name, one in problems.items()]
        return _document(Refusal("Some fields cannot be used.", "Mend them and try again.", fields), 422)
    return form(secret, link, status=422, entered=_entered(given), problems=problems)


def checked(secret: str, link: Link, given: Handover, report: Report) -> Response[str]:
    """The page with a whole check."""
    groups, verdict = lines.groups(report.results), lines.verdict(report)
    return form(secret, link, entered=_entered(given), groups=groups, verdict=verdict)


def not_saved(
    visit: Visit, secret: str, link: Link, given: Handover, error: errors.UsageError
) -> Response[Any]:  # Any: as above
    """The form again, with why nothing was saved."""
    problem, field = Problem(error.message, error.remedy), error.field
    if isinstance(error, errors.NarrowerScopeError):
        problem, field = Problem(error.message, _NARROWER), "narrower"
    if field in (_FIELDS_OF_TOKEN if link.connection_id else _FIELDS):
        return unfit(visit, secret, link, given, {field: problem})
    if _by_script(visit):
        return _document(Refusal(error.message, error.remedy), 422)
    return form(secret, link, status=422, entered=_entered(given), failure=problem)


def saved(visit: Visit, link: Link, done: Saved) -> Response[Any]:  # Any: as above
    """The end."""
    host = done.connection.base_url.partition("://")[2]
    if link.connection_id is None:
        title = "Your console is connected"
        text = f"Waypost starts to read {host} for {link.organization} within a minute."
    else:
        title, text = "The new token is in use", f"Waypost reads {host} with it from now on."
    shown = Done(title, text, lines.warnings(done.report))
    return _document(shown, 200) if _by_script(visit) else pages.page("done.html", saved=shown)


def refused(visit: Visit, problem: Exception) -> Response[Any]:  # Any: as above
    """A page, or a document, for what cannot be shown or done."""
    error = problem if isinstance(problem, errors.AccessError | errors.UsageError) else _LATER
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    if error is _LATER:
        log.error("connect page failed", error=str(problem), exc_info=problem)
    remedy = error.remedy
    headers = {}
    if isinstance(error, errors.TooManyAttemptsError):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
        remedy = "Then open the link again."
    if _by_script(visit):
        answer: Response[Any] = _document(Refusal(error.message, remedy), status)
    else:
        title = _REFUSED_TITLE.get(status, "This did not work")
        answer = pages.page("refused.html", status=status, title=title, text=error.message, remedy=remedy)
    answer.headers.update(headers)
    return answer


def _by_script(visit: Visit) -> bool:
    accepted = visit.headers.get("accept", "")
    return LINES in accepted or _DOCUMENT in accepted


def _document(content: msgspec.Struct, status: int) -> Response[Any]:  # Any: as above
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=dict(pages.HEADERS))


def _entered(given: Handover) -> Entered:
    return Entered(given.url, given.name)
