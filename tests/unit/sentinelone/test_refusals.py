"""Each known refusal becomes the right error, in plain words, with what the vendor's support needs."""

import datetime as dt
import socket
import ssl
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.sentinelone import refusals
from waypost.sentinelone.address import ForbiddenAddressError

TOKEN = "canary7f3e9d1b5a/+=Z8"
CLEAN = refusals.Cleaner(TOKEN)
HTML = "<html> <head><title>{0}</title></head> <body><center><h1>{0}</h1></center></body></html>"


def envelope(code: int, detail: str, title: str = "Insufficient permissions") -> str:
    return f'{{"errors":[{{"code":{code},"detail":{detail},"title":"{title}"}}]}}'


def refuse(
    status: int,
    body: str = "",
    path: str = "/sites",
    headers: dict[str, str] | None = None,
    cursor: bool = False,
) -> refusals.Refusal:
    reply = refusals.Reply(status, headers or {}, body.encode())
    request = refusals.Request("GET", path, "usea1-example.sentinelone.net", has_cursor=cursor)
    return refusals.from_answer(reply, request, CLEAN)


@pytest.mark.parametrize(
    ("status", "body", "path", "error", "detail"),
    [
        (200, HTML.format("Log in"), "/sites", errors.NotAConsoleError, "Log in"),
        (200, "hello", "/sites", errors.UnreadableAnswerError, "hello"),
        (200, "", "/sites", errors.UnreadableAnswerError, ""),
        (204, "", "/sites", errors.UnreadableAnswerError, ""),
        (302, "", "/sites", errors.NotAConsoleError, ""),
        (
            400,
            envelope(4000010, '"x: Unknown field"'),
            "/sites",
            errors.RequestRefusedError,
            "x: Unknown field",
        ),
        (
            400,
            '{"error":"missing scope information"}',
            "/x",
            errors.RequestRefusedError,
            "missing scope information",
        ),
        (
            401,
            envelope(4010010, "null", "Authentication Failed"),
            "/x",
            errors.TokenRefusedError,
            "Authentication Failed",
        ),
        (
            401,
            '{"errors":[{"title":"An error occurred."}]}',
            "/x",
            errors.TokenRefusedError,
            "An error occurred.",
        ),
        (401, "", "/x", errors.TokenRefusedError, ""),
        (
            403,
            envelope(4030010, '"Action is not allowed to site users"'),
            "/accounts",
            errors.ForbiddenScopeError,
            "Action is not allowed to site users",
        ),
        (
            403,
            envelope(4030010, '"User scope level is account. Please provide a valid account ID or site ID."'),
            "/cloud-funnel",
            errors.ForbiddenScopeError,
            "User scope level is account. Please provide a valid account ID or site ID.",
        ),
        (
            403,
            envelope(4030010, '"User does not have required tenant-level permissions."'),
            "/cnapp",
            errors.ForbiddenScopeError,
            "User does not have required tenant-level permissions.",
        ),
        (
            403,
            envelope(4030010, '"This scope does not have Custom Rules enabled."'),
            "/cloud-detection/alerts",
            errors.NotLicensedError,
            "This scope does not have Custom Rules enabled.",
        ),
        (
            403,
            envelope(4030010, '"Feature X is not available for the scope"'),
            "/x",
            errors.NotLicensedError,
            "Feature X is not available for the scope",
        ),
        (
            403,
            envelope(
                4030010, '"This feature was deliberately disabled. Please contact SentinelOne to enable it."'
            ),
            "/x",
            errors.NotLicensedError,
            "This feature was deliberately disabled. Please contact SentinelOne to enable it.",
        ),
        (403, envelope(4030010, "null"), "/sites", errors.ForbiddenRoleError, "Insufficient permissions"),
        (403, HTML.format("403 Forbidden"), "/sites", errors.ForbiddenRoleError, "403 Forbidden"),
        (
            404,
            envelope(4040010, '""', "Requested resource was not found"),
            "/application-management/risks",
            errors.NotLicensedError,
            "Requested resource was not found",
        ),
        (404, "404 page not found", "/xdr/assets", errors.NotLicensedError, "404 page not found"),
        (404, "404 page not found", "/system/info", errors.NotAConsoleError, "404 page not found"),
        (404, HTML.format("Not Found"), "/system/status", errors.NotAConsoleError, "Not Found"),
        (404, HTML.format("Not Found"), "/sites", errors.NotLicensedError, "Not Found"),
        (404, envelope(4040010, '""', "gone"), "/system/info", errors.NotLicensedError, "gone"),
        (409, envelope(4090010, '"conflict"'), "/x", errors.RequestRefusedError, "conflict"),
        (429, HTML.format("429 Too Many Requests"), "/agents", errors.LimitedError, "429 Too Many Requests"),
        (408, "", "/agents", errors.VendorFailureError, ""),
        (
            500,
            envelope(5000010, '"Server could not process the request."'),
            "/x",
            errors.VendorFailureError,
            "Server could not process the request.",
        ),
        (
            500,
            '{"timestamp":"2026","status":500,"error":"Internal Server Error","path":"/x"}',
            "/x",
            errors.VendorFailureError,
            "Internal Server Error",
        ),
        (501, envelope(5010010, "null", "Not supported"), "/x", errors.NotLicensedError, "Not supported"),
        (502, "Bad Gateway", "/x", errors.VendorFailureError, "Bad Gateway"),
        (
            503,
            HTML.format("503 Service Unavailable"),
            "/x",
            errors.VendorFailureError,
            "503 Service Unavailable",
        ),
        (999, "", "/x", errors.UnreadableAnswerError, ""),
    ],
)
def test_answers(status: int, body: str, path: str, error: type[errors.ConsoleError], detail: str) -> None:
    """Status, code and words together decide the error; the console's words and the facts are kept."""
    made = refuse(status, body, path, {"X-RQID": "3f2c-11"}).error

    assert type(made) is error
    assert isinstance(made, errors.ConsoleError)
    assert made.detail == detail
    assert (made.status, made.path, made.method, made.request_id) == (status, path, "GET", "3f2c-11")
    assert "{" not in made.message


