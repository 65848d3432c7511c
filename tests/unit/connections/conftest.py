"""A console that says what a test lets it say, by path."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "canary7f3e9d1b5a/+=Z8"
PREFIX = "/web/api/v2.1"
GOOD: dict[str, Any] = {
    "/system/info": {"data": {"release": "Venus", "version": "25.1.3", "build": "77", "patch": "SP2"}},
    "/sites": {"data": {"sites": [{"id": "1", "name": "Main"}], "allSites": {}}, "pagination": {"totalItems": 1}},
    "/agents": {"data": [], "pagination": {"totalItems": 0}},
    "/application-management/risks": {"data": [], "pagination": {"totalItems": 0}},
    "/user": {
        "data": {
            "id": "5", "fullName": "Ada", "email": "ada@example.org", "scope": "account",
            "scopeRoles": [{"id": "9", "name": "ACME", "roleName": "Viewer", "roles": ["Viewer"]}],
            "apiToken": {"createdAt": "2026-01-01T00:00:00.000001Z", "expiresAt": "2027-01-01T00:00:00Z"},
        }
    },
}  # fmt: skip


class Console:
    """Answers each path with what `answers` holds for it: a document, or (status, document)."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = dict(GOOD)
        self.asked: list[str] = []
        self.holders: dict[str, str] = {TOKEN: "5"}
        self.url = ""

    def admit(self, user_id: str) -> str:
        """Another token, of the user or service user with this id."""
        token = f"{TOKEN}.{user_id}"
        self.holders[token] = user_id
        return token

    def refuse(self, path: str, status: int, code: int, detail: str | None = None) -> None:
        """Answer this path with an error as the console words it."""
        self.answers[path] = self._error(status, code, detail)

    @staticmethod
    def _error(status: int, code: int, detail: str | None = None) -> tuple[int, dict[str, Any]]:
        title = {401: "Authentication Failed", 403: "Insufficient permissions"}.get(status, "Not found")
        return status, {"errors": [{"code": code, "detail": detail, "title": title}]}

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(PREFIX)
        self.asked.append(path)
        token = request.headers.get("Authorization", "").removeprefix("ApiToken ")
        answer = self.answers.get(path, self._error(404, 4040010))
        if token not in self.holders and not isinstance(answer, str):
            answer = self._error(401, 4010010)
        elif path == "/user" and isinstance(answer, dict) and isinstance(answer["data"], dict):
            answer = {"data": {**answer["data"], "id": self.holders[token]}}
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(document, str):
            return web.Response(status=status, text=document, content_type="text/html")
        return web.Response(status=status, body=json.dumps(document), content_type="application/json")


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
def token() -> str:
    return TOKEN
