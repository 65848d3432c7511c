"""What the service tells of consoles, list by list, and single findings and devices."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar, Unpack

from waypost.client import filters
from waypost.client.answers import Quarantined, Run
from waypost.client.parameters import Id, When, Words, path
from waypost.client.walking import AsyncListing, Page
from waypost.client.wire import Wire
from waypost.unified.items import (
    AccountItem,
    ChangeItem,
    CveItem,
    Device,
    DeviceItem,
    Finding,
    FindingItem,
    GroupItem,
    SiteItem,
    SoftwareItem,
)

T = TypeVar("T")
LIMIT: Final = 100
"""Items that are read at a time; up to 1,000."""
Row = dict[str, Any]  # Any: fields that the caller chose


def listing(wire: Wire, where: str, kind: type[Page[T]], parameters: Mapping[str, object]) -> AsyncListing[T]:
    """A list at a path."""

    async def fetch(cursor: str) -> Page[T]:
        return await wire.get(where, kind, {**parameters, "cursor": cursor})

    return AsyncListing(fetch)


def rows(wire: Wire, name: str, /, **parameters: object) -> AsyncListing[Row]:
    """Any list by its name, as plain dictionaries: for `fields=`, and for `format="ocsf"`."""
    return listing(wire, path(name), Page[Row], parameters)


def findings(
    wire: Wire,
    *,
    sort: str = "",
    include: Words = (),
    count: bool = False,
    limit: int = LIMIT,
    **narrowed: Unpack[filters.FindingFilters],
) -> AsyncListing[FindingItem]:
    """The findings, by default the worst first. `include`: device, software, cve, vendor."""
    place = {"sort": sort, "include": include, "count": count, "limit": limit}
    return listing(wire, "/findings", Page[FindingItem], {**narrowed, **place})


async def finding(wire: Wire, finding_id: Id, *, include: Words = ()) -> Finding:
    """A finding with what became of it, the newest first."""
    return await wire.get(path("findings", finding_id), Finding, {"include": include})


def devices(
    wire: Wire,
    *,
    sort: str = "",
    include: Words = (),
    count: bool = False,
    limit: int = LIMIT,
    **narrowed: Unpack[filters.DeviceFilters],
) -> AsyncListing[DeviceItem]:
    """The devices, by default by name. `include`: vendor."""
    place = {"sort": sort, "include": include, "count": count, "limit": limit}
    return listing(wire, "/devices", Page[DeviceItem], {**narrowed, **place})


async def device(wire: Wire, device_id: Id, *, include: Words = ()) -> Device:
    """A device with what became of it, the newest first."""
    return await wire.get(path("devices", device_id), Device, {"include": include})


def software(
    wire: Wire, *, sort: str = "", limit: int = LIMIT, **narrowed: Unpack[filters.SoftwareFilters]
) -> AsyncListing[SoftwareItem]:
    """Application versions that have findings which are not resolved."""
    return listing(wire, "/software", Page[SoftwareItem], {**narrowed, "sort": sort, "limit": limit})


def cves(
    wire: Wire, *, sort: str = "", limit: int = LIMIT, **narrowed: Unpack[filters.CveFilters]
) -> AsyncListing[CveItem]:
    """CVEs that have findings which are not resolved, by default the worst first."""
    return listing(wire, "/cves", Page[CveItem], {**narrowed, "sort": sort, "limit": limit})


def sites(
    wire: Wire, *, limit: int = LIMIT, **narrowed: Unpack[filters.SiteFilters]
) -> AsyncListing[SiteItem]:
    """The sites, by name, and whose each is."""
    return listing(wire, "/sites", Page[SiteItem], {**narrowed, "limit": limit})


def accounts(
    wire: Wire, *, sort: str = "", limit: int = LIMIT, **narrowed: Unpack[filters.AccountFilters]
) -> AsyncListing[AccountItem]:
    """The accounts, by name."""
    return listing(wire, "/accounts", Page[AccountItem], {**narrowed, "sort": sort, "limit": limit})


def groups(
    wire: Wire, *, sort: str = "", limit: int = LIMIT, **narrowed: Unpack[filters.GroupFilters]
) -> AsyncListing[GroupItem]:
    """The groups, by name."""
    return listing(wire, "/groups", Page[GroupItem], {**narrowed, "sort": sort, "limit": limit})


def log(
    wire: Wire, *, changed_since: When = "", limit: int = LIMIT, **narrowed: Unpack[filters.ChangeFilters]
) -> AsyncListing[ChangeItem]:
    """The change log, the newest first: for looking back. `changes` is for going on."""
    place = {"changed_since": changed_since, "limit": limit}
    return listing(wire, "/changes", Page[ChangeItem], {**narrowed, **place})


def runs(wire: Wire, *, limit: int = LIMIT, **narrowed: Unpack[filters.RunFilters]) -> AsyncListing[Run]:
    """The sync runs, the newest first."""
    return listing(wire, "/runs", Page[Run], {**narrowed, "limit": limit})


def quarantine(
    wire: Wire, *, limit: int = LIMIT, **narrowed: Unpack[filters.QuarantineFilters]
) -> AsyncListing[Quarantined]:
    """Rows that could not be read, the newest first."""
    return listing(wire, "/quarantine", Page[Quarantined], {**narrowed, "limit": limit})