def test_every_row_can_be_reached() -> None:
    """No row of the table is hidden by one above it."""
    for number, row in enumerate(refusals.TABLE):
        body = {"html": "<html>", "text": "plain", "json": "{}", "": "{}"}[row.kind]
        if row.code or row.words:
            body = envelope(row.code or 1, f'"{row.words}"')
        if row.error is errors.UnreadableAnswerError and row.statuses == (200, 200):
            body = "plain"
        status = {(400, 499): 418, (500, 599): 500, (0, 999): 999}.get(row.statuses, row.statuses[0])
        made = refuse(status, body, row.path or "/sites", cursor=row.cursor).error

        assert isinstance(made, row.error), number
        assert made.message == row.message.format(
            host="usea1-example.sentinelone.net", path=row.path or "/sites", to="another page"
        ), number


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        *((status, False) for status in (204, 302, 400, 401, 403, 404, 409, 501)),
        *((status, True) for status in (408, 429, 500, 502, 503, 504)),
    ],
)
def test_what_is_tried_again(status: int, retry: bool) -> None:
    """Only what may pass by itself is tried again."""
    assert refuse(status).retry is retry


def test_an_expired_cursor() -> None:
    """A 400 to a request with a cursor is the cursor's fault."""
    assert type(refuse(400, envelope(4000010, "null"), cursor=True).error) is errors.CursorRefusedError


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/accounts", "Accounts.view"),
        ("/sites", "Sites.view"),
        ("/groups", "Groups.view"),
        ("/agents", "Endpoints.view"),
        ("/application-management/risks", "Applications Page.viewRisks"),
        ("/application-management/inventory/endpoints", "Applications Page.view"),
        ("/user", "Users.view"),
        ("/threats", "Threats.view"),
        ("/activities", "Activity Page.view"),
    ],
)
def test_the_missing_permission_is_named(path: str, permission: str) -> None:
    """A role that may not read something is told which permission to add."""
    made = refuse(403, envelope(4030010, "null"), path).error

    assert f"'{permission}'" in made.remedy


def test_an_unknown_permission() -> None:
    """Where the permission is not known the remedy stays general."""
    assert refuse(403, envelope(4030010, "null"), "/xdr").error.remedy == errors.ForbiddenRoleError.remedy


@pytest.mark.parametrize("location", ["", "/login", "https://[bad", "//"])
def test_redirects_to_nowhere(location: str) -> None:
    """A redirect without a readable host is still told as one."""
    assert "to another page," in str(refuse(302, headers={"Location": location}).error)


