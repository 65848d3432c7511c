"""How an answer goes out: marked by its content, not sent again to who has it, and packed.

It lies between the framework and `tracing`, and sees every answer as the framework made it. What comes in pieces, like
events and downloads, passes through untouched. Why which answer may be packed: docs/decisions/0023-http.md.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final, cast

import zstandard
from isal import igzip
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from waypost.api import allowance, negotiation

SMALLEST: Final = 1_000
"""Bytes from which on packing saves more than it costs."""
LARGEST: Final = 16_000_000
"""Bytes from which on a body is neither marked nor packed: it would keep everybody else waiting."""
VARY: Final = b"Accept, Accept-Encoding, Authorization"
_FRESH: Final = b"private, no-cache"
"""A copy may be kept by who asked, and is asked about before each use."""

_Headers = list[tuple[bytes, bytes]]
# One for all: the loop packs one body after the other, and making one costs more than packing a small body.
_zstd: Final = zstandard.ZstdCompressor(level=1)
ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zstd": _zstd.compress,
    "gzip": lambda body: igzip.compress(body, 1, mtime=0),  # without the time: same content, same bytes
}
"""What can be asked for, what is liked best first."""
_OFFERS: Final = tuple(ENCODINGS)
_OF_BODIES: Final = (b"content-type", b"content-length", b"content-encoding", b"content-disposition")


async def packed(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application for one request, and pack what it answers. HEAD is answered as GET without the body."""
    if cast("str", scope["type"]) != "http":
        await app(scope, receive, send)
        return
    request = cast("HTTPScope", scope)
    if request["method"] == "HEAD":
        cast("dict[str, Any]", request)["method"] = "GET"
        head = _Head(receive, send)
        receive, send = head.receive, head.send
    start: Any = None  # Any: the message that begins an answer, until it is sent

    async def sending(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            headers = [(name.lower(), value) for name, value in message["headers"]]
            start["headers"] = [*headers, *allowance.headers(scope)]
            return
        if start is not None and message["type"] == "http.response.body":
            begun, start = start, None
            if not message["more_body"]:
                message["body"] = _whole(request, begun, message["body"])
            await send(begun)
        await send(message)

    await app(scope, receive, sending)


class _Head:
    """What lies between the server and the answer to a HEAD: it lets the head alone pass, also that of a stream."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._enough = asyncio.Event()

    async def send(self, message: Message) -> None:
        if self._enough.is_set():
            return
        await self._send(message)
        if message["type"] == "http.response.start":
            self._enough.set()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive(self) -> Any:  # Any: a message, as the server has it
        """What the server says, or that the caller has gone: he has heard enough once the head is sent."""
        tasks: list[asyncio.Future[Any]] = [  # Any: their results are of two kinds
            asyncio.ensure_future(cast("Any", self._receive())),
            asyncio.ensure_future(self._enough.wait()),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        told = tasks[0].result() if tasks[0].done() else {"type": "http.disconnect"}
        for task in tasks:
            task.cancel()
        return told


def _whole(scope: HTTPScope, start: dict[str, Any], body: bytes) -> bytes:  # Any: as the framework has it
    """The body as it goes out; the message before it is changed to fit."""
    headers: _Headers = start["headers"]
    if scope["method"] != "GET" or start["status"] != 200 or not 0 < len(body) <= LARGEST:
        return body
    if not _may_be_kept(scope, headers):
        return body
    asked = _asked(scope)
    content = _tag(body)
    encoding = None
    if len(body) >= SMALLEST:
        encoding = negotiation.encoding(asked.get(b"accept-encoding", ""), _OFFERS)
    tag = f"{content}-{encoding}" if encoding else content
    if known := _known(asked.get(b"if-none-match", ""), content, tag):
        start["status"], tag, body = 304, known, b""
        headers = [(name, value) for name, value in headers if name not in _OF_BODIES]
    elif encoding is not None:
        body = ENCODINGS[encoding](body)
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers += [(b"content-encoding", encoding.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(b"etag", f'"{tag}"'.encode()), (b"vary", VARY)]
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", _FRESH))
    start["headers"] = headers
    return body


def _may_be_kept(scope: HTTPScope, headers: _Headers) -> bool:
    """Whether an answer is one that a key was shown for, or says of itself that copies may be kept."""
    for name, value in headers:
        if name == b"cache-control":
            return b"no-store" not in value
    return cast("dict[str, Any]", scope).get("auth") is not None


def _asked(scope: HTTPScope) -> dict[bytes, str]:
    """The headers about what is wanted and had; several of one name are one list."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in (b"accept-encoding", b"if-none-match"):  # servers hand names over in lower case
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def _tag(body: bytes) -> str:
    """What tells two bodies apart, whoever had a say in what is in them."""
    return hashlib.sha256(body).hexdigest()[:32]


def _known(header: str, content: str, tag: str) -> str:
    """The tag by which the caller has this content already, packed in whatever way; empty if he has not."""
    if not header:
        return ""
    tags = (tag, content, *(f"{content}-{encoding}" for encoding in ENCODINGS))
    told = [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]
    return tag if "*" in told else next((one for one in tags if one in told), "")
