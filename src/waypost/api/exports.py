"""`/exports`: files of everything at one moment, asked for now, made by a worker, fetched when they are there."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, BinaryIO, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.response import Stream
from msgspec import Meta

from waypost import errors
from waypost.access import audit
from waypost.access.keys import Scope
from waypost.api import calls, guard, pages
from waypost.api.bodies import Body, Short
from waypost.api.calls import Call, Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.exports import formats, kept
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.exports.kept import Kept
from waypost.exports.places import Place
from waypost.unified import cursors
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.items import Ref

EXPORTS: Final = "/api/v1/exports"
PATH: Final = "/exports/{export_id:uuid}"
_PIECE: Final = 1 << 18
"""Bytes that are read and sent at a time."""

Several = Annotated[list[Short], Meta(max_length=100)]
Since = Annotated[str, Meta(max_length=40, description="A time like `2026-11-21T08:30:00Z`, or a day.")]
Score = Annotated[float, Meta(ge=0, le=10)]


def _none() -> list[str]:
    return []


class ExportFilters(Body, frozen=True):
    """What an export is limited to; several values of one filter are alternatives. They mean what they do in lists."""

    organization: Annotated[Short, Meta(description="Name, path or id; `none` for what belongs to none.")] = (
        ""
    )
    connection: Several = msgspec.field(default_factory=_none)
    account: Several = msgspec.field(default_factory=_none)
    site: Several = msgspec.field(default_factory=_none)
    group: Several = msgspec.field(default_factory=_none)
    severity: Several = msgspec.field(default_factory=_none)
    state: Several = msgspec.field(default_factory=_none)
    cve: Several = msgspec.field(default_factory=_none)
    device: Several = msgspec.field(default_factory=_none)
    application: Short = ""
    vendor: Short = ""
    score_min: Score | None = None
    score_max: Score | None = None
    has_fix: bool | None = None
    exploited: bool | None = None
    detected_since: Since = ""
    detected_until: Since = ""
    changed_since: Since = ""
    resolved_since: Since = ""
    search: Short = ""
    os: Short = ""


class NewExport(Body, frozen=True):
    """What to export."""

    kind: Annotated[
        Kind, Meta(description="Software is by device, where it has findings that are not resolved.")
    ]
    format: Annotated[Format, Meta(description="`ocsf` is OCSF 1.8.0, a JSON document a line.")]
    filters: Annotated[ExportFilters, Meta(examples=[{}])] = msgspec.field(default_factory=ExportFilters)


class ExportItem(msgspec.Struct, frozen=True):
    """An export: how far it is, and where its file is once it is done."""

    id: UUID
    kind: str
    format: str
    organization: Annotated[Ref | None, Meta(description="The one whose rows alone are in it.")]
    filters: dict[str, Any]  # Any: as they were given
    state: Annotated[str, Meta(description="`queued`, `running`, `done`, `failed` or `expired`.")]
    rows: Annotated[int, Meta(description="Written so far.")]
    bytes: int | None
    link: Annotated[str | None, Meta(description="Where to fetch the file, with a key, while it is kept.")]
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Meta(description="Until then it is kept.")]
    error: dict[str, str] | None


@post(
    "/exports",
    operation_id="createExport",
    tags=["exports"],
    summary="Ask for an export",
    description="A worker makes it: ask for it at the address in `Location` until it is `done`. It has everything that "
    "the filters leave, as it was at one moment, and is kept for a day.",
    status_code=202,
    opt=guard.needs(Scope.READ, problems=(409,)),
)
async def create_export(call: Called, data: JSONBody[NewExport]) -> Response[ExportItem]:
    if not call.means.exports:
        raise errors.ExportPlaceError("This service has no place for exports.")
    given = {
        name: value
        for name in Filters.__struct_fields__
        if (value := getattr(data.filters, name, None)) not in (None, "", [])
    }
    given["organization"] = await call.narrowed(data.filters.organization)
    filters = msgspec.convert(given, Filters)
    order = Order(data.kind, data.format, filters, call.organization_id)
    export_id = await kept.ask(call.db, call.actor, order, call.means.exports)
    made = await kept.get(call.db, export_id, organization_id=call.organization_id)
    return Response(item(made), headers={"Location": f"{EXPORTS}/{export_id}"})


@get(
    "/exports",
    operation_id="listExports",
    tags=["exports"],
    summary="List the exports",
    description="The newest first. A key that is bound to an organization sees those that its keys asked for.",
    opt=guard.needs(Scope.READ),
)
async def list_exports(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[ExportItem]:
    at, after_id = cursors.read(cursor, "exports", None, 2)
    rows = await kept.newest(
        call.db, organization_id=call.organization_id, limit=limit + 1, after=(at, after_id)
    )
    return pages.page(
        rows, limit, kind="exports", filters=None, key=lambda one: [one.asked_at, one.export_id], item=item
    )


@get(
    PATH,
    operation_id="getExport",
    tags=["exports"],
    summary="Show how far an export is",
    opt=guard.needs(Scope.READ),
)
async def get_export(call: Called, export_id: UUID) -> ExportItem:
    return item(await _export(call, export_id))


@get(
    f"{PATH}/download",
    operation_id="downloadExport",
    tags=["exports"],
    summary="Fetch the file of an export",
    description="NDJSON (`ndjson`, `ocsf`), CSV or Parquet, as it was asked for. Before it is done, and after it has "
    "expired, there is none.",
    opt=guard.needs(Scope.READ, problems=(409,)),
    responses={200: ResponseSpec(str, media_type="application/octet-stream", generate_examples=False)},
)
async def download_export(request: Request[Any, Any, Any], export_id: UUID) -> Stream:
    async with calls.opened(request) as call:
        export = await _export(call, export_id)
        file = await _opened(export, call.means.exports)
        await audit.record(
            call.db, call.actor, "export.downloaded", subject_id=export_id, subject_name=export.kind,
            organization_id=export.organization_id,
        )  # fmt: skip
    return Stream(
        _pieces(file),
        media_type=formats.MEDIA_TYPE[Format(export.form)],
        headers={
            "Content-Disposition": f'attachment; filename="{export.name}"',
            "Content-Length": str(export.bytes),
            "Cache-Control": "no-store",
        },
    )


@delete(
    PATH,
    operation_id="deleteExport",
    tags=["exports"],
    summary="Delete an export",
    description="One that is being made is given up. The file is gone within a minute.",
    opt=guard.needs(Scope.READ),
)
async def delete_export(call: Called, export_id: UUID) -> None:
    await kept.delete(call.db, call.actor, await _export(call, export_id))


async def _export(call: Call, export_id: UUID) -> Kept:
    return await kept.get(call.db, export_id, organization_id=call.organization_id)


async def _opened(export: Kept, address: str) -> BinaryIO:
    """The file of an export.

    Raises:
        ExportStateError: It is not there.
    """
    if export.state != "done" or export.file is None:
        raise errors.ExportStateError(f"This export is {export.state}; there is no file.")
    if export.place != kept.place_name(address):
        raise errors.ExportStateError(
            "The file lies at another machine's place for exports.",
            remedy="Ask there, or name a place with WAYPOST_EXPORTS that all machines reach.",
        )
    try:
        return await asyncio.to_thread(Place(address).open, export.file)
    except FileNotFoundError:
        raise errors.ExportStateError("The file of this export was removed.") from None


async def _pieces(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


def item(export: Kept) -> ExportItem:
    """An export as the API shows it."""
    filters = {name: value for name, value in export.filters.items() if name != "organization"}
    if export.filters.get("organization") == NOBODY:
        filters["organization"] = "none"
    return ExportItem(
        id=export.export_id,
        kind=export.kind,
        format=export.form,
        organization=Ref(export.of_id, export.of_name) if export.of_id else None,
        filters=filters,
        state=export.state,
        rows=export.rows,
        bytes=export.bytes,
        link=f"{EXPORTS}/{export.export_id}/download" if export.state == "done" else None,
        asked_at=export.asked_at,
        started_at=export.started_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        error=export.error,
    )


ROUTES = (create_export, list_exports, get_export, download_export, delete_export)
