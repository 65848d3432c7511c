"""What could not be read: rows in quarantine, page by page."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import history
from waypost.unified import cursors, paging
from waypost.unified.described import said
from waypost.unified.filters import time
from waypost.unified.paging import ListPage

_KIND: Final = "quarantine"


class QuarantineFilters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which rows are meant; several values of one filter are alternatives. `since` is when they were last seen."""

    connection: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    since: str = ""


class QuarantineItem(msgspec.Struct, frozen=True):
    """A row that could not be read. It is kept once, however often the console sends it."""

    connection: Annotated[str, said("Name of the connection.")]
    stream: Annotated[str, said("What was pulled.")]
    vendor_id: Annotated[
        str | None, said("The console's id of the row.", "id", "where that could not be read")
    ]
    reason: Annotated[str, said("Why it could not be read.")]
    content: Annotated[str, said("The row as the console sent it, without secrets.")]
    first_seen_at: Annotated[datetime, said("When it was first met.")]
    last_seen_at: Annotated[datetime, said("When it was last met.")]


async def listed(
    db: Connection, filters: QuarantineFilters, *, limit: int = 100, cursor: str = ""
) -> ListPage[QuarantineItem]:
    """Rows that could not be read, those that were met last for the first time first.

    When one was last seen moves with every pull that meets it again: in that order a walk over pages would miss it.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
    """
    paging.check_limit(limit)
    after = cursors.read(cursor, _KIND, filters, 4)
    facts = {
        "connections": list(filters.connection) or None,
        "streams": history.known_words(filters.stream, "stream"),
        "since": time(filters.since, "since"),
        **{f"after_{place + 1}": value for place, value in enumerate(after)},
        "limit": limit + 1,
    }
    async with db.cursor(row_factory=dict_row) as opened:
        await opened.execute(queries.lists.quarantine, facts)
        rows = await opened.fetchall()
    keys = [[str(row.pop(f"key_{place}")) for place in range(1, 5)] for row in rows]
    more = cursors.write(_KIND, filters, keys[limit - 1]) if len(rows) > limit else None
    return ListPage([QuarantineItem(**row) for row in rows[:limit]], more)
