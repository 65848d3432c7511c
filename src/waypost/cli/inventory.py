"""`waypost account|group|software|cve list`: what stands around the findings."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

import msgspec
from cyclopts import App, Parameter

from waypost.access.keys import Scope
from waypost.cli import filtering, means, output
from waypost.cli.filtering import many, words
from waypost.cli.output import Json
from waypost.unified import cves, paging, scopes
from waypost.unified import software as applications
from waypost.unified.cves import CveItem
from waypost.unified.filters import Filters
from waypost.unified.paging import ListPage
from waypost.unified.scopes import AccountItem, GroupItem
from waypost.unified.software import SoftwareItem

account = App(name="account", help="Accounts of the consoles: whose they are, and what is there.")
group = App(name="group", help="Groups of the sites, and their devices.")
software = App(name="software", help="Software: application versions that have findings.")
cve = App(name="cve", help="CVEs that have findings.")

I = TypeVar("I")  # noqa: E741  # an item
Limit = Annotated[int, Parameter(help=f"Rows, at most {paging.MOST:,}.")]
Cursor = Annotated[str, Parameter(help="Where the page before this one ended.")]
ByName = Annotated[str, Parameter(help="name, or -name from the other end.")]


@account.command(name="list")
def account_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    account: filtering.Account = None,
    sort: ByName = "name",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List accounts by name: whose each is as a whole, its sites, devices and findings that are not resolved."""
    filters = Filters(connection=many(connection), account=many(account))

    async def work() -> None:
        read = partial(scopes.accounts, sort=sort)
        page = await _page(read, filters, organization, limit, cursor)
        columns = ["name", "connection", "state", "organization", "sites", "devices", "findings", "id"]
        output.listing(
            page, columns, _account, as_json=as_json, numbers="sites devices findings", whole="state,id"
        )

    means.run(work())


@group.command(name="list")
def group_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    account: filtering.Account = None,
    site: filtering.Site = None,
    group: filtering.Group = None,
    sort: ByName = "name",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List groups by name, with the site of each and its devices."""
    filters = Filters(connection=many(connection), account=many(account), site=many(site), group=many(group))

    async def work() -> None:
        read = partial(scopes.groups, sort=sort)
        page = await _page(read, filters, organization, limit, cursor)
        columns = ["name", "site", "account", "connection", "state", "devices", "id"]
        output.listing(page, columns, _group, as_json=as_json, numbers="devices", whole="state,id")

    means.run(work())


@software.command(name="list")
def software_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    account: filtering.Account = None,
    site: filtering.Site = None,
    severity: filtering.Severity = None,
    cve: filtering.Cve = None,
    device: filtering.Device = None,
    application: filtering.Application = "",
    vendor: filtering.Vendor = "",
    sort: Annotated[
        str, Parameter(help=f"{', '.join(applications.ORDERS)}; -name from the other end.")
    ] = "name",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List application versions that have findings which are not resolved; those that the filters leave count."""
    filters = Filters(
        connection=many(connection),
        account=many(account),
        site=many(site),
        severity=words(severity),
        cve=words(cve),
        device=many(device),
        application=application,
        vendor=vendor,
    )

    async def work() -> None:
        read = partial(applications.listed, sort=sort)
        page = await _page(read, filters, organization, limit, cursor)
        columns = ["application", "vendor", "version", "devices", "findings", "critical", "high", "worst"]
        numbers = "devices findings critical high"
        output.listing(page, columns, _software, as_json=as_json, numbers=numbers, whole="worst")

    means.run(work())


@cve.command(name="list")
def cve_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    account: filtering.Account = None,
    site: filtering.Site = None,
    device: filtering.Device = None,
    application: filtering.Application = "",
    vendor: filtering.Vendor = "",
    cve: filtering.Cve = None,
    severity: filtering.Severity = None,
    score_min: Annotated[float | None, Parameter(help="CVSS score, at least.")] = None,
    score_max: Annotated[float | None, Parameter(help="CVSS score, at most.")] = None,
    has_fix: Annotated[
        bool | None, Parameter(help="Whether there is a fix, as far as the consoles tell.")
    ] = None,
    exploited: Annotated[
        bool | None, Parameter(help="Whether code that exploits it is known, as far as the consoles tell.")
    ] = None,
    published_since: Annotated[
        str, Parameter(help="From then on; like 2026-11-01 or 2026-11-01T08:00:00Z.")
    ] = "",
    sort: Annotated[
        str, Parameter(help=f"{', '.join(cves.ORDERS)}; -severity from the other end.")
    ] = cves.WORST_FIRST,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List CVEs that have findings which are not resolved, the worst first: the worst of what the consoles say."""
    filters = Filters(
        connection=many(connection),
        account=many(account),
        site=many(site),
        device=many(device),
        application=application,
        vendor=vendor,
        cve=words(cve),
        severity=words(severity),
        score_min=score_min,
        score_max=score_max,
        has_fix=has_fix,
        exploited=exploited,
    )

    async def work() -> None:
        read = partial(cves.listed, sort=sort, published_since=published_since)
        page = await _page(read, filters, organization, limit, cursor)
        columns = ["severity", "score", "cve", "published", "exploited", "fix", "devices", "findings"]
        output.listing(
            page, columns, _cve, as_json=as_json, numbers="score devices findings",
            whole="severity,cve,published,exploited,fix",
        )  # fmt: skip

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


def _account(item: AccountItem) -> list[object]:
    owner = item.organization.name if item.organization else None
    findings = _number(item.open_findings, item.counted)
    return [item.name, item.connection, item.state, owner, item.sites, item.devices, findings, item.id]


def _group(item: GroupItem) -> list[object]:
    return [item.name, item.site, item.account, item.connection, item.state, item.devices, item.id]


def _software(item: SoftwareItem) -> list[object]:
    numbers = [
        _number(number, item.counted) for number in (item.devices, item.findings, item.critical, item.high)
    ]
    return [item.name, item.vendor, item.version, *numbers, item.severity]


def _cve(item: CveItem) -> list[object]:
    published = item.published_at.date().isoformat() if item.published_at else None
    numbers = [_number(number, item.counted) for number in (item.devices, item.findings)]
    return [item.severity, item.score, item.id, published, item.exploited, item.has_fix, *numbers]


def _number(number: int, counted: str) -> object:
    """A number; where the counting stopped, with a sign that there are more."""
    return number if counted == "exact" else f"{number:,}+"
