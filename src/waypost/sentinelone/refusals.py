"""Why a console did not give what was asked: from an answer, or from none, to an error of Waypost's tree.

`TABLE` holds what is known of the vendor's refusals (API notes, section 6, and the error samples): the first
row that fits decides. The vendor tells a missing permission, a narrow scope and a missing licence apart only
by its English text, so the texts are in the table too.

No error made here carries the token: the console's words are cleaned by `Cleaner` before they are kept.
"""

import html
import math
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from waypost.errors import (
    AddressError,
    ConsoleError,
    CursorRefusedError,
    ForbiddenRoleError,
    ForbiddenScopeError,
    LimitedError,
    NotAConsoleError,
    NotLicensedError,
    RequestRefusedError,
    TokenRefusedError,
    UnreachableError,
    UnreadableAnswerError,
    VendorFailureError,
    WaypostError,
)
from waypost.sentinelone.address import ForbiddenAddressError

_LONGEST_DETAIL = 300
_FEW = 5


class Refusal(msgspec.Struct, frozen=True):
    """An error, and whether asking again may help.

    Attributes:
        retry_after: Seconds to wait first, if the console said so.
        most: Tries, for what is unlikely to get better before the deadline.
    """

    error: WaypostError
    retry: bool = False
    retry_after: float | None = None
    most: float = math.inf


class Reply(msgspec.Struct, frozen=True):
    """What came back over HTTP, whatever it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Request(msgspec.Struct, frozen=True):
    """What had been asked, as far as an error needs to know."""

    method: str
    path: str
    host: str
    has_cursor: bool = False


class Row(msgspec.Struct, frozen=True):
    """One known refusal; every condition that is set must hold.

    Attributes:
        statuses: First and last HTTP status.
        code: The vendor's own code.
        words: Occur in the console's words, in any case.
        kind: "json", "html" or "text".
        path: The path begins with it.
        cursor: The request had a page cursor.
        message: May hold `{host}`, `{path}` and `{to}` (the host of a redirect).
    """

    statuses: tuple[int, int]
    error: type[ConsoleError]
    message: str
    code: int | None = None
    words: str = ""
    kind: str = ""
    path: str = ""
    cursor: bool = False
    retry: bool = False
    remedy: str = ""


_OUT_OF_SCOPE = "This lies outside the accounts and sites that the token may see."
_NO_FEATURE = "This console or scope does not have the feature."
_BEHIND_A_PAGE = (
    "Check whether the console admits only certain networks, or whether a proxy stands in between: "
    "a web page was sent, not the API's own refusal."
)

TABLE = (
    Row((200, 200), NotAConsoleError, "{host} answered with a web page.", kind="html"),
    Row((200, 200), UnreadableAnswerError, "The console's answer is not JSON.", retry=True),
    Row((201, 299), UnreadableAnswerError, "The console sent an answer without the data asked for."),
    Row((300, 399), NotAConsoleError, "{host} sent us on to {to}, as login and web pages do."),
    Row((400, 400), CursorRefusedError, "The console no longer accepts the page cursor.", cursor=True),
    Row((400, 400), RequestRefusedError, "The console does not accept the request."),
    Row((401, 401), TokenRefusedError, "The console refused the API token."),
    Row((403, 403), ForbiddenScopeError, _OUT_OF_SCOPE, words="not allowed to site users"),
    Row((403, 403), ForbiddenScopeError, _OUT_OF_SCOPE, words="provide a valid account ID or site ID"),
    Row((403, 403), ForbiddenScopeError, _OUT_OF_SCOPE, words="required tenant-level permissions"),
    Row((403, 403), NotLicensedError, _NO_FEATURE, words="does not have Custom Rules enabled"),
    Row((403, 403), NotLicensedError, _NO_FEATURE, words="not available for the scope"),
    Row((403, 403), NotLicensedError, _NO_FEATURE, words="deliberately disabled"),
    Row(
        (403, 403), ForbiddenRoleError, "A web page refused the request.", kind="html", remedy=_BEHIND_A_PAGE
    ),
    Row((403, 403), ForbiddenRoleError, "The token's role may not read {path}."),
    Row((404, 404), NotLicensedError, "{path} is not deployed on this console.", code=4040010),
    Row((404, 404), NotAConsoleError, "{host} does not know {path}.", kind="text", path="/system"),
    Row((404, 404), NotAConsoleError, "{host} does not know {path}.", kind="html", path="/system"),
    Row((404, 404), NotLicensedError, "{path} is not deployed on this console."),
    Row((408, 408), VendorFailureError, "The console gave up waiting.", retry=True),
    Row((429, 429), LimitedError, "The console answers that there are too many requests.", retry=True),
    Row((400, 499), RequestRefusedError, "The console does not accept the request."),
    Row((501, 501), NotLicensedError, "This kind of console does not support {path}."),
    Row((500, 599), VendorFailureError, "The console failed.", retry=True),
    Row((0, 999), UnreadableAnswerError, "The console's answer has a status that HTTP does not have."),
)

PERMISSIONS = (
    ("accounts", "Accounts.view"),
    ("activities", "Activity Page.view"),
    ("agents", "Endpoints.view"),
    ("application-management/inventory", "Applications Page.view"),
    ("application-management/risks", "Applications Page.viewRisks"),
    ("application-management/scan", "Applications Page.scanVulnerabilities"),
    ("application-management/settings", "Applications Page.view"),
    ("cloud-detection/alerts", "Custom Alerts.view"),
    ("exclusions", "Exclusions.view"),
    ("groups", "Groups.view"),
    ("installed-applications", "Applications Page.view"),
    ("ranger", "Ranger.view"),
    ("rbac", "Roles.view"),
    ("restrictions", "Blacklist.view"),
    ("service-users", "Service Users.view"),
    ("sites", "Sites.view"),
    ("system/configuration", "Configuration.view"),
    ("threats", "Threats.view"),
    ("user", "Users.view"),
    ("users", "Users.view"),
)
"""The permission that reading each path needs, as the vendor's API definition names it."""


