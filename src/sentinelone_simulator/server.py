"""The HTTP server: every request through latency, limits, faults, authentication and permission to its endpoint."""

import asyncio
import socket
import struct
import uuid
from dataclasses import dataclass, field, replace
from random import Random

from aiohttp import web
from isal import igzip

from sentinelone_simulator import answers, bending, clock, queries, refusals
from sentinelone_simulator.answers import Answer
from sentinelone_simulator.bending import Bender
from sentinelone_simulator.console import Console
from sentinelone_simulator.control import Control
from sentinelone_simulator.endpoints import identity, table
from sentinelone_simulator.faults import Fault, Faults
from sentinelone_simulator.ledger import Ledger
from sentinelone_simulator.limits import Limits
from sentinelone_simulator.tenants import Tenants
from sentinelone_simulator.tokens import Token

PREFIX = "/web/api/v2.1"
LONGEST_LINE = 1 << 18  # 5,000 ids in a query are 100 kB
COMPRESSION = 0
SMALLEST_COMPRESSED = 256
_DETAILS = "/users/api-token-details"
_READING = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Asked:
    """One request as far as it has been understood; `token` is None for a text that no console knows."""

    http: web.Request
    path: str
    caller: str
    console: Console
    token: Token | None

    def authenticated(self, permission: str = "") -> Token:
        """The token as it acts by this permission, which counts as activity of its user."""
        now = self.console.estate.now
        if self.token is None or self.token.state(now) != "valid":
            raise refusals.unauthenticated()
        self.token.user.last_active = now
        if not self.token.may(permission):
            raise refusals.forbidden()
        return replace(self.token, acting=permission)


@dataclass(slots=True)
class Api:
    """Everything under /web/api/v2.1."""

    tenants: Tenants
    faults: Faults
    limits: Limits | None = None
    latency: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    bender: Bender = field(default_factory=Bender)
    request_ids: Random = field(default_factory=Random)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = self._understand(request)
        self.ledger.enter(request.method, asked.path)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            firing = self.faults.firing(
                asked.path, request.query, request.method, self.tenants.number_of(asked.caller)
            )
            for fault in firing:
                if fault.kind == "latency":
                    await asyncio.sleep(fault.ms / 1000)
            answer = await self._answer(asked, firing)
            self.ledger.limited += answer.status == 429
            return await self._send(asked, answer)
        finally:
            self.ledger.leave()

    def _understand(self, request: web.Request) -> Asked:
        caller = _token_text(request) or ""
        console, token = self.tenants.of(caller)
        return Asked(request, request.path.removeprefix(PREFIX), caller, console, token)

    async def _answer(self, asked: Asked, firing: list[Fault]) -> Answer:
        caller = asked.http.remote or "" if asked.path == "/system/status" else asked.caller
        if self.limits and not self.limits.allow(caller, asked.path):
            return replace(answers.TOO_MANY)
        replaced = bending.instead(firing)
        if replaced is not None:
            return replaced
        if asked.path.startswith(self.tenants.undeployed):
            return replace(answers.NOT_ROUTED)
        bending.before(firing, asked.token)
        try:
            answer = Answer(200, await self._real(asked))
        except refusals.Refusal as refusal:
            answer = Answer(refusal.status, refusal.body)
        replaced = bending.instead(firing, after=True)
        if replaced is not None:
            return replaced
        self.bender.remember = self.faults.has("duplicate_row")
        self.bender.after(firing, answer, caller, asked.path, asked.http.query)
        return answer

    async def _real(self, asked: Asked) -> bytes:
        request, path = asked.http, asked.path
        if request.method == "POST" and path == _DETAILS:
            return self._details(await request.read())
        if path == "/system/status" and request.method in _READING:
            return identity.system_status()
        if request.method in _READING and path in table.TABLE:
            return self._look_up(asked, table.TABLE[path])
        found = table.call(request.method, path)
        if found is None:
            asked.authenticated()
            raise refusals.missing()
        return await self._call(asked, *found)

    def _look_up(self, asked: Asked, endpoint: table.Endpoint) -> bytes:
        token = asked.authenticated(endpoint.permission)
        query = queries.read(asked.path, asked.http.query.items(), endpoint.filters)
        return endpoint.answer(asked.console, token, query)

    async def _call(self, asked: Asked, template: str, identifier: str, call: table.Call) -> bytes:
        token = asked.authenticated(call.permission)
        queries.none(template if asked.http.method == "GET" else "", asked.http.query)
        return call.answer(asked.console, token, identifier, await asked.http.read())

    def _details(self, body: bytes) -> bytes:
        """The token in the body may be of any console here."""
        return identity.details_by_token(self.tenants.of, body)

    async def _send(self, asked: Asked, answer: Answer) -> web.StreamResponse:
        request = asked.http
        headers = {
            "Server": "nginx",
            "Date": clock.http_date(asked.console.estate.now),
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
    """Close the connection or reset it: after half of what was announced, or (drop) before a word is said."""
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_type = answer.content_type
    response.content_length = len(body)
    response.force_close()
    if answer.cut != "drop":
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    transport = request.transport
    if transport is not None:
        if answer.cut == "half":
            transport.close()
        else:
            endpoint = transport.get_extra_info("socket")
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
    return response


def application(
    tenants: Tenants,
    faults: Faults,
    limits: Limits | None = None,
    latency: float = 0.0,
) -> web.Application:
    """The consoles as an aiohttp application; `latency` is in seconds."""
    api = Api(tenants, faults, limits, latency, request_ids=Random(tenants.first.estate.seed))
    app = web.Application()
    app.add_routes(Control(tenants, faults, api.ledger).routes())
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
