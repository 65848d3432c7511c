"""A receiver of webhooks that does what a test lets it do: accept, fail, hang, redirect, answer for long."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

Document = dict[str, Any]  # Any: straight from JSON


@dataclass(frozen=True)
class Got:
    """One request that came in."""

    headers: Mapping[str, str]
    body: bytes
    path: str = "/hook"

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Document:
        document: Document = json.loads(self.body)
        return document

    @property
    def subjects(self) -> list[str]:
        return [item["subject_id"] for item in self.document["data"]["items"]]

    def verified_by(self, secret: str) -> bool:
        """Whether the library that receivers use takes it for signed with this secret."""
        try:
            Verifier(secret).verify(self.body, dict(self.headers))
        except WebhookVerificationError:
            return False
        return True


@dataclass
class Receiver:
    """Answers each request with what `answer` makes of it; the first `then` come before that."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    status: int = 200
    text: str = "ok"
    headers: Document = field(default_factory=dict)
    then: list[int] = field(default_factory=list)
    """Statuses of the next answers, before `status` again."""
    hangs: asyncio.Event | None = None
    """Until it is set nothing is answered."""
    at_once: int = 0
    most_at_once: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def subjects(self) -> list[str]:
        """Of all entries that were accepted, in the order in which they came; a batch that came twice counts once."""
        return [subject for got in {got.id: got for got in self.got}.values() for subject in got.subjects]

    async def has_at_once(self, requests: int) -> None:
        """Wait until so many requests are being answered."""
        async with asyncio.timeout(30):
            while self.at_once < requests:
                self.arrived.clear()
                await self.arrived.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            headers = {name.lower(): value for name, value in request.headers.items()}
            got = Got(headers, await request.read(), request.path_qs)
            self.got.append(got)
            self.arrived.set()
            if self.hangs is not None:
                await self.hangs.wait()
            status = self.then.pop(0) if self.then else self.status
            return web.Response(status=status, text=self.text, headers=self.headers)
        finally:
            self.at_once -= 1


@asynccontextmanager
async def running() -> AsyncIterator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver()
    app = web.Application(client_max_size=10_000_000)
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    receiver.url = str(server.make_url("/hook"))
    try:
        yield receiver
    finally:
        if receiver.hangs is not None:
            receiver.hangs.set()
        await server.close()
