"""Pages of what is listed about the mapping, narrowed as users say it: by names and ids, with cursors."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.organizations import drift as drifting
from waypost.organizations import registry
from waypost.organizations.drift import Drift
from waypost.organizations.drift.items import DriftItem
from waypost.organizations.mapping import history, suggestions, view
from waypost.organizations.mapping.decisions import Decided, Kind, ScopeItem
from waypost.organizations.mapping.estate import Console
from waypost.organizations.mapping.history import ChangeItem, SaveItem
from waypost.organizations.mapping.suggestions import SuggestionItem
from waypost.organizations.mapping.view import ConsoleItem
from waypost.organizations.matching import Grade
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, names
from waypost.unified.paging import MOST

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is None on the last one."""

    items: list[T]
    next_cursor: str | None


async def scopes(
    db: Connection,
    *,
    kind: Kind | None = None,
    decision: Decided | None = None,
    organization: str = "",
    connection: str = "",
    search: str = "",
    limit: int = 100,
    cursor: str = "",
) -> Page[ScopeItem]:
    """Sites and accounts, and whose each is, by connection, kind, name and id.

    Raises:
        FilterError: The limit or the cursor cannot be used.
        NoSuchConnectionError: There is none of this name or id.
        NoSuchOrganizationError: There is none of this name, path or id.
    """
    filters = [kind, decision, organization, connection, search]
    after = _after(cursor, "mapping", filters, 4, limit)
    found = await view.scopes(
        db,
        kind=kind,
        decision=decision,
        organization_id=await organization_id(db, organization),
        connection_id=await connection_id(db, connection),
        search=search or None,
        after=after,
        limit=limit + 1,
    )
    return _page(found, limit, "mapping", filters, view.key)


async def suggested(
    db: Connection,
    *,
    kind: Kind | None = None,
    connection: str = "",
    grade: Grade | None = None,
    limit: int = 100,
    cursor: str = "",
) -> Page[SuggestionItem]:
    """Suggestions for what nothing is decided about, by connection, kind, name and id.

    Raises:
        FilterError: The limit or the cursor cannot be used.
        NoSuchConnectionError: There is none of this name or id.
    """
    filters = [kind, connection, grade]
    after = _after(cursor, "suggestions", filters, 4, limit)
    found = await suggestions.suggest(
        db,
        kind=kind,
        connection_id=await connection_id(db, connection),
        grade=grade,
        after=after,
        limit=limit + 1,
    )
    return _page(found, limit, "suggestions", filters, suggestions.key)


async def consoles(
    db: Connection, *, organization: str = "", connection: str = "", limit: int = 100, cursor: str = ""
) -> Page[ConsoleItem]:
    """Which organization is on which console; first what is nobody's, then by organization.

    Raises:
        UsageError: As for `scopes`.
    """
    filters = [organization, connection]
    found = await view.consoles(
        db,
        organization_id=await organization_id(db, organization),
        connection_id=await connection_id(db, connection),
        after=_after(cursor, "consoles", filters, 3, limit),
        limit=limit + 1,
    )
    return _page(found, limit, "consoles", filters, view.place)


async def saves(db: Connection, *, limit: int = 100, cursor: str = "") -> Page[SaveItem]:
    """The history, the newest first.

    Raises:
        FilterError: The limit or the cursor cannot be used.
    """
    before = _after(cursor, "saves", None, 1, limit)
    found = await history.saves(db, before=before[0] if before else None, limit=limit + 1)
    return _page(found, limit, "saves", None, lambda item: [item.version])


async def changes(db: Connection, save_uuid: UUID, *, limit: int = 100, cursor: str = "") -> Page[ChangeItem]:
    """What one save decided.

    Raises:
        FilterError: The limit or the cursor cannot be used.
        NoSuchSaveError: There is no such save.
    """
    filters = [save_uuid]
    after = _after(cursor, "changes of a save", filters, 4, limit)
    save = await history.one(db, save_uuid)
    found = await history.changes(db, save_uuid=save.id, after=after, limit=limit + 1)
    return _page(found, limit, "changes of a save", filters, history.key)


async def drift(
    db: Connection,
    *,
    kind: Drift | None = None,
    organization: str = "",
    connection: str = "",
    limit: int = 100,
    cursor: str = "",
) -> Page[DriftItem]:
    """What needs a person, the longest first.

    Raises:
        UsageError: As for `scopes`.
    """
    filters = [kind, organization, connection]
    after = _after(cursor, "drift", filters, 2, limit)
    found = await drifting.listed(
        db,
        kind=kind,
        connection_id=await connection_id(db, connection),
        organization_id=await organization_id(db, organization),
        after=(datetime.fromisoformat(after[0]), UUID(after[1])) if after else (None, None),
        limit=limit + 1,
    )
    return _page(found, limit, "drift", filters, lambda item: [item.began_at, item.id])


async def organization_id(db: Connection, text: str) -> int | None:
    """The organization that a filter names, by name, path or id; None if it names none.

    Raises:
        NoSuchOrganizationError: There is none.
        OrganizationNameError: There are several.
    """
    return (await registry.get(db, text)).organization_id if text else None


async def connection_id(db: Connection, text: str) -> int | None:
    """The connection that a filter names, by name or id; None if it names none.

    Raises:
        NoSuchConnectionError: There is none.
    """
    if not text:
        return None
    async with db.cursor(row_factory=class_row(Console)) as cursor:
        await cursor.execute(queries.mapping.consoles)
        for console in await cursor.fetchall():
            if names.cleaned(text) in (console.name, str(console.connection_uuid)):
                return console.connection_id
    raise errors.NoSuchConnectionError(f"There is no connection {text!r}.", field="connection")


def _after(
    cursor: str, kind: str, filters: object, parts: int, limit: int
) -> list[Any] | None:  # Any: values of different columns
    if not 1 <= limit <= MOST:
        raise errors.FilterError(f"A limit of {limit} is not from 1 to {MOST}.", field="limit")
    return cursors.read(cursor, kind, filters, parts) if cursor else None


def _page(
    found: Sequence[T],
    limit: int,
    kind: str,
    filters: object,
    key: Callable[[T], Sequence[Any]],  # Any: as above
) -> Page[T]:
    """A page of items that were read one beyond its end."""
    shown = list(found[:limit])
    more = len(found) > limit
    return Page(shown, cursors.write(kind, filters, key(shown[-1])) if more else None)
