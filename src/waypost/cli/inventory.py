"""`waypost account|group|software|cve list`: what stands around the findings."""

from functools import partial
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from waypost.cli import filtering, means, output, pages
from waypost.cli.filtering import ALL_CVES, ALL_SOFTWARE, CveFilters, SoftwareFilters, many
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.unified import cves, scopes
from waypost.unified import software as applications
from waypost.unified.filters import Filters
from waypost.unified.items import AccountItem, CveItem, GroupItem, SoftwareItem

account = App(name="account", help="Accounts of the consoles: whose they are, and what is there.")
group = App(name="group", help="Groups of the sites, and their devices.")
software = App(name="software", help="Software: application versions that have findings.")
cve = App(name="cve", help="CVEs that have findings.")

I = TypeVar("I")  # noqa: E741  # an item
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
        page = await pages.page(read, filters, organization, limit, cursor)
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
        page = await pages.page(read, filters, organization, limit, cursor)
        columns = ["name", "site", "account", "connection", "state", "devices", "id"]
        output.listing(page, columns, _group, as_json=as_json, numbers="devices", whole="state,id")

    means.run(work())


@software.command(name="list")
def software_list(
    *,
    which: SoftwareFilters = ALL_SOFTWARE,
    sort: Annotated[
        str, Parameter(help=f"{', '.join(applications.ORDERS)}; -name from the other end.")
    ] = "name",
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List application versions that have findings which are not resolved; those that the filters leave count."""

    async def work() -> None:
        read = partial(applications.listed, sort=sort)
        page = await pages.page(read, which.filters(), which.organization, limit, cursor)
        columns = ["application", "vendor", "version", "devices", "findings", "critical", "high", "worst"]
        numbers = "devices findings critical high"
        output.listing(page, columns, _software, as_json=as_json, numbers=numbers, whole="worst")

    means.run(work())


@cve.command(name="list")
def cve_list(
    *,
    which: CveFilters = ALL_CVES,
    sort: Annotated[
        str, Parameter(help=f"{', '.join(cves.ORDERS)}; -severity from the other end.")
    ] = cves.WORST_FIRST,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List CVEs that have findings which are not resolved, the worst first: the worst of what the consoles say."""

    async def work() -> None:
        read = partial(cves.listed, sort=sort, published_since=which.published_since)
        page = await pages.page(read, which.filters(), which.organization, limit, cursor)
        columns = ["severity", "score", "cve", "published", "exploited", "fix", "devices", "findings"]
        output.listing(
            page, columns, _cve, as_json=as_json, numbers="score devices findings",
            whole="severity,cve,published,exploited,fix",
        )  # fmt: skip

    means.run(work())


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
