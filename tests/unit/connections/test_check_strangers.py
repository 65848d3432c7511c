"""The check of what is no console: other addresses, other servers, other certificates, and sheer malice.

All servers here are real ones on loopback; the token must reach none that has not spoken as a console does.
"""

import asyncio
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from waypost.connections import check
from waypost.connections.examination.questions import Patience
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter

ALLOWED = Allowed.parse("127.0.0.1")
TOKEN = "canary7f3e9d1b5a4c2e8f"
HASTY = Patience(connect=5.0, read=3.0, call=3.0, whole=20.0, again=0.01, asked=0.2)
GOOD: dict[str, Any] = {
    "/system/status": {"data": {"health": "ok"}},
    "/system/info": {"data": {"release": "Venus", "version": "25.1"}},
    "/user": {"data": {"id": "5", "fullName": "Ada", "scope": "tenant", "scopeRoles": []}},
    "/sites": {
        "data": {"sites": [{"id": "1", "name": "Main"}], "allSites": {}},
        "pagination": {"totalItems": 1},
    },
}
LIST: dict[str, Any] = {"data": [], "pagination": {"totalItems": 0, "nextCursor": None}}


class Stranger:
    """A server that answers as it is told, and remembers what was sent to it."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.tokens = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path.removeprefix("/web/api/v2.1"))
        self.tokens += TOKEN in str(request.headers) or TOKEN.encode() in await request.read()
        return await self._answer(request)


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Stranger]:
    stranger = Stranger(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stranger.handle)
    server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    stranger.url = str(server.make_url("/"))
    try:
        yield stranger
    finally:
        await server.close()


def saying(body: str | bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Any:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={"Content-Type": kind, **headers})

    return answer


def consoling(**changed: Any) -> Any:
    """A console with an empty estate; `changed` are answers by path, slashes as double underscores."""
    answers = GOOD | {f"/{path.replace('__', '/')}": document for path, document in changed.items()}

    async def answer(request: web.Request) -> web.StreamResponse:
        document = answers.get(request.path.removeprefix("/web/api/v2.1"), LIST)
        return web.Response(body=json.dumps(document), content_type="application/json")

    return answer


async def examine(url: str, token: str = TOKEN, allowed: Allowed = ALLOWED, **options: Any) -> check.Report:
    options.setdefault("patience", HASTY)
    return await check.examine(url, token, allowed, limiter=Limiter.unlimited(), **options)


def line(report: check.Report, name: str) -> check.Result:
    (found,) = [each for each in report.results if each.name == name]
    return found


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (saying("<html><title>Log in</title></html>", kind="text/html"), "web page"),
        (saying("<!doctype html><h1>Endpoint security</h1>", status=404, kind="text/html"), "does not know"),
        (saying("404 page not found", status=404, kind="text/plain"), "does not know"),
        (saying("", status=302, Location="https://www.sentinelone.com/login?x=1"), "www.sentinelone.com"),
        (saying("", status=301, Location="http://169.254.169.254/latest/meta-data"), "sent us on"),
        (saying("", status=307, Location="//["), "sent us on"),
        (saying("hello", kind="text/plain"), "does not answer as"),
        (saying('{"status":"ok"}'), "does not answer as"),
        (saying("[]"), "does not answer as"),
        (saying("{"), "does not answer as"),
        (saying("<html>Forbidden</html>", status=403, kind="text/html"), "web page refused"),
        (saying("Bad Gateway", status=502, kind="text/plain"), "failed"),
    ],
)
async def test_strangers(answer: Any, words: str) -> None:
    """What is no console is told as what it is, with the next step, and never gets the token."""
    async with serving(answer) as stranger:
        report = await examine(stranger.url)
    (refused,) = report.refused
    assert refused.name == "address.console"
    assert words in refused.found
    assert refused.remedy
    assert {each.state for each in report.results[5:]} == {"skipped"}
    assert stranger.tokens == 0
    assert set(stranger.asked) == {"/system/status"}


async def test_a_console() -> None:
    """What speaks as a console gets the token with every question but the first, and that is said nowhere."""
    structlog.reset_defaults()  # to log everything, whatever a test before this one has set
    with capture_logs() as logged:
        async with serving(consoling()) as stranger:
            report = await examine(stranger.url)
    assert report.refused == []
    assert stranger.asked[0] == "/system/status"
    assert stranger.tokens == len(stranger.asked) - 1 == len(logged) - 1
    assert TOKEN not in repr(report) + repr(logged)


async def test_a_console_that_wants_a_token_first() -> None:
    """A console that refuses even its health without a token is one all the same."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            body = '{"errors":[{"code":4010010,"detail":null,"title":"Authentication Failed"}]}'
            return web.Response(body=body, status=401, content_type="application/json")
        return await consoling()(request)  # type: ignore[no-any-return]

    async with serving(answer) as stranger:
        assert (await examine(stranger.url)).refused == []


