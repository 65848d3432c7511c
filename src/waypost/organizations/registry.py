"""The organizations that are stored: add, find, list."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.storage import queries
from waypost.storage.database import Connection

_LONGEST = 200


class Organization(msgspec.Struct, frozen=True):
    """One client or customer of the user."""

    organization_id: int
    organization_uuid: uuid.UUID
    name: str
    created_at: datetime


async def add(db: Connection, actor: Actor, name: str) -> Organization:
    """Store an organization.

    Raises:
        OrganizationNameError: The name is none, or taken.
    """
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise errors.OrganizationNameError(
            f"An organization's name has 1 to {_LONGEST} printable characters.", field="name"
        )
    async with db.transaction(), db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(queries.organizations.insert, {"name": name})
        added = await cursor.fetchone()
        if added is None:
            raise errors.OrganizationNameError(f"There is an organization {name!r} already.", field="name")
        await audit.record(
            db,
            actor,
            "organization.added",
            subject_id=added.organization_uuid,
            subject_name=name,
            organization_id=added.organization_id,
        )
    return added


async def find(db: Connection, names: Sequence[str] = ()) -> list[Organization]:
    """The organizations of these names, or all, by name."""
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(queries.organizations.by_name, {"names": list(names) or None})
        return await cursor.fetchall()


async def get(db: Connection, name: str) -> Organization:
    """The organization of this name, or of this id.

    Raises:
        NoSuchOrganizationError: There is none.
    """
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(queries.organizations.one, {"name": name})
        found = await cursor.fetchone()
    if found is None:
        raise errors.NoSuchOrganizationError(f"There is no organization {name!r}.")
    return found
