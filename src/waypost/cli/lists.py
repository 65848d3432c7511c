"""`waypost finding|device|site list`."""

from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from cyclopts import App, Parameter
from msgspec import UNSET

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import filtering, means, output, pages
from waypost.cli.filtering import ALL_DEVICES, ALL_FINDINGS, DeviceFilters, FindingFilters, many, words
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.unified import ordering, reading
from waypost.unified.filters import Filters
from waypost.unified.including import IN_DEVICES, IN_FINDINGS
from waypost.unified.items import Device, DeviceItem, Finding, FindingItem, SiteItem
from waypost.unified.paging import ListPage

finding = App(name="finding", help="Findings: one CVE in one application version on one device.")
device = App(name="device", help="Devices: endpoints with an agent.")
site = App(name="site", help="Sites of the consoles: whose they are, and what is there.")

I = TypeVar("I")  # noqa: E741  # an item
Count = Annotated[bool, Parameter(help="Tell how many there are in all.", negative=())]


@finding.command(name="list")
def finding_list(
    *,
    which: FindingFilters = ALL_FINDINGS,
    sort: Annotated[
        str,
        Parameter(
            help=f"{', '.join(ordering.FINDINGS)}; -{next(iter(ordering.FINDINGS))} from the other end."
        ),
    ] = reading.WORST_FIRST,
    include: Annotated[
        list[str] | None,
        Parameter(
            help=f"With --json, tell more of each: {', '.join(IN_FINDINGS)}; several separated by commas.",
            negative=(),
        ),
    ] = None,
    count: Count = False,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List findings, the worst first. Filters may be repeated; a finding that fits one of the values fits."""
    _refuse_without_json(include, as_json=as_json)

    async def work() -> None:
        read = partial(reading.findings, sort=sort, include=words(include), count=count)
        page = await pages.page(read, which.filters(), which.organization, limit, cursor)
        columns = ["severity", "score", "cve", "device", "application", "version", "site", "state"]
        output.listing(page, columns, _finding, as_json=as_json, numbers="score", whole="severity,cve,state")
        _tell_total(page, as_json=as_json)

    means.run(work())


@finding.command(name="show")
def finding_show(finding_id: UUID, /, *, as_json: Json = False) -> None:
    """Show a finding: what is known of it, its CVE and its device, and what became of it.

    Parameters
    ----------
    finding_id
        Its id, as `waypost finding list --json` tells it.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            found = await reading.finding(
                session.db, finding_id, organization_id=session.organization_id, include=IN_FINDINGS
            )
        _shown(found, as_json=as_json)

    means.run(work())


@device.command(name="list")
def device_list(
    *,
    which: DeviceFilters = ALL_DEVICES,
    sort: Annotated[
        str,
        Parameter(help=f"{', '.join(ordering.DEVICES)}; -{next(iter(ordering.DEVICES))} from the other end."),
    ] = reading.BY_NAME,
    include: Annotated[
        list[str] | None,
        Parameter(help=f"With --json, tell more of each: {', '.join(IN_DEVICES)}.", negative=()),
    ] = None,
    count: Count = False,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List devices by name."""
    _refuse_without_json(include, as_json=as_json)

    async def work() -> None:
        read = partial(reading.devices, sort=sort, include=words(include), count=count)
        page = await pages.page(read, which.filters(), which.organization, limit, cursor)
        columns = ["name", "site", "os", "agent", "state", "last active"]
        output.listing(page, columns, _device, as_json=as_json, whole="state,last active")
        _tell_total(page, as_json=as_json)

    means.run(work())


@device.command(name="show")
def device_show(device_id: UUID, /, *, as_json: Json = False) -> None:
    """Show a device: what is known of it, its agent as the console sent it, and what became of it.

    Parameters
    ----------
    device_id
        Its id, as `waypost device list --json` tells it.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            found = await reading.device(
                session.db, device_id, organization_id=session.organization_id, include=IN_DEVICES
            )
        _shown(found, as_json=as_json)

    means.run(work())


@site.command(name="list")
def site_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    site: filtering.Site = None,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List sites by name: whose each is, its devices, and its findings that are not resolved."""
    filters = Filters(connection=many(connection), site=many(site))

    async def work() -> None:
        page = await pages.page(reading.sites, filters, organization, limit, cursor)
        columns = ["name", "account", "connection", "state", "organization", "devices", "findings"]
        output.listing(page, columns, _site, as_json=as_json, numbers="devices findings", whole="state")

    means.run(work())


def _finding(item: FindingItem) -> list[object]:
    return [
        item.severity, item.score, item.cve, item.device.name, item.software.name, item.software.version, item.site,
        item.state,
    ]  # fmt: skip


def _device(item: DeviceItem) -> list[object]:
    return [item.name, item.site, item.os, item.agent_version, item.state, item.last_active_at]


def _site(item: SiteItem) -> list[object]:
    owner = item.organization.name if item.organization else None
    return [item.name, item.account, item.connection, item.state, owner, item.devices, item.open_findings]


def _refuse_without_json(include: list[str] | None, *, as_json: bool) -> None:
    if include and not as_json:
        raise errors.UsageError(
            "A table has no room for more of each.", remedy="Give --json, or leave --include out."
        )


def _tell_total(page: ListPage[I], *, as_json: bool) -> None:
    if page.total is not UNSET and not as_json:
        about = "" if page.total.exact else "about "
        output.out.print(f"[dim]{about}{page.total.count:,} in all[/]")


def _shown(found: Finding | Device, *, as_json: bool) -> None:
    """One thing in full: its fields, the console's own, and its history."""
    if as_json:
        output.json(found)
        return
    document = msgspec.to_builtins(found)
    included = document.pop("included", {})
    del document["history"]
    output.table(["field", "value"], _lines(document), whole="field")
    for name, part in included.items():
        output.table([name, "value"], _lines(part or {}), whole=name)
    output.table(
        ["at", "history", "pull"],
        [[event.at, event.kind, event.run_id] for event in found.history],
        whole="at,history",
    )


def _lines(document: dict[str, Any]) -> list[list[object]]:  # Any: JSON
    return [
        [name, msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value]
        for name, value in document.items()
    ]