async def test_a_console_that_says_the_token_back() -> None:
    """A console that puts the token into every name gets it into no line, no identity and no log."""
    user = {
        "id": "7",
        "fullName": f"I am {TOKEN}",
        "scope": "site",
        "scopeRoles": [{"id": "1", "name": TOKEN}],
    }
    sites = {
        "data": {"sites": [{"id": "1", "name": TOKEN, "licenses": {"modules": []}}]},
        "pagination": {"totalItems": 1},
    }
    told: list[check.Result] = []
    changed = {"user": {"data": user}, "sites": sites, "system__info": {"data": {"version": TOKEN.upper()}}}
    async with serving(consoling(**changed)) as stranger:
        report = await examine(stranger.url, listen=told.append)
        assert TOKEN.lower() not in (repr(report) + repr(told)).lower()
        assert "(token)" in report.identity.user
        report = await examine(f"{stranger.url}{TOKEN}")
        assert TOKEN not in repr(report)


@pytest.mark.parametrize(
    ("url", "name", "words"),
    [
        ("", "address.shape", "no address"),
        ("  ", "address.shape", "no address"),
        ("https://example.org", "address.shape", "not a SentinelOne console"),
        ("https://www.sentinelone.com", "address.shape", "web site"),
        ("ftp://acme.sentinelone.net", "address.shape", "https://"),
        ("http://acme.sentinelone.net", "address.shape", "http"),
        ("https://acme.sentinelone.net:8443", "address.shape", "8443"),
        ("https://user:secret@acme.sentinelone.net", "address.shape", "user name"),
        ("https://10.0.0.1", "address.shape", "IP address"),
        ("https://2130706433", "address.shape", "IP address"),
        ("https://[::1]", "address.shape", "IP address"),
        ("https://acme.sentinelone.net\x00", "address.shape", "invisible"),
        ("x" * 5000, "address.shape", "too long"),
        (TOKEN, "address.shape", "not a SentinelOne console"),
    ],
)
async def test_addresses(url: str, name: str, words: str) -> None:
    """An address that is none, or may not be called, is told as such; nothing else is tried."""
    report = await examine(url, allowed=Allowed())
    (refused,) = report.refused
    assert refused.name == name
    assert words in refused.found
    assert refused.remedy
    assert refused.owner
    assert {each.state for each in report.results[1:]} == {"skipped"}
    assert report.requests == 0
    assert "secret" not in repr(report)
    assert TOKEN not in repr(report)


async def test_an_operator_may_allow_it() -> None:
    """A host that is not allowed names the setting by which an operator may allow it."""
    report = await examine("https://console.example.org", allowed=Allowed())
    assert "WAYPOST_ALLOWED_HOSTS" in report.refused[0].remedy


async def lookup(monkeypatch: pytest.MonkeyPatch, found: list[str] | OSError) -> check.Report:
    """The check of a console's name that leads to these addresses."""

    async def resolve(_self: Any, host: str, port: int = 0, _family: int = 0) -> list[dict[str, Any]]:
        if isinstance(found, OSError):
            raise found
        return [
            {"hostname": host, "host": ip, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for ip in found
        ]

    monkeypatch.setattr("waypost.sentinelone.address.DefaultResolver.resolve", resolve)
    return await examine("https://acme.sentinelone.net", allowed=Allowed())


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (["10.1.2.3"], "address.inside"),
        (["169.254.169.254"], "address.inside"),
        (["::1"], "address.inside"),
        (socket.gaierror(socket.EAI_NONAME, "no such host"), "address.unknown_name"),
        (socket.gaierror(socket.EAI_AGAIN, "again"), "address.no_lookup"),
        (OSError("odd"), "address.unknown_name"),
        ([], "address.unknown_name"),
    ],
)
async def test_names_that_lead_nowhere(
    monkeypatch: pytest.MonkeyPatch, found: list[str] | OSError, code: str
) -> None:
    """A name without an address, or with one inside a network, is told in words of its own."""
    report = await lookup(monkeypatch, found)
    (refused,) = report.refused
    assert (refused.name, refused.details["code"]) == ("address.resolves", code)
    assert refused.remedy


