"""The connections that are stored: add, find, list, remove.

A connection is tested live before anything of it is written; its token is `credentials`'s.
"""

import re
from collections.abc import Sequence
from typing import Final

from psycopg.rows import class_row, dict_row

from waypost import errors
from waypost.connections import credentials, probe
from waypost.connections.connection import Connection
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

_NAME: Final = re.compile(r"[^\W_][\w .@()&+,'-]{0,79}")


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
    opened = credentials.client(url, token, allowed)
    async with opened:
        identity = await probe.identify(opened)
    async with db.transaction():
        row = {"name": name, "base_url": opened.address.origin, "identity": credentials.as_json(identity)}
        cursor = await db.execute(queries.connections.insert, row)
        stored = await cursor.fetchone()
        if stored is None:
            raise errors.ConnectionExistsError(f"A connection {name!r} was added meanwhile.")
        connection_id, connection_uuid = stored
        await credentials.store(db, vault, connection_id, connection_uuid, token, identity)
    return (await find(db, [name]))[0], identity


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


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise errors.UsageError(
            f"{name[:80]!r} is no name for a connection.",
            remedy="Use 1 to 80 letters, digits, spaces and .@()&+,'-_, starting with a letter or digit.",
        )
