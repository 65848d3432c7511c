"""Undoing a save as a whole: what it decided is again what was decided before, and the undo is a save like others.

An undo can be undone in turn. Names that a save had taught are forgotten with it, and come back with it.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.organizations import drift
from waypost.organizations.mapping import difference, history, storing, twins
from waypost.organizations.mapping import directory as directories
from waypost.organizations.mapping import estate as estates
from waypost.organizations.mapping.decisions import Kind, Saved, Seen
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key
from waypost.organizations.mapping.history import SaveItem
from waypost.organizations.mapping.storing import Entry
from waypost.organizations.mapping.wishes import Choice, label
from waypost.storage import queries
from waypost.storage.database import Connection

UNDO: Final = "undo"
_TOLD: Final = 3


class _Row(msgspec.Struct, frozen=True):
    """What the save to be undone decided about a site or account, and the version of what is decided now."""

    connection_id: int
    kind: str
    scope_id: int
    before: dict[str, Any] | None  # Any: as the history keeps it
    after: dict[str, Any]
    alias: str | None
    version: int
    former_alias: str | None

    @property
    def key(self) -> Key:
        return (self.connection_id, Kind(self.kind), self.scope_id)


async def undo(db: Connection, actor: Actor, save_uuid: UUID, *, dry_run: bool = False) -> Saved:
    """Undo a save; a dry run only tells what that would change.

    Raises:
        NoSuchSaveError: There is no such save.
        UndoError: It is undone already, or somebody has decided about the same since.
        OrganizationStateError: It would be mapped to an organization that is archived by now.
        TwoOrganizationsError: A site would belong to two organizations.
    """
    async with db.transaction():
        await storing.one_at_a_time(db)
        save = await history.one(db, save_uuid)
        if save.undone_by is not None:
            by = await history.one(db, save.undone_by)
            raise errors.UndoError(f"It was undone already, by {by.actor} at {by.at:%Y-%m-%d %H:%M:%S} UTC.")
        estate, directory = await estates.load(db), await directories.load(db)
        rows = await _rows(db, estate, save)
        entries = [_entry(estate, directory, row) for row in rows]
        changes = [entry.choice for entry in entries]
        twins.refuse(estate, directory, changes)
        await storing.hold(db, estate, directory, changes)
        told = await difference.told(db, estate, directory, changes)
        if dry_run:
            return Saved(None, 0, told)
        version, undone_by = await storing.store(
            db, actor, directory, entries, source=UNDO, undoes=save.version
        )
        await _forget(db, rows)
        after = {"undoes": save.id, **storing.counts(entries)}
        await audit.record(db, actor, "mapping.undone", subject_id=undone_by, after=after)
    await drift.look(db)
    return Saved(undone_by, version, difference.saved(told, version))


async def _rows(db: Connection, estate: Estate, save: SaveItem) -> list[_Row]:
    async with db.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(queries.mapping.to_undo, {"save_id": save.version})
        rows = [row for row in await cursor.fetchall() if row.key in estate.scopes]
    if not rows:
        raise errors.UndoError("Nothing of it is left: the connections that it was about were removed.")
    if later := [row for row in rows if row.version != save.version]:
        told = "; ".join(label(estate, estate.scopes[row.key]) for row in later[:_TOLD])
        more = f"; and {len(later) - _TOLD} more" if len(later) > _TOLD else ""
        raise errors.UndoError(f"Somebody has decided since about: {told}{more}.")
    return rows


def _entry(estate: Estate, directory: Directory, row: _Row) -> Entry:
    """The decision of before with its evidence, as a decision that is to be stored."""
    scope = estate.scopes[row.key]
    seen = (
        Seen(scope.name, scope.account_id)
        if row.before is None
        else msgspec.convert(row.before["seen"], Seen)
    )
    alias = row.former_alias
    if alias is not None and directory.index.speaks_of(alias):  # somebody is called so by now
        alias = None
    choice = Choice(scope, history.ruling(scope.kind, row.before))
    return Entry(choice, history.evidence(row.before), seen, alias)


async def _forget(db: Connection, rows: Sequence[_Row]) -> None:
    learned = [row for row in rows if row.alias is not None]
    facts = {
        "organization_ids": [row.after["organization_id"] for row in learned],
        "aliases": [row.alias for row in learned],
    }
    await db.execute(queries.mapping.forget, facts)
