"""One call against a real server on loopback: what is sent, what is tried again, what never leaks."""

import asyncio
import datetime as dt
import gzip
import socket
import ssl
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from waypost import errors
from waypost.sentinelone import address, limits
from waypost.sentinelone.client import USER_AGENT, Backoff, Client

TOKEN = "canary7f3e9d1b5a/+=Z8"
NGINX_429 = (
    "<html> <head><title>429 Too Many Requests</title></head> <body><center>nginx</center></body></html>"
)

Connect = Callable[..., Client]
Console = Any
"""The script of conftest.py, which cannot be imported from a folder that is no package."""


@asynccontextmanager
async def raw(
    *answers: bytes, hold: float = 0, abort: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that writes given bytes, one answer for each connection, the last one for ever."""
    left, seen, tasks = list(answers), [], []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            answer = left.pop(0) if len(left) > 1 else left[0]
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(hold)
            if abort and answer is not answers[-1]:
                writer.transport.abort()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        await asyncio.gather(*tasks)


def http(body: bytes, *, status: str = "200 OK", length: int | None = None, extra: str = "") -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{extra}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


GOOD = http(b'{"data":[1]}')


async def test_what_is_sent(console: Console, connect: Connect) -> None:
    """A request carries the token in its header and nothing of the machine's environment or cookies."""
    console.say()
    async with connect(console.url) as client:
        await client.get("/sites", {"name": "a b&c=d+%"})
        await client.get("sites")

    first, second = console.requests
    assert first.path == "/web/api/v2.1/sites"
    assert first.query["name"] == "a b&c=d+%"
    assert first.headers["Authorization"] == f"ApiToken {TOKEN}"
    assert first.headers["Accept"] == "application/json"
    assert first.headers["Accept-Encoding"] == "gzip"
    assert first.headers["User-Agent"] == USER_AGENT
    assert second.path == first.path


async def test_cookies_are_not_kept(console: Console, connect: Connect) -> None:
    """A cookie that the console sets is not sent back: each request stands for itself."""
    console.say(headers={"Set-Cookie": "session=1"})
    # By name, since no cookie is ever kept for a bare IP address.
    async with connect(console.url.replace("127.0.0.1", "localhost")) as client:
        await client.get("/sites")
        await client.get("/sites")

    assert "Cookie" not in console.requests[1].headers


async def test_proxies_of_the_environment_are_not_used(
    console: Console, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named in the environment never sees the token."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    console.say()
    async with connect(console.url) as client:
        assert (await client.get("/sites")).status == 200


async def test_the_answer(console: Console, connect: Connect) -> None:
    """An answer has its body, what was made of it, and the console's clock and request id."""
    console.say('{"data":[7]}', headers={"X-RQID": "3f2c", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"})
    async with connect(console.url) as client:
        answer = await client.get("/sites", check=lambda body: msgspec.json.decode(body)["data"])

        assert answer.content == [7]
        assert answer.body == b'{"data":[7]}'
        assert answer.date == dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC) == client.last_date
        assert (answer.request_id, answer.attempts, answer.status) == ("3f2c", 1, 200)
        assert 0 < answer.seconds < 5
        assert client.requests == 1


async def test_a_body_in_json_of_another_type(console: Console, connect: Connect) -> None:
    """JSON is taken for JSON whatever its content type says."""
    console.say("[]", content_type="text/html")
    async with connect(console.url) as client:
        assert (await client.get("/sites")).body == b"[]"


async def test_packed_bodies(console: Console, connect: Connect) -> None:
    """A packed body is unpacked."""
    body = b'{"data":"' + b"x" * 100_000 + b'"}'
    console.say(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    async with connect(console.url) as client:
        assert (await client.get("/sites")).body == body


async def test_a_body_that_unpacks_to_too_much(console: Console, connect: Connect) -> None:
    """A small body that would fill the memory is cut off, and not asked for again; the next call works."""
    console.say(gzip.compress(b'"' + b"x" * 5_000_000 + b'"'), headers={"Content-Encoding": "gzip"})
    console.say()
    async with connect(console.url, max_body=1_000_000) as client:
        with pytest.raises(errors.UnreadableAnswerError, match="too large"):
            await client.get("/sites")
        await client.get("/sites")

        assert client.requests == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
async def test_passing_failures_are_tried_again(console: Console, connect: Connect, status: int) -> None:
    """What may pass by itself is tried again until it has passed."""
    console.say(NGINX_429, status, "text/html")
    console.say("Bad Gateway", status, "text/plain")
    console.say()
    async with connect(console.url) as client:
        answer = await client.get("/sites")

        assert answer.attempts == client.requests == 3


async def test_so_many_tries(console: Console, connect: Connect) -> None:
    """A client that tries once sends once; what may pass is then the caller's to ask again."""
    console.say("Bad Gateway", 502, "text/plain")
    console.say()
    async with connect(console.url, backoff=Backoff(tries=1)) as client:
        with pytest.raises(errors.VendorFailureError):
            await client.get("/sites")
        assert client.requests == 1
        await client.get("/sites")


async def test_no_patience_for_long_pauses(console: Console, connect: Connect) -> None:
    """A pause that is longer than a client has patience for is not waited for, neither after 429 nor before a call."""
    console.say(NGINX_429, 429, "text/html", headers={"Retry-After": "3"})
    console.say()
    limiter = limits.Limiter()
    async with connect(console.url, limiter=limiter, backoff=Backoff(patience=0.1), deadline=60.0) as client:
        with pytest.raises(errors.LimitedError):
            await client.get("/sites")
        with pytest.raises(errors.LimitedError):
            await client.get("/sites")
        assert client.requests == 1
        await client.get("/agents")


async def test_without_the_token(console: Console, connect: Connect) -> None:
    """A call can be made without the token, for a host that may be no console; the next one has it again."""
    console.say()
    async with connect(console.url) as client:
        await client.get("/system/status", anonymous=True)
        await client.get("/system/info")
    first, second = console.requests
    assert TOKEN not in str(first.headers)
    assert second.headers["Authorization"] == f"ApiToken {TOKEN}"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, errors.NotAConsoleError),
        (400, errors.RequestRefusedError),
        (401, errors.TokenRefusedError),
        (403, errors.ForbiddenRoleError),
        (404, errors.NotLicensedError),
        (501, errors.NotLicensedError),
    ],
)
async def test_final_refusals_are_sent_once(
    console: Console, connect: Connect, status: int, error: type[errors.ConsoleError]
) -> None:
    """What would be refused again is sent once; the next call is made afresh."""
    console.say('{"errors":[{"code":1,"title":"no"}]}', status, headers={"Location": "/login"})
    console.say()
    async with connect(console.url) as client:
        with pytest.raises(error) as caught:
            await client.get("/sites")
        assert client.requests == caught.value.attempts == 1
        await client.get("/sites")


async def test_a_web_page(console: Console, connect: Connect) -> None:
    """A login page that answers 200 is no console."""
    console.say("<!DOCTYPE html><title>Log in</title>", content_type="text/html")
    async with connect(console.url) as client:
        with pytest.raises(errors.NotAConsoleError, match="web page") as caught:
            await client.get("/system/status")

        assert (caught.value.detail, client.requests) == ("Log in", 1)


async def test_an_expired_cursor(console: Console, connect: Connect) -> None:
    """A 400 for a request with a cursor says that the cursor is over."""
    console.say('{"errors":[{"code":4000010}]}', 400)
    async with connect(console.url) as client:
        with pytest.raises(errors.CursorRefusedError):
            await client.get("/sites", {"cursor": "abc"})


@pytest.mark.parametrize(
    "broken",
    [
        http(b'{"data":[1', length=500),
        http(b'{"data":[1'),
        http(b""),
        http(b"not json"),
        http(b'{"data":[1]}', extra="Content-Encoding: gzip\r\n"),
        http(gzip.compress(b'{"data":[1]}')[:-12], extra="Content-Encoding: gzip\r\n"),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat\r\n',
        b"garbage\r\n\r\n",
        b"",
    ],
    ids=["short", "clean", "empty", "text", "not gzip", "short gzip", "short chunks", "no HTTP", "closed"],
)
async def test_broken_answers_are_asked_for_again(connect: Connect, broken: bytes) -> None:
    """An answer that breaks off, or is not what its headers say, is asked for again."""
    async with raw(broken, GOOD) as (url, seen), connect(url) as client:
        answer = await client.get("/sites")

        assert answer.body == b'{"data":[1]}'
        assert len(seen) >= 2


async def test_answers_nested_too_deeply(connect: Connect) -> None:
    """An answer made to exhaust the reader is an unreadable answer."""
    async with raw(http(b"[" * 100_000 + b"]" * 100_000)) as (url, _), connect(url) as client:
        with pytest.raises(errors.UnreadableAnswerError, match="deep"):
            await client.get("/sites")


async def test_header_names_in_any_case(connect: Connect) -> None:
    """Proxies write header names in lower case; they mean the same."""
    refusal = http(b"{}", status="503 x", extra="retry-after: 0\r\n")
    answer = http(b"{}", extra="x-rqid: 3f2c\r\ndate: Sat, 21 Nov 2026 10:00:00 GMT\r\n")
    slow = Backoff(first=60, longest=60)
    async with raw(refusal, answer) as (url, _), connect(url, backoff=slow) as client:
        found = await client.get("/sites")

    assert (found.request_id, found.attempts) == ("3f2c", 2)
    assert found.date == dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


async def test_resets_are_tried_again(connect: Connect) -> None:
    """A connection that is reset in the middle of an answer is opened again."""
    async with raw(http(b'{"data":[1', length=500), GOOD, abort=True) as (url, seen), connect(url) as client:
        assert (await client.get("/sites")).attempts == 2
        assert len(seen) == 2


async def test_silence_is_tried_again(connect: Connect) -> None:
    """A console that stops in the middle of an answer is asked again after the read timeout."""
    stuck = http(b'{"data":[1', length=500)
    async with raw(stuck, GOOD, hold=0.3) as (url, _), connect(url, read_timeout=0.1) as client:
        assert (await client.get("/sites")).attempts == 2


async def test_broken_answers_have_an_end(connect: Connect) -> None:
    """An answer of a shape that cannot be read is given up after five tries, long before the deadline."""
    async with raw(http(b'{"data":[1')) as (url, seen), connect(url, deadline=60) as client:
        with pytest.raises(errors.UnreadableAnswerError, match="5 attempts"):
            await client.get("/sites")

        assert len(seen) == 5


async def test_the_check_is_made_once_for_each_answer(console: Console, connect: Connect) -> None:
    """The caller's reading of the body is what is tried again, so that it is read only once."""
    console.say('{"data":"1"}')
    console.say('{"data":2}')
    seen: list[bytes] = []

    def check(body: bytes) -> int:
        seen.append(body)
        return msgspec.json.decode(body, type=dict[str, int])["data"]

    async with connect(console.url) as client:
        answer = await client.get("/sites", check=check)

    assert (answer.content, answer.attempts, len(seen)) == (2, 2, 2)


async def test_a_check_that_fails_otherwise(console: Console, connect: Connect) -> None:
    """A mistake in the caller's reading is the caller's to see, at once."""
    console.say()
    async with connect(console.url) as client:
        with pytest.raises(KeyError):
            await client.get("/sites", check=lambda _: {}["missing"])

        assert client.requests == 1


@pytest.mark.parametrize("dated", [False, True])
async def test_retry_after_is_kept(console: Console, connect: Connect, dated: bool) -> None:
    """The pause that a console asks for, in either form, passes before the next try."""
    headers = {"Retry-After": "1"}
    if dated:
        headers = {
            "Retry-After": "Sat, 21 Nov 2026 10:00:01 GMT",
            "Date": "Sat, 21 Nov 2026 10:00:00 GMT",
        }
    console.say(NGINX_429, 429, "text/html", headers)
    console.say()
    async with connect(console.url) as client:
        began = time.monotonic()
        answer = await client.get("/sites")

    assert answer.attempts == 2
    assert 1 <= time.monotonic() - began < 3


async def test_a_pause_beyond_the_deadline(console: Console, connect: Connect) -> None:
    """A pause longer than the deadline is not waited for: the caller is told at once."""
    console.say(NGINX_429, 429, "text/html", {"Retry-After": "3600"})
    async with connect(console.url, deadline=30) as client, asyncio.timeout(2):
        with pytest.raises(errors.LimitedError) as caught:
            await client.get("/sites")

    assert (caught.value.status, caught.value.attempts) == (429, 1)


async def test_a_pause_holds_up_other_calls_of_its_row(console: Console, connect: Connect) -> None:
    """After a long pause was asked for, other calls to the same row are told without being sent."""
    console.say(NGINX_429, 429, "text/html", {"Retry-After": "3600"})
    console.say()
    async with connect(console.url, deadline=30, limiter=limits.Limiter()) as client:
        for _ in range(2):
            with pytest.raises(errors.LimitedError):
                await client.get("/sites")
        await client.get("/accounts")

        assert client.requests == 2


async def test_the_limiter_learns(console: Console, connect: Connect) -> None:
    """A 429 slows its row down, answers bring it back."""
    limiter = limits.Limiter(table=(limits.Limit("sites", 100, 10),))
    bucket = limiter.bucket("/sites")
    assert bucket is not None
    console.say(NGINX_429, 429, "text/html", {"Retry-After": "0"})
    console.say()
    async with connect(console.url, limiter=limiter) as client:
        await client.get("/sites")
        slow = bucket.rate
        await client.get("/sites")

    assert 50 < slow < bucket.rate < 100


@pytest.mark.parametrize(("status", "error"), [(429, errors.LimitedError), (502, errors.VendorFailureError)])
async def test_the_deadline_ends_the_tries(
    console: Console, connect: Connect, status: int, error: type[errors.ConsoleError]
) -> None:
    """What keeps failing is given up at the deadline, with what the console said and how often."""
    console.say("Bad Gateway", status, "text/plain")
    async with connect(console.url, deadline=0.3, backoff=Backoff(0.02, 0.05)) as client:
        began = time.monotonic()
        with pytest.raises(error) as caught:
            await client.get("/sites")

        assert time.monotonic() - began < 2
        assert caught.value.attempts == client.requests > 1
        assert caught.value.detail == "Bad Gateway"


async def test_the_deadline_ends_a_slow_answer(console: Console, connect: Connect) -> None:
    """A console that does not answer by the deadline has not answered; the next call may be lucky."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response({})

    console.answers.append(slow)
    console.say()
    async with connect(console.url, deadline=0.2) as client:
        with pytest.raises(errors.UnreachableError, match=r"within 0\.2 s"):
            await client.get("/sites")
        await client.get("/sites")


async def test_the_deadline_keeps_the_first_reason(console: Console, connect: Connect) -> None:
    """When the last try runs into the deadline, the refusal before it is what is told."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response({})

    console.say("Bad Gateway", 502, "text/plain")
    console.answers.append(slow)
    async with connect(console.url, deadline=0.5) as client:
        with pytest.raises(errors.VendorFailureError, match="Bad Gateway"):
            await client.get("/sites")


async def test_the_queue_is_not_counted(console: Console, connect: Connect) -> None:
    """Waiting for the first turn does not use up the deadline: it is nobody's failure."""
    console.say()
    limiter = limits.Limiter(table=(limits.Limit("sites", 5, 1),))
    async with connect(console.url, deadline=0.4, limiter=limiter) as client:
        answers = await asyncio.gather(*(client.get("/sites") for _ in range(5)))

    assert len(answers) == 5


async def test_post_is_sent_once(console: Console, connect: Connect) -> None:
    """What is posted is never sent a second time, whatever became of it."""
    console.say("Bad Gateway", 502, "text/plain")
    console.say('{"data":{"expiresAt":"x"}}')
    async with connect(console.url) as client:
        with pytest.raises(errors.VendorFailureError) as caught:
            await client.post("/users/api-token-details", {"data": {"apiToken": TOKEN}})
        assert (client.requests, caught.value.method) == (1, "POST")

        answer = await client.post("/users/api-token-details", {"data": {"apiToken": TOKEN}}, check=len)
        assert answer.content == len(answer.body)

    assert console.requests[1].headers["Content-Type"] == "application/json"
    assert msgspec.json.decode(console.bodies[1]) == {"data": {"apiToken": TOKEN}}


@pytest.mark.parametrize("broken", [b"", http(b'{"data":[1', length=500), http(b"{")])
async def test_post_is_sent_once_over_a_broken_connection(connect: Connect, broken: bytes) -> None:
    """A connection that breaks does not make a post go out again."""
    async with raw(broken, GOOD) as (url, seen), connect(url) as client:
        with pytest.raises(errors.ConsoleError):
            await client.post("/users/api-token-details", {})

        assert len(seen) == 1


async def test_refused_connections(connect: Connect) -> None:
    """Nobody listening is said in plain words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with connect(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(errors.UnreachableError, match="refused"):
            await client.get("/sites")


async def test_unknown_names(connect: Connect) -> None:
    """A name that does not exist is said in plain words."""
    allowed = address.Allowed.parse("does-not-exist.invalid")
    async with connect("https://does-not-exist.invalid", allowed=allowed) as client:
        with pytest.raises(errors.UnreachableError, match=r"no host of that name|just now"):
            await client.get("/sites")


async def test_names_that_lead_inside(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console's name that leads to loopback is not called, though its name is allowed."""
    loop = asyncio.get_running_loop()

    async def rebound(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(loop, "getaddrinfo", rebound)
    async with connect("https://usea1-example.sentinelone.net", allowed=address.Allowed()) as client:
        with pytest.raises(errors.AddressError, match="inside a network"):
            await client.get("/sites")

        assert client.requests == 1


async def test_untrusted_certificates(connect: Connect, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused, in plain words."""
    server = TestServer(web.Application(), host="127.0.0.1")
    await server.start_server(ssl=_own_certificate(tmp_path))
    async with connect(f"https://127.0.0.1:{server.port}") as client:
        with pytest.raises(errors.UnreachableError, match="certificate"):
            await client.get("/sites")
        assert client.requests == 1
    await server.close()


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "own.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize(
    "body",
    [
        '{"errors":[{"code":4010010,"detail":"bad token canary7f3e9d1b5a/+=Z8"}]}',
        "canary7f3e9d1b5a/+=Z8",
        "<html><title>canary7f3e9d1b5a/+=Z8</title></html>",
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
async def test_the_token_never_leaks(console: Console, connect: Connect, status: int, body: str) -> None:
    """No error, traceback, representation or log line holds the token, though the console repeats it."""
    console.say(body, status, "text/plain", {"X-RQID": TOKEN, "Location": f"https://{TOKEN.lower()}/x"})
    with capture_logs() as logs:
        async with connect(console.url, deadline=0.05) as client:
            with pytest.raises(errors.ConsoleError) as caught:
                await client.get(
                    "/sites", {"name": TOKEN}, check=lambda body: msgspec.json.decode(body, type=int)
                )
            shown = [client, str(client), caught.value, vars(caught.value), *logs]

    error = caught.value
    trace = "".join(traceback.format_exception(error))
    assert "canary" not in trace
    assert all("canary" not in f"{one} {one!r}".lower() for one in shown)
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_failures_of_the_connection_do_not_leak(connect: Connect) -> None:
    """The HTTP library's own exceptions, which may hold headers, do not hang on Waypost's."""
    async with raw(b"garbage\r\n\r\n") as (url, _), connect(url, deadline=0.05) as client:
        with pytest.raises(errors.ConsoleError) as caught:
            await client.get("/sites")

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_one_log_line_for_each_request(console: Console, connect: Connect) -> None:
    """Each request leaves one line with its facts and without its parameters."""
    console.say("Bad Gateway", 502, "text/plain", {"X-RQID": "3f2c"})
    console.say()
    with capture_logs() as logs:
        async with connect(console.url) as client:
            await client.get("/sites", {"name": "Private Person"})

    assert [(line["status"], line["attempt"], line["method"], line["path"]) for line in logs] == [
        (502, 1, "GET", "/sites"),
        (200, 2, "GET", "/sites"),
    ]
    assert logs[0]["request_id"] == "3f2c"
    assert logs[0]["log_level"] == "debug"
    assert "Private" not in str(logs)


@pytest.mark.parametrize("token", ["", "  \n", "a b", "a\nb", "tökén", "a\x00b"])
def test_tokens_that_cannot_travel(connect: Connect, token: str) -> None:
    """A blank token, or one that no header can carry, is refused without being repeated."""
    with pytest.raises(errors.TokenShapeError) as caught:
        connect("http://127.0.0.1:1", token=token)

    assert not token.strip() or token not in str(caught.value)


async def test_line_breaks_around_a_token(console: Console, connect: Connect) -> None:
    """The line break after a token that was read from a file is not part of it."""
    console.say()
    async with connect(console.url, token=f" {TOKEN}\r\n") as client:
        await client.get("/sites")

    assert console.requests[0].headers["Authorization"] == f"ApiToken {TOKEN}"


def test_an_address_that_is_no_longer_allowed() -> None:
    """What an operator has taken from the allowed hosts is not called, though it had been stored."""
    stored = address.Address("http", "127.0.0.1", 8080, private=True)
    with pytest.raises(errors.AddressError):
        Client(stored, TOKEN, allowed=address.Allowed())


@pytest.mark.parametrize(
    "path", ["", "/", "/../x", "//evil.example", "/a?b=c", "/a#b", "/a/../b", "@evil", "/a b", "/é"]
)
async def test_paths_of_the_api_only(connect: Connect, path: str) -> None:
    """A path that could lead elsewhere is a mistake of the caller, and nothing is sent."""
    async with connect("http://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="not a path"):
            await client.get(path)

        assert client.requests == 0


async def test_used_without_entering(connect: Connect) -> None:
    """A client that was not entered says so."""
    with pytest.raises(RuntimeError, match="context manager"):
        await connect("http://127.0.0.1:1").get("/sites")


async def test_cancelling(console: Console, connect: Connect) -> None:
    """A call that is cancelled ends at once and gives its place back."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response({})

    console.answers.append(slow)
    console.say()
    async with connect(console.url, limiter=limits.Limiter(concurrent=1)) as client:
        call = asyncio.create_task(client.get("/sites"))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await client.get("/sites")


def test_the_fast_unpacker() -> None:
    """Bodies are unpacked with isal, for the whole process."""
    assert "isal" in aiohttp.compression_utils.ZLibBackend.name
