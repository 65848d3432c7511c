"""`/syncs`: pulls that are asked for, how far they are, and what was pulled before."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, Parameter
from litestar.response import Stream
from msgspec import Meta

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import events, guard, tracing
from waypost.api.bodies import Body
from waypost.api.calls import Call, Called
from waypost.api.connections import PATH
from waypost.api.events import Event
from waypost.api.pages import Cursor, Limit
from waypost.storage.database import Database
from waypost.sync import history, progress, schedule, streams
from waypost.sync.history import RunFilters, RunPage
from waypost.sync.progress import Pull, RunProgress

Name = Literal["accounts", "sites", "groups", "agents", "risks"]
"""The streams that can be pulled; `streams.BY_NAME` has them too."""
SYNCS = "/api/v1/syncs"


class NewSync(Body, frozen=True):
    """What to pull."""

    full: Annotated[bool, Meta(description="Walk everything instead of what changed.")] = False
    streams: Annotated[list[Name], Meta(min_length=1, max_length=20)] | None = None


class Accepted(msgspec.Struct, frozen=True):
    """A pull that was asked for; `joined` if one that was waiting already does it."""

    pull_id: UUID
    joined: bool


class PullItem(msgspec.Struct, frozen=True):
    """How a pull stands; of its runs there is one for each stream that it has come to."""

    pull_id: UUID
    connection_id: UUID
    connection: str
    state: Annotated[
        str,
        Meta(description="`queued`, `running`; and at the end `done`, `partial`, `failed` or `interrupted`."),
    ]
    asked_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    runs: list[RunProgress]
    error: dict[str, str] | None


@post(
    f"{PATH}/sync",
    operation_id="syncConnection",
    tags=["syncs"],
    summary="Pull a connection now",
    description="A worker takes it as soon as one is free. Ask for its progress at the address in `Location`. "
    "While a pull that does the same is waiting, that one is answered.",
    status_code=202,
    opt=guard.needs(Scope.MANAGE, problems=(409,)),
)
async def sync_connection(
    call: Called,
    connection_id: UUID,
    data: JSONBody[NewSync] = NewSync(),  # noqa: B008  # frozen
) -> Response[Accepted]:
    connection = await call.connection(connection_id)
    names = data.streams
    chosen = None if names is None else [stream for stream in streams.IN_ORDER if stream.name in names]
    asked = await schedule.request(call.db, call.actor, connection, full=data.full, streams=chosen)
    return Response(Accepted(asked.pull_id, asked.joined), headers={"Location": f"{SYNCS}/{asked.pull_id}"})


@get(
    "/syncs",
    operation_id="listRuns",
    tags=["syncs"],
    summary="List the newest sync runs",
    description="One for each stream of each pull, the newest first.",
    opt=guard.needs(Scope.READ, problems=(404,)),
)
async def list_runs(
    call: Called,
    connection_id: Annotated[UUID | None, Parameter(description="Only of this connection.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> RunPage:
    if connection_id is not None:
        await call.connection(connection_id)
    filters = RunFilters(connection_id=connection_id)
    return await history.newest(
        call.db, filters, organization_id=call.organization_id, limit=limit, cursor=cursor
    )


@get(
    "/syncs/{pull_id:uuid}",
    operation_id="getSync",
    tags=["syncs"],
    summary="Show how far a pull is",
    opt=guard.needs(Scope.READ),
)
async def get_sync(call: Called, pull_id: UUID) -> PullItem:
    return item(await _pull(call, pull_id))


@get(
    "/syncs/{pull_id:uuid}/events",
    operation_id="followSync",
    tags=["syncs"],
    summary="Follow a pull",
    description="Server-sent events: `pull` with how far it is whenever that changes, the last one when it is over. "
    "Of a pull that is over there is that one event. Comments keep the line alive in between.",
    opt=guard.needs(Scope.READ),
    responses={200: ResponseSpec(PullItem, media_type=events.MEDIA_TYPE, generate_examples=False)},
)
async def follow_sync(request: Request[Any, Any, Any], call: Called, pull_id: UUID) -> Stream:
    await _pull(call, pull_id)
    source = _followed(call.means.database, pull_id)
    return events.stream(source, call.service.stopping, tracing.request_id(request.scope))


async def _followed(database: Database, pull_id: UUID) -> AsyncGenerator[Event, None]:
    async for pull in progress.follow(database, pull_id):
        yield Event("pull", item(pull))


async def _pull(call: Call, pull_id: UUID) -> Pull:
    """A pull that the caller may see."""
    pull = await progress.snapshot(call.db, pull_id)
    if pull is None or call.organization_id not in (None, pull.organization_id):
        raise errors.NotFoundError("There is no pull with this id.")
    return pull


def item(pull: Pull) -> PullItem:
    """A pull as the API shows it."""
    return PullItem(**{name: getattr(pull, name) for name in PullItem.__struct_fields__})


ROUTES = (sync_connection, list_runs, get_sync, follow_sync)
