"""Finding organizations: by what users call them, by id, by what is said of them; all of them page by page."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from waypost import errors
from waypost.organizations.organization import SEPARATOR, Organization, paths
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import names

_TOLD: Final = 5
"""So many of those that a text may mean are told."""
_CALLED: Final = queries.organizations.list.replace("{which}", queries.organizations.called)
_ASKED_FOR: Final = queries.organizations.list.replace("{which}", queries.organizations.asked_for)
_ALL: Final = dict.fromkeys(("ids", "names", "archived", "tag", "search", "after", "after_id", "limit"))


async def get(db: Connection, text: str) -> Organization:
    """The organization of this id, name or path (`Parent / Child`); an archived one where no other is called so.

    Raises:
        NoSuchOrganizationError: There is none.
        OrganizationNameError: There are several.
    """
    text = names.cleaned(text)
    parts = text.split(SEPARATOR)
    facts = {
        "uuid": _uuid(text),
        "names": [SEPARATOR.join(parts[place:]) for place in range(len(parts))],
        "limit": None,
    }
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(_CALLED, facts, prepare=True)
        known = await cursor.fetchall()
    path = paths(known)
    for meant in (
        [one for one in known if one.organization_uuid == facts["uuid"]],
        [one for one in known if one.name == text],
        [one for one in known if path[one.organization_id] == text],
    ):
        found = [one for one in meant if one.archived_at is None] or meant
        if len(found) == 1:
            return found[0]
        if found:
            raise _several(text, sorted((path[one.organization_id], one.organization_uuid) for one in found))
    raise errors.NoSuchOrganizationError(f"There is no organization {text!r}.")


async def by_id(db: Connection, organization_id: int) -> Organization:
    """The organization with this id of the database's own, which is there."""
    (found,) = await _rows(db, ids=[organization_id])
    return found


async def find(
    db: Connection,
    wanted: Sequence[str] = (),
    *,
    organization_id: int | None = None,
    archived: bool | None = False,
    search: str = "",
    tag: str = "",
) -> list[Organization]:
    """The organizations of these names, or all, by name.

    Args:
        db: Where they are.
        wanted: Names; those that nobody has are simply missing.
        organization_id: Only this one.
        archived: Only those that are, or are not; None for all.
        search: Part of a name, an alias, a domain or an external id.
        tag: Only those that have it.
    """
    cleaned = [names.cleaned(name) for name in wanted] or None
    return await _rows(
        db,
        ids=_only(organization_id),
        names=cleaned,
        archived=archived,
        search=search or None,
        tag=tag or None,
    )


async def after(
    db: Connection,
    last: tuple[str, UUID] | None,
    *,
    limit: int,
    organization_id: int | None = None,
    archived: bool | None = False,
    search: str = "",
    tag: str = "",
) -> list[Organization]:
    """The organizations after the one with this name and id, so many at most, by name; filters as for `find`."""
    return await _rows(
        db,
        ids=_only(organization_id),
        after=last[0] if last else None,
        after_id=last[1] if last else None,
        archived=archived,
        search=search or None,
        tag=tag or None,
        limit=limit,
    )


def _several(text: str, found: Sequence[tuple[str, UUID]]) -> errors.OrganizationNameError:
    told = ", ".join(f"{path!r} ({organization_uuid})" for path, organization_uuid in found[:_TOLD])
    return errors.OrganizationNameError(
        f"{len(found)} organizations are called {text!r}: {told}{', …' if len(found) > _TOLD else ''}.",
        remedy="Say which one by its path, or by its id.",
        field="organization",
    )


def _only(organization_id: int | None) -> list[int] | None:
    return None if organization_id is None else [organization_id]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == len(str(UUID(int=0))) else None
    except ValueError:
        return None


async def _rows(db: Connection, **wanted: object) -> list[Organization]:
    async with db.cursor(row_factory=class_row(Organization)) as cursor:
        await cursor.execute(_ASKED_FOR, {**_ALL, **wanted})
        return await cursor.fetchall()
