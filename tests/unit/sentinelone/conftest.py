"""A console on loopback that says what each test wants it to say, and a client connected to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from waypost.sentinelone import address, limits
from waypost.sentinelone.client import Backoff, Client

TOKEN = "canary7f3e9d1b5a/+=Z8"
ALLOWED = address.Allowed.parse("127.0.0.1")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Console:
    """Answers requests with `answers` in turn, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[web.Response | Callable[[web.Request], Any]] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    def say(
        self,
        body: str | bytes = '{"data":[]}',
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Put one more answer at the end."""
        self.answers.append(
            lambda _: web.Response(
                body=body, status=status, headers={"Content-Type": content_type, **(headers or {})}
            )
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        assert callable(answer)
        response = answer(request)
        return response if isinstance(response, web.StreamResponse) else await response


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    script = Console()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    script.url = str(server.make_url("/"))
    yield script
    await server.close()


@pytest.fixture
def connect() -> Callable[..., Client]:
    """Make a client of an address: no limits and short pauses unless the test sets them."""

    def client(url: str, **options: Any) -> Client:
        chosen = {
            "limiter": limits.Limiter.unlimited(),
            "backoff": Backoff(first=0.001, longest=0.01),
            "deadline": 5.0,
            "allowed": ALLOWED,
            "token": TOKEN,
            **options,
        }
        return Client(address.normalise(url, chosen["allowed"]), **chosen)

    return client
