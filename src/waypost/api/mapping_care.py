"""`/mapping`: reading the consoles' accounts and sites again, what needs a person, and the decisions as a file."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, Parameter, RawBody

from waypost.access.keys import Scope
from waypost.api import bodies, calls, guard, mapping_saving
from waypost.api.calls import Called
from waypost.api.mapping_bodies import OfConnection, OfOrganization, Refreshing, SavedDecisions
from waypost.api.pages import Cursor, Limit, Page
from waypost.organizations import drift, sheets
from waypost.organizations.drift import Drift
from waypost.organizations.drift.items import DriftItem
from waypost.organizations.mapping import exchange, paging, saving
from waypost.organizations.mapping.decisions import Saved
from waypost.sync import refresh
from waypost.sync.refresh import Refreshed

_EXAMPLE: Final = (
    "connection,kind,id,name,account,decision,organization,reason,version\r\n"
    "ACME,site,1234567890123456789,Headquarters,ACME,mapped,ACME Ltd,,0\r\n"
)


@post(
    "/mapping/refresh",
    operation_id="refreshMapping",
    tags=["mapping"],
    summary="Read the accounts and sites of consoles again",
    description="Tells what came, went, was renamed, moved, expired, was deleted or reactivated since the last time. "
    "Every pull does the same. One console that cannot be read (`state` is `failed`, with its `problem`) keeps no "
    "other from it.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(404,)),
)
async def refresh_mapping(
    request: Request[Any, Any, Any],
    data: JSONBody[Refreshing] = Refreshing(),  # noqa: B008  # frozen
) -> Page[Refreshed]:
    async with calls.asking(request) as call:
        found = await refresh.refresh(call.means, data.connections)
    return Page(found, None)


@get(
    "/mapping/drift",
    operation_id="listMappingDrift",
    tags=["mapping"],
    summary="List what about the mapping needs a person",
    description="The longest first, each with the steps that end it, as calls of this API and as commands. Nothing is "
    "changed by it: what was mapped stays so until somebody decides.",
    opt=guard.needs(Scope.READ, whole=True, problems=(404,)),
)
async def list_mapping_drift(
    call: Called,
    kind: Annotated[Drift | None, Parameter(description="Only this kind.")] = None,
    organization: OfOrganization = "",
    connection: OfConnection = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[DriftItem]:
    found = await paging.drift(
        call.db, kind=kind, organization=organization, connection=connection, limit=limit, cursor=cursor
    )
    return Page(found.items, found.next_cursor)


@post(
    "/mapping/drift/{drift_id:uuid}/keep",
    operation_id="keepMapping",
    tags=["mapping"],
    summary="Let a decision stand that a drift asks about",
    description="It is told no more, until the site changes again.",
    status_code=204,
    opt=guard.needs(Scope.MANAGE, whole=True),
)
async def keep_mapping(call: Called, drift_id: UUID) -> None:
    await drift.keep(call.db, call.actor, drift_id)


@get(
    "/mapping/export",
    operation_id="exportMapping",
    tags=["mapping"],
    summary="All sites and accounts with their decisions as CSV",
    description="What is exported imports as no change. Cells that a spreadsheet would take for formulas are made "
    "harmless by an apostrophe, which the import takes away again.",
    opt=guard.needs(Scope.READ, whole=True),
    media_type=bodies.SHEET,
    responses={200: ResponseSpec(str, media_type=bodies.SHEET, generate_examples=False)},
)
async def export_mapping(call: Called) -> Response[str]:
    return Response(await exchange.export(call.db), media_type=bodies.SHEET)


@post(
    "/mapping/import",
    operation_id="importMapping",
    tags=["mapping"],
    summary="Save the decisions of a CSV file",
    description="The file as it is, as it was exported. All of it is saved, or nothing; every line that is wrong is "
    "named. A line whose `version` is no longer that of the decision is refused (409).",
    status_code=200,
    request_max_body_size=sheets.MOST_BYTES,
    opt=bodies.sheet(guard.needs(Scope.MANAGE, whole=True, problems=(404, 409)), _EXAMPLE),
)
async def import_mapping(
    call: Called,
    body: RawBody,
    dry_run: Annotated[bool, Parameter(description="Tell what would change, and change nothing.")] = False,
) -> SavedDecisions:
    wishes = await exchange.read(call.db, body)
    if dry_run:
        return mapping_saving.answer(Saved(None, 0, await saving.preview(call.db, wishes)), dry_run=True)
    return mapping_saving.answer(await saving.save(call.db, call.actor, wishes, source=saving.IMPORT))


ROUTES = (
    refresh_mapping,
    list_mapping_drift,
    keep_mapping,
    export_mapping,
    import_mapping,
)