class Cleaner:
    """Makes text from outside fit to be kept: no token, no control characters, not too long."""

    def __init__(self, token: str) -> None:
        self._token = re.compile(
            "|".join({re.escape(token), re.escape(quote(token, safe=""))}), re.IGNORECASE
        )

    def __call__(self, text: str, longest: int = _LONGEST_DETAIL) -> str:
        # The token goes before the cut, or a cut through its middle would leave the first half.
        printable = "".join(char if char.isprintable() else " " for char in text)
        clean = self._token.sub("(token)", " ".join(printable.split()))
        return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def permission(path: str) -> str:
    """The permission that reading a path needs, or ""."""
    path = path.strip("/")
    return next((title for prefix, title in PERMISSIONS if f"{path}/".startswith(f"{prefix}/")), "")


def kind(reply: Reply) -> str:
    """What a body is, whatever its header says: "json", "html" or "text"."""
    start = reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return "html"
    if start in (b"{", b"["):
        return "json"
    return "html" if "html" in reply.headers.get("Content-Type", "") else "text"


def request_id(reply: Reply, clean: Cleaner) -> str:
    """The id that the vendor's support asks for."""
    return clean(reply.headers.get("X-RQID", ""), 64)


def date(text: str) -> datetime | None:
    """An HTTP date in UTC; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The pause that a console asks for, in seconds: as a number, or as a date by its own clock."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return float(text)
    until = date(text)
    if until is None:
        return None
    now = date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def from_answer(reply: Reply, request: Request, clean: Cleaner) -> Refusal:
    """Say what an answer that is no success means."""
    code, words = _words(reply)
    row = next(row for row in TABLE if _fits(row, reply, request, code, words))
    to = _target(reply.headers.get("Location", ""), clean)
    error = row.error(
        row.message.format(host=request.host, path=request.path, to=to),
        method=request.method,
        path=request.path,
        status=reply.status,
        vendor_code=code,
        detail=clean(words),
        request_id=request_id(reply, clean),
        remedy=row.remedy or _remedy(row.error, request.path),
    )
    return Refusal(error, row.retry, retry_after(reply.headers) if row.retry else None)


def from_content(said: str, reply: Reply, request: Request, clean: Cleaner) -> Refusal:
    """Say that a JSON answer is not the one that was expected: cut short, or of a shape that is not known."""
    error = UnreadableAnswerError(
        clean(said),
        method=request.method,
        path=request.path,
        status=reply.status,
        request_id=request_id(reply, clean),
    )
    return Refusal(error, retry=True, most=_FEW)


def from_failure(failure: Exception, request: Request) -> Refusal:
    """Say why there is no answer, or only a part of one.

    Nothing of the exception's own text is kept, since aiohttp's may hold headers.
    """
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return _from_lookup(failure.os_error, request)
    for types, said, retry in _FAILURES:
        if isinstance(failure, types):
            return _unreachable(said.format(host=request.host), request, retry=retry)
    if isinstance(failure, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return unreadable("The console's answer was cut short or garbled.", request, retry=True)
    return _unreachable(
        f"The connection to {request.host} broke before the answer was whole.", request, retry=True
    )


def unreadable(message: str, request: Request, *, retry: bool = False) -> Refusal:
    """An answer that came, but not as it should."""
    return Refusal(UnreadableAnswerError(message, method=request.method, path=request.path), retry)


def timed_out(request: Request, seconds: float) -> Refusal:
    """The deadline passed with a request under way."""
    return _unreachable(f"{request.host} did not answer within {seconds:g} s.", request, retry=False)


# The order matters: aiohttp's certificate error is one of its connection errors.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    (
        (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError),
        "The certificate of {host} is not one that this machine trusts.",
        False,
    ),
    ((aiohttp.ClientSSLError, ssl.SSLError), "No secure connection to {host} could be agreed on.", False),
    ((aiohttp.ConnectionTimeoutError,), "The connection to {host} timed out.", True),
    ((TimeoutError,), "{host} stopped answering: timed out.", True),
    (
        (aiohttp.ClientConnectorError,),
        "The connection to {host} was refused, or no way leads to it.",
        False,
    ),
)


def _from_lookup(cause: OSError, request: Request) -> Refusal:
    if isinstance(cause, ForbiddenAddressError):
        return Refusal(
            AddressError(
                f"The name {request.host} leads to an address inside a network, which is not called.",
                remedy="An operator may allow the address by naming it in WAYPOST_ALLOWED_HOSTS.",
            )
        )
    if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN:
        said = f"The name {request.host} could not be looked up just now."
        return msgspec.structs.replace(_unreachable(said, request, retry=True), most=_FEW)
    return _unreachable(f"There is no host of that name: {request.host}.", request, retry=False)


def _unreachable(message: str, request: Request, *, retry: bool) -> Refusal:
    return Refusal(UnreachableError(message, method=request.method, path=request.path), retry)


def _fits(row: Row, reply: Reply, request: Request, code: int | None, words: str) -> bool:
    return (
        row.statuses[0] <= reply.status <= row.statuses[1]
        and (row.code is None or row.code == code)
        and row.words.lower() in words.lower()
        and row.kind in ("", kind(reply))
        and (not row.path or f"{request.path}/".startswith(f"{row.path}/"))
        and (not row.cursor or request.has_cursor)
    )


def _target(location: str, clean: Cleaner) -> str:
    """The host that a redirect leads to; the rest of it may hold secrets."""
    try:
        return urlsplit(clean(location, len(location) + 1000)).hostname or "another page"
    except ValueError:
        return "another page"


def _remedy(error: type[ConsoleError], path: str) -> str:
    title = permission(path)
    if error is not ForbiddenRoleError or not title:
        return ""
    return f"Give the service user the Viewer role, or a custom role with the permission {title!r}."


def _words(reply: Reply) -> tuple[int | None, str]:
    """The vendor's code and words: of its envelope, Spring's, a web page's title or plain text."""
    if kind(reply) == "html":
        title = re.search(rb"<title[^>]*>([^<]{0,1000})", reply.body[:20_000], re.IGNORECASE)
        return None, html.unescape(title[1].decode(errors="replace")) if title else ""
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError):
        return None, reply.body[:4096].decode(errors="replace")
    errors = document.get("errors") if isinstance(document, dict) else None
    first = next(iter(errors), None) if isinstance(errors, list) else errors or document
    if not isinstance(first, dict):
        return None, _text(first)
    code = first.get("code")
    words = next((text for key in _WORDS if (text := _text(first.get(key)))), "")
    return code if type(code) is int else None, words


_WORDS = ("detail", "message", "title", "error")
"""Where the words are, best first: the vendor's envelope, an older one of its kind, and Spring's."""


def _text(value: Any) -> str:  # Any: straight from JSON
    """The words in a detail that is text, null, a list, or an object of lists by field."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_text(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    return "" if value is None else str(value)
