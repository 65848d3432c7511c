"""Which entries of the change log a reader means, and which he may see.

Whoever is bound to an organization reads through two walls, as everywhere: the queries go by the organization's sites,
and PostgreSQL shows nothing else to the role that reads (`storage/capped.py`).
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Final, LiteralString

import msgspec
from psycopg.rows import dict_row

from waypost.storage import capped, queries
from waypost.storage.capped import Owned
from waypost.storage.database import Connection
from waypost.unified.filters import NOBODY, Filters, members
from waypost.unified.items import ChangeItem, Ref
from waypost.unified.words import ChangeKind, word

Row = dict[str, Any]  # Any: columns of different types

_SUBJECTS: Final = ((10, "finding"), (20, "device"), (60, "connection"), (70, "run"), (80, "webhook"))
"""What entries are about whose kind is below the number."""


class Choice(msgspec.Struct, frozen=True):
    """Entries that are meant; what is not given does not limit.

    Attributes:
        kinds: Of these kinds.
        connection_ids: Of these connections.
        site: At sites of these names, in any case, or of these ids.
        organization: At the sites of this organization, or of none if it is `NOBODY`.
    """

    kinds: Collection[ChangeKind] = ()
    connection_ids: Collection[int] | None = None
    site: tuple[str, ...] = ()
    organization: int | None = None


async def of(db: Connection, filters: Filters) -> Choice:
    """What a list's filters mean.

    Raises:
        FilterError: There is no such kind of change.
    """
    kinds = members(filters.kind, ChangeKind, "kind") or ()
    return Choice(
        kinds=[ChangeKind(kind) for kind in kinds],
        connection_ids=await _connections(db, filters.connection),
        site=filters.site,
        organization=filters.organization,
    )


async def _connections(db: Connection, names: Sequence[str]) -> list[int] | None:
    """The connections of these names; None for no names."""
    if not names:
        return None
    cursor = await db.execute(queries.feed.connections, {"names": list(names)})
    return [connection_id for (connection_id,) in await cursor.fetchall()]


class Reader:
    """Asks for entries, as who may see them; see `opened`.

    Args:
        db: The session, held to the reader's organization if he is bound to one.
        choice: What he means.
        sites: The sites that this comes down to; None for wherever it was.
        own: The reader's organization, if he is bound to one.
    """

    def __init__(self, db: Connection, choice: Choice, sites: Owned | None, own: Ref | None) -> None:
        self._db = db
        self._choice = choice
        self._own = own
        self.sites = sites

    async def rows(self, everywhere: LiteralString, at_sites: LiteralString, facts: Row) -> list[Row]:
        """What one of these two queries finds: that of all entries, or that of some sites'."""
        choice = self._choice
        facts = facts | {
            "kinds": [kind.value for kind in choice.kinds] or None,
            "connection_ids": None if choice.connection_ids is None else list(choice.connection_ids),
        }
        if self.sites is not None:
            query = at_sites
            facts |= {"site_connections": self.sites.connection_ids, "site_ids": self.sites.site_ids}
        else:
            query = everywhere
            facts["nobodys"] = choice.organization == NOBODY
        async with self._db.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, facts)
            return await cursor.fetchall()

    async def items(self, rows: list[Row]) -> list[ChangeItem | None]:
        """Entries as users read them, each in its place; None for one whose connection was purged meanwhile."""
        places = {(row["connection_id"], row["site_id"]) for row in rows}
        if not places:
            return []
        facts = {"connection_ids": [one for one, _ in places], "site_ids": [one for _, one in places]}
        names: dict[tuple[int, int | None], tuple[str, str | None]] = {
            (connection_id, site_id): (name, site)
            for connection_id, site_id, name, site in await self._all(queries.feed.names, facts)
        }
        owners: dict[tuple[int, int | None], Ref] = {}
        if self._own is None:
            owners = {
                (connection_id, site_id): Ref(*owner)
                for connection_id, site_id, *owner in await self._all(queries.feed.owners, facts)
            }
        return [
            _item(row, *names[place], self._own or owners.get(place)) if place in names else None
            for row in rows
            for place in [(row["connection_id"], row["site_id"])]
        ]

    async def _all(self, query: LiteralString, facts: Row) -> list[tuple[Any, ...]]:  # Any: as rows are
        return await (await self._db.execute(query, facts)).fetchall()


@contextlib.asynccontextmanager
async def opened(db: Connection, choice: Choice, organization_id: int | None) -> AsyncIterator[Reader]:
    """A reader, held to this organization if it is given, while the block runs.

    Raises:
        RowSecurityError: The database's user cannot be held to an organization.
    """
    async with contextlib.AsyncExitStack() as walls:
        owned = own = None
        if organization_id is not None:
            own = await _own(db, organization_id)
            owned = await walls.enter_async_context(capped.reading(db, organization_id))
            if choice.organization not in (None, organization_id):
                owned = Owned([], [])
        elif choice.organization:
            owned = await capped.owned(db, choice.organization)
        if choice.site:
            owned = await _named(db, choice.site, owned)
        yield Reader(db, choice, owned, own)


async def _own(db: Connection, organization_id: int) -> Ref | None:
    """What a bound reader's organization is called: the role that reads its rows cannot see it."""
    cursor = await db.execute(queries.lists.organization, {"organization_id": organization_id})
    row = await cursor.fetchone()
    return Ref(*row) if row else None


async def _named(db: Connection, site: tuple[str, ...], owned: Owned | None) -> Owned:
    facts = {
        "site": list(site),
        "site_connections": owned.connection_ids if owned else None,
        "site_ids": owned.site_ids if owned else None,
    }
    ((connection_ids, site_ids),) = await (await db.execute(queries.feed.sites, facts)).fetchall()
    return Owned(connection_ids, site_ids)


def _item(row: Row, connection: str, site: str | None, organization: Ref | None) -> ChangeItem:
    kind = ChangeKind(row["kind"])
    return ChangeItem(
        id=str(row["change_id"]),
        at=row["at"],
        kind=word(kind),
        connection=connection,
        site=site,
        site_id=None if row["site_id"] is None else str(row["site_id"]),
        organization=organization if row["site_id"] is not None else None,
        subject=next(subject for below, subject in _SUBJECTS if kind < below),
        subject_id=row["subject_id"],
        run_id=row["run_id"],
        detail=row["detail"],
    )
