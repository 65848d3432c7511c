"""Findings, devices and installed software with all that is stored of them.

OCSF documents, exports and the vendor's own fields are made from these.

The fields of each struct are the columns of its block in `storage/queries/wide.sql`, in their order, so that a row of
the database becomes one by `FindingRow(*row)`. Ids are texts; JSON is decoded.
"""

from datetime import datetime
from typing import Any, Final, Literal, LiteralString

import msgspec

from waypost.storage import queries
from waypost.storage.database import Connection

Kind = Literal["finding", "device", "software"]
Sent = dict[str, Any] | None  # Any: whatever the console sent


class DeviceFacts(msgspec.Struct, frozen=True, gc=False):
    """What a row tells of its device, and where that stands. The console's own ids: `*_id` of site, account, agent."""

    connection: str
    connection_id: str
    organization_id: str | None
    organization: str | None
    account_id: str | None
    account: str | None
    site_id: str | None
    site: str | None
    device_id: str
    device: str | None
    device_state: int
    domain: str | None
    os: str | None
    os_type: str | None
    machine_type: str | None
    agent_id: str
    agent_uuid: str | None
    agent_version: str | None


class FindingRow(DeviceFacts, frozen=True, gc=False):
    """A finding. `cve_sent` is what the console says of the CVE, `scan` what its risk rows say of the device."""

    finding_id: str
    vendor_id: str
    state: int
    severity: int
    score: float | None
    score_version: str | None
    cve: str
    published_at: datetime | None
    software: str
    software_vendor: str
    software_version: str
    detected_at: datetime | None
    resolved_at: datetime | None
    last_seen_at: datetime | None
    changed_at: datetime
    row_hash: int
    cve_sent: dict[str, Any]
    software_sent: Sent
    scan: Sent
    mitigation: Sent
    mark: Sent
    extra: Sent


class DeviceRow(DeviceFacts, frozen=True, gc=False):
    """A device. `vendor` is its agent as sent, secrets apart; null where only risks name the device."""

    group_id: str | None
    group: str | None
    registered_at: datetime | None
    added_at: datetime
    last_active_at: datetime | None
    updated_at: datetime | None
    scanned_at: datetime | None
    changed_at: datetime
    vendor: Sent
    scan: Sent


class SoftwareRow(DeviceFacts, frozen=True, gc=False):
    """An application version on a device where it has findings that are not resolved; the counts are of these."""

    software_id: str
    software: str
    software_vendor: str
    software_version: str
    software_sent: Sent
    severity: int
    findings: int
    critical: int
    high: int
    detected_at: datetime | None
    last_seen_at: datetime | None
    changed_at: datetime


Wide = FindingRow | DeviceRow | SoftwareRow

OF_KIND: Final[dict[Kind, type[Wide]]] = {"finding": FindingRow, "device": DeviceRow, "software": SoftwareRow}


def columns(kind: Kind) -> LiteralString:
    """What to select for the rows of a kind: `f` of findings, `d` of devices, `i` of the block `installed`."""
    found: dict[Kind, LiteralString] = {
        "finding": queries.wide.finding_columns,
        "device": queries.wide.device_columns,
        "software": queries.wide.software_columns,
    }
    return found[kind].replace("{of_device}", queries.wide.of_device)


def joins(kind: Kind, *, is_bound: bool, in_bulk: bool = False) -> LiteralString:
    """What belongs to these rows.

    Args:
        kind: Of what.
        is_bound: Whether for a caller who is bound to an organization: `own_id` and `own_name` are what it is called.
        in_bulk: Whether for many rows, and not for a page of them.
    """
    found: dict[Kind, LiteralString] = {
        "finding": queries.wide.finding_joins,
        "device": queries.wide.device_joins,
        "software": queries.wide.software_joins,
    }
    owner = queries.wide.owners if in_bulk else queries.lists.owner
    return found[kind].replace("{owner}", queries.lists.owner_is_the_caller if is_bound else owner)


async def own(db: Connection, organization_id: int | None) -> dict[str, str | None]:
    """What a bound caller's organization is called, for `joins`: the role that reads its rows cannot see it."""
    if organization_id is None:
        return {}
    cursor = await db.execute(queries.lists.organization, {"organization_id": organization_id})
    own_id, own_name = await cursor.fetchone() or (None, None)
    return {"own_id": own_id, "own_name": own_name}
