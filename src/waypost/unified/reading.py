"""Reading findings, devices and sites page by page, filtered, and held to an organization.

Whoever is bound to an organization gives it as `organization_id`, and then reads through two walls: every query goes
by the organization's sites, and PostgreSQL shows nothing else to the role that reads (`storage/capped.py`). The filter
`organization` narrows what somebody sees who is bound to none.

A page's cursor only goes on with the list that it came from: see `cursors`.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from msgspec import UNSET
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import capped, queries
from waypost.storage.database import Connection
from waypost.unified import including, ordering, paging, selecting, telling
from waypost.unified import rows as rowing
from waypost.unified.filters import Filters
from waypost.unified.items import (
    Device,
    DeviceItem,
    Event,
    Finding,
    FindingItem,
    SiteItem,
)
from waypost.unified.nearest import meant
from waypost.unified.ordering import Order
from waypost.unified.paging import ListPage, Page, Total
from waypost.unified.rows import DeviceRow, FindingRow
from waypost.unified.words import RETIRED, ChangeKind, FindingState, word

WORST_FIRST: Final = "-severity"
BY_NAME: Final = "name"
MOST_EVENTS: Final = 1_000
"""Entries of a history; there are hardly ever more than a few."""

_RESOLVED: Final = {"resolved": FindingState.RESOLVED.value}

Row = dict[str, Any]  # Any: columns of different types


async def findings(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
    sort: str = WORST_FIRST,
    include: Collection[str] = (),
    count: bool = False,
) -> ListPage[FindingItem]:
    """Findings, in any of the orders of `ordering.FINDINGS`.

    Args:
        db: Where to read.
        filters: What the list is limited to.
        organization_id: The organization that the caller is bound to.
        limit: Items of the page.
        cursor: Where the page before ended.
        sort: An order; with `-` before it from its other end.
        include: Of `including.IN_FINDINGS`, what else shall be told.
        count: Whether to tell how many there are in all.

    Raises:
        FilterError: A filter, the limit, the order or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    check_names(include, including.IN_FINDINGS, "include")
    page = Page("findings", ordering.FINDINGS, filters, sort, limit, cursor)
    own = await rowing.own(db, organization_id) if include else {}
    async with selecting.selected(db, "finding", filters, organization_id) as selection:
        if selection is None:
            return _nothing(counted=count)
        rows = await page.rows(db, selection, queries.lists.findings, _RESOLVED)
        included = await including.in_findings(db, rows[:limit], include, own)
        total = await paging.total(db, selection) if count else UNSET
    items = [telling.finding(row, included.get(str(row["id"]), UNSET)) for row in rows[:limit]]
    return ListPage(items, page.next_cursor(rows), total)


async def wide_findings(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
    sort: str = WORST_FIRST,
) -> ListPage[FindingRow]:
    """The same page with all that is stored of each finding.

    Raises:
        WaypostError: As for `findings`.
    """
    page = Page("findings", ordering.FINDINGS, filters, sort, limit, cursor)
    own = await rowing.own(db, organization_id)
    query = including.put_wide(
        queries.lists.wide_findings, of_devices=False, is_bound=organization_id is not None
    )
    async with selecting.selected(db, "finding", filters, organization_id) as selection:
        if selection is None:
            return _nothing()
        rows = await page.rows(db, selection, query, _RESOLVED | own)
    return ListPage([including.finding_row(row) for row in rows[:limit]], page.next_cursor(rows))


async def finding(
    db: Connection, finding_id: UUID, *, organization_id: int | None = None, include: Collection[str] = ()
) -> Finding:
    """A finding, and what became of it.

    Raises:
        NotFoundError: There is none, or not for this caller.
        FilterError: There is nothing of this name to include.
    """
    check_names(include, including.IN_FINDINGS, "include")
    own = await rowing.own(db, organization_id) if include else {}
    async with _held(db, organization_id):
        row = await _one(
            db, queries.lists.findings, queries.lists.one, ordering.FINDINGS, finding_id, _RESOLVED
        )
        if row is None:
            raise errors.NotFoundError(
                "There is no finding with this id.", remedy="Take its id from the list of findings."
            )
        included = await including.in_findings(db, [row], include, own)
        history = await _history(db, row["place"], finding_id)
    item = telling.finding(row, included.get(str(finding_id), UNSET))
    return Finding(**msgspec.structs.asdict(item), history=history)


