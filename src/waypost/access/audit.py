"""The audit log: who did what, when, and what it was before and after. Append-only, and never a secret.

Whoever changes something that people answer for records it here, in the transaction of the change.
"""

import getpass
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from waypost.storage import queries
from waypost.storage.database import Connection

Facts = Mapping[str, Any]  # Any: whatever JSON holds


class Actor(msgspec.Struct, frozen=True):
    """Who acts.

    Attributes:
        kind: `key` (an API key), `command` (the command line), `link` (a connect link) or `service` (Waypost itself).
        name: The key's id and name, the user and machine, the link's id, or the job.
        request_id: Of the HTTP request, to find it in the log.
        organization_id: The one that the actor is bound to; None for all.
    """

    kind: str
    name: str
    request_id: str | None = None
    organization_id: int | None = None


SERVICE: Final = Actor("service", "waypost")


def command() -> Actor:
    """The person at the command line."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        user = "unknown"
    return Actor("command", f"{user}@{socket.gethostname()}")


async def record(
    db: Connection,
    actor: Actor,
    action: str,
    *,
    subject_id: object = None,
    subject_name: str | None = None,
    organization_id: int | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Write one entry: an action like `connection.renamed`, and of `before` and `after` only what changed."""
    told = Told(subject_id, subject_name, organization_id, before, after)
    await record_all(db, actor, action, [told])


class Told(msgspec.Struct, frozen=True):
    """What one of many entries tells of its subject, as `record` takes it."""

    subject_id: object = None
    subject_name: str | None = None
    organization_id: int | None = None
    before: Facts | None = None
    after: Facts | None = None


async def record_all(db: Connection, actor: Actor, action: str, told: Sequence[Told]) -> None:
    """Write an entry for each of many subjects to which the same was done at once."""
    rows = [
        {
            "actor_kind": actor.kind,
            "actor": actor.name,
            "request_id": actor.request_id,
            "action": action,
            "subject_id": None if one.subject_id is None else str(one.subject_id),
            "subject_name": one.subject_name,
            "organization_id": actor.organization_id if one.organization_id is None else one.organization_id,
            "before": None if one.before is None else Jsonb(msgspec.to_builtins(one.before)),
            "after": None if one.after is None else Jsonb(msgspec.to_builtins(one.after)),
        }
        for one in told
    ]
    async with db.cursor() as cursor:
        await cursor.executemany(queries.audit.record, rows)


class Entry(msgspec.Struct, frozen=True):
    """One entry, as people read it."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    request_id: str | None
    action: str
    subject_id: str | None
    subject_name: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def newest(
    db: Connection,
    *,
    before_id: int | None = None,
    organization_id: int | None = None,
    action: str | None = None,
    subject_id: str | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest entries first; of one organization, where it is given."""
    facts = {
        "before_id": before_id,
        "organization_id": organization_id,
        "action": action,
        "subject_id": subject_id,
        "limit": limit,
    }
    async with db.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(queries.audit.list, facts)
        return await cursor.fetchall()
