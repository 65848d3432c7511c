"""Automatic renewal: a second service user takes over before the token of the first expires (decision 16).

A journal in the database says how far it is, and is written before each step. Whatever a crash cuts off, the token
in use works, and the next run finds and removes what was left at the console.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import check, credentials, custody, health, probe, registry, successor, view
from waypost.connections import vault as vaults
from waypost.connections.connection import Connection
from waypost.connections.examination.result import Report
from waypost.connections.vault import Sealed, Vault
from waypost.connections.view import View
from waypost.sentinelone import service_users
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

AHEAD: Final = timedelta(days=14)
"""How long before its end a token is renewed; never before half its time is over."""
STREAM: Final = "renewal"
"""What health calls it."""

_PAUSES: Final[Mapping[errors.Reaction, timedelta]] = {
    errors.Reaction.TRANSIENT: timedelta(hours=1),
    errors.Reaction.TERMINAL: timedelta(days=1),
    errors.Reaction.NEEDS_ATTENTION: timedelta(days=1),
}
"""Until the next try, after a failure."""
_LOCK: Final = 0x5750_524E << 32  # "WPRN"


class State(StrEnum):
    """How a run of a renewal ended."""

    DONE = "done"
    WAITING = "waiting"
    """The new token is in use; the old service user goes once a pull has succeeded with it."""
    BUSY = "busy"
    """Another process is at it."""
    GIVEN_UP = "given_up"
    """Somebody gave the connection another token meanwhile; what was begun is undone."""


class _Journal(msgspec.Struct, frozen=True):
    renewal_id: UUID
    step: str
    credential_id: UUID
    old_user_id: str | None
    new_user_id: str | None
    sealed_key: bytes | None
    sealed_token: bytes | None


class _Work(msgspec.Struct, frozen=True):
    """What all steps need."""

    db: DatabaseConnection
    vault: Vault
    connection: Connection
    allowed: Allowed
    limiter: Limiter | None
    actor: Actor

    @property
    def facts(self) -> dict[str, object]:
        return {"connection_id": self.connection.connection_id}

    async def reach(self) -> Client:
        """With the token in use."""
        return await credentials.reach(self.db, self.vault, self.connection, self.allowed, self.limiter)

    async def record(self, action: str, **facts: object) -> None:
        await audit.record(self.db, self.actor, action, **self.connection.subject, after=facts)


async def due(db: DatabaseConnection) -> list[Connection]:
    """Connections whose token is to be renewed now, and those whose renewal can go on."""
    cursor = await db.execute(queries.renewal.due, {"ahead": AHEAD})
    names = [name for (name,) in await cursor.fetchall()]
    return await registry.find(db, names) if names else []


async def renew(
    db: DatabaseConnection,
    vault: Vault,
    connection: Connection,
    allowed: Allowed,
    limiter: Limiter | None = None,
    *,
    actor: Actor = audit.SERVICE,
) -> State:
    """Renew a connection's token, or go on with what was begun, as far as it can go now.

    `db` is in autocommit, outside of a transaction.

    Raises:
        RenewalError: It cannot be renewed; the connection goes on with the token it has.
        WaypostError: Whatever else stopped it; the next run goes on.
    """
    work = _Work(db, vault, connection, allowed, limiter, actor)
    async with _alone(work) as alone:
        if not alone:
            return State.BUSY
        try:
            state = await _go_on(work)
        except errors.WaypostError as problem:
            await db.execute(queries.renewal.postpone, work.facts | {"pause": _PAUSES[problem.reaction]})
            await health.failed(db, connection.connection_id, STREAM, problem)
            raise
        await health.recovered(db, connection.connection_id, STREAM)
    return state


async def set_auto(db: DatabaseConnection, actor: Actor, connection: Connection, on: bool) -> None:
    """Say whether a connection's token is renewed without being asked. What was begun is brought to its end."""
    async with db.transaction():
        facts = {"connection_id": connection.connection_id, "auto_renew": on}
        row = await (await db.execute(queries.renewal.set_auto, facts)).fetchone()
        if row is not None:
            before, after = {"auto_renew": not on}, {"auto_renew": on}
            await audit.record(
                db, actor, "connection.auto_renew_set", **connection.subject, before=before, after=after
            )
    if not on:
        await health.recovered(db, connection.connection_id, STREAM)


async def _go_on(work: _Work) -> State:
    journal = await _open(work)
    while journal is not None:
        token = await custody.in_use(work.db, work.vault, work.connection)
        if token.credential_id != journal.credential_id:
            await _give_up(work, journal)
            return State.GIVEN_UP
        state = await _STEPS[journal.step](work, journal)
        if state is not None:
            return state
        journal = await _journal(work)
    return State.DONE


async def _open(work: _Work) -> _Journal | None:
    """The journal of what is under way, or a new one."""
    token = await custody.in_use(work.db, work.vault, work.connection)
    async with work.db.transaction():
        facts = work.facts | {"credential_id": token.credential_id}
        begun = await (await work.db.execute(queries.renewal.begin, facts)).fetchone()
        if begun is not None:
            await work.record("renewal.began", renewal=str(begun[0]))
    return await _journal(work)


async def _journal(work: _Work) -> _Journal | None:
    async with work.db.cursor(row_factory=class_row(_Journal)) as cursor:
        await cursor.execute(queries.renewal.journal, work.facts)
        return await cursor.fetchone()