async def devices(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
    sort: str = BY_NAME,
    include: Collection[str] = (),
    count: bool = False,
) -> ListPage[DeviceItem]:
    """Devices, in any of the orders of `ordering.DEVICES`; the arguments are those of `findings`.

    Raises:
        WaypostError: As for `findings`.
    """
    check_names(include, including.IN_DEVICES, "include")
    page = Page("devices", ordering.DEVICES, filters, sort, limit, cursor)
    async with selecting.selected(db, "device", filters, organization_id) as selection:
        if selection is None:
            return _nothing(counted=count)
        rows = await page.rows(db, selection, queries.lists.devices, {})
        included = await including.in_devices(db, rows[:limit], include)
        total = await paging.total(db, selection) if count else UNSET
    items = [telling.device(row, included.get(str(row["id"]), UNSET)) for row in rows[:limit]]
    return ListPage(items, page.next_cursor(rows), total)


async def wide_devices(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
    sort: str = BY_NAME,
) -> ListPage[DeviceRow]:
    """The same page with all that is stored of each device.

    Raises:
        WaypostError: As for `findings`.
    """
    page = Page("devices", ordering.DEVICES, filters, sort, limit, cursor)
    own = await rowing.own(db, organization_id)
    query = including.put_wide(
        queries.lists.wide_devices, of_devices=True, is_bound=organization_id is not None
    )
    async with selecting.selected(db, "device", filters, organization_id) as selection:
        if selection is None:
            return _nothing()
        rows = await page.rows(db, selection, query, own)
    return ListPage([including.device_row(row) for row in rows[:limit]], page.next_cursor(rows))


async def device(
    db: Connection, device_id: UUID, *, organization_id: int | None = None, include: Collection[str] = ()
) -> Device:
    """A device, and what became of it.

    Raises:
        NotFoundError: There is none, or not for this caller.
        FilterError: There is nothing of this name to include.
    """
    check_names(include, including.IN_DEVICES, "include")
    async with _held(db, organization_id):
        row = await _one(
            db,
            queries.lists.devices,
            queries.lists.those_devices,
            ordering.DEVICES,
            device_id,
            {"ids": [device_id]},
        )
        if row is None:
            raise errors.NotFoundError(
                "There is no device with this id.", remedy="Take its id from the list of devices."
            )
        included = await including.in_devices(db, [row], include)
        history = await _history(db, row["place"], device_id)
    item = telling.device(row, included.get(str(device_id), UNSET))
    return Device(**msgspec.structs.asdict(item), history=history)


async def _one(
    db: Connection,
    query: LiteralString,
    page: LiteralString,
    orders: Mapping[str, Order],
    id_: UUID,
    facts: Row,
) -> Row | None:
    """The row of this id, as a page would have it."""
    order = next(iter(orders.values()))
    query = query.replace("{page}", page).replace("{order}", order.by).replace("{keys}", order.columns)
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(query, {**facts, "id": id_, "limit": 1})
    return await cursor.fetchone()


async def _history(db: Connection, place: int, subject_id: UUID) -> list[Event]:
    facts = {"place": place, "id": subject_id, "limit": MOST_EVENTS}
    rows = await (await db.execute(queries.lists.history, facts)).fetchall()
    return [Event(at, word(ChangeKind(kind)), run_id, detail) for _, at, kind, run_id, detail in rows]


@contextlib.asynccontextmanager
async def _held(db: Connection, organization_id: int | None) -> AsyncIterator[None]:
    """Behind the second wall, for a caller who is bound to an organization."""
    if organization_id is None:
        yield
        return
    async with capped.reading(db, organization_id):
        yield


def check_names(names: Collection[str], known: Collection[str], field: str) -> None:
    """See that there are things of these names.

    Raises:
        FilterError: There are not.
    """
    for name in names:
        if name not in known:
            raise errors.FilterError(
                f"There is no {name!r}; there are {', '.join(known)}.{meant(name, known)}", field=field
            )


def _nothing(*, counted: bool = False) -> ListPage[Any]:  # Any: of nothing
    return ListPage([], None, Total(0, exact=True) if counted else UNSET)


async def sites(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[SiteItem]:
    """Sites by name, with what is there.

    Raises:
        WaypostError: As for `findings`.
    """
    page = Page("sites", ordering.SITES, filters, BY_NAME, limit, cursor)
    own = await rowing.own(db, organization_id)
    owner = queries.lists.owner if organization_id is None else queries.lists.owner_is_the_caller
    query = queries.lists.sites.replace("{owner}", owner)
    facts = {**_RESOLVED, "retired": [state.value for state in RETIRED], **own}
    async with selecting.selected(db, "site", filters, organization_id) as selection:
        if selection is None:
            return _nothing()
        rows = await page.rows(db, selection, query, facts)
    return ListPage([telling.site(row) for row in rows[:limit]], page.next_cursor(rows))
