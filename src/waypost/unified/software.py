"""Reading software page by page: application versions that have findings which are not resolved.

One row for each name, vendor and version, over all connections and spellings. Without a binding and without a filter
that leaves few findings the list goes through an index of the names and looks at each application's findings until the
page is full; else it goes from the findings to their software.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import counting, selecting
from waypost.unified.filters import Filters
from waypost.unified.items import SoftwareItem
from waypost.unified.ordering import Order
from waypost.unified.paging import ListPage
from waypost.unified.selecting import Selection
from waypost.unified.walking import Walk
from waypost.unified.words import FindingState, Severity, word

Row = dict[str, Any]  # Any: columns of different types

ORDERS: Final[Mapping[str, Order]] = {
    "name": Order({"w.name": "text", "w.vendor": "text", "w.version": "text"}),
    "vendor": Order({"w.vendor": "text", "w.name": "text", "w.version": "text"}),
}


async def listed(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    sort: str = "name",
    limit: int = 100,
    cursor: str = "",
) -> ListPage[SoftwareItem]:
    """Application versions with findings that are not resolved; of an organization its own findings alone count.

    Raises:
        FilterError: A filter, the order, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    walk = Walk("software", ORDERS, filters, sort, limit, cursor)
    facts = {
        "resolved": FindingState.RESOLVED.value,
        "critical": Severity.CRITICAL.value,
        "high": Severity.HIGH.value,
        "most": counting.MOST,
        "name": filters.application or None,
        "vendor": filters.vendor or None,
    }
    few = leaves_few(filters) or organization_id is not None
    # By name an application is found sooner than by its findings, unless there are few of them.
    by = filters if few else msgspec.structs.replace(filters, application="", vendor="", connection=())
    async with selecting.selected(db, "finding", by, organization_id) as selection:
        if selection is None:
            return ListPage([], None)
        chosen = selection if few else through(selection, filters)
        query = queries.inventory.software_of_few if few else queries.inventory.software
        opened = db.cursor(row_factory=dict_row)
        await opened.execute(chosen.put(walk.put(query)), facts | chosen.facts | walk.facts)
        rows = await opened.fetchall()
    return walk.page(rows, partial(_item, few=few))


def leaves_few(filters: Filters) -> bool:
    """Whether the findings that these filters leave are found by sites, devices or CVEs, and so are few."""
    return filters.organization is not None or any(
        (filters.site, filters.account, filters.group, filters.device, filters.cve)
    )


def through(selection: Selection, filters: Filters) -> Selection:
    """Those findings of the selection that came through the connections of the filters, however they are found."""
    if not filters.connection:
        return selection
    return msgspec.structs.replace(
        selection,
        where=selection.where + "\n  AND " + queries.inventory.through,
        facts=selection.facts | {"through": list(filters.connection)},
    )


def _item(row: Row, *, few: bool) -> SoftwareItem:
    row["severity"] = word(Severity(row["severity"]))
    return SoftwareItem(counted=counting.counted(row, "findings", all_=few), **row)
