"""The organizations that are stored: add, change, archive, restore; finding them is `lookup`'s.

Names are unique below one parent among those that are not archived, and external ids among all of those. Every change
is in the audit log.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, UnsetType

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.organizations import drift, fields, storing
from waypost.organizations.lookup import after, by_id, find, get
from waypost.organizations.organization import Organization, described
from waypost.storage import queries
from waypost.storage.database import Connection

__all__ = [
    "Organization",
    "add",
    "after",
    "archive",
    "by_id",
    "change",
    "described",
    "find",
    "get",
    "restore",
]

DEEPEST: Final = 8
"""Levels of parents and children; nobody's clients have more, and whoever draws them can rely on it."""
_TOLD: Final = 5
"""So many of those that a text may mean are told."""


async def add(
    db: Connection,
    actor: Actor,
    name: str,
    *,
    parent: str | None = None,
    external_id: str | None = None,
    aliases: Iterable[str] = (),
    domains: Iterable[str] = (),
    tags: Iterable[str] = (),
) -> Organization:
    """Store an organization.

    Raises:
        OrganizationNameError: The name is none, or taken below this parent.
        ExternalIdError: Another has the external id.
        ParentError: The parent does not exist, is archived or too deep.
        InvalidFieldError: Another field cannot be used.
    """
    said = fields.checked(name, external_id=external_id, aliases=aliases, domains=domains, tags=tags)
    async with db.transaction():
        await storing.alone(db, ())
        above = await _parent(db, parent) if parent else None
        (organization_id,) = await storing.ids(db, 1)
        new = storing.New(
            organization_id,
            said,
            above.organization_id if above else None,
            above.name if above else None,
        )
        await storing.store(db, actor, added=[new])
        added = await by_id(db, organization_id)
    await drift.look(db)
    return added


async def change(
    db: Connection,
    actor: Actor,
    organization: Organization,
    *,
    name: str | UnsetType = UNSET,
    parent: str | UnsetType | None = UNSET,
    external_id: str | UnsetType | None = UNSET,
    aliases: Iterable[str] | UnsetType = UNSET,
    domains: Iterable[str] | UnsetType = UNSET,
    tags: Iterable[str] | UnsetType = UNSET,
) -> Organization:
    """Change what is given of an organization; lists are replaced as a whole, and a parent of None takes it away.

    Raises:
        OrganizationStateError: It is archived.
        UsageError: As for `add`; also ParentError where it would be above itself.
    """
    async with db.transaction():
        await storing.alone(db, [organization.organization_id])
        now = await by_id(db, organization.organization_id)
        _refuse_archived(now)
        was = storing.fields_of(now)
        said = fields.Fields(
            was.name if name is UNSET else fields.name_of(name),
            was.external_id if external_id is UNSET else fields.external_id_of(external_id),
            was.aliases if aliases is UNSET else fields.values_of("aliases", aliases),
            was.domains if domains is UNSET else fields.values_of("domains", domains),
            was.tags if tags is UNSET else fields.values_of("tags", tags),
        )
        above = (now.parent_id, now.parent_name)
        if parent is not UNSET:
            found = await _parent(db, parent, now) if parent else None
            above = (found.organization_id, found.name) if found else (None, None)
        if (said, above[0]) == (was, now.parent_id):
            return now
        await storing.store(db, actor, changed=[storing.Changed(now, said, *above)])
        changed = await by_id(db, now.organization_id)
    await drift.look(db)
    return changed


async def archive(db: Connection, actor: Actor, organization: Organization) -> Organization:
    """Keep an organization for its history alone: no site can be mapped to it, its keys and links open nothing.

    What is mapped to it stays so. Twice is once.

    Raises:
        OrganizationStateError: There are organizations below it that are not archived.
    """
    async with db.transaction():
        await storing.alone(db, [organization.organization_id])
        now = await by_id(db, organization.organization_id)
        if now.archived_at is not None:
            return now
        facts = {"organization_id": now.organization_id}
        below = [name for (name,) in await (await db.execute(queries.organizations.below, facts)).fetchall()]
        if below:
            told = ", ".join(repr(name) for name in below[:_TOLD]) + (", …" if len(below) > _TOLD else "")
            raise errors.OrganizationStateError(
                f"{now.name!r} is the parent of organizations that are not archived: {told}.",
                remedy="Archive those first, or give them another parent: `waypost org change NAME --parent`.",
            )
        await db.execute(queries.organizations.archive, facts)
        await _record(db, actor, "organization.archived", now)
        archived = await by_id(db, now.organization_id)
    await drift.look(db)
    return archived


async def restore(db: Connection, actor: Actor, organization: Organization) -> Organization:
    """Take an organization out of the archive, with all that it had. Twice is once.

    Raises:
        OrganizationNameError: Another has its name below the same parent by now.
        ExternalIdError: Another has its external id by now.
        ParentError: Its parent is archived.
    """
    async with db.transaction():
        await storing.alone(db, [organization.organization_id])
        now = await by_id(db, organization.organization_id)
        if now.archived_at is None:
            return now
        if now.parent_id is not None:
            await _check_parent(db, await by_id(db, now.parent_id), now)
        await storing.restore(db, now)
        await _record(db, actor, "organization.restored", now)
        restored = await by_id(db, now.organization_id)
    await drift.look(db)
    return restored


async def _parent(db: Connection, text: str, child: Organization | None = None) -> Organization:
    try:
        parent = await get(db, text)
    except errors.NoSuchOrganizationError:
        raise errors.ParentError(f"There is no organization {text!r} that could be the parent.") from None
    except errors.OrganizationNameError as problem:
        raise errors.ParentError(problem.message, remedy=problem.remedy) from None
    await _check_parent(db, parent, child)
    return parent


async def _check_parent(db: Connection, parent: Organization, child: Organization | None) -> None:
    if parent.archived_at is not None:
        raise errors.ParentError(
            f"The parent {parent.name!r} is archived.", remedy="Restore the parent first, or choose another."
        )
    facts = {"above": parent.organization_id, "below": child.organization_id if child else None}
    row = await (await db.execute(queries.organizations.reach, facts)).fetchone()
    above, below, circle = row or (0, 0, False)
    if circle and child is not None:
        raise errors.ParentError(
            f"{parent.name!r} is {child.name!r} itself, or below it, and cannot be its parent."
        )
    if above + 1 + below > DEEPEST:
        raise errors.ParentError(f"Organizations are nested at most {DEEPEST} levels deep.")


def _refuse_archived(organization: Organization) -> None:
    if organization.archived_at is not None:
        raise errors.OrganizationStateError(
            f"{organization.name!r} is archived.",
            remedy="Restore it first: `waypost org restore` or POST /api/v1/organizations/{id}/restore.",
        )


async def _record(db: Connection, actor: Actor, action: str, organization: Organization) -> None:
    await audit.record(
        db,
        actor,
        action,
        subject_id=organization.organization_uuid,
        subject_name=organization.name,
        organization_id=organization.organization_id,
    )