def test_redirects_name_the_host_only() -> None:
    """A redirect says where to by its host, since the rest may hold secrets."""
    made = refuse(302, headers={"Location": f"https://login.example/a?token={TOKEN}"}).error

    assert "to login.example," in str(made)
    assert TOKEN not in str(made)


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ('["one","two"]', "one; two"),
        ('{"name":["is missing"],"limit":"too large"}', "name: is missing; limit: too large"),
        ('"a\\u0000b\\u001b[31m\\nc"', "a b [31m c"),
        ('"' + "x" * 400 + '"', "x" * 299 + "…"),
        ("7", "7"),
    ],
)
def test_details_are_cleaned(detail: str, kept: str) -> None:
    """Details of any shape become one short line without control characters."""
    made = refuse(400, envelope(4000010, detail)).error

    assert isinstance(made, errors.ConsoleError)
    assert made.detail == kept


@pytest.mark.parametrize(
    "body", ["null", "[]", "7", '"text"', '{"errors":null}', '{"errors":[]}', '{"errors":["x"]}']
)
def test_strange_bodies(body: str) -> None:
    """JSON that is no envelope still gives the error of its status."""
    assert type(refuse(500, body).error) is errors.VendorFailureError


@pytest.mark.parametrize(
    "echo", [TOKEN, TOKEN.upper(), "canary7f3e9d1b5a%2F%2B%3DZ8", "x" * 290 + TOKEN, f"a{TOKEN}b{TOKEN}"]
)
def test_an_echoed_token_is_removed(echo: str) -> None:
    """A token that the console repeats, also where its words are cut, is not in the error."""
    for body in (envelope(4010010, f'"{echo}"'), echo, HTML.format(echo)):
        made = refuse(401, body, headers={"X-RQID": echo, "Location": f"https://{echo}"}).error
        shown = f"{made} {made!r} {vars(made)}".lower()

        assert "canary" not in shown


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "9" * 400}, None),
        (
            {"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"},
            30,
        ),
        ({"Retry-After": "Sat, 21 Nov 2026 09:00:00 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 21 Nov 2020 09:00:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """The pause is read as seconds or as a date by the console's own clock; nonsense is no pause."""
    assert refusals.retry_after(headers) == seconds
    assert refuse(429, headers=headers).retry_after == seconds


ODD_DATES = st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} (Jan|Dec) [0-9]{1,5} [0-9:]{1,9} [-+A-Z0-9]{0,6}")


@given(st.one_of(st.text(), ODD_DATES))
def test_dates_of_any_kind(text: str) -> None:
    """Whatever stands in a date header gives a date in UTC or none."""
    found = refusals.date(text)

    assert found is None or found.tzinfo is dt.UTC


KEY = cast(ConnectionKey, SimpleNamespace(host="h", port=443, ssl=True, is_ssl=True))


@pytest.mark.parametrize(
    ("failure", "said", "retry"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "?")),
            "no host of that name",
            False,
        ),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "?")), "just now", True),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError()), "certificate", False),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError()), "secure connection", False),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()), "refused", False),
        (aiohttp.ConnectionTimeoutError(), "connection to h.example timed out", True),
        (aiohttp.SocketTimeoutError(), "stopped answering", True),
        (aiohttp.ServerDisconnectedError(), "broke", True),
        (ConnectionResetError(), "broke", True),
    ],
)
def test_no_answer(failure: Exception, said: str, retry: bool) -> None:
    """Each way to get no answer has its own plain words, and its own chance of passing."""
    made = refusals.from_failure(failure, refusals.Request("GET", "/sites", "h.example"))

    assert type(made.error) is errors.UnreachableError
    assert said in str(made.error)
    assert made.retry is retry


def test_half_an_answer() -> None:
    """A body that broke off is an unreadable answer, and is asked for again."""
    made = refusals.from_failure(aiohttp.ClientPayloadError(), refusals.Request("GET", "/sites", "h"))

    assert type(made.error) is errors.UnreadableAnswerError
    assert made.retry


def test_a_name_that_leads_inside() -> None:
    """A console's name that leads inside is an address error, which nothing makes pass."""
    failure = aiohttp.ClientConnectorDNSError(KEY, ForbiddenAddressError("inside"))
    made = refusals.from_failure(failure, refusals.Request("GET", "/sites", "h.example"))

    assert type(made.error) is errors.AddressError
    assert "WAYPOST_ALLOWED_HOSTS" in made.error.remedy
    assert not made.retry
