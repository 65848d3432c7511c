"""`waypost finding|device|software|site|change list`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
from cyclopts import App, Parameter

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.unified import reading
from waypost.unified.items import ChangeItem, DeviceItem, FindingItem, SiteItem, SoftwareItem
from waypost.unified.reading import Filters, ListPage

finding = App(name="finding", help="Findings: one CVE in one application version on one device.")
device = App(name="device", help="Devices: endpoints with an agent.")
software = App(name="software", help="Software: application versions that have findings.")
site = App(name="site", help="Sites of the consoles: whose they are, and what is there.")
change = App(name="change", help="Changes: what became different about findings, devices and sites.")

I = TypeVar("I")  # noqa: E741  # an item
Names = Annotated[list[str] | None, Parameter(negative=())]
Limit = Annotated[int, Parameter(help=f"Rows, at most {reading.MOST:,}.")]
Cursor = Annotated[str, Parameter(help="Where the page before this one ended.")]


@finding.command(name="list")
def finding_list(
    *,
    organization: str = "",
    connection: Names = None,
    site: Names = None,
    severity: Names = None,
    state: Names = None,
    cve: Names = None,
    device: Names = None,
    application: str = "",
    detected_since: str = "",
    changed_since: str = "",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List findings, the worst first. Filters may be repeated; a finding that fits one of the values fits.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    site
        Name of a site, or its id in the console.
    severity
        critical, high, medium, low, none, unknown; several separated by commas.
    state
        open, reopened, in_progress, on_hold, ignored, resolved; several separated by commas.
    cve
        Like CVE-2024-3094; several separated by commas.
    device
        Name of a device, its id, or its agent's id.
    application
        Part of an application's name.
    detected_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    changed_since
        Like detected-since: opened, changed, resolved or moved since then.
    """
    filters = Filters(
        connection=_many(connection),
        site=_many(site),
        severity=_words(severity),
        state=_words(state),
        cve=_words(cve),
        device=_many(device),
        application=application,
        detected_since=detected_since,
        changed_since=changed_since,
    )

    async def work() -> None:
        page = await _page(reading.findings, filters, organization, limit, cursor)
        columns = ["severity", "score", "cve", "device", "application", "version", "site", "state"]
        output.listing(page, columns, _finding, as_json=as_json, numbers="score", whole="severity,cve,state")

    means.run(work())


@device.command(name="list")
def device_list(
    *,
    organization: str = "",
    connection: Names = None,
    site: Names = None,
    state: Names = None,
    device: Names = None,
    changed_since: str = "",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List devices by name.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    site
        Name of a site, or its id in the console.
    state
        active, inactive, decommissioned, uninstalled, gone, unknown; several separated by commas.
    device
        Name of a device, its id, or its agent's id.
    changed_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    """
    filters = Filters(
        connection=_many(connection),
        site=_many(site),
        state=_words(state),
        device=_many(device),
        changed_since=changed_since,
    )

    async def work() -> None:
        page = await _page(reading.devices, filters, organization, limit, cursor)
        columns = ["name", "site", "os", "agent", "state", "last active"]
        output.listing(page, columns, _device, as_json=as_json, whole="state,last active")

    means.run(work())


@software.command(name="list")
def software_list(
    *,
    organization: str = "",
    connection: Names = None,
    site: Names = None,
    severity: Names = None,
    cve: Names = None,
    device: Names = None,
    application: str = "",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List application versions that have findings which are not resolved, by name.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    site
        Name of a site, or its id in the console.
    severity
        Count findings of these severities only.
    cve
        Only software with this CVE.
    device
        Only software on this device.
    application
        Part of an application's name.
    """
    filters = Filters(
        connection=_many(connection),
        site=_many(site),
        severity=_words(severity),
        cve=_words(cve),
        device=_many(device),
        application=application,
    )

    async def work() -> None:
        page = await _page(reading.software, filters, organization, limit, cursor)
        columns = ["application", "vendor", "version", "devices", "findings", "critical", "high", "worst"]
        output.listing(
            page, columns, _software, as_json=as_json, numbers="devices findings critical high", whole="worst"
        )

    means.run(work())


@site.command(name="list")
def site_list(
    *,
    organization: str = "",
    connection: Names = None,
    site: Names = None,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List sites by name: whose each is, its devices, and its findings that are not resolved.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    site
        Name of a site, or its id in the console.
    """
    filters = Filters(connection=_many(connection), site=_many(site))

    async def work() -> None:
        page = await _page(reading.sites, filters, organization, limit, cursor)
        columns = ["name", "account", "connection", "state", "organization", "devices", "findings"]
        output.listing(page, columns, _site, as_json=as_json, numbers="devices findings", whole="state")

    means.run(work())


@change.command(name="list")
def change_list(
    *,
    organization: str = "",
    connection: Names = None,
    site: Names = None,
    kind: Names = None,
    changed_since: str = "",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List what changed, the newest first.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    site
        Name of a site where it happened, or its id in the console.
    kind
        Like finding_opened, finding_resolved, device_added, site_renamed; several separated by commas.
    changed_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    """
    filters = Filters(
        connection=_many(connection),
        site=_many(site),
        kind=_words(kind),
        changed_since=changed_since,
    )

    async def work() -> None:
        page = await _page(reading.changes, filters, organization, limit, cursor)
        columns = ["at", "change", "connection", "site", "id"]
        output.listing(page, columns, _change, as_json=as_json, whole="at,change,id")

    means.run(work())


async def _page(
    list_: Callable[..., Awaitable[ListPage[I]]], filters: Filters, organization: str, limit: int, cursor: str
) -> ListPage[I]:
    """A page of a list, as whoever asks may see it."""
    async with means.session(needs=Scope.READ, whole=False) as session:
        filters = msgspec.structs.replace(filters, organization=await session.narrowed(organization))
        return await list_(
            session.db, filters, organization_id=session.organization_id, limit=limit, cursor=cursor
        )


def _finding(item: FindingItem) -> list[object]:
    return [
        item.severity, item.score, item.cve, item.device.name, item.software.name, item.software.version, item.site,
        item.state,
    ]  # fmt: skip


def _device(item: DeviceItem) -> list[object]:
    return [item.name, item.site, item.os, item.agent_version, item.state, item.last_active_at]


def _software(item: SoftwareItem) -> list[object]:
    return [
        item.name, item.vendor, item.version, item.devices, item.findings, item.critical, item.high, item.severity,
    ]  # fmt: skip


def _site(item: SiteItem) -> list[object]:
    owner = item.organization.name if item.organization else None
    return [item.name, item.account, item.connection, item.state, owner, item.devices, item.open_findings]


def _change(item: ChangeItem) -> list[object]:
    return [item.at, item.kind, item.connection, item.site, item.subject_id]


def _many(values: list[str] | None) -> tuple[str, ...]:
    return tuple(values or ())


def _words(values: list[str] | None) -> tuple[str, ...]:
    """Values without commas of their own, which may therefore be given in one, separated by commas."""
    return tuple(word.strip() for value in values or () for word in value.split(",") if word.strip())
