"""Writing organizations, one or ten thousand: the rows and the audit log's entries, in the caller's transaction.

What is written was checked before; that names and external ids are unique is the database's last word.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.organizations.fields import Fields
from waypost.organizations.organization import Organization
from waypost.storage import queries
from waypost.storage.database import Connection

_LOCK: Final = 0x5750_4F52  # "WPOR"


Row = dict[str, Any]  # Any: columns of different types


class New(msgspec.Struct, frozen=True):
    """An organization to be added; its ids are given before, so that it can be the parent of others."""

    organization_id: int
    fields: Fields
    parent_id: int | None = None
    parent_name: str | None = None
    organization_uuid: UUID = msgspec.field(default_factory=uuid4)


class Changed(msgspec.Struct, frozen=True):
    """An organization that is to be otherwise."""

    organization: Organization
    fields: Fields
    parent_id: int | None
    parent_name: str | None


async def alone(db: Connection, organization_ids: Sequence[int] | None = None) -> None:
    """Until the transaction ends nobody else changes the tree, nor these organizations: by default, none at all."""
    await db.execute(queries.organizations.one_at_a_time, {"lock": _LOCK})
    ids = None if organization_ids is None else list(organization_ids)
    await db.execute(queries.organizations.hold, {"ids": ids})


async def ids(db: Connection, count: int) -> list[int]:
    """Ids for so many that are new."""
    cursor = await db.execute(queries.organizations.ids, {"count": count})
    return [organization_id for (organization_id,) in await cursor.fetchall()]


async def store(
    db: Connection, actor: Actor, *, added: Sequence[New] = (), changed: Sequence[Changed] = ()
) -> None:
    """Store new organizations, in any order, and what changed of others; names and external ids may change hands.

    Raises:
        OrganizationNameError: There is one of this name below the same parent.
        ExternalIdError: Another has the external id.
    """
    changed_ids = [one.organization.organization_id for one in changed]
    await db.execute(queries.organizations.park, {"ids": changed_ids})
    rows = [
        _row(one.fields, one.parent_id)
        | {"organization_id": one.organization_id, "organization_uuid": str(one.organization_uuid)}
        for one in added
    ]
    await _write(db, queries.organizations.insert, rows)
    rows = [
        _row(one.fields, one.parent_id) | {"organization_id": organization_id}
        for one, organization_id in zip(changed, changed_ids, strict=True)
    ]
    await _write(db, queries.organizations.update, rows)
    await audit.record_all(db, actor, "organization.added", [_added(one) for one in added])
    await audit.record_all(db, actor, "organization.changed", [_changed(one) for one in changed])


async def restore(db: Connection, organization: Organization) -> None:
    """Take it out of the archive.

    Raises:
        UsageError: As for `store`.
    """
    row = _row(fields_of(organization), organization.parent_id)
    await _write(db, queries.organizations.update, [row | {"organization_id": organization.organization_id}])


async def _write(db: Connection, statement: LiteralString, rows: Sequence[Row]) -> None:
    if not rows:
        return
    try:
        async with db.transaction():
            await db.execute(statement, {"rows": Jsonb(rows)})
    except psycopg.errors.UniqueViolation as problem:
        raise _taken(problem, rows) from None


def _taken(problem: psycopg.errors.UniqueViolation, rows: Sequence[Row]) -> errors.UsageError:
    """What the database refuses, as the error that it is."""
    if problem.diag.constraint_name == "organization_external_id":
        told = f" {rows[0]['external_id']!r}" if len(rows) == 1 else ""
        return errors.ExternalIdError(f"Another organization has the external id{told} already.")
    told = f" {rows[0]['name']!r}" if len(rows) == 1 else " of this name"
    below = " below this parent" if rows[0]["parent_id"] is not None else ""
    return errors.OrganizationNameError(f"There is an organization{told} already{below}.", field="name")


def _row(fields: Fields, parent_id: int | None) -> Row:
    return {**msgspec.structs.asdict(fields), "parent_id": parent_id}


def _added(added: New) -> audit.Told:
    said = _said(added.fields, added.parent_name)
    after = {key: value for key, value in said.items() if value}
    return audit.Told(added.organization_uuid, added.fields.name, added.organization_id, after=after)


def _changed(changed: Changed) -> audit.Told:
    organization = changed.organization
    before = _said(fields_of(organization), organization.parent_name)
    after = _said(changed.fields, changed.parent_name)
    differing = [key for key in after if after[key] != before[key]]
    return audit.Told(
        organization.organization_uuid,
        changed.fields.name,
        organization.organization_id,
        before={key: before[key] for key in differing},
        after={key: after[key] for key in differing},
    )


def _said(fields: Fields, parent_name: str | None) -> Mapping[str, Any]:  # Any: as above
    return msgspec.structs.asdict(fields) | {"parent": parent_name}


def fields_of(organization: Organization) -> Fields:
    """What is said of a stored organization."""
    return Fields(
        organization.name,
        organization.external_id,
        tuple(organization.aliases),
        tuple(organization.domains),
        tuple(organization.tags),
    )
