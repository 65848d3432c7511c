"""A console that plays recordings: each path answers with the rows that it was given, whatever is asked."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "recorded-token"
PREFIX = "/web/api/v2.1"
Row = dict[str, Any]  # Any: straight from JSON


def _answer(path: str, rows: Sequence[Row] | bytes, request: web.Request) -> bytes:
    if isinstance(rows, bytes):
        return rows
    if "ids" in request.query:
        rows = [row for row in rows if row.get("id") in request.query["ids"].split(",")]
    data: Any = {"allSites": {}, "sites": rows} if path == "/sites" else rows
    return json.dumps({"data": data, "pagination": {"totalItems": len(rows), "nextCursor": None}}).encode()


@asynccontextmanager
async def playing(recordings: Mapping[str, Sequence[Row] | bytes]) -> AsyncIterator[str]:
    """Serve rows, or whole bodies, by path while the block runs; the console's URL."""

    async def handle(request: web.Request) -> web.Response:
        path = request.path.removeprefix(PREFIX)
        if path == "/system/info":
            return web.json_response({"data": {"release": "Recorded", "version": "1"}})
        if path == "/user":
            return web.json_response(
                {"errors": [{"code": 4040010, "detail": "", "title": "Not found"}]}, status=404
            )
        body = _answer(path, recordings.get(path, []), request)
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()
