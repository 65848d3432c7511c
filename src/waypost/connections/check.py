"""The check: a live examination of a console and a token, one result a line.

It is cheap (see `questions.REQUESTS`), reads only, and never raises: whatever goes wrong is a result. `examination`
knows what each line means; here is the order, and what is not tried once something before it has failed.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.connections import custody, pasted
from waypost.connections.connection import Connection
from waypost.connections.examination import address, holder, result, token
from waypost.connections.examination.holder import Lifetime
from waypost.connections.examination.lines import Lines, failed
from waypost.connections.examination.questions import Answer, Asker, Patience, patient
from waypost.connections.examination.result import Listener, Report, Result, silent
from waypost.connections.examination.survey import Given, Survey
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone import claims, handshake
from waypost.sentinelone.address import Address, Allowed
from waypost.sentinelone.claims import Claims
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Connection as DatabaseConnection

__all__ = ["Listener", "Report", "Result", "examine", "examine_stored", "silent"]

PATIENCE: Final = Patience()

_MAX_BODY: Final = 64 * 1024 * 1024
_NO_ADDRESS: Final = "Not tried: the address comes first."
_NO_WAY: Final = "Not tried: no safe way leads to a console."
_NO_CONSOLE: Final = "Not tried: what answers is no console, so the token was not sent."
_NO_TOKEN: Final = "Not tried: the console did not accept the token."  # noqa: S105  # a message
_STOPPED: Final = "Not tried: the check failed before it."


async def examine(
    url: str,
    token: str,
    allowed: Allowed,
    *,
    limiter: Limiter | None = None,
    before: Identity | None = None,
    actions: bool = False,
    renews: bool = False,
    listen: Listener = silent,
    patience: Patience = PATIENCE,
) -> Report:
    """Examine an address and a token; never raises but when it is cancelled.

    Args:
        url: As somebody pasted it.
        token: As somebody pasted it.
        allowed: The hosts that may be called.
        limiter: Of this console and token, where there is one already.
        before: What the token that is stored now told, to be compared with.
        actions: Waypost is to act on the console, so a role that may is in order.
        renews: Waypost is to renew the token, so a role that may make service users is in order.
        listen: Is told each line as it comes.
        patience: How long to wait for what.
    """
    began = time.monotonic()
    lines = Lines(listen, pasted.token(token), frozenset() if before else frozenset({"scope.narrower"}))
    check = _Check(
        lines, allowed, limiter or Limiter(), before, actions=actions, renews=renews, patience=patience
    )
    try:
        await check.run(url, pasted.token(token))
    except Exception as bug:  # noqa: BLE001  # a check never throws
        lines.tell(failed(lines.next(), bug))
    lines.rest(_STOPPED)
    return Report(
        results=lines.results,
        identity=check.identity,
        requests=check.requests,
        seconds=round(time.monotonic() - began, 3),
    )


async def examine_stored(
    db: DatabaseConnection,
    vault: Vault,
    connection: Connection,
    allowed: Allowed,
    *,
    limiter: Limiter | None = None,
    actions: bool = False,
    listen: Listener = silent,
    patience: Patience = PATIENCE,
) -> Report:
    """Examine a stored connection with the token that it uses; never raises because of it or its console."""
    try:
        text = await custody.token(db, vault, connection)
    except errors.VaultError as problem:
        lines = Lines(listen, "", frozenset({"scope.narrower"}))
        lines.rest("Not tried: the stored token cannot be opened.", of="address.")
        lines.tell(result.failure("token.accepted", problem))
        lines.rest("Not tried: the stored token cannot be opened.")
        return Report(results=lines.results, identity=Identity(), requests=0, seconds=0.0)
    return await examine(
        connection.base_url,
        text,
        allowed,
        limiter=limiter,
        before=_stored(connection),
        actions=actions,
        renews=connection.auto_renew,
        listen=listen,
        patience=patience,
    )


def _stored(connection: Connection) -> Identity | None:
    try:
        return msgspec.convert(connection.identity, Identity, strict=False)
    except msgspec.ValidationError:  # stored by another version
        return None


class _Check:
    """One check under way."""

    def __init__(
        self,
        lines: Lines,
        allowed: Allowed,
        limiter: Limiter,
        before: Identity | None,
        *,
        actions: bool,
        renews: bool,
        patience: Patience,
    ) -> None:
        self.identity = Identity()
        self.requests = 0
        self._lines = lines
        self._allowed = allowed
        self._limiter = limiter
        self._before = before
        self._actions = actions
        self._renews = renews
        self._patience = patience

    async def run(self, url: str, text: str) -> None:
        """Go through all groups, as far as there is something to go on with."""
        ends_at = asyncio.get_running_loop().time() + self._patience.whole
        found = self._shape(url)
        if found is None:
            self._lines.rest(_NO_ADDRESS)
            return
        if not await self._way(found):
            self._lines.rest(_NO_WAY)
            return
        try:
            client = self._client(found, text)
        except errors.WaypostError as problem:
            self._lines.rest("Not tried: there is no token to ask with.", of="address.")
            self._lines.make("token.accepted", token.unusable, problem)
            self._lines.rest(_NO_TOKEN)
            return
        async with client:
            asker = Asker(client, self._patience, ends_at)
            try:
                await self._console(client, asker, text)
            finally:
                await asker.stop()
                self.requests = client.requests

    def _shape(self, url: str) -> Address | None:
        try:
            found = addresses.normalise(url, self._allowed)
        except errors.AddressError as problem:
            self._lines.tell(result.failure("address.shape", problem))
            return None
        self._lines.make("address.shape", address.shape, url, found)
        return found

    async def _way(self, found: Address) -> bool:
        good = True
        async for step in handshake.steps(found, self._allowed, seconds=self._patience.connect):
            self._lines.make(f"address.{step.layer}", address.layer, step)
            good = not step.code
        return good

    def _client(self, found: Address, text: str) -> Client:
        return Client(
            found,
            text,
            allowed=self._allowed,
            limiter=self._limiter,
            max_body=_MAX_BODY,
            **patient(self._patience),
        )

    async def _console(self, client: Client, asker: Asker, text: str) -> None:
        health = await asker.ask(address.health())
        stranger = address.stranger(health)
        if stranger is not None:
            self._lines.tell(stranger)
            self._lines.rest(_NO_CONSOLE)
            return
        system = await asker.ask(address.system())
        details = asker.begin(holder.lifetime(text))
        proofs = (system,) if _tells(system) else (system, await asker.ask(token.proof()))
        self._lines.make("address.console", address.console, health, system, proofs[-1])
        claimed = claims.read(text)
        now = client.last_date or datetime.now(UTC)
        if any(isinstance(proof.error, errors.TokenRefusedError) for proof in proofs):
            await self._refused(proofs, await asker.result(details), claimed, now)
            return
        self._lines.make("token.accepted", token.accepted, proofs, Lifetime(), now)
        if self._lines.results[-1].state != result.PASS:
            self._lines.rest(_NO_TOKEN)
            return
        given = Given(
            version=system.content.words if system.content else "",
            claims=claimed.at(now),
            details=details,
            now=now,
            before=self._before,
            actions=self._actions,
            renews=self._renews,
        )
        self.identity = await Survey(asker, self._lines, given).run()

    async def _refused(
        self, proofs: Sequence[Answer[Any]], details: Answer[Any], claimed: Claims, now: datetime
    ) -> None:
        """A token that is refused may still be told to have ended, which is the difference that matters."""
        known = holder.known(claimed, Answer(), Answer(), details)
        self._lines.make("token.accepted", token.accepted, proofs, known.lifetime, now)
        self._lines.rest(_NO_TOKEN, of="token.holder")
        if known.lifetime.expires_at is not None:
            self._lines.make("token.lifetime", token.lifetime, known.lifetime, now, details.seconds)
        self._lines.rest(_NO_TOKEN)


def _tells(system: Answer[Any]) -> bool:
    """Whether the first question says if the token is accepted; some consoles do not route it."""
    return system.content is not None or isinstance(system.error, errors.TokenRefusedError)
