"""Problem documents (RFC 9457): every answer that is not what was asked for, in one shape.

One table says which error gives which status. An error that nobody foresaw becomes a 500 that tells only its
request id; the log has the rest.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from waypost import errors
from waypost.api import methods, tracing
from waypost.errors import Reaction, WaypostError

MEDIA_TYPE: Final = "application/problem+json"
BASE: Final = "/problems/"

STATUS: Final[Mapping[type[WaypostError], int]] = {
    WaypostError: 500,
    errors.UsageError: 400,
    errors.AddressError: 422,
    errors.TokenShapeError: 422,
    errors.NoSuchConnectionError: 404,
    errors.ConnectionNameError: 422,
    errors.ConnectionStateError: 409,
    errors.ConnectionExistsError: 409,
    errors.SameIdentityError: 409,
    errors.OtherConsoleError: 422,
    errors.CheckFailedError: 422,
    errors.DefaultConnectionError: 409,
    errors.NarrowerScopeError: 409,
    errors.NoSuchOrganizationError: 422,
    errors.OrganizationNameError: 422,
    errors.OrganizationStateError: 409,
    errors.ExternalIdError: 409,
    errors.ParentError: 422,
    errors.SheetError: 422,
    errors.NoSuchScopeError: 422,
    errors.DecisionError: 422,
    errors.OutdatedMappingError: 409,
    errors.TwoOrganizationsError: 409,
    errors.NoSuchSaveError: 404,
    errors.UndoError: 409,
    errors.WebhookAddressError: 422,
    errors.WebhookExistsError: 409,
    errors.ExportPlaceError: 422,
    errors.ExportStateError: 409,
    errors.InvalidFieldError: 422,
    errors.FeedForgottenError: 410,
    errors.NotFoundError: 404,
    errors.MethodError: 405,
    errors.MediaTypeError: 415,
    errors.TooLargeError: 413,
    errors.AccessError: 403,
    errors.KeyRefusedError: 401,
    errors.KeyScopeError: 403,
    errors.RateLimitedError: 429,
    errors.TooManyAttemptsError: 429,
    errors.LinkRefusedError: 404,
    errors.ConsoleError: 502,
    errors.LimitedError: 503,
    errors.SyncRunningError: 409,
    errors.LeaseLostError: 409,
    errors.InterruptedRunError: 503,
    errors.StorageError: 503,
    errors.TooSlowError: 504,
}
"""By class; a class that is not named has its parent's."""

_OF_STATUS: Final[Mapping[int, type[WaypostError]]] = {
    400: errors.BodyError,
    404: errors.NotFoundError,
    405: errors.MethodError,
    413: errors.TooLargeError,
    415: errors.MediaTypeError,
}
"""What the framework refuses on its own; its words are not passed on, since they repeat the path."""

_KINDS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
    "datetime": "a time like 2026-11-22T08:30:00Z",
    "uuid": "an id",
}
"""What a decoder calls types, and what people call them."""
_NAMED: Final = re.compile(r"`([\w |]+)`")
_BOUNDS: Final = {
    "Invalid enum value": "There is no such value:",
    "Invalid UUID": "It is no id",
    "of length >=": "of length at least",
    "of length <=": "of length at most",
    ">=": "of at least",
    "<=": "of at most",
}

log = structlog.get_logger()


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was not carried out, who must act, and the next step."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    owner: str
    request_id: str
    errors: tuple[FieldProblem, ...] = ()
    results: tuple[dict[str, Any], ...] = ()  # Any: the lines of a check, where one failed


