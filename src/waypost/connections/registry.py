"""The connections that are stored: add, find, list, remove.

A connection is tested live before anything of it is written; a token leaves the vault only as a `Client`.
"""

import re
import sys
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from waypost import __version__, errors
from waypost.connections import probe
from waypost.connections.probe import Identity
from waypost.connections.vault import Sealed, Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

_NAME: Final = re.compile(r"[^\W_][\w .@()&+,'-]{0,79}")
USER_AGENT: Final = f"waypost/{__version__} (Python {sys.version_info.major}.{sys.version_info.minor})"


class Connection(msgspec.Struct):
    """A stored connection; its token stays in the vault."""

    connection_id: int
    connection_uuid: uuid.UUID
    name: str
    base_url: str
    state: str
    identity: dict[str, Any]  # Any: as `probe.Identity` was stored
    created_at: datetime
    expires_at: datetime | None
    pulled_at: datetime | None


def client(address: str, token: str, allowed: Allowed, limiter: Limiter | None = None) -> Client:
    """A client to a console, not yet opened.

    Raises:
        AddressError: The address is none, or may not be called.
        TokenShapeError: The token cannot travel in a header.
    """
    return Client(
        addresses.normalise(address, allowed), token, allowed=allowed, limiter=limiter, user_agent=USER_AGENT
    )


async def add(
    db: DatabaseConnection, vault: Vault, *, name: str, url: str, token: str, allowed: Allowed
) -> tuple[Connection, Identity]:
    """Test and store a connection; nothing is stored if anything is wrong.

    Raises:
        UsageError: The name, address or token is none, or the name is taken.
        ConsoleError: The console did not accept the token, or is none.
    """
    _check_name(name)
    taken = await find(db, [name])
    if taken:
        raise errors.ConnectionExistsError(f"There is a connection {name!r} already, to {taken[0].base_url}.")
    opened = client(url, token, allowed)
    async with opened:
        identity = await probe.identify(opened)
    async with db.transaction():
        row = {"name": name, "base_url": opened.address.origin, "identity": _json(identity)}
        cursor = await db.execute(queries.connections.insert, row)
        stored = await cursor.fetchone()
        if stored is None:
            raise errors.ConnectionExistsError(f"A connection {name!r} was added meanwhile.")
        connection_id, connection_uuid = stored
        await _store_token(db, vault, connection_id, connection_uuid, token, identity)
    return (await find(db, [name]))[0], identity


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
        await _store_token(db, vault, connection.connection_id, connection.connection_uuid, token, identity)
        facts = {"connection_id": connection.connection_id, "identity": _json(identity)}
        await db.execute(queries.connections.rotate, facts)
    return identity


async def proved(db: DatabaseConnection, connection: Connection, began: datetime) -> None:
    """Destroy the tokens before the one that a pull, begun at this time by the database's clock, succeeded with."""
    await db.execute(queries.connections.proved, {"connection_id": connection.connection_id, "began": began})


async def find(db: DatabaseConnection, names: Sequence[str] = ()) -> list[Connection]:
    """The connections of these names, or all, by name. Names that do not exist are simply missing."""
    async with db.cursor(row_factory=class_row(Connection)) as cursor:
        await cursor.execute(queries.connections.by_name, {"names": list(names) or None})
        return await cursor.fetchall()


async def get(db: DatabaseConnection, names: Sequence[str]) -> list[Connection]:
    """The connections of these names, or all.

    Raises:
        NoSuchConnectionError: One does not exist, or there is none at all.
    """
    found = await find(db, names)
    missing = sorted(set(names) - {connection.name for connection in found})
    if missing:
        raise errors.NoSuchConnectionError(f"There is no connection {missing[0]!r}.")
    if not found:
        raise errors.NoSuchConnectionError(
            "There is no connection yet.", remedy="Add one with `waypost connection add NAME --url URL`."
        )
    return found


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
    cursor = await db.execute(queries.connections.credential, {"connection_id": connection.connection_id})
    row = await cursor.fetchone()
    if row is None:
        raise errors.VaultError(f"The connection {connection.name!r} has no token.")
    connection_uuid, credential_id, sealed_key, sealed_token = row
    token = vault.unseal(Sealed(sealed_key, sealed_token), _row(connection_uuid, credential_id))
    return client(connection.base_url, token, allowed, limiter)


async def set_state(db: DatabaseConnection, connection: Connection, state: str) -> None:
    await db.execute(
        queries.connections.set_state, {"connection_id": connection.connection_id, "state": state}
    )


async def counts(db: DatabaseConnection, connection: Connection) -> dict[str, int]:
    """How many devices and findings a connection holds."""
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.connections.counts, {"connection_id": connection.connection_id})
        return await cursor.fetchone() or {}


async def remove(db: DatabaseConnection, connection: Connection) -> None:
    """Remove a connection and everything that was pulled through it, at once."""
    facts = {"connection_id": connection.connection_id}
    async with db.transaction():
        for _, statement in queries.purge:
            await db.execute(statement, facts)
        await db.execute(queries.connections.delete, facts)


async def _store_token(
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
        queries.connections.insert_credential,
        {
            "connection_id": connection_id,
            "credential_id": credential_id,
            "sealed_key": sealed.key,
            "sealed_token": sealed.token,
            "expires_at": identity.expires_at,
        },
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise errors.UsageError(
            f"{name[:80]!r} is no name for a connection.",
            remedy="Use 1 to 80 letters, digits, spaces and .@()&+,'-_, starting with a letter or digit.",
        )


def _row(connection_uuid: uuid.UUID, credential_id: uuid.UUID) -> str:
    return f"{connection_uuid}:{credential_id}"


def _json(identity: Identity) -> Jsonb:
    return Jsonb(msgspec.to_builtins(identity))
