"""A small console, and a desk at which to ask it things over HTTP."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from sentinelone_simulator import console, founding, queries, server
from sentinelone_simulator.endpoints.table import TABLE
from sentinelone_simulator.faults import Faults
from sentinelone_simulator.limits import Limits
from sentinelone_simulator.tenants import Tenants
from sentinelone_simulator.tokens import Token

SMALL = founding.Size(accounts=3, sites=12, agents=60, risks_per_agent=20)
Row = dict[str, Any]


def _ask(built: console.Console, path: str, token: Token | None = None, **parameters: str) -> Any:
    endpoint = TABLE[path]
    holder = token or next(iter(built.tokens.values()))
    query = queries.read(path, parameters.items(), endpoint.filters)
    return json.loads(endpoint.answer(built, holder, query))


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Asks an endpoint without HTTP: a console, a path, a token or none, parameters."""
    return _ask


@pytest.fixture
def size() -> founding.Size:
    return SMALL


@pytest.fixture
def built(size: founding.Size) -> console.Console:
    return console.build(size, 1)


@dataclass
class Desk:
    console: console.Console
    faults: Faults
    client: TestClient[Any, Any]

    @property
    def token(self) -> str:
        return next(iter(self.console.tokens))

    def holder(self, name: str) -> Token:
        return next(token for token in self.console.tokens.values() if token.name == name)

    def first(self, scope: str) -> Token:
        return next(token for token in self.console.tokens.values() if token.scope == scope)

    async def send(self, path: str, token: str | None = None, **parameters: str) -> ClientResponse:
        headers = {"Authorization": f"ApiToken {token or self.token}"}
        return await self.client.get(
            f"/web/api/v2.1{path}", params=parameters, headers=headers, allow_redirects=False
        )

    async def get(self, path: str, token: str | None = None, **parameters: str) -> tuple[int, Any]:
        answer = await self.send(path, token, **parameters)
        return answer.status, await answer.json()

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> tuple[int, Any]:
        """A call with a body, and its status and answer."""
        headers = {"Authorization": f"ApiToken {token or self.token}"}
        answer = await self.client.request(method, f"/web/api/v2.1{path}", json=body, headers=headers)
        return answer.status, await answer.json()

    async def drain(self, path: str, token: str | None = None, **parameters: str) -> list[Row]:
        """All rows of a chain of pages, as a naive client reads them."""
        rows: list[Row] = []
        asked = {"limit": "1000", **parameters}
        while True:
            status, page = await self.get(path, token, **asked)
            assert status == 200, page
            rows += page["data"]["sites"] if path == "/sites" else page["data"]
            cursor = page["pagination"]["nextCursor"]
            if not cursor:
                return rows
            asked["cursor"] = cursor

    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.client.request(method, f"/_simulator{path}", json=body)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def truth(self, token: str | None = None) -> Any:
        answer = await self.client.get("/_simulator/truth", params={"token": token or self.token})
        return await answer.json()


async def _desk(
    built: console.Console,
    limits: Limits | None = None,
    latency: float = 0.0,
    undeployed: Sequence[str] = (),
) -> Desk:
    faults = Faults(1)
    app = server.application(Tenants([built], tuple(undeployed)), faults, limits, latency)
    serving: TestServer[Any] = TestServer(app)
    await serving.start_server(max_line_size=server.LONGEST_LINE, max_field_size=server.LONGEST_LINE)
    return Desk(built, faults, TestClient(serving))


@pytest.fixture
async def desk(built: console.Console) -> AsyncIterator[Desk]:
    opened = await _desk(built)
    yield opened
    await opened.client.close()


@pytest.fixture
async def open_desk(built: console.Console) -> AsyncIterator[Callable[..., Any]]:
    """Opens desks with limits or latency, without a licence module or a path."""
    opened: list[Desk] = []

    async def make(without: Sequence[str] = (), **settings: Any) -> Desk:
        lacking = replace(SMALL, without=frozenset(without))
        opened.append(await _desk(console.build(lacking, 1) if without else built, **settings))
        return opened[-1]

    yield make
    for each in opened:
        await each.client.close()
