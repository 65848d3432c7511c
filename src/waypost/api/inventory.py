"""`/accounts`, `/groups`, `/software`, `/cves`: what stands around the findings.

A key that is bound to an organization reads what there is at its sites, with the numbers of its sites alone.
"""

from typing import Annotated, Final

from litestar import get
from litestar.params import Parameter, QueryParameter

from waypost.access.keys import Scope
from waypost.api import guard, shapes
from waypost.api.calls import Called
from waypost.api.filtering import (
    Account,
    Application,
    ConnectionName,
    Cves,
    Device,
    Exploited,
    Fields,
    Group,
    HasFix,
    Organization,
    ScoreMax,
    ScoreMin,
    Severities,
    Site,
    Vendor,
    one,
    words,
)
from waypost.api.pages import Cursor, Limit, Page
from waypost.api.shapes import Asking, Format, Shape
from waypost.unified import cves, installed, scopes, software
from waypost.unified.filters import Filters
from waypost.unified.items import AccountItem, CveItem, GroupItem, SoftwareItem

BY_NAME: Final = "name"
ByName = Annotated[
    str,
    QueryParameter(
        name="sort", max_length=40, description="`name`; with `-` before it the last comes first."
    ),
]
SoftwareSort = Annotated[
    str,
    QueryParameter(
        name="sort",
        max_length=40,
        description=f"{', '.join(f'`{order}`' for order in software.ORDERS)}; with `-` before it the last comes first.",
    ),
]
CveSort = Annotated[
    str,
    QueryParameter(
        name="sort",
        max_length=40,
        description=f"{', '.join(f'`{order}`' for order in cves.ORDERS)}; with `-` before it the highest or latest "
        "comes first.",
    ),
]
PublishedSince = Annotated[
    str,
    Parameter(max_length=40, description="Published from this time on: `2026-11-21T08:30:00Z`, or a day."),
]


@get(
    "/accounts",
    operation_id="listAccounts",
    tags=["data"],
    summary="List the accounts",
    description="By name: whose each is as a whole, its sites and devices, and its findings that are not resolved. A "
    "key that is bound to an organization sees the accounts at which that has sites, with the numbers of those alone.",
    opt=guard.needs(Scope.READ),
)
async def list_accounts(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    sort: ByName = "name",
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[AccountItem]:
    filters = Filters(
        connection=one(connection),
        account=one(account),
        organization=await call.narrowed(organization),
    )
    page = await scopes.accounts(
        call.db, filters, organization_id=call.organization_id, sort=sort, limit=limit, cursor=cursor
    )
    return shapes.flat(page, AccountItem, fields)


@get(
    "/groups",
    operation_id="listGroups",
    tags=["data"],
    summary="List the groups",
    description="By name, with the site of each and its devices.",
    opt=guard.needs(Scope.READ),
)
async def list_groups(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    site: Site = "",
    group: Group = "",
    sort: ByName = "name",
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[GroupItem]:
    filters = Filters(
        connection=one(connection),
        account=one(account),
        site=one(site),
        group=one(group),
        organization=await call.narrowed(organization),
    )
    page = await scopes.groups(
        call.db, filters, organization_id=call.organization_id, sort=sort, limit=limit, cursor=cursor
    )
    return shapes.flat(page, GroupItem, fields)


@get(
    "/software",
    operation_id="listSoftware",
    tags=["data"],
    summary="List the software",
    description="Application versions that have findings which are not resolved. The numbers are those of the findings "
    "that the filters leave; for an organization its own findings alone count. As documents of OCSF they come device "
    "by device: one for each version on each device.",
    opt=shapes.both(guard.needs(Scope.READ)),
)
async def list_software(
    call: Called,
    request: Asking,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    site: Site = "",
    group: Group = "",
    severity: Severities = "",
    cve: Cves = "",
    device: Device = "",
    application: Application = "",
    vendor: Vendor = "",
    sort: SoftwareSort = BY_NAME,
    fields: Fields = "",
    format: Format = None,  # noqa: A002  # as callers know it
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[SoftwareItem]:
    filters = Filters(
        connection=one(connection),
        account=one(account),
        site=one(site),
        group=one(group),
        severity=words(severity),
        cve=words(cve),
        device=one(device),
        application=application,
        vendor=vendor,
        organization=await call.narrowed(organization),
    )
    if shapes.wanted(request, format) is Shape.OCSF:
        shapes.refuse_for_ocsf(sort=sort != BY_NAME, fields=fields)
        wide = await installed.listed(
            call.db, filters, organization_id=call.organization_id, limit=limit, cursor=cursor
        )
        return shapes.ocsf("software", wide, ())  # type: ignore[no-any-return]  # encoded
    page = await software.listed(
        call.db, filters, organization_id=call.organization_id, sort=sort, limit=limit, cursor=cursor
    )
    return shapes.flat(page, SoftwareItem, fields)


@get(
    "/cves",
    operation_id="listCves",
    tags=["data"],
    summary="List the CVEs",
    description="One row for each CVE that has findings which are not resolved, over all connections: the worst of "
    "what the consoles say of it. By default the worst first: by severity, then by score. For an organization its own "
    "findings alone count.",
    opt=guard.needs(Scope.READ),
)
async def list_cves(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    site: Site = "",
    group: Group = "",
    device: Device = "",
    application: Application = "",
    vendor: Vendor = "",
    cve: Cves = "",
    severity: Severities = "",
    score_min: ScoreMin = None,
    score_max: ScoreMax = None,
    has_fix: HasFix = None,
    exploited: Exploited = None,
    published_since: PublishedSince = "",
    sort: CveSort = cves.WORST_FIRST,
    fields: Fields = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[CveItem]:
    filters = Filters(
        connection=one(connection),
        account=one(account),
        site=one(site),
        group=one(group),
        device=one(device),
        application=application,
        vendor=vendor,
        cve=words(cve),
        severity=words(severity),
        score_min=score_min,
        score_max=score_max,
        has_fix=has_fix,
        exploited=exploited,
        organization=await call.narrowed(organization),
    )
    page = await cves.listed(
        call.db,
        filters,
        published_since=published_since,
        organization_id=call.organization_id,
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    return shapes.flat(page, CveItem, fields)


ROUTES = (list_accounts, list_groups, list_software, list_cves)
