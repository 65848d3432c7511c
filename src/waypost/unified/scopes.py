"""Reading the console's tree page by page: accounts and groups, with what is there.

Whoever is bound to an organization reads through two walls, as everywhere: the query goes by the organization's sites,
and PostgreSQL shows nothing else to the role that reads. An account is seen by who owns a site of it, and then has the
numbers of his own sites alone. Of a key without a binding the filter `organization` narrows in the same way.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, LiteralString

from psycopg.rows import dict_row

from waypost.storage import capped, queries
from waypost.storage.database import Connection
from waypost.unified import counting
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.items import AccountItem, GroupItem, Ref
from waypost.unified.ordering import Order
from waypost.unified.paging import ListPage
from waypost.unified.walking import Walk
from waypost.unified.words import RETIRED, FindingState

Row = dict[str, Any]  # Any: columns of different types

ACCOUNTS: Final[Mapping[str, Order]] = {
    "name": Order({"coalesce(a.name, '')": "text", "a.connection_id": "bigint", "a.account_id": "bigint"})
}
GROUPS: Final[Mapping[str, Order]] = {
    "name": Order({"coalesce(g.name, '')": "text", "g.connection_id": "bigint", "g.group_id": "bigint"})
}
_TABLES: Final[tuple[LiteralString, ...]] = ("site", "scope_group")


async def accounts(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    sort: str = "name",
    limit: int = 100,
    cursor: str = "",
) -> ListPage[AccountItem]:
    """Accounts by name.

    Raises:
        FilterError: The order, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    walk = Walk("accounts", ACCOUNTS, filters, sort, limit, cursor)
    facts: Row = {
        "connection": list(filters.connection) or None,
        "account": list(filters.account) or None,
        "retired": [state.value for state in RETIRED],
        "resolved": FindingState.RESOLVED.value,
        "most": counting.MOST,
    }
    which, owner = queries.inventory.everybodys_accounts, queries.inventory.owner
    if organization_id is not None:
        facts |= await _whole(db, organization_id)
        owner = queries.inventory.owner_is_the_caller
    if organization_id is not None or filters.organization is not None:
        which = queries.inventory.accounts_of_sites
    query = queries.inventory.accounts.replace("{accounts}", which).replace("{owner}", owner)
    rows = await _rows(db, walk.put(query), filters, facts | walk.facts, organization_id)
    return walk.page(rows, _account)


async def groups(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    sort: str = "name",
    limit: int = 100,
    cursor: str = "",
) -> ListPage[GroupItem]:
    """Groups by name.

    Raises:
        WaypostError: As for `accounts`.
    """
    walk = Walk("groups", GROUPS, filters, sort, limit, cursor)
    facts: Row = {
        "connection": list(filters.connection) or None,
        "account": list(filters.account) or None,
        "site": list(filters.site) or None,
        "group": list(filters.group) or None,
        "retired": [state.value for state in RETIRED],
    }
    query = walk.put(queries.inventory.groups)
    rows = await _rows(db, query, filters, facts | walk.facts, organization_id)
    return walk.page(rows, lambda row: GroupItem(**row))


async def _rows(
    db: Connection, query: LiteralString, filters: Filters, facts: Row, organization_id: int | None
) -> list[Row]:
    async with _meant(db, filters, organization_id) as meant:
        if meant is None:
            return []
        rows, owned = meant
        for table in _TABLES:
            query = query.replace("{" + table + "}", rows.replace("{table}", table))
        cursor = db.cursor(row_factory=dict_row)
        await cursor.execute(query, facts | owned)
        return await cursor.fetchall()


@contextlib.asynccontextmanager
async def _meant(
    db: Connection, filters: Filters, organization_id: int | None
) -> AsyncIterator[tuple[LiteralString, Row] | None]:
    """Whose rows are read while the block runs, and the sites that they are found by; None for nobody's ever."""
    if organization_id is not None and filters.organization not in (None, organization_id):
        yield None
        return
    async with contextlib.AsyncExitStack() as walls:
        if organization_id is not None:
            owned = await walls.enter_async_context(capped.reading(db, organization_id))
        elif filters.organization:
            owned = await capped.owned(db, filters.organization)
        else:
            is_nobodys = filters.organization == NOBODY
            yield queries.selecting.nobodys if is_nobodys else queries.selecting.everybodys, {}
            return
        yield (
            queries.selecting.at_sites,
            {"site_connections": owned.connection_ids, "site_ids": owned.site_ids},
        )


async def _whole(db: Connection, organization_id: int) -> Row:
    """The accounts that are an organization's as a whole: the role that reads its rows cannot see the mapping."""
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(queries.inventory.whole_accounts, {"organization_id": organization_id})
    found: Row | None = await cursor.fetchone()
    return found or {"own_id": None, "own_name": None, "whole_connections": [], "whole_accounts": []}


def _account(row: Row) -> AccountItem:
    owner, name = row.pop("organization_id"), row.pop("organization_name")
    row["counted"] = counting.counted(row, "open_findings")
    return AccountItem(**row, organization=Ref(owner, name) if owner else None)
