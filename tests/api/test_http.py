"""What HTTP asks of the running service beyond its operations: copies, packing, methods, sizes."""

import gzip
import http.client
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import zstandard

from support.server import Server

FINDINGS = "/api/v1/findings?limit=50"


def _raw(api: Any, method: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """An answer as it comes over the wire."""
    address = urllib.parse.urlsplit(api.url)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {api.key}"} | given)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def _sent(api: Any, request: bytes) -> bytes:
    """What comes back first to these bytes."""
    address = urllib.parse.urlsplit(api.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


@pytest.mark.parametrize(
    "path", [FINDINGS, "/api/v1/devices", "/api/v1/organizations", "/api/v1/openapi.json"]
)
def test_a_copy_is_asked_about(of: Any, path: str) -> None:
    """Who has an answer already is told so in a few bytes."""
    api = of("everybody")
    first, body = _raw(api, "GET", path)
    again, nothing = _raw(api, "GET", path, If_None_Match=first.headers["ETag"])
    assert (first.status, again.status, nothing) == (200, 304, b"")
    assert len(body) > 100
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["X-Content-Type-Options"] == "nosniff"


def test_a_copy_of_another_key(of: Any) -> None:
    """One client's copy says nothing about another's: where they see different things, their tags differ."""
    tags = {name: _raw(of(name), "GET", FINDINGS)[0].headers["ETag"] for name in ("Acme", "Globex")}
    assert tags["Acme"] != tags["Globex"]
    answer, _ = _raw(of("Acme"), "GET", FINDINGS, If_None_Match=tags["Globex"])
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]


def test_packed(of: Any) -> None:
    """Large answers come packed to who understands it, and are the same."""
    api = of("everybody")
    _, plain = _raw(api, "GET", FINDINGS)
    packed, body = _raw(api, "GET", FINDINGS, Accept_Encoding="gzip")
    assert (packed.headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", plain)
    packed, body = _raw(api, "GET", FINDINGS, Accept_Encoding="gzip;q=0.5, zstd")
    assert packed.headers["Content-Encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompress(body) == plain
    assert len(body) < len(plain) / 3


@pytest.mark.parametrize(
    "path",
    [FINDINGS, "/health/live", "/api/v1/nothing", "/api/v1/findings?nothing=1", "/api/v1/openapi.json"],
)
def test_heads(of: Any, path: str) -> None:
    """A HEAD is the GET without its body, refusals included."""
    api = of("everybody")
    got, body = _raw(api, "GET", path)
    head, nothing = _raw(api, "HEAD", path)
    assert (head.status, nothing) == (got.status, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert int(head.headers["Content-Length"]) == len(body) or got.status >= 400


def test_options(of: Any) -> None:
    """Which methods a path has is told without a key, and no other site's page is let in."""
    answer, body = _raw(
        of("everybody").with_key(""), "OPTIONS", "/api/v1/connections", Origin="https://evil.example"
    )
    assert (answer.status, body) == (204, b"")
    assert {"GET", "HEAD", "POST", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_methods_that_a_path_does_not_know(of: Any) -> None:
    """The answer names those that it knows, HEAD with GET."""
    answer = of("everybody")("PATCH", "/api/v1/findings")
    answer.refused(405, "request.method")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    of("everybody")("BREW", "/api/v1/findings").refused(405, "request.method")


def test_addresses_and_headers_without_an_end(of: Any) -> None:
    """They are refused by the server, whatever they ask for, and the service goes on."""
    api = of("everybody")
    answer = _sent(api, b"GET /health/live?x=" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer[9:12] in (b"414", b"431", b"400", b"")
    answer = _sent(api, b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n")
    assert answer[9:12] in (b"431", b"400", b"")
    headers = b"".join(b"X-%d: x\r\n" % number for number in range(5_000))
    answer = _sent(api, b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert answer[9:12] in (b"431", b"400", b"")
    assert _raw(api, "GET", "/health/live")[0].status == 200


def test_parameters_near_to_one(of: Any) -> None:
    """Whoever misspells a parameter is asked whether he meant the one that there is."""
    problem = of("everybody")("GET", "/api/v1/findings?severty=high&detectedSince=2026-01-01").refused(
        422, "request.field", "severty", "detectedSince"
    )
    told = {error["field"]: error["detail"] for error in problem["errors"]}
    assert told["severty"] == "There is no such parameter. Did you mean severity?"
    assert told["detectedSince"] == "There is no such parameter. Did you mean detected_since?"


@pytest.mark.parametrize("name", ["call", "request", "state", "scope", "connection_id"])
def test_names_from_within(of: Any, name: str) -> None:
    """What only the service itself calls so is no parameter."""
    of("everybody")("GET", f"/api/v1/organizations?{name}=1").refused(422, "request.field", name)


def test_thousands_of_parameters(of: Any) -> None:
    """A hundred faults are told, and quickly."""
    query = "&".join(f"limi{number}=1" for number in range(3_000))
    problem = of("everybody")("GET", f"/api/v1/findings?{query}").refused(422, "request.field")
    assert len(problem["errors"]) == 100


@pytest.mark.parametrize(
    "deep", [b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", b'{"a":' * 60 + b"1" + b"}" * 60]
)
def test_bodies_that_are_too_deep(of: Any, deep: bytes) -> None:
    """A body of more levels than any has is refused as that."""
    answer = of("everybody")(
        "POST", "/api/v1/organizations", raw=deep, **{"Content-Type": "application/json"}
    )
    assert "nested too deeply" in answer.refused(400, "request.body")["detail"]


def test_bodies_with_thousands_of_unknown_fields(of: Any) -> None:
    """A hundred of them are named."""
    body = {"name": "x"} | {f"field{number}": 1 for number in range(5_000)}
    problem = of("everybody")("POST", "/api/v1/organizations", body).refused(422, "request.field")
    assert len(problem["errors"]) == 100


def test_sessions_come_back(of: Any) -> None:
    """A request that is refused after its key was looked at keeps no session of the database."""
    api = of("everybody")
    for _ in range(40):
        api("GET", "/api/v1/findings?nothing=1").refused(422, "request.field")
        api("GET", f"/api/v1/findings/{'0' * 8}-0000-4000-8000-{'0' * 12}").refused(404, "request.not_found")
    api("GET", FINDINGS).done()


IMPATIENT = (
    "from datetime import timedelta; from waypost.cli import serve; serve.DEADLINE = timedelta(seconds=0.5)"
)


@pytest.fixture(scope="module")
def impatient(serve: Callable[..., Any], postgres: Server) -> Iterator[tuple[Any, str]]:
    """A service that gives the database half a second for an answer, and the database."""
    with postgres.fresh() as url:
        api, _ = serve("--no-worker", database_url=url, also=IMPATIENT)
        yield api, url


@pytest.mark.parametrize(
    "path", ["findings", "devices?count=true", "summary/findings?by=day", "summary/findings/age"]
)
def test_the_database_takes_too_long(impatient: tuple[Any, str], path: str) -> None:
    """The question is given up, the answer says what to do, and the next one is answered."""
    api, url = impatient
    with psycopg.connect(url, options="-c search_path=waypost") as db:
        db.execute("LOCK TABLE finding, device IN ACCESS EXCLUSIVE MODE")
        refused = api("GET", f"/api/v1/{path}").refused(504, "request.too_slow")
    assert "Narrow the filters" in refused["remedy"]
    api.get(f"/api/v1/{path}")
