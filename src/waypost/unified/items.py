"""Findings, devices, software, sites and changes as users read them, at the command line and through the API alike."""

from datetime import datetime
from typing import Any

import msgspec

Row = dict[str, Any]  # Any: whatever the console sent


class Ref(msgspec.Struct, frozen=True):
    """Another thing, by id and name."""

    id: str
    name: str | None


class SoftwareRef(msgspec.Struct, frozen=True):
    """The application version that a finding is in."""

    name: str
    vendor: str
    version: str


class FindingItem(msgspec.Struct, frozen=True):
    """A finding as users read it. Times are ISO 8601 in UTC; `score` is CVSS, 0 to 10.

    `last_seen_at` is the last scan of its device that could have seen it; `site` is null while it is unknown.
    """

    id: str
    connection: str
    site: str | None
    site_id: str | None
    device: Ref
    software: SoftwareRef
    cve: str
    state: str
    severity: str
    score: float | None
    score_version: str | None
    detected_at: datetime | None
    resolved_at: datetime | None
    last_seen_at: datetime | None
    changed_at: datetime
    published_at: datetime | None
    vendor_id: str
    mitigation: Row | None
    mark: Row | None
    extra: Row | None


class DeviceItem(msgspec.Struct, frozen=True):
    """A device as users read it. `agent_id` and `agent_uuid` are the console's."""

    id: str
    connection: str
    name: str
    site: str | None
    site_id: str | None
    os: str | None
    os_type: str | None
    machine_type: str | None
    domain: str | None
    agent_version: str | None
    last_active_at: datetime | None
    state: str
    agent_id: str
    agent_uuid: str | None
    registered_at: datetime | None
    scanned_at: datetime | None
    changed_at: datetime


class SoftwareItem(msgspec.Struct, frozen=True):
    """An application version with findings that are not resolved; `severity` is the worst of them."""

    name: str
    vendor: str
    version: str
    devices: int
    findings: int
    critical: int
    high: int
    severity: str


class SiteItem(msgspec.Struct, frozen=True):
    """A site as users read it. `id` is the console's; `organization` is null while the site is nobody's.

    `devices` are those that are not retired, `open_findings` those that are not resolved.
    """

    id: str
    connection: str
    name: str
    account: str | None
    state: str | None
    organization: Ref | None
    devices: int
    open_findings: int


class ChangeItem(msgspec.Struct, frozen=True):
    """An entry of the change log as users read it. `site` is where it happened; null where that was not kept.

    `subject_id` is the id of the finding, device or connection that it is about.
    """

    at: datetime
    kind: str
    connection: str
    site: str | None
    site_id: str | None
    subject_id: str
    detail: Row | None
