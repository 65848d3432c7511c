"""The HTTP server: every request through latency, limits, faults and authentication to its endpoint."""

import asyncio
import socket
import struct
import uuid
from dataclasses import dataclass, field
from random import Random

from aiohttp import web
from isal import igzip

from sentinelone_simulator import answers, bending, clock, queries, refusals
from sentinelone_simulator.answers import Answer
from sentinelone_simulator.bending import Bender
from sentinelone_simulator.console import Console
from sentinelone_simulator.control import Control
from sentinelone_simulator.endpoints import identity
from sentinelone_simulator.endpoints.table import TABLE
from sentinelone_simulator.faults import Fault, Faults
from sentinelone_simulator.ledger import Ledger
from sentinelone_simulator.limits import Limits
from sentinelone_simulator.tokens import Token

PREFIX = "/web/api/v2.1"
LONGEST_LINE = 1 << 18  # 5,000 ids in a query are 100 kB
COMPRESSION = 0
SMALLEST_COMPRESSED = 256
_DETAILS = "/users/api-token-details"


@dataclass(slots=True)
class Api:
    """Everything under /web/api/v2.1."""

    console: Console
    faults: Faults
    limits: Limits | None = None
    latency: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    bender: Bender = field(default_factory=Bender)
    request_ids: Random = field(default_factory=Random)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        self.ledger.enter(request.method, path)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            firing = self.faults.firing(path, request.query)
            for fault in firing:
                if fault.kind == "latency":
                    await asyncio.sleep(fault.ms / 1000)
            answer = await self._answer(request, path, firing)
            self.ledger.limited += answer.status == 429
            return await self._send(request, answer)
        finally:
            self.ledger.leave()

    async def _answer(self, request: web.Request, path: str, firing: list[Fault]) -> Answer:
        caller = request.remote or "" if path == "/system/status" else _token_text(request) or ""
        if self.limits and not self.limits.allow(caller, path):
            return Answer(answers.TOO_MANY.status, answers.TOO_MANY.body, answers.HTML)
        replaced = bending.instead(firing)
        if replaced is not None:
            return replaced
        bending.before(firing, self.console.tokens.get(caller))
        try:
            answer = Answer(200, await self._real(request, path))
        except refusals.Refusal as refusal:
            answer = Answer(refusal.status, refusal.body)
        self.bender.remember = self.faults.has("duplicate_row")
        self.bender.after(firing, answer, caller, path, request.query)
        return answer

    async def _real(self, request: web.Request, path: str) -> bytes:
        if request.method == "POST" and path == _DETAILS:
            return identity.details_by_token(self.console, await request.read())
        if request.method not in ("GET", "HEAD"):
            raise refusals.missing()
        if path == "/system/status":
            return identity.system_status()
        token = self._authenticate(request)
        parts = path.split("/")
        if len(parts) == 4 and parts[1] == "users" and parts[3] == "api-token-details":
            return identity.own_details(self.console, token, parts[2])
        endpoint = TABLE.get(path)
        if endpoint is None:
            raise refusals.missing()
        query = queries.read(path, request.query.items(), endpoint.filters)
        return endpoint.answer(self.console, token, query)

    def _authenticate(self, request: web.Request) -> Token:
        token = self.console.tokens.get(_token_text(request) or "")
        if token is None or token.state(self.console.estate.now) != "valid":
            raise refusals.unauthenticated()
        return token

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        headers = {
            "Server": "nginx",
            "Date": clock.http_date(self.console.estate.now),
            "Cache-Control": "no-store",
            "X-RQID": str(uuid.UUID(int=self.request_ids.getrandbits(128), version=4)),
            "Vary": "Origin",
            **answer.headers,
        }
        body = answer.body
        if len(body) >= SMALLEST_COMPRESSED and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = igzip.compress(body, COMPRESSION, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if answer.cut:
            return await _cut_off(request, answer, body, headers)
        return web.Response(
            status=answer.status, body=body, headers=headers, content_type=answer.content_type
        )


def _token_text(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "apitoken" else None


async def _cut_off(
    request: web.Request, answer: Answer, body: bytes, headers: dict[str, str]
) -> web.StreamResponse:
    """Announce the whole body, send half of it, and close the connection or reset it."""
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_type = answer.content_type
    response.content_length = len(body)
    response.force_close()
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    transport = request.transport
    if transport is not None:
        if answer.cut == "reset":
            endpoint = transport.get_extra_info("socket")
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return response


def application(
    console: Console,
    faults: Faults,
    limits: Limits | None = None,
    latency: float = 0.0,
) -> web.Application:
    """The console as an aiohttp application; `latency` is in seconds."""
    api = Api(console, faults, limits, latency, request_ids=Random(console.estate.seed))
    app = web.Application()
    app.add_routes(Control(console, faults, api.ledger).routes())
    app.router.add_route("*", PREFIX + "/{path:.*}", api.handle)
    return app


def runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=1.0,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
    )