async def test_nobody_listens() -> None:
    """A port where nothing listens is told as a refused connection."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    report = await examine(url)
    (refused,) = report.refused
    assert (refused.name, refused.details["code"]) == ("address.answers", "address.refused")


async def test_a_host_that_swallows_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that never answers is told as one that this machine must be let through to."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio, "open_connection", never)
    report = await examine("http://127.0.0.1:1", patience=Patience(connect=0.05))
    (refused,) = report.refused
    assert (refused.name, refused.details["code"], refused.owner) == (
        "address.answers",
        "address.timeout",
        "operator",
    )


def certificate(folder: Path, *, name: str = "127.0.0.1", days: int = 30, began: int = -1) -> ssl.SSLContext:
    """A self-signed certificate for this name, valid for so many days from then."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "console")])
    now = datetime.now(UTC)
    alternative: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=began))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize(
    ("options", "trusted", "code"),
    [
        ({}, False, "address.certificate_self_signed"),
        ({"days": -1, "began": -9}, True, "address.certificate_expired"),
        ({"days": 9, "began": 3}, True, "address.certificate_early"),
        ({"name": "127.0.0.9"}, True, "address.certificate_name"),
        ({"name": "other.example.org"}, True, "address.certificate_name"),
    ],
)
async def test_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], trusted: bool, code: str
) -> None:
    """Which way a certificate is wrong is told, with who must act; the token is not sent past it."""
    context = certificate(tmp_path, **options)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    async with serving(consoling(), context) as stranger:
        report = await examine(stranger.url)
    (refused,) = report.refused
    assert (refused.name, refused.details["code"]) == ("address.secure", code)
    assert refused.remedy
    assert stranger.asked == []


async def test_a_good_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is trusted passes, with the day when it ends."""
    context = certificate(tmp_path, days=30)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    async with serving(consoling(), context) as stranger:
        report = await examine(stranger.url)
    ends = datetime.now(UTC) + timedelta(days=30)
    assert line(report, "address.secure").state == "pass"
    assert f"{ends:%Y-%m}" in line(report, "address.secure").found


async def test_no_tls_at_all() -> None:
    """A server that speaks no TLS where it should is told as that."""
    async with serving(consoling()) as stranger:
        report = await examine(stranger.url.replace("http://", "https://"))
    (refused,) = report.refused
    assert (refused.name, refused.details["code"]) == ("address.secure", "address.no_tls")
    assert "port of the console's https" in refused.remedy
    assert stranger.asked == []


async def test_a_slow_dribble() -> None:
    """A server that sends a byte at a time, for ever, is cut off."""

    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with serving(dribble) as stranger:
        report = await examine(stranger.url)
    assert [each.name for each in report.refused] == ["address.console"]


async def test_an_endless_answer() -> None:
    """A server that sends without end fills no memory."""

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 1_000_000)

    async with serving(flood) as stranger:
        report = await examine(stranger.url, patience=Patience(read=5, call=5, whole=10))
    assert [each.name for each in report.refused] == ["address.console"]


async def test_a_bug_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in Waypost itself fails one line, without what was at hand, and the others go on."""

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError(TOKEN)

    monkeypatch.setattr("waypost.connections.examination.scope.reach", broken)
    async with serving(consoling()) as stranger:
        report = await examine(stranger.url)
    assert line(report, "scope.reach").state == "fail"
    assert "ZeroDivisionError" in line(report, "scope.reach").found
    assert line(report, "stream.sites").state == "pass"
    monkeypatch.setattr("waypost.connections.examination.survey.Survey.run", broken)
    async with serving(consoling()) as stranger:
        again = await examine(stranger.url)
    assert line(again, "token.holder").state == "fail"
    assert line(again, "estimate.first_pull").state == "skipped"
    assert TOKEN not in repr(report) + repr(again)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ROW = st.dictionaries(
    st.sampled_from(
        ["id", "name", "state", "accountId", "activeLicenses", "licenses", "scope", "scopeRoles", "email"]
    ),
    JSON,
)
DOCUMENT = st.one_of(
    JSON,
    st.fixed_dictionaries({"data": JSON}, optional={"pagination": JSON, "errors": JSON}),
    st.fixed_dictionaries(
        {"data": st.lists(ROW, max_size=3)},
        optional={"pagination": st.fixed_dictionaries({"totalItems": JSON, "nextCursor": JSON})},
    ),
    st.fixed_dictionaries({"data": st.fixed_dictionaries({"sites": st.lists(ROW, max_size=3)})}),
    st.fixed_dictionaries({"data": ROW}),
)
BODY = st.one_of(DOCUMENT.map(lambda document: json.dumps(document).encode()), st.binary(max_size=60))
STATUS = st.one_of(
    st.just(200), st.sampled_from([201, 204, 302, 400, 401, 403, 404, 409, 429, 500, 501, 502, 599])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.tuples(STATUS, BODY), min_size=1, max_size=25), polite=st.booleans())
def test_it_never_raises(answers: list[tuple[int, bytes]], polite: bool) -> None:
    """Whatever a server answers, with whatever status, each line is told once and nothing is raised."""

    async def run() -> None:
        turn = iter(answers * 25)

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix("/web/api/v2.1")
            if polite and path.startswith("/system"):
                return web.Response(body=json.dumps(GOOD[path]), content_type="application/json")
            status, body = next(turn)
            return web.Response(status=status, body=body, content_type="application/json")

        async with serving(answer) as stranger:
            report = await examine(stranger.url, patience=Patience(again=0.0, asked=0.05))
        names = [each.name for each in report.results]
        assert len(names) == len(set(names)) == 23
        assert report.requests <= 25
        assert not [each for each in report.results if each.details.get("code") == "check.failed"]

    asyncio.run(run())