class FieldsError(errors.InvalidFieldError):
    """Fields have values that cannot be used."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields
        (field, detail), *more = fields.items()
        told = f" {len(more)} more are listed." if more else ""
        super().__init__(f"{field}: {detail}{told}", field=field)


def answer(request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """The problem document of an error."""
    error = known(problem)
    if error is None:
        error = WaypostError(
            remedy="Try again; if it lasts, look for the request id in the log, and report it with what is there."
        )
        log.error("request failed unexpectedly", exc_info=problem)
    elif isinstance(error, errors.StorageError):
        log.error("request failed", code=error.code, error=str(error))
    return response(error, tracing.request_id(request.scope), dict(_headers(error, request)))


def response(error: WaypostError, request_id: str, headers: Mapping[str, str]) -> Response[bytes]:
    """This error as an answer."""
    document = described(error, request_id)
    return Response(
        msgspec.json.encode(document),
        status_code=document.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers),
    )


def known(problem: Exception) -> WaypostError | None:
    """An exception as one of Waypost's errors, if it is foreseen."""
    if isinstance(problem, WaypostError):
        return problem
    if isinstance(problem, psycopg.errors.QueryCanceled):
        return errors.TooSlowError("The answer took the database longer than is allowed, and was given up.")
    if isinstance(problem, psycopg.OperationalError):  # a pool without a free connection too
        return errors.DatabaseUnreachableError("The database does not answer.")
    if isinstance(problem, ValidationException):
        return FieldsError(dict(_invalid(problem.extra)))
    if isinstance(problem, HTTPException) and problem.status_code in _OF_STATUS:
        return _OF_STATUS[problem.status_code]()
    return None


def described(error: WaypostError, request_id: str) -> Problem:
    """An error as a problem document."""
    return Problem(
        type=BASE + error.code,
        title=title(type(error)),
        status=status(type(error)),
        detail=str(error),
        code=error.code,
        remedy=error.remedy,
        owner=str(error.owner),
        request_id=request_id,
        errors=tuple(_fields(error)),
        results=tuple(getattr(error, "results", ())),
    )


def status(kind: type[WaypostError]) -> int:
    """The status of an error."""
    return next(STATUS[parent] for parent in kind.__mro__ if parent in STATUS)


def title(kind: type[WaypostError]) -> str:
    """What an error of this kind is, whatever happened in particular."""
    described_in = kind if kind is not FieldsError else errors.InvalidFieldError
    return (described_in.__doc__ or "").strip().partition("\n")[0]


def sentence(text: str) -> str:
    """A decoder's complaint, in words for people: without types of a language that they may not use."""
    told = _NAMED.sub(_in_words, text.partition(" - at ")[0].replace("Object ", "It "))
    for sign, words in _BOUNDS.items():
        told = told.replace(sign, words)
    return told.rstrip(".") + "."


def _in_words(names: re.Match[str]) -> str:
    return " or ".join(_KINDS.get(name, f"'{name}'") for name in names[1].split(" | "))


def _headers(error: WaypostError, request: Request[Any, Any, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(error, errors.KeyRefusedError):
        yield "WWW-Authenticate", 'Bearer realm="waypost"'
    if isinstance(error, (errors.TooManyAttemptsError, errors.RateLimitedError)):
        yield "Retry-After", str(max(1, math.ceil(error.retry_after)))
    elif error.reaction is Reaction.TRANSIENT and status(type(error)) == 503:
        yield "Retry-After", "5"
    if isinstance(error, errors.MethodError):
        yield "Allow", methods.allowed(request)


def _fields(error: WaypostError) -> Iterator[FieldProblem]:
    if isinstance(error, errors.SheetError) and error.lines:
        for line, detail in error.lines:
            yield FieldProblem(f"line {line}" if line else "file", detail)
    elif error.fields:
        for field, detail in error.fields.items():
            yield FieldProblem(field, detail)
    elif error.field:
        yield FieldProblem(error.field, error.message)


def _invalid(extra: object) -> Iterator[tuple[str, str]]:
    """What the framework says of parameters that it could not convert."""
    for message in extra if isinstance(extra, list) else []:
        yield message.get("key", "request"), sentence(message["message"])
    if not extra:
        yield "request", "It cannot be read."
