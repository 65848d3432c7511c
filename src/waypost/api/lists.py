"""`/findings`, `/devices`, `/sites`: what was pulled, and whose it is, in either of two shapes.

A key that is bound to an organization reads its effective sites' rows, through both walls of `unified/selecting.py`.
"""

from typing import Any
from uuid import UUID

from litestar import get

from waypost.access.keys import Scope
from waypost.api import guard, shapes
from waypost.api.calls import Called
from waypost.api.filtering import (
    OF_DEVICES,
    OF_FINDINGS,
    ConnectionName,
    Count,
    DeviceFields,
    DeviceInclude,
    DeviceSort,
    Fields,
    Filtered,
    FindingFields,
    FindingInclude,
    FindingSort,
    Organization,
    Site,
    one,
    words,
)
from waypost.api.pages import CountedPage, Cursor, Limit, Page
from waypost.api.shapes import Asking, Format, Shape
from waypost.unified import items, reading
from waypost.unified.filters import Filters
from waypost.unified.items import DeviceItem, FindingItem, SiteItem

Place = dict[str, Any]  # Any: arguments of different types


@get(
    "/findings",
    operation_id="listFindings",
    tags=["data"],
    summary="List the findings",
    description="By default the worst first: by severity, then by score.",
    dependencies=OF_FINDINGS,
    opt=shapes.both(guard.needs(Scope.READ)),
)
async def list_findings(
    call: Called,
    filters: Filtered,
    request: Asking,
    sort: FindingSort = reading.WORST_FIRST,
    fields: FindingFields = "",
    include: FindingInclude = "",
    count: Count = False,
    format: Format = None,  # noqa: A002  # as callers know it
    limit: Limit = 100,
    cursor: Cursor = "",
) -> CountedPage[FindingItem]:
    place: Place = {"organization_id": call.organization_id, "limit": limit, "cursor": cursor, "sort": sort}
    if shapes.wanted(request, format) is Shape.OCSF:
        shapes.refuse_for_ocsf(fields=fields, count=count)
        wide = await reading.wide_findings(call.db, filters, **place)
        return shapes.ocsf("finding", wide, words(include))  # type: ignore[no-any-return]  # encoded
    chosen = shapes.fields(FindingItem, fields)
    page = await reading.findings(call.db, filters, include=words(include), count=count, **place)
    return shapes.page(page, chosen)


@get(
    "/findings/{finding_id:uuid}",
    operation_id="getFinding",
    tags=["data"],
    summary="Show a finding",
    description="With what became of it, the newest first.",
    opt=guard.needs(Scope.READ, problems=(404,)),
)
async def get_finding(call: Called, finding_id: UUID, include: FindingInclude = "") -> items.Finding:
    return await reading.finding(
        call.db, finding_id, organization_id=call.organization_id, include=words(include)
    )


@get(
    "/devices",
    operation_id="listDevices",
    tags=["data"],
    summary="List the devices",
    description="By default by name.",
    dependencies=OF_DEVICES,
    opt=shapes.both(guard.needs(Scope.READ)),
)
async def list_devices(
    call: Called,
    filters: Filtered,
    request: Asking,
    sort: DeviceSort = reading.BY_NAME,
    fields: DeviceFields = "",
    include: DeviceInclude = "",
    count: Count = False,
    format: Format = None,  # noqa: A002  # as callers know it
    limit: Limit = 100,
    cursor: Cursor = "",
) -> CountedPage[DeviceItem]:
    place: Place = {"organization_id": call.organization_id, "limit": limit, "cursor": cursor, "sort": sort}
    if shapes.wanted(request, format) is Shape.OCSF:
        shapes.refuse_for_ocsf(fields=fields, count=count)
        wide = await reading.wide_devices(call.db, filters, **place)
        return shapes.ocsf("device", wide, words(include))  # type: ignore[no-any-return]  # encoded
    chosen = shapes.fields(DeviceItem, fields)
    page = await reading.devices(call.db, filters, include=words(include), count=count, **place)
    return shapes.page(page, chosen)


@get(
    "/devices/{device_id:uuid}",
    operation_id="getDevice",
    tags=["data"],
    summary="Show a device",
    description="With what became of it, the newest first.",
    opt=guard.needs(Scope.READ, problems=(404,)),
)
async def get_device(call: Called, device_id: UUID, include: DeviceInclude = "") -> items.Device:
    return await reading.device(
        call.db, device_id, organization_id=call.organization_id, include=words(include)
    )


@get(
    "/sites",
    operation_id="listSites",
    tags=["data"],
    summary="List the sites",
    description="By name: whose each is, how many devices it has, and how many findings that are not resolved.",
    opt=guard.needs(Scope.READ),
)
async def list_sites(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[SiteItem]:
    filters = Filters(
        connection=one(connection),
        site=one(site),
        organization=await call.narrowed(organization),
    )
    page = await reading.sites(
        call.db, filters, organization_id=call.organization_id, limit=limit, cursor=cursor
    )
    return shapes.flat(page, SiteItem, fields)


ROUTES = (list_findings, get_finding, list_devices, get_device, list_sites)
