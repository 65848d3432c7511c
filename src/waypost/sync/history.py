"""What was pulled: the newest runs, page by page."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import streams
from waypost.unified import cursors, paging
from waypost.unified.described import said
from waypost.unified.filters import time
from waypost.unified.nearest import meant

State = Literal["running", "interrupted", "done", "partial", "failed"]
Kind = Literal["full", "delta"]
_KIND: Final = "runs"


class RunFilters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which runs are meant; several values of one filter are alternatives. `since` is when they started."""

    connection_id: uuid.UUID | None = None
    connection: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    since: str = ""


class RunItem(msgspec.Struct, frozen=True):
    """One pull of one stream. `counts` are totals over all its resumptions; `since` is the start of a delta."""

    id: Annotated[uuid.UUID, said("Id of the run.")]
    pull: Annotated[uuid.UUID, said("Id of the pull; its runs share it.")]
    connection: Annotated[str, said("Name of the connection.")]
    connection_id: Annotated[uuid.UUID, said("Id of the connection.")]
    stream: Annotated[str, said("What was pulled.")]
    kind: Annotated[str, said("`full` or `delta`.")]
    state: Annotated[str, said("`running`, `interrupted`, `done`, `partial` or `failed`.")]
    started_at: Annotated[datetime, said("When it began.")]
    finished_at: Annotated[datetime | None, said("When it ended.", null="while it has not")]
    worker: Annotated[str, said("Host and process that pulled.")]
    seconds: Annotated[float, said("For which it was at work.")]
    since: Annotated[
        datetime | None, said("From where a delta started, by the console's clock.", null="of a full run")
    ]
    counts: Annotated[dict[str, int], said("What it read and stored, over all its resumptions.")]
    warnings: Annotated[list[str], said("What a person should know of it.")]
    error: Annotated[
        dict[str, Any] | None,
        said("Why it failed: code, message, owner, remedy.", null="where it did not fail"),
    ]  # Any: as they were stored


class RunPage(msgspec.Struct, frozen=True):
    """One page of runs."""

    items: list[RunItem]
    next_cursor: str | None


WORDS: Final = {
    "stream": tuple(stream.name for stream in streams.IN_ORDER),
    "state": get_args(State),
    "kind": get_args(Kind),
}
"""The words that filters of runs know."""


async def newest(
    db: Connection,
    filters: RunFilters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> RunPage:
    """The newest runs first; of the connections of one organization, where it is given.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
    """
    paging.check_limit(limit)
    before, before_id = cursors.read(cursor, _KIND, filters, 2)
    facts = {
        "connection": filters.connection_id,
        "connections": list(filters.connection) or None,
        **{name: known_words(getattr(filters, name), name) for name in WORDS},
        "since": time(filters.since, "since"),
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


def known_words(given: tuple[str, ...], name: str) -> list[str] | None:
    """These words of a filter; None for no words.

    Raises:
        FilterError: There is no such word.
    """
    known = WORDS[name]
    for text in given:
        if text.lower() not in known:
            raise errors.FilterError(
                f"There is no {name} {text!r}; there are {', '.join(known)}.{meant(text, known)}", field=name
            )
    return [text.lower() for text in given] or None
