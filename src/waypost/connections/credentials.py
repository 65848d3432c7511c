"""The API tokens of connections: kept sealed, used through a client, replaced without a gap.

A token leaves the vault only as a `Client`. The newest version is the one in use; those before it are kept
until a pull has succeeded with it. How one token takes over from another is decision 16.
"""

import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from waypost import __version__, errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import admission, check, custody, health, pasted, probe, states, view
from waypost.connections.connection import Connection
from waypost.connections.examination.result import Listener, Report
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified.words import ChangeKind

_SEALINGS: Final = 2
"""The master key may be replaced between sealing and storing; a vault that can then seals with the new one."""
USER_AGENT: Final = f"waypost/{__version__} (Python {sys.version_info.major}.{sys.version_info.minor})"


def client(address: str, token: str, allowed: Allowed, limiter: Limiter | None = None) -> Client:
    """A client to a console, not yet opened.

    Raises:
        AddressError: The address is none, or may not be called.
        TokenShapeError: The token cannot travel in a header.
    """
    return Client(
        addresses.normalise(address, allowed), token, allowed=allowed, limiter=limiter, user_agent=USER_AGENT
    )


async def rotate(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    connection: Connection,
    *,
    token: str,
    allowed: Allowed,
    limiter: Limiter | None = None,
    narrower: bool = False,
    along: Callable[[], Awaitable[None]] | None = None,
    listen: Listener = check.silent,
) -> Report:
    """Give a connection a new token, once it is checked; pulls under way go on with the one they have.

    The old token is kept, sealed, until a pull has succeeded with the new one: see `proved`. With `narrower` the
    new token may see less than the old one. What goes `along` is done first in the transaction of the swap.

    Raises:
        TokenShapeError: The token cannot travel in a header.
        CheckFailedError: The console does not answer, or does not accept the token.
        OtherConsoleError: The token belongs to another console, or another customer of it.
        NarrowerScopeError: The token sees less, and may not.
        SameIdentityError: Another connection has this identity already.
        NoSuchConnectionError: The connection was removed meanwhile.
        ConsoleError: The console stopped answering meanwhile.
    """
    token = pasted.token(token)
    opened = client(connection.base_url, token, allowed, limiter)
    before = stored_identity(connection)
    report = await check.examine(
        connection.base_url, token, allowed, limiter=limiter, before=before, listen=listen
    )
    admission.judge(report, force=False)
    async with opened:
        seen = await view.compare(db, opened, connection)
    if not narrower:
        _refuse_less(report.identity, before, seen)
    try:
        async with db.transaction():
            if along is not None:
                await along()
            await swap(
                db, vault, actor, connection, token, report.identity, seen, action="credential.rotated"
            )
    except psycopg.errors.UniqueViolation:
        await admission.refuse_taken(db, actor, "", report.identity.key(connection.base_url))
        raise errors.SameIdentityError from None
    return report


async def swap(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    connection: Connection,
    token: str,
    identity: Identity,
    seen: view.View,
    *,
    action: str,
) -> uuid.UUID:
    """Put a token in use that has been examined, in the caller's transaction; its version.

    Raises:
        NoSuchConnectionError: The connection was removed meanwhile, and no token of it is to be kept.
    """
    connection_id = connection.connection_id
    facts = {
        "connection_id": connection_id,
        "identity": as_json(identity),
        "identity_key": identity.key(connection.base_url),
    }
    if await (await db.execute(queries.credentials.rotate, facts)).fetchone() is None:
        raise errors.NoSuchConnectionError(f"The connection {connection.name!r} was removed meanwhile.")
    version = await store(db, vault, connection_id, connection.connection_uuid, token, identity)
    if seen.more:
        await db.execute(queries.credentials.walk_whole, {"connection_id": connection_id})
    moved = await states.move(db, connection_id, states.Event.ROTATED)
    if moved is not None and moved[0] is states.State.NEEDS_ATTENTION:
        await health.tell(db, connection, ChangeKind.CONNECTION_RECOVERED, {})
    await health.recovered(db, connection_id, health.WHOLE)
    await db.execute(queries.connections.wake, {"connection_id": connection_id})
    await audit.record(
        db,
        actor,
        action,
        **connection.subject,
        before=_told(stored_identity(connection)),
        after=_told(identity) | {"sites_lost": len(seen.lost)},
    )
    return version


async def proved(db: DatabaseConnection, connection: Connection, client: Client) -> None:
    """Destroy the tokens before the one that a pull has succeeded with, by the client that `reach` gave."""
    facts = {"connection_id": connection.connection_id, "credential_id": client.label}
    await db.execute(queries.credentials.proved, facts)


async def replaced(db: DatabaseConnection, connection: Connection, client: Client) -> bool:
    """Whether the token of a client that `reach` gave is no longer the one in use.

    That such a token is refused says nothing about the connection.
    """
    cursor = await db.execute(queries.credentials.in_use, {"connection_id": connection.connection_id})
    row = await cursor.fetchone()
    return row is None or str(row[1]) != client.label


async def reach(
    db: DatabaseConnection,
    vault: Vault,
    connection: Connection,
    allowed: Allowed,
    limiter: Limiter | None = None,
) -> Client:
    """A client to a stored connection's console, with its token, not yet opened.

    Raises:
        VaultError: The token cannot be opened.
        AddressError: The operator no longer allows the host.
    """
    token = await custody.in_use(db, vault, connection)
    reached = client(connection.base_url, token.text, allowed, limiter)
    reached.label = str(token.credential_id)
    return reached


async def store(
    db: DatabaseConnection,
    vault: Vault,
    connection_id: int,
    connection_uuid: uuid.UUID,
    token: str,
    identity: Identity,
) -> uuid.UUID:
    """Store a token as the newest version, sealed; which that is.

    Raises:
        VaultError: The master key of this program was replaced meanwhile.
    """
    for _ in range(_SEALINGS):
        credential_id = uuid.uuid4()
        sealed = vault.seal(token.strip(), custody.place(connection_uuid, credential_id))
        facts = {
            "connection_id": connection_id,
            "credential_id": credential_id,
            "sealed_key": sealed.key,
            "sealed_token": sealed.token,
            "expires_at": identity.expires_at,
            "master": sealed.master,
        }
        if (await db.execute(queries.credentials.insert, facts)).rowcount:
            return credential_id
    raise errors.VaultError(
        "The master key that this program was started with has been replaced; no token was stored.",
        remedy="Start Waypost again with the new master key, and repeat this.",
    )


def stored_identity(connection: Connection) -> Identity:
    """What the console told of the token in use."""
    return msgspec.convert(connection.identity, Identity, strict=False)


def as_json(identity: Identity) -> Jsonb:
    """What a probe found, as the database keeps it."""
    return Jsonb(msgspec.to_builtins(identity))


def _refuse_less(new: Identity, old: Identity, seen: view.View) -> None:
    if seen.lost:
        raise errors.NarrowerScopeError(
            f"The new token does not see {len(seen.lost)} of the sites that the old one saw: "
            f"{view.some(seen.lost)}; it was not stored."
        )
    if probe.narrower(new, old):
        raise errors.NarrowerScopeError(
            f"The new token sees one {new.scope} where the old one sees more ({old.scope}); it was not stored."
        )


def _told(identity: Identity) -> dict[str, object]:
    """What the audit log says of a token."""
    return {
        "user": identity.user,
        "scope": identity.scope,
        "expires_at": identity.expires_at and identity.expires_at.isoformat(),
    }
