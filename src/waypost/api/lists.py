"""`/findings`, `/devices`, `/software`, `/sites`, `/changes`: what was pulled, and whose it is.

A key that is bound to an organization reads its effective sites' rows, through both walls of `unified/reading.py`.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

from litestar import get
from litestar.params import Parameter, QueryParameter

from waypost.access.keys import Scope
from waypost.api import guard
from waypost.api.calls import Call, Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.unified import reading
from waypost.unified.items import ChangeItem, DeviceItem, FindingItem, SiteItem, SoftwareItem
from waypost.unified.reading import Filters, ListPage
from waypost.unified.words import ChangeKind, DeviceState, FindingState, Severity, word

I = TypeVar("I")  # noqa: E741  # an item
_WORDS: Final = "Several are separated by commas."


def _of(kind: type[Severity | FindingState | DeviceState | ChangeKind]) -> str:
    return ", ".join(f"`{word(member)}`" for member in kind)


Organization = Annotated[
    str,
    Parameter(
        max_length=1_000,
        description="Name, path (`Parent / Child`) or id of an organization; `none` for what belongs to none. With a "
        "key that is bound to an organization there is only that one.",
    ),
]
ConnectionName = Annotated[str, Parameter(max_length=200, description="Name of a connection.")]
Site = Annotated[
    str,
    Parameter(max_length=1_000, description="Name of a site, in any case, or its id in the console."),
]
Severities = Annotated[str, Parameter(max_length=200, description=f"{_of(Severity)}. {_WORDS}")]
FindingStates = Annotated[
    str, QueryParameter(name="state", max_length=200, description=f"{_of(FindingState)}. {_WORDS}")
]
DeviceStates = Annotated[
    str, QueryParameter(name="state", max_length=200, description=f"{_of(DeviceState)}. {_WORDS}")
]
Kinds = Annotated[str, Parameter(max_length=2_000, description=f"{_of(ChangeKind)}. {_WORDS}")]
Cves = Annotated[str, Parameter(max_length=2_000, description=f"Like `CVE-2024-3094`. {_WORDS}")]
Device = Annotated[
    str,
    Parameter(max_length=1_000, description="Name of a device, in any case, its id, or its agent's id."),
]
Application = Annotated[
    str, Parameter(max_length=1_000, description="Part of an application's name, in any case.")
]
Since = Annotated[str, Parameter(max_length=40, description="A time like `2026-11-21T08:30:00Z`, or a day.")]
Changed = Annotated[
    str,
    Parameter(max_length=40, description="Opened, changed, resolved or moved since this time, or day."),
]


@get(
    "/findings",
    operation_id="listFindings",
    tags=["data"],
    summary="List the findings",
    description="The worst first: by severity, then by score.",
    opt=guard.needs(Scope.READ),
)
async def list_findings(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    severity: Severities = "",
    states: FindingStates = "",
    cve: Cves = "",
    device: Device = "",
    application: Application = "",
    detected_since: Since = "",
    changed_since: Changed = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[FindingItem]:
    filters = Filters(
        connection=_one(connection),
        site=_one(site),
        severity=_words(severity),
        state=_words(states),
        cve=_words(cve),
        device=_one(device),
        application=application,
        detected_since=detected_since,
        changed_since=changed_since,
        organization=await call.narrowed(organization),
    )
    return await _page(reading.findings, call, filters, limit, cursor)


@get(
    "/devices",
    operation_id="listDevices",
    tags=["data"],
    summary="List the devices",
    description="By name.",
    opt=guard.needs(Scope.READ),
)
async def list_devices(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    states: DeviceStates = "",
    device: Device = "",
    changed_since: Changed = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[DeviceItem]:
    filters = Filters(
        connection=_one(connection),
        site=_one(site),
        state=_words(states),
        device=_one(device),
        changed_since=changed_since,
        organization=await call.narrowed(organization),
    )
    return await _page(reading.devices, call, filters, limit, cursor)


@get(
    "/software",
    operation_id="listSoftware",
    tags=["data"],
    summary="List the software",
    description="Application versions that have findings which are not resolved, by name. The numbers are those of "
    "the findings that the filters leave; for an organization its own findings alone count.",
    opt=guard.needs(Scope.READ),
)
async def list_software(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    severity: Severities = "",
    cve: Cves = "",
    device: Device = "",
    application: Application = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[SoftwareItem]:
    filters = Filters(
        connection=_one(connection),
        site=_one(site),
        severity=_words(severity),
        cve=_words(cve),
        device=_one(device),
        application=application,
        organization=await call.narrowed(organization),
    )
    return await _page(reading.software, call, filters, limit, cursor)


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
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[SiteItem]:
    filters = Filters(
        connection=_one(connection),
        site=_one(site),
        organization=await call.narrowed(organization),
    )
    return await _page(reading.sites, call, filters, limit, cursor)


@get(
    "/changes",
    operation_id="listChanges",
    tags=["data"],
    summary="List what changed",
    description="The change log, the newest first. A key that is bound to an organization sees what changed about "
    "findings and devices at its sites, as they are mapped now.",
    opt=guard.needs(Scope.READ),
)
async def list_changes(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    site: Site = "",
    kind: Kinds = "",
    changed_since: Since = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[ChangeItem]:
    filters = Filters(
        connection=_one(connection),
        site=_one(site),
        kind=_words(kind),
        changed_since=changed_since,
        organization=await call.narrowed(organization),
    )
    return await _page(reading.changes, call, filters, limit, cursor)


async def _page(
    read: Callable[..., Awaitable[ListPage[I]]], call: Call, filters: Filters, limit: int, cursor: str
) -> Page[I]:
    """A page of what the caller may see."""
    page = await read(call.db, filters, organization_id=call.organization_id, limit=limit, cursor=cursor)
    return Page(page.items, page.next_cursor)


def _one(text: str) -> tuple[str, ...]:
    """A name, which may have a comma in it."""
    return (text,) if text else ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


ROUTES = (list_findings, list_devices, list_software, list_sites, list_changes)
