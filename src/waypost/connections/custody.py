"""Taking the token of a stored connection out of the vault: for a client that is about to use it, and nobody else."""

import uuid

import msgspec

from waypost import errors
from waypost.connections.connection import Connection
from waypost.connections.vault import Sealed, Vault
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection


class Token(msgspec.Struct, frozen=True):
    """A version of a connection's token."""

    credential_id: uuid.UUID
    text: str

    def __repr__(self) -> str:
        return f"Token({self.credential_id})"


async def token(db: DatabaseConnection, vault: Vault, connection: Connection) -> str:
    """The token that is in use.

    Raises:
        VaultError: It cannot be opened.
    """
    return (await in_use(db, vault, connection)).text


async def in_use(db: DatabaseConnection, vault: Vault, connection: Connection) -> Token:
    """The same, with which version it is.

    Raises:
        VaultError: It cannot be opened.
    """
    cursor = await db.execute(queries.credentials.in_use, {"connection_id": connection.connection_id})
    row = await cursor.fetchone()
    if row is None:
        raise errors.VaultError(f"The connection {connection.name!r} has no token.")
    connection_uuid, credential_id, sealed_key, sealed_token = row
    text = vault.unseal(Sealed(sealed_key, sealed_token), place(connection_uuid, credential_id))
    return Token(credential_id, text)


async def assure(db: DatabaseConnection, vault: Vault) -> None:
    """Refuse a master key that opens none of the stored tokens: it would seal some that others cannot open.

    A worker with such a key would have every connection rest, for those workers too that have the right one.

    Raises:
        VaultError: The stored tokens were sealed with another master key.
    """
    rows = await (await db.execute(queries.credentials.keys)).fetchall()
    if rows and not any(vault.sealed(sealed_key) for *_, sealed_key in rows):
        raise errors.VaultError("The stored tokens were sealed with another master key.")


def place(connection_uuid: uuid.UUID, credential_id: uuid.UUID) -> str:
    """What a sealed token is bound to, so that it opens in no other row."""
    return f"{connection_uuid}:{credential_id}"
