"""The change log as a list, the newest first, for looking back; whoever wants to go on reads `feed`."""

from waypost.changes import choosing
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, paging
from waypost.unified import filters as filtering
from waypost.unified.filters import Filters
from waypost.unified.items import ChangeItem
from waypost.unified.paging import ListPage


async def newest(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[ChangeItem]:
    """Entries of the change log, the newest first; of an organization those at its sites as they are mapped now.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    paging.check_limit(limit)
    before_batch, before = cursors.read(cursor, "changes", filters, 2)
    facts = {
        "changed_since": filtering.time(filters.changed_since, "changed_since"),
        "before_batch": before_batch,
        "before": before,
        "limit": limit + 1,
    }
    choice = await choosing.of(db, filters)
    async with choosing.opened(db, choice, organization_id) as reader:
        rows = await reader.rows(queries.feed.newest_first, queries.feed.newest_first_at_sites, facts)
        items = await reader.items(rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    next_cursor = cursors.write("changes", filters, [last["batch_id"], last["change_id"]]) if last else None
    return ListPage([item for item in items if item is not None], next_cursor)
