"""What was pulled: the newest runs, page by page."""

import uuid
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors

_KIND: Final = "runs"


class RunItem(msgspec.Struct, frozen=True):
    """One pull of one stream. `counts` are totals over all its resumptions; `since` is the start of a delta."""

    id: uuid.UUID
    pull: uuid.UUID
    connection: str
    connection_id: uuid.UUID
    stream: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    worker: str
    seconds: float
    since: datetime | None
    counts: dict[str, int]
    warnings: list[str]
    error: dict[str, Any] | None  # Any: code, message, owner, remedy, as they were stored


class RunPage(msgspec.Struct, frozen=True):
    """One page of runs."""

    items: list[RunItem]
    next_cursor: str | None


async def newest(
    db: Connection,
    *,
    connection: uuid.UUID | None = None,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> RunPage:
    """The newest runs first; of one connection or one organization, where it is given.

    Raises:
        FilterError: The cursor belongs to another list.
    """
    filters = [connection]
    before, before_id = cursors.read(cursor, _KIND, filters, 2)
    facts = {
        "connection": connection,
        "organization_id": organization_id,
        "before": before,
        "before_id": before_id,
        "limit": limit + 1,
    }
    async with db.cursor(row_factory=dict_row) as opened:
        await opened.execute(queries.lists.runs, facts)
        rows = await opened.fetchall()
    items = [RunItem(**row) for row in rows[:limit]]
    more = cursors.write(_KIND, filters, [items[-1].started_at, items[-1].id]) if len(rows) > limit else None
    return RunPage(items, more)
