"""What every request gets around its handler: an id, headers that protect, a measurement, a line in the log.

It is outside of the framework's routing, so that answers to unknown paths have all of it too.
"""

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from waypost.api.metrics import Metrics

HEADER: Final = "X-Request-ID"
_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_KEY: Final = "waypost_request_id"
UNMATCHED: Final = "unmatched"
"""The route of requests that no route fits; their paths are not told, since a link's secret may be in one."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD: Final = "other"
"""What a method that nobody knows counts as: each new one would be kept as a figure of its own for ever."""

PROTECTION: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
"""Headers of every answer that has none of its own by these names."""

_PROTECTION: Final = {name.lower().encode(): value.encode() for name, value in PROTECTION.items()}
_HEADER: Final = HEADER.lower().encode()

log = structlog.get_logger()


async def traced(app: ASGIApp, metrics: Metrics, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application for one request."""
    kind: str = scope["type"]
    if kind != "http":
        await app(scope, receive, send)
        return
    request = cast("HTTPScope", scope)
    began = time.perf_counter()
    method = request["method"] if request["method"] in _METHODS else _OTHER_METHOD
    chosen = _chosen(request)
    scope.setdefault("state", {})[_KEY] = chosen
    status = 0

    async def sending(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*_protected(message["headers"]), (_HEADER, chosen.encode())]
        await send(message)

    with structlog.contextvars.bound_contextvars(request_id=chosen):
        try:
            await app(scope, receive, sending)
        except Exception:
            log.exception("answer broken off", route=route(request))
        finally:
            seconds = time.perf_counter() - began
            metrics.answered(route(request), method, status, seconds)
            log.info(
                "request answered",
                method=method,
                route=route(request),
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )


def _protected(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The headers of an answer, whose names are in lower case, and those that protect it."""
    missing = dict(_PROTECTION)
    for name, value in headers:
        missing.pop(name, None)
        yield name, value
    yield from missing.items()


def request_id(scope: Scope) -> str:
    """The id of a request under way."""
    return str(scope["state"].get(_KEY, ""))


def route(scope: HTTPScope) -> str:
    """The pattern that the path fits, without what stands in for its parameters."""
    template: Any = cast("dict[str, Any]", scope).get("path_template")  # Any: absent before routing
    return template or UNMATCHED


def _chosen(scope: HTTPScope) -> str:
    """The caller's id if it is one that a log can hold, or a new one."""
    for name, value in scope["headers"]:
        if name.lower() == _HEADER and _SANE.fullmatch(value):
            return value.decode()
    return uuid.uuid4().hex
