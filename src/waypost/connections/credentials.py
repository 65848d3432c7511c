"""The API tokens of connections: kept sealed, used through a client, replaced without a gap.

A token leaves the vault only as a `Client`. The newest version is the one in use; those before it are kept
until a pull has succeeded with it.
"""

import sys
import uuid
from datetime import datetime
from typing import Final

import msgspec
from psycopg.types.json import Jsonb

from waypost import __version__, errors
from waypost.connections import probe
from waypost.connections.connection import Connection
from waypost.connections.probe import Identity
from waypost.connections.vault import Sealed, Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

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
    connection: Connection,
    *,
    token: str,
    allowed: Allowed,
    narrower: bool = False,
) -> Identity:
    """Give a connection a new token, once it is tested; pulls under way go on with the one they have.

    The old token is kept, sealed, until a pull has succeeded with the new one: see `proved`. With `narrower` the
    new token may see less than the old one.

    Raises:
        TokenShapeError: The token cannot travel in a header.
        NarrowerScopeError: The token sees less, and may not.
        ConsoleError: The console did not accept the token.
    """
    opened = client(connection.base_url, token, allowed)
    async with opened:
        identity = await probe.identify(opened)
    before = msgspec.convert(connection.identity, Identity, strict=False)
    if not narrower and probe.narrower(identity, before):
        raise errors.NarrowerScopeError(
            f"The new token sees one {identity.scope} where the old one sees more ({before.scope}); it was not stored."
        )
    async with db.transaction():
        await store(db, vault, connection.connection_id, connection.connection_uuid, token, identity)
        facts = {"connection_id": connection.connection_id, "identity": as_json(identity)}
        await db.execute(queries.credentials.rotate, facts)
    return identity


async def proved(db: DatabaseConnection, connection: Connection, began: datetime) -> None:
    """Destroy the tokens before the one that a pull, begun at this time by the database's clock, succeeded with."""
    await db.execute(queries.credentials.proved, {"connection_id": connection.connection_id, "began": began})


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
    cursor = await db.execute(queries.credentials.in_use, {"connection_id": connection.connection_id})
    row = await cursor.fetchone()
    if row is None:
        raise errors.VaultError(f"The connection {connection.name!r} has no token.")
    connection_uuid, credential_id, sealed_key, sealed_token = row
    token = vault.unseal(Sealed(sealed_key, sealed_token), _row(connection_uuid, credential_id))
    return client(connection.base_url, token, allowed, limiter)


async def store(
    db: DatabaseConnection,
    vault: Vault,
    connection_id: int,
    connection_uuid: uuid.UUID,
    token: str,
    identity: Identity,
) -> None:
    credential_id = uuid.uuid4()
    sealed = vault.seal(token.strip(), _row(connection_uuid, credential_id))
    await db.execute(
        queries.credentials.insert,
        {
            "connection_id": connection_id,
            "credential_id": credential_id,
            "sealed_key": sealed.key,
            "sealed_token": sealed.token,
            "expires_at": identity.expires_at,
        },
    )


def as_json(identity: Identity) -> Jsonb:
    """What a probe found, as the database keeps it."""
    return Jsonb(msgspec.to_builtins(identity))


def _row(connection_uuid: uuid.UUID, credential_id: uuid.UUID) -> str:
    return f"{connection_uuid}:{credential_id}"
