"""How answers go out: marked, not sent again to who has them, packed; streams and refusals untouched."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import zstandard
from litestar import Litestar, Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send

from waypost.api import packing

LARGE = {"items": [{"id": number, "name": f"device {number}"} for number in range(200)]}
ended: list[str] = []


class App(Litestar):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        scope.setdefault("state", {})
        await packing.packed(super().__call__, scope, receive, send)


async def _admit(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    connection.scope["auth"] = "somebody"


@get("/small", guards=[_admit])
async def small() -> dict[str, int]:
    return {"a": 1}


@get("/large", guards=[_admit])
async def large() -> Response[dict[str, Any]]:
    return Response(LARGE, headers={"X-Other": "kept", "Content-Disposition": "attachment"})


@get("/open")
async def open_to_all() -> dict[str, Any]:
    return LARGE


@get("/document")
async def document() -> Response[dict[str, Any]]:
    return Response(LARGE, headers={"Cache-Control": "no-cache"})


@get("/secret", guards=[_admit])
async def secret() -> Response[dict[str, Any]]:
    return Response(LARGE, headers={"Cache-Control": "no-store"})


@get("/refused", guards=[_admit])
async def refused() -> Response[dict[str, Any]]:
    return Response(LARGE, status_code=409)


@post("/made", guards=[_admit])
async def made() -> dict[str, Any]:
    return LARGE


@get("/stream", guards=[_admit])
async def stream() -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 2_000
                await asyncio.sleep(0.01)
                if not ended:
                    return
        finally:
            ended.append("over")

    return Stream(pieces(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[App]]:
    routes = [small, large, open_to_all, document, secret, refused, made, stream]
    with TestClient(App(routes, openapi_config=None, logging_config=None)) as opened:
        opened.headers["Accept-Encoding"] = "identity"
        yield opened


def _raw(client: TestClient[App], path: str, **headers: str) -> tuple[Any, bytes]:
    """An answer, and its body as it came over the wire."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", path, headers=given) as answer:
        return answer, b"".join(answer.iter_raw())


def test_a_tag_and_what_it_saves(client: TestClient[App]) -> None:
    """The same content has the same tag; who sends it gets no body, and all that belongs to the copy he has."""
    first, again = client.get("/large"), client.get("/large")
    tag = first.headers["ETag"]
    assert again.headers["ETag"] == tag
    assert tag.startswith('"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    answer = client.get("/large", headers={"If-None-Match": f'"other", {tag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Other"] == "kept"
    assert {"Content-Type", "Content-Length", "Content-Disposition"}.isdisjoint(answer.headers)


@pytest.mark.parametrize("condition", ["*", "W/{}", '{}, "x"', '"x",W/{}'])
def test_conditions(client: TestClient[App], condition: str) -> None:
    """Any copy, a weak tag and one of several all mean the copy."""
    tag = client.get("/small").headers["ETag"]
    answer = client.get("/small", headers={"If-None-Match": condition.format(tag)})
    assert answer.status_code == 304


@pytest.mark.parametrize("condition", ['"x"', "", '""', "x" * 5_000, '"é"', '"a-gzip"'])
def test_conditions_that_do_not_hold(client: TestClient[App], condition: str) -> None:
    """Whoever has another copy gets this one."""
    headers = [(b"If-None-Match", condition.encode())]
    answer = client.get("/small", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"a": 1})


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd")]
)
def test_packed(client: TestClient[App], accepted: str, encoding: str) -> None:
    """The same content, much shorter; marked by a tag of its own, by which it is found unchanged as well."""
    plain = client.get("/large")
    answer, body = _raw(client, "/large", Accept_Encoding=accepted)
    unpacked = gzip.decompress(body) if encoding == "gzip" else zstandard.ZstdDecompressor().decompress(body)
    assert answer.headers["Content-Encoding"] == encoding
    assert unpacked == plain.content
    assert int(answer.headers["Content-Length"]) == len(body) < len(plain.content) / 3
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert answer.headers["ETag"] != plain.headers["ETag"]
    for tag in (answer.headers["ETag"], plain.headers["ETag"]):
        again, nothing = _raw(client, "/large", Accept_Encoding=accepted, If_None_Match=tag)
        assert (again.status_code, nothing, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Encoding" not in again.headers


def test_packed_twice_is_the_same(client: TestClient[App]) -> None:
    """A strong tag promises the same bytes, so they may not depend on the time."""
    for encoding in ("gzip", "zstd"):
        bodies = {_raw(client, "/large", Accept_Encoding=encoding)[1] for _ in range(3)}
        assert len(bodies) == 1


@pytest.mark.parametrize("path", ["/open", "/secret", "/refused"])
def test_what_is_neither_marked_nor_packed(client: TestClient[App], path: str) -> None:
    """What no key was shown for, what nobody may keep, and what was refused goes out as it is."""
    answer, body = _raw(client, path, Accept_Encoding="gzip")
    assert json.loads(body) == LARGE
    assert {"ETag", "Content-Encoding", "Vary"}.isdisjoint(answer.headers)


def test_small_answers_are_not_packed(client: TestClient[App]) -> None:
    """Below a kilobyte packing saves nothing."""
    answer, body = _raw(client, "/small", Accept_Encoding="gzip")
    assert (body, "Content-Encoding" in answer.headers) == (b'{"a":1}', False)


def test_documents_keep_their_own_word(client: TestClient[App]) -> None:
    """What says of itself that a copy may be kept is marked without a key, and says the same still."""
    answer, _ = _raw(client, "/document", Accept_Encoding="gzip")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert client.get("/document", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_changes_are_not_packed(client: TestClient[App]) -> None:
    """An answer to a change may hold a secret that is shown once; it goes out as it is."""
    answer = client.post("/made", headers={"Accept-Encoding": "gzip"})
    assert answer.json() == LARGE
    assert {"ETag", "Content-Encoding"}.isdisjoint(answer.headers)


def test_heads(client: TestClient[App]) -> None:
    """A HEAD has the headers of the GET, and no body."""
    got, head = client.get("/large"), client.head("/large")
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(got.headers)
    assert client.head("/large", headers={"If-None-Match": got.headers["ETag"]}).status_code == 304


def test_streams(client: TestClient[App]) -> None:
    """What comes in pieces passes as it comes, and a HEAD of it ends it."""
    ended.clear()
    answer, body = _raw(client, "/stream", Accept_Encoding="gzip")
    assert (body, "Content-Encoding" in answer.headers) == (b"x" * 2_000, False)
    ended[:] = ["without an end from now on"]
    assert client.head("/stream").content == b""
    assert ended[-1] == "over"
