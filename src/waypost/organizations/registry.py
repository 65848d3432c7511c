"""The organizations that are stored: add, find, list."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import names

LONGEST_NAME: Final = 200


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
    name = names.cleaned(name)
    if problem := names.problem(name, LONGEST_NAME):
        shown = names.shown(name, LONGEST_NAME)
        raise errors.OrganizationNameError(f"{shown!r} is no name for an organization: it {problem}.")
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


async def find(db: Connection, wanted: Sequence[str] = ()) -> list[Organization]:
    """The organizations of these names, or all, by name."""
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(
            queries.organizations.by_name, {"names": [names.cleaned(name) for name in wanted] or None}
        )
        return await cursor.fetchall()


async def after(
    db: Connection, name: str | None, *, limit: int, organization_id: int | None = None
) -> list[Organization]:
    """The organizations whose names come after this one, so many at most, by name."""
    facts = {"after": name, "organization_id": organization_id, "limit": limit}
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(queries.organizations.after, facts)
        return await cursor.fetchall()


async def get(db: Connection, name: str) -> Organization:
    """The organization of this name, or of this id.

    Raises:
        NoSuchOrganizationError: There is none.
    """
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(queries.organizations.one, {"name": names.cleaned(name)})
        found = await cursor.fetchone()
    if found is None:
        raise errors.NoSuchOrganizationError(f"There is no organization {name!r}.")
    return found


def described(organization: Organization) -> dict[str, Any]:  # Any: whatever JSON holds
    """An organization as users read it."""
    return {
        "id": organization.organization_uuid,
        "name": organization.name,
        "created_at": organization.created_at,
    }
