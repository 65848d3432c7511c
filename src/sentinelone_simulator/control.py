"""The control plane under /_simulator: truth, days, the tree, tokens, requests, faults. Needs no token."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from aiohttp import web

from sentinelone_simulator import clock, roles, tree, truth
from sentinelone_simulator.console import Console
from sentinelone_simulator.days import RISK_CHANGE, advance
from sentinelone_simulator.faults import Faults
from sentinelone_simulator.ledger import Ledger
from sentinelone_simulator.roles import Role
from sentinelone_simulator.tenants import Tenants
from sentinelone_simulator.tokens import Token

Wish = TypeVar("Wish")


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    days: int = 1
    risk_change: float = RISK_CHANGE


class TreeChange(msgspec.Struct, forbid_unknown_fields=True):
    steps: list[tree.AnyStep]


class TokenChange(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    state: str | None = None
    scope_ids: list[str] | None = None
    role: str | None = None


class Control:
    """Calls that take `?tenant=` or `?token=` mean that console; without either, the first one."""

    def __init__(self, tenants: Tenants, faults: Faults, ledger: Ledger) -> None:
        self._tenants = tenants
        self._faults = faults
        self._ledger = ledger

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_simulator/truth", self._truth),
            web.post("/_simulator/advance", self._advance),
            web.post("/_simulator/tree", self._change_tree),
            web.get("/_simulator/tokens", self._tokens),
            web.post("/_simulator/tokens/{token}", self._change_token),
            web.get("/_simulator/requests", self._requests),
            web.delete("/_simulator/requests", self._forget_requests),
            web.put("/_simulator/faults", self._put_faults),
            web.delete("/_simulator/faults", self._clear_faults),
        ]

    def _token(self, text: str) -> tuple[Console, Token]:
        console, token = self._tenants.of(text)
        if token is None:
            raise _error(404, "no such token; GET /_simulator/tokens lists them")
        return console, token

    def _chosen(self, request: web.Request) -> tuple[Console, Token]:
        """The console that a request is about, and the token: its tenant viewer's unless named."""
        if "token" in request.query:
            return self._token(request.query["token"])
        consoles, number = self._tenants.consoles, request.query.get("tenant", "0")
        if not number.isascii() or not number.isdigit() or int(number) >= len(consoles):
            raise _error(404, f"no such tenant; there are {len(consoles)}, from 0")
        console = consoles[int(number)]
        return console, next(iter(console.tokens.values()))

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        console, token = self._chosen(request)
        shape = request.query.get("format", "json")
        if shape not in ("json", "ndjson"):
            raise _error(400, "format is json or ndjson")
        ndjson = shape == "ndjson"
        pieces: Iterator[bytes] = (truth.lines if ndjson else truth.document)(console, token)
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
        estate = self._chosen(request)[0].estate
        changes = advance(estate, wish.days, wish.risk_change)
        return _json({"day": estate.day, "now": clock.precise(estate.now), "changes": changes})

    async def _change_tree(self, request: web.Request) -> web.Response:
        wish = await _body(request, TreeChange)
        console = self._chosen(request)[0]
        done: list[dict[str, object]] = []
        for number, step in enumerate(wish.steps, 1):
            try:
                done.append(tree.take(console, step))
            except tree.ImpossibleError as error:
                raise _error(400, f"step {number}: {error}") from None
        return _json(done)

    async def _tokens(self, request: web.Request) -> web.Response:
        wanted = self._chosen(request)[0] if request.query else None
        return _json(
            [
                {**token.describe(console.estate.now), "tenant": number}
                for number, console in enumerate(self._tenants.consoles)
                if wanted in (None, console)
                for token in console.tokens.values()
            ]
        )

    async def _change_token(self, request: web.Request) -> web.Response:
        console, token = self._token(request.match_info["token"])
        change = await _body(request, TokenChange)
        if change.state not in (None, "valid", "expired", "revoked"):
            raise _error(400, "state is valid, expired or revoked")
        if change.role is not None:
            token.user.role, token.user.apart = _role(change.role), {}
        if change.state is not None:
            token.revoked = change.state == "revoked"
            token.expired = change.state == "expired"
            if change.state == "valid" and token.expires <= console.estate.now:
                token.expires = console.estate.now + 365 * clock.DAY
        if change.scope_ids is not None:
            token.user.scope_ids = change.scope_ids
        return _json(token.describe(console.estate.now))

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
        for console in self._tenants.consoles:
            for token in console.tokens.values():
                token.lost.clear()


def _role(name: str) -> Role:
    try:
        return roles.named(name)
    except KeyError:
        known = ", ".join(role.name for role in roles.load().values())
        raise _error(400, f"role is one of {known}") from None


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
