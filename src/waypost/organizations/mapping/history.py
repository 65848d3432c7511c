"""The history of the mapping: who decided what, when, with what evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import class_row, dict_row

from waypost import errors
from waypost.organizations.mapping import directory as directories
from waypost.organizations.mapping.decisions import Decided, Decision, Evidence, Kind
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Ruling
from waypost.storage import queries
from waypost.storage.database import Connection

Json = Mapping[str, Any]  # Any: whatever JSON holds


class SaveItem(msgspec.Struct, frozen=True):
    """One saving of decisions.

    Attributes:
        version: Of the decisions that it made.
        source: `save`, `import` or `undo`.
        undoes: The save that this one undid.
        undone_by: The save that undid this one.
        changes: How many sites and accounts it decided about; of those of removed connections nothing is kept.
    """

    id: UUID
    version: int
    at: datetime
    actor_kind: str
    actor: str
    request_id: str | None
    source: str
    undoes: UUID | None
    undone_by: UUID | None
    changes: int
    mapped: int
    ignored: int
    undecided: int


class ChangeItem(msgspec.Struct, frozen=True):
    """What one save decided about one site or account.

    Attributes:
        save: Its id.
        name: Of the site or account at that time.
        before: What was decided about itself until then.
        evidence: What stood for it; null where it is not a mapping.
        alias: The name that the organization was given by it.
    """

    save: UUID
    version: int
    at: datetime
    actor: str
    source: str
    connection: str
    connection_id: UUID
    kind: Kind
    id: str
    name: str | None
    before: Decision
    after: Decision
    evidence: Evidence | None
    alias: str | None


async def saves(db: Connection, *, before: int | None = None, limit: int | None = 100) -> list[SaveItem]:
    """The newest saves first, so many at most; those before a version."""
    return await _saves(db, None, before, limit)


async def one(db: Connection, save_uuid: UUID) -> SaveItem:
    """The save of this id.

    Raises:
        NoSuchSaveError: There is none.
    """
    found = await _saves(db, save_uuid, None, 1)
    if not found:
        raise errors.NoSuchSaveError(f"The history of the mapping has no entry {save_uuid}.")
    return found[0]


async def changes(
    db: Connection,
    *,
    save_uuid: UUID | None = None,
    scope: tuple[int, Kind, int] | None = None,
    after: Sequence[str] | None = None,
    limit: int | None = 100,
) -> list[ChangeItem]:
    """What was decided, the newest first.

    Args:
        db: Where to look.
        save_uuid: Only by this save.
        scope: Only about this site or account: connection, kind and the console's id.
        after: Only those that come after this `key`.
        limit: So many at most; None for all.
    """
    connection_id, kind, scope_id = scope or (None, None, None)
    place = after or (None,) * 4
    facts = {
        "save_uuid": save_uuid,
        "connection_id": connection_id,
        "kind": kind,
        "scope_id": scope_id,
        "after_version": place[0],
        "after_connection": place[1],
        "after_kind": place[2],
        "after_id": place[3],
        "limit": limit,
    }
    directory = await directories.load(db)
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.mapping.changes, facts)
        return [_change(directory, row) for row in await cursor.fetchall()]


def key(item: ChangeItem) -> list[str]:
    """Where a change stands in the order, for going on after it."""
    return [str(item.version), item.connection, str(item.kind), item.id]


def ruling(kind: Kind, stored: Json | None) -> Ruling:
    """What was decided about a site or account itself, as the history keeps it; nothing is undecided."""
    if stored is None or Decided(stored["decision"]) is Decided.UNDECIDED:
        return Ruling(Decided.UNDECIDED)
    return Ruling(Decided(stored["decision"]), stored["organization_id"], stored["reason"], str(kind))


def evidence(stored: Json | None) -> Evidence | None:
    """What stood for a decision, as the history keeps it."""
    if stored is None or stored["evidence"] is None:
        return None
    return msgspec.convert(stored["evidence"], Evidence)


async def _saves(
    db: Connection, save_uuid: UUID | None, before: int | None, limit: int | None
) -> list[SaveItem]:
    facts = {"save_uuid": save_uuid, "before_version": before, "limit": limit}
    async with db.cursor(row_factory=class_row(SaveItem)) as cursor:
        await cursor.execute(queries.mapping.saves, facts)
        return await cursor.fetchall()


def _change(directory: Directory, row: dict[str, Any]) -> ChangeItem:  # Any: columns of different types
    kind = Kind(row["kind"])
    return ChangeItem(
        save=row["save"],
        version=row["version"],
        at=row["at"],
        actor=row["actor"],
        source=row["source"],
        connection=row["connection"],
        connection_id=row["connection_uuid"],
        kind=kind,
        id=row["id"],
        name=row["name"],
        before=directory.decision(ruling(kind, row["before"])),
        after=directory.decision(ruling(kind, row["after"])),
        evidence=evidence(row["after"]),
        alias=row["alias"],
    )
