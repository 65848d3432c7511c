"""What can go wrong between a program and the service.

ClientError
├── ApiError            the service answered that it will not, or cannot
│   ├── InvalidError      400, 405, 413, 415, 422: ask otherwise
│   ├── RefusedError      401, 403: the key may not
│   ├── NotFoundError     404
│   ├── ConflictError     409: what is there stands against it
│   ├── ForgottenError    410: the feed no longer goes back so far
│   ├── LimitedError      429: too many requests
│   └── UnavailableError  502, 503, 504: not now
├── UnreachableError    there was no answer, or half of one
├── UnreadableError     there was an answer that is not of this API
├── ClosedError         the client was closed
├── ExportFailedError   an export came to nothing
└── SignatureError      a delivery is not proved to be the service's
"""

from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457), as far as it was one."""

    title: str = ""
    detail: str = ""
    code: str = ""
    remedy: str = ""
    owner: str = ""
    request_id: str = ""
    errors: tuple[FieldError, ...] = ()


class ClientError(Exception):
    """Something did not work between this program and the service."""

    transient: bool = False
    """Whether the same may work later."""


class ApiError(ClientError):
    """The service answered that it will not do this, or cannot.

    Attributes:
        status: Of HTTP.
        code: Names the problem; stable. Empty if the answer came from something in between, as a proxy.
        detail: What happened.
        remedy: The next step.
        owner: Who must act: customer, SentinelOne, operator or nobody.
        request_id: By which the service's log has it.
        errors: What is wrong with which field.
        retry_after: Seconds after which the service wants to be asked again, if it says.
    """

    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, status: int, problem: Problem, *, retry_after: float | None = None) -> None:
        self.status = status
        self.code = problem.code
        self.detail = problem.detail or problem.title or f"The service answered with status {status}."
        self.remedy = problem.remedy
        self.owner = problem.owner
        self.request_id = problem.request_id
        self.errors = problem.errors
        self.retry_after = retry_after
        super().__init__(" ".join(filter(None, (self.detail, self.remedy))))


class InvalidError(ApiError):
    """The request cannot be understood, or not carried out as it is."""

    statuses = (400, 405, 413, 415, 422)


class RefusedError(ApiError):
    """The key is unknown, revoked or expired, or may not do this."""

    statuses = (401, 403)


class NotFoundError(ApiError):
    """There is no such thing, or not for this key."""

    statuses = (404,)


class ConflictError(ApiError):
    """What is there stands against it."""

    statuses = (409,)


class ForgottenError(ApiError):
    """The feed no longer goes back to this cursor."""

    statuses = (410,)


class LimitedError(ApiError):
    """The key has made too many requests."""

    statuses = (429,)
    transient = True


class UnavailableError(ApiError):
    """The service, or what it needs, does not answer now."""

    statuses = (502, 503, 504)
    transient = True


class UnreachableError(ClientError):
    """The service gave no answer, or half of one."""

    transient = True


class UnreadableError(ClientError):
    """An answer is not one of this API."""


class ClosedError(ClientError):
    """The client was closed."""


class ExportFailedError(ClientError):
    """An export came to nothing."""


class SignatureError(ClientError):
    """A delivery is not proved to come from the service, or to be new."""


_OF_STATUS: Final[Mapping[int, type[ApiError]]] = {
    status: kind for kind in ApiError.__subclasses__() for status in kind.statuses
}


def of(status: int, body: bytes, *, retry_after: float | None = None) -> ApiError:
    """The error that an answer stands for."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = Problem()
    return _OF_STATUS.get(status, ApiError)(status, problem, retry_after=retry_after)
