"""Which application versions are on which devices, page by page, as far as findings that are not resolved tell it.

Pairs come device by device, in the order of the consoles' numbers. Where few findings are meant, all of them are
grouped; else a page is looked for among some devices at a time, so that a page costs what it shows.
"""

from typing import Any, Final, LiteralString

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, paging, rows, selecting
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.paging import ListPage
from waypost.unified.rows import SoftwareRow
from waypost.unified.selecting import Selection
from waypost.unified.words import FindingState, Severity

_LIST: Final = "installed"
_DEVICES: Final = 10
"""Devices, at least, among which a page is looked for first; twice as many each time that they have too little."""
_PAIRS: Final = 20
"""Application versions that a device is thought to have, for how many that is."""

_WORDS: Final = {
    "resolved": FindingState.RESOLVED.value,
    "critical": Severity.CRITICAL.value,
    "high": Severity.HIGH.value,
}

Row = dict[str, Any]  # Any: columns of different types


async def listed(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[SoftwareRow]:
    """Application versions on devices.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    paging.check_limit(limit)
    after = dict(
        zip(
            ("after_connection", "after_device", "after_software"),
            cursors.read(cursor, _LIST, filters, 3),
            strict=True,
        )
    )
    own = await rows.own(db, organization_id)
    query = _query(is_bound=organization_id is not None)
    async with selecting.selected(db, "finding", filters, organization_id) as selection:
        if selection is None:
            return ListPage([], None)
        facts = {**_WORDS, **own, **after, "limit": limit + 1}
        if _is_small(selection, filters):
            found = await _rows(db, selection, query, facts)
        else:
            found = await _device_by_device(db, selection, query, facts)
    items = [SoftwareRow(**{name: row[name] for name in SoftwareRow.__struct_fields__}) for row in found]
    if len(items) <= limit:
        return ListPage(items, None)
    last = found[limit - 1]
    key = [last["place"], int(last["agent_id"]), int(last["software_id"])]
    return ListPage(items[:limit], cursors.write(_LIST, filters, key))


def _is_small(selection: Selection, filters: Filters) -> bool:
    """Whether grouping all that is meant is quick: it is found by sites, devices, CVEs or applications."""
    looked_up = {"facts_ids", "software_ids"} & selection.facts.keys()
    return selection.narrow or bool(looked_up) or filters.organization == NOBODY


async def _device_by_device(
    db: Connection, selection: Selection, query: LiteralString, facts: Row
) -> list[Row]:
    found: list[Row] = []
    selection = msgspec.structs.replace(selection, rows=queries.wide.of_these_devices)
    place: Row = {"from_connection": facts["after_connection"], "from_device": facts["after_device"]}
    count = max(_DEVICES, facts["limit"] // _PAIRS)
    while len(found) < facts["limit"]:
        cursor = await db.execute(queries.wide.next_devices, {**place, "devices": count + 1})
        devices = await cursor.fetchall()
        connection_ids, device_ids, uuids = zip(*devices[:count], strict=True) if devices else ((), (), ())
        these = {
            "these_connections": [*connection_ids],
            "these_devices": [*device_ids],
            "these_uuids": [*uuids],
        }
        left = {"limit": facts["limit"] - len(found)}
        found += await _rows(db, selection, query, {**facts, **these, **left})
        if len(devices) <= count:
            break
        place = {"from_connection": devices[count][0], "from_device": devices[count][1]}
        count *= 2
    return found


async def _rows(db: Connection, selection: Selection, query: LiteralString, facts: Row) -> list[Row]:
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(selection.put(query), {**selection.facts, **facts})
    return await cursor.fetchall()


def _query(*, is_bound: bool) -> LiteralString:
    query = queries.wide.installed_page.replace("{columns}", rows.columns("software"))
    query = query.replace("{joins}", rows.joins("software", is_bound=is_bound))
    return query.replace("{installed}", queries.wide.installed)
