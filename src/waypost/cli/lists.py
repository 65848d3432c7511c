"""`waypost finding|device|software list`."""

from typing import Annotated

from cyclopts import App, Parameter

from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.unified import reading
from waypost.unified.reading import DeviceItem, Filters, FindingItem, SoftwareItem

finding = App(name="finding", help="Findings: one CVE in one application version on one device.")
device = App(name="device", help="Devices: endpoints with an agent.")
software = App(name="software", help="Software: application versions that have findings.")

Names = Annotated[list[str] | None, Parameter(negative=())]
Limit = Annotated[int, Parameter(help=f"Rows, at most {reading.MOST:,}.")]
Cursor = Annotated[str, Parameter(help="Where the page before this one ended.")]


@finding.command(name="list")
def finding_list(
    *,
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
        async with means.session() as session:
            page = await reading.findings(session.db, filters, limit=limit, cursor=cursor)
        columns = ["severity", "score", "cve", "device", "application", "version", "site", "state"]
        output.listing(page, columns, _finding, as_json=as_json, numbers="score", whole="severity,cve,state")

    means.run(work())


@device.command(name="list")
def device_list(
    *,
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
        async with means.session() as session:
            page = await reading.devices(session.db, filters, limit=limit, cursor=cursor)
        columns = ["name", "site", "os", "agent", "state", "last active"]
        output.listing(page, columns, _device, as_json=as_json, whole="state,last active")

    means.run(work())


@software.command(name="list")
def software_list(
    *,
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
        async with means.session() as session:
            page = await reading.software(session.db, filters, limit=limit, cursor=cursor)
        columns = ["application", "vendor", "version", "devices", "findings", "critical", "high", "worst"]
        output.listing(
            page, columns, _software, as_json=as_json, numbers="devices findings critical high", whole="worst"
        )

    means.run(work())


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


def _many(values: list[str] | None) -> tuple[str, ...]:
    return tuple(values or ())


def _words(values: list[str] | None) -> tuple[str, ...]:
    """Values without commas of their own, which may therefore be given in one, separated by commas."""
    return tuple(word.strip() for value in values or () for word in value.split(",") if word.strip())
