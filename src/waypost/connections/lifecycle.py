"""How a connection rests and ends: paused, resumed, removed, and at last purged.

A pull that is under way meanwhile stores nothing more: see `states`. What was pulled through a removed connection is
kept for a while, shown nowhere, and then deleted.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.access.audit import SERVICE, Actor
from waypost.connections import default as defaults
from waypost.connections import registry, states
from waypost.connections.connection import Connection
from waypost.connections.states import Event, State
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

KEPT: Final = timedelta(days=30)
"""How long what was pulled through a connection is kept once it is removed."""

_REMOVED: Final = {
    "code": "connection.removed",
    "message": "The connection was removed.",
    "owner": str(errors.Owner.NOBODY),
    "remedy": "Nothing to do.",
}
"""What whoever asked for a pull of a removed connection is told."""


async def pause(db: DatabaseConnection, actor: Actor, connection: Connection) -> Connection:
    """Pull a connection no more until it is resumed; a pull under way stores nothing more. Twice is once.

    Raises:
        ConnectionStateError: It waits for a new token, so it is not pulled anyway.
    """
    why = {
        "code": "connection.paused",
        "message": f"Paused by {actor.name}.",
        "owner": str(errors.Owner.OPERATOR),
        "remedy": "Resume it: `waypost connection resume NAME`, or POST to its /resume.",
    }
    after = await _move(db, actor, connection, Event.PAUSED, why)
    if after is not State.PAUSED:
        raise _waits_for_a_token(
            connection, "cannot be paused: it is not pulled while it waits for a new token"
        )
    return await registry.by_uuid(db, connection.connection_uuid)


async def resume(db: DatabaseConnection, actor: Actor, connection: Connection) -> Connection:
    """Pull a paused connection again, at once. One that is not paused stays as it is.

    Raises:
        ConnectionStateError: It waits for a new token.
    """
    if await _move(db, actor, connection, Event.RESUMED) is State.NEEDS_ATTENTION:
        raise _waits_for_a_token(connection, "cannot be resumed: it waits for a new token")
    return await registry.by_uuid(db, connection.connection_uuid)


async def remove(
    db: DatabaseConnection,
    actor: Actor,
    connection: Connection,
    *,
    purge: bool = False,
    new_default: str | None = None,
    no_default: bool = False,
    keep: timedelta = KEPT,
) -> None:
    """Remove a connection: its token at once, what was pulled through it after a while, or at once with `purge`.

    Args:
        db: Outside of a transaction, to purge.
        actor: Who does it.
        connection: Which.
        purge: Keep nothing.
        new_default: Name of the one that is the default from now on, if this one is.
        no_default: There shall be no default, if this one is.
        keep: For how long the data stays.

    Raises:
        DefaultConnectionError: It is the default, and nothing that can be done was said of another.
        NoSuchConnectionError: It was removed meanwhile.
    """
    if new_default is not None and no_default:
        raise errors.DefaultConnectionError(
            "Another default and none were asked for at once.", field="no_default"
        )
    async with db.transaction():
        await defaults.lock(db)
        current = await registry.by_uuid(db, connection.connection_uuid)
        if current.is_default:
            if new_default is None and not no_default:
                raise errors.DefaultConnectionError(f"{current.name!r} is the default connection.")
            await defaults.choose(db, actor, await _heir(db, current, new_default))
        await states.move(db, current.connection_id, Event.REMOVED)
        facts = {"keep": timedelta(0) if purge else keep, "error": Jsonb(_REMOVED)}
        facts["connection_id"] = current.connection_id
        ((purge_at,),) = await (await db.execute(queries.connections.bury, facts)).fetchall()
        before = {"url": current.base_url, "state": current.state}
        after = {"state": State.DELETED, "purge_at": purge_at}
        await audit.record(db, actor, "connection.removed", **current.subject, before=before, after=after)
    if purge:
        await _purge(db, actor, current.connection_id, current.subject)


async def _heir(db: DatabaseConnection, leaving: Connection, name: str | None) -> Connection | None:
    if name is None:
        return None
    try:
        (heir,) = await registry.get(db, [name])
    except (
        errors.NoSuchConnectionError
    ) as unknown:  # of the API that would read as if the one to go were gone
        raise errors.DefaultConnectionError(str(unknown), field="new_default") from None
    if heir.connection_id == leaving.connection_id:
        raise errors.DefaultConnectionError(f"{name!r} is the one to be removed.", field="new_default")
    return heir


async def purge_expired(db: DatabaseConnection) -> int:
    """Purge the deleted connections that were kept long enough; how many."""
    rows = await (await db.execute(queries.connections.expired)).fetchall()
    purged = 0
    for connection_id, subject_id, name, organization_id in rows:
        subject = {"subject_id": subject_id, "subject_name": name, "organization_id": organization_id}
        purged += await _purge(db, SERVICE, connection_id, subject)
    return purged


async def _purge(
    db: DatabaseConnection,
    actor: Actor,
    connection_id: int,
    subject: dict[str, Any],  # Any: as `Connection.subject` has it
) -> bool:
    """Delete what was pulled through a deleted connection, then itself.

    Table by table, each on its own: nobody writes to them any more, and what is cut off is begun again.
    """
    facts = {"connection_id": connection_id}
    for _, statement in queries.purge:
        await db.execute(statement, facts)
    async with db.transaction():
        if await (await db.execute(queries.connections.delete, facts)).fetchone() is None:
            return False
        await audit.record(db, actor, "connection.purged", **subject)
    return True


async def _move(
    db: DatabaseConnection,
    actor: Actor,
    connection: Connection,
    event: Event,
    reason: Mapping[str, str] | None = None,
) -> State:
    async with db.transaction():
        before, after = await states.move(db, connection.connection_id, event, reason) or (None, None)
        if after is None or after is State.DELETED:
            raise errors.NoSuchConnectionError(f"The connection {connection.name!r} was removed meanwhile.")
        if before is not after:
            if event is Event.RESUMED:
                await db.execute(queries.connections.wake, {"connection_id": connection.connection_id})
            await audit.record(
                db,
                actor,
                f"connection.{event}",
                **connection.subject,
                before={"state": before},
                after={"state": after},
            )
    return after


def _waits_for_a_token(connection: Connection, what: str) -> errors.ConnectionStateError:
    return errors.ConnectionStateError(
        f"The connection {connection.name!r} {what}.",
        remedy=f"Give it one with `waypost connection rotate {connection.name!r}`.",
        owner=errors.Owner.CUSTOMER,
    )
