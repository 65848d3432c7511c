"""The default connection: at most one, and it is only ever one because somebody chose it."""

from typing import Final

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections.connection import Connection
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

_LOCK: Final = 0x5750_4446  # "WPDF": held while one is chosen


async def choose(db: DatabaseConnection, actor: Actor, connection: Connection | None) -> None:
    """Make a connection the default, or none, inside the caller's transaction.

    Raises:
        NoSuchConnectionError: It was removed meanwhile.
    """
    await lock(db)
    row = await (await db.execute(queries.connections.no_default)).fetchone()
    before, after = (row[0] if row else None), (connection.name if connection else None)
    if connection is not None:
        facts = {"connection_id": connection.connection_id}
        if await (await db.execute(queries.connections.set_default, facts)).fetchone() is None:
            raise errors.NoSuchConnectionError(f"The connection {connection.name!r} was removed meanwhile.")
    if before != after:
        await audit.record(
            db,
            actor,
            "connection.default_set",
            # Of no organization: whose connection was the default before is not for the next one's to read.
            **(connection.subject | {"organization_id": None} if connection else {}),
            before={"default": before},
            after={"default": after},
        )


async def lock(db: DatabaseConnection) -> None:
    """Until the end of the caller's transaction nobody else chooses."""
    await db.execute(queries.connections.one_default_at_a_time, {"lock": _LOCK})
