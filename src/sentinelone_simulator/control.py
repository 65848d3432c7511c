"""The control plane under /_simulator: truth, days, tokens, requests, faults. Needs no token."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from aiohttp import web

from sentinelone_simulator import clock, truth
from sentinelone_simulator.console import Console
from sentinelone_simulator.days import RISK_CHANGE, advance
from sentinelone_simulator.faults import Faults
from sentinelone_simulator.ledger import Ledger
from sentinelone_simulator.tokens import Token

Wish = TypeVar("Wish")


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    days: int = 1
    risk_change: float = RISK_CHANGE


class TokenChange(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    state: str | None = None
    scope_ids: list[str] | None = None


class Control:
    def __init__(self, console: Console, faults: Faults, ledger: Ledger) -> None:
        self._console = console
        self._faults = faults
        self._ledger = ledger

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_simulator/truth", self._truth),
            web.post("/_simulator/advance", self._advance),
            web.get("/_simulator/tokens", self._tokens),
            web.post("/_simulator/tokens/{token}", self._change_token),
            web.get("/_simulator/requests", self._requests),
            web.delete("/_simulator/requests", self._forget_requests),
            web.put("/_simulator/faults", self._put_faults),
            web.delete("/_simulator/faults", self._clear_faults),
        ]

    def _token(self, text: str | None) -> Token:
        tokens = self._console.tokens
        token = next(iter(tokens.values())) if text is None else tokens.get(text)
        if token is None:
            raise _error(404, "no such token; GET /_simulator/tokens lists them")
        return token

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        token = self._token(request.query.get("token"))
        shape = request.query.get("format", "json")
        if shape not in ("json", "ndjson"):
            raise _error(400, "format is json or ndjson")
        ndjson = shape == "ndjson"
        pieces: Iterator[bytes] = (truth.lines if ndjson else truth.document)(self._console, token)
        response = web.StreamResponse()
        response.content_type = "application/x-ndjson" if ndjson else "application/json"
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    async def _advance(self, request: web.Request) -> web.Response:
        wish = await _body(request, Advance)
        if not 0 <= wish.days <= 1000 or not 0 <= wish.risk_change <= 1:
            raise _error(400, "days is 0 to 1000, risk_change is 0 to 1")
        estate = self._console.estate
        changes = advance(estate, wish.days, wish.risk_change)
        return _json({"day": estate.day, "now": clock.precise(estate.now), "changes": changes})

    async def _tokens(self, _request: web.Request) -> web.Response:
        now = self._console.estate.now
        return _json([token.describe(now) for token in self._console.tokens.values()])

    async def _change_token(self, request: web.Request) -> web.Response:
        token = self._token(request.match_info["token"])
        change = await _body(request, TokenChange)
        if change.state not in (None, "valid", "expired", "revoked"):
            raise _error(400, "state is valid, expired or revoked")
        if change.state is not None:
            token.revoked = change.state == "revoked"
            token.expired = change.state == "expired"
            if change.state == "valid" and token.expires <= self._console.estate.now:
                token.expires = self._console.estate.now + 365 * clock.DAY
        if change.scope_ids is not None:
            token.scope_ids = change.scope_ids
        return _json(token.describe(self._console.estate.now))

    async def _requests(self, _request: web.Request) -> web.Response:
        return _json(self._ledger.describe())

    async def _forget_requests(self, _request: web.Request) -> web.Response:
        self._ledger.reset()
        return _json(self._ledger.describe())

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults.put(await request.read())
        except msgspec.MsgspecError as error:
            raise _error(400, f"faults: {error}") from None
        self._heal()
        return _json({"ok": True})

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._faults.clear()
        self._heal()
        return _json({"ok": True})

    def _heal(self) -> None:
        """Faults that are gone leave nothing behind: lost sites are seen again."""
        for token in self._console.tokens.values():
            token.lost.clear()


async def _body(request: web.Request, kind: type[Wish]) -> Wish:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise _error(400, str(error)) from None


def _json(content: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


def _error(status: int, message: str) -> web.HTTPException:
    kind = {400: web.HTTPBadRequest, 404: web.HTTPNotFound}[status]
    return kind(text=msgspec.json.encode({"error": message}).decode(), content_type="application/json")