async def _making(work: _Work, journal: _Journal) -> State | None:
    """Make the second service user, and keep its token before anything else."""
    async with await work.reach() as client:
        old = await successor.first(client, credentials.stored_identity(work.connection))
        await _clear(work, client, journal, keep=())
        try:
            made, text = await successor.make(client, old, journal.renewal_id, work.connection.name)
        except errors.WaypostError:
            # What nobody answered may have been done all the same.
            await _clear(work, client, journal, keep=())
            raise
        sealed = work.vault.seal(text, _row(work, journal), vaults.RENEWAL)
        async with work.db.transaction():
            users = {"old_user_id": old.id, "new_user_id": made.id}
            seal = {"sealed_key": sealed.key, "sealed_token": sealed.token}
            await work.db.execute(queries.renewal.made, work.facts | users | seal)
            await work.record("renewal.made", user=made.name, user_id=made.id)
    return None


async def _proving(work: _Work, journal: _Journal) -> State | None:
    """Examine the second service user by its token, and put that in use."""
    sealed = Sealed(journal.sealed_key or b"", journal.sealed_token or b"")
    text = work.vault.unseal(sealed, _row(work, journal), vaults.RENEWAL)
    try:
        report, seen = await _prove(work, journal, text)
    except (errors.RenewalError, errors.TokenRefusedError, errors.OtherConsoleError) as problem:
        await _give_up(work, journal)
        raise errors.RenewalError(
            f"The second service user did not do as well as the first, and was removed: {problem.message}"
        ) from None
    async with work.db.transaction():
        credential_id = await credentials.swap(
            work.db, work.vault, work.actor, work.connection, text, report.identity, seen,
            action="credential.renewed",
        )  # fmt: skip
        await work.db.execute(queries.renewal.swapped, work.facts | {"credential_id": credential_id})
    return None


async def _prove(work: _Work, journal: _Journal, text: str) -> tuple[Report, View]:
    connection = work.connection
    before = credentials.stored_identity(connection)
    new = credentials.client(connection.base_url, text, work.allowed, work.limiter)
    async with new:
        ids = [journal.new_user_id or "", journal.old_user_id or ""]
        users = {user.id: user for user in await service_users.find(new, ids)}
        if not all(one in users for one in ids) or not successor.same(*(users[one] for one in ids)):
            raise errors.RenewalError("It has another scope or other roles.")
        seen = await view.compare(work.db, new, connection)
    if seen.lost:
        async with await work.reach() as old:
            still = await view.compare(work.db, old, connection)
        if not set(seen.lost) <= set(still.lost):
            raise errors.RenewalError("It sees fewer sites.")
    report = await check.examine(connection.base_url, text, work.allowed, limiter=work.limiter, before=before)
    if report.refused:
        refused = report.refused[0]
        raise errors.UnreachableError(f"The new token could not be examined: {refused.found}")
    if probe.narrower(report.identity, before):
        raise errors.RenewalError("It sees less.")
    return report, seen


async def _retiring(work: _Work, journal: _Journal) -> State | None:
    """Remove the first service user, once a pull has succeeded without it."""
    row = await (await work.db.execute(queries.renewal.proved, work.facts)).fetchone()
    if row is None or not row[0]:
        return State.WAITING
    async with await work.reach() as client:
        if journal.old_user_id is not None and await successor.remove(client, journal.old_user_id):
            await work.record("renewal.old_user_removed", user_id=journal.old_user_id)
        await _clear(work, client, journal, keep=(journal.new_user_id or "",))
    await _end(work, "renewal.done")
    return None


async def _give_up(work: _Work, journal: _Journal) -> None:
    """Remove what the renewal made. A service user that it did not make stays, whoever uses it now."""
    own = credentials.stored_identity(await registry.by_uuid(work.db, work.connection.connection_uuid))
    async with await work.reach() as client:
        await _clear(work, client, journal, keep=(own.user_id,))
    await _end(work, "renewal.given_up")


async def _clear(work: _Work, client: Client, journal: _Journal, *, keep: tuple[str, ...]) -> None:
    for user_id in await successor.clear(client, journal.renewal_id, keep=keep):
        await work.record("renewal.second_user_removed", user_id=user_id)


async def _end(work: _Work, action: str) -> None:
    async with work.db.transaction():
        await work.db.execute(queries.renewal.end, work.facts)
        await work.record(action)


@contextlib.asynccontextmanager
async def _alone(work: _Work) -> AsyncIterator[bool]:
    """Whether nobody else renews this connection's token; nobody does while the block runs."""
    lock = {"lock": _LOCK | work.connection.connection_id}
    row = await (await work.db.execute(queries.renewal.lock, lock)).fetchone()
    try:
        yield bool(row and row[0])
    finally:
        with contextlib.suppress(psycopg.Error):  # a session that broke has let go already
            if row and row[0]:
                await work.db.execute(queries.renewal.unlock, lock)


def _row(work: _Work, journal: _Journal) -> str:
    return custody.place(work.connection.connection_uuid, journal.renewal_id)


_Step = Callable[[_Work, _Journal], Awaitable[State | None]]
_STEPS: Final[Mapping[str, _Step]] = {"making": _making, "proving": _proving, "retiring": _retiring}
"""What is done next, by how far the journal is. None: look at the journal again."""
