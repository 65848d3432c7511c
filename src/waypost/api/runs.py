"""`/runs` and `/quarantine`: what was pulled and how it went, and what of it could not be read."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter, QueryParameter

from waypost.access.keys import Scope
from waypost.api import guard, shapes
from waypost.api.calls import Called
from waypost.api.filtering import ConnectionName, Fields, Since, one, words
from waypost.api.pages import Cursor, Limit, Page
from waypost.sync import history, quarantine
from waypost.sync.history import RunFilters, RunItem, RunPage
from waypost.sync.quarantine import QuarantineFilters, QuarantineItem


def _of(name: str) -> str:
    return f"{', '.join(f'`{word}`' for word in history.WORDS[name])}. Several are separated by commas."


Streams = Annotated[str, Parameter(max_length=200, description=_of("stream"))]
RunStates = Annotated[str, QueryParameter(name="state", max_length=200, description=_of("state"))]
RunKinds = Annotated[str, Parameter(max_length=200, description=_of("kind"))]


@get(
    "/runs",
    operation_id="listSyncRuns",
    tags=["syncs"],
    summary="List the sync runs",
    description="One for each stream of each pull, the newest first. A key that is bound to an organization sees those "
    "of its own connections. Runs that changed nothing are kept for an hour, the others for a month.",
    opt=guard.needs(Scope.READ),
)
async def list_sync_runs(
    call: Called,
    connection: ConnectionName = "",
    stream: Streams = "",
    states: RunStates = "",
    kind: RunKinds = "",
    since: Since = "",
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> RunPage:
    filters = RunFilters(
        connection=one(connection),
        stream=words(stream),
        state=words(states),
        kind=words(kind),
        since=since,
    )
    page = await history.newest(
        call.db, filters, organization_id=call.organization_id, limit=limit, cursor=cursor
    )
    return shapes.in_part(page, page.items, RunItem, fields)


@get(
    "/quarantine",
    operation_id="listQuarantine",
    tags=["syncs"],
    summary="List the rows that could not be read",
    description="As the console sent them, each once; the newest first. They are about consoles as a whole, so only a "
    "key that is bound to no organization sees them.",
    opt=guard.needs(Scope.READ, whole=True),
)
async def list_quarantine(
    call: Called,
    connection: ConnectionName = "",
    stream: Streams = "",
    since: Since = "",
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[QuarantineItem]:
    filters = QuarantineFilters(connection=one(connection), stream=words(stream), since=since)
    page = await quarantine.listed(call.db, filters, limit=limit, cursor=cursor)
    return shapes.flat(page, QuarantineItem, fields)


ROUTES = (list_sync_runs, list_quarantine)
