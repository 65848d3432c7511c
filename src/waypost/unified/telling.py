"""Rows of the database as users read them."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from waypost.unified.items import (
    Cve,
    DeviceItem,
    FindingItem,
    Included,
    IncludedInDevice,
    Ref,
    SiteItem,
    Software,
    SoftwareRef,
)
from waypost.unified.rows import FindingRow
from waypost.unified.words import (
    EXPLOITED_OF_MATURITY,
    FIX_OF_REMEDIATION,
    DeviceState,
    FindingState,
    Severity,
    word,
)

Row = Mapping[str, Any]  # Any: columns of different types


def finding(row: Row, included: Included | UnsetType = UNSET) -> FindingItem:
    """A row of the block `findings`."""
    return FindingItem(
        id=str(row["id"]),
        connection=row["connection"],
        site=row["site"],
        site_id=row["site_id"],
        device=Ref(str(row["device_id"]), row["device_name"]),
        software=SoftwareRef(row["software_name"], row["software_vendor"], row["software_version"]),
        cve=row["cve"],
        state=word(FindingState(row["state"])),
        severity=word(Severity(row["severity"])),
        score=row["score"],
        score_version=row["score_version"],
        exploited=EXPLOITED_OF_MATURITY.get(row["maturity"]),
        has_fix=FIX_OF_REMEDIATION.get(row["remediation"]),
        detected_at=row["detected_at"],
        resolved_at=row["resolved_at"],
        last_seen_at=row["last_seen_at"],
        changed_at=row["changed_at"],
        published_at=row["published_at"],
        vendor_id=row["vendor_id"],
        mitigation=row["mitigation"],
        mark=row["mark"],
        extra=row["extra"],
        included=included,
    )


def device(row: Row, included: IncludedInDevice | UnsetType = UNSET) -> DeviceItem:
    """A row of the block `devices`."""
    return DeviceItem(
        id=str(row["id"]),
        connection=row["connection"],
        name=row["name"],
        site=row["site"],
        site_id=row["site_id"],
        os=row["os"],
        os_type=row["os_type"],
        machine_type=row["machine_type"],
        domain=row["domain"],
        agent_version=row["agent_version"],
        last_active_at=row["last_active_at"],
        state=word(DeviceState(row["state"])),
        agent_id=row["agent_id"],
        agent_uuid=row["agent_uuid"],
        registered_at=row["registered_at"],
        scanned_at=row["scanned_at"],
        changed_at=row["changed_at"],
        included=included,
    )


def site(row: Row) -> SiteItem:
    """A row of the block `sites`."""
    return SiteItem(
        id=row["id"],
        connection=row["connection"],
        name=row["name"],
        account=row["account"],
        state=row["state"],
        organization=Ref(row["organization_id"], row["organization_name"])
        if row["organization_id"]
        else None,
        devices=row["devices"],
        open_findings=row["open_findings"],
    )


def software(row: FindingRow) -> Software:
    """The application version that a finding is in."""
    return Software(
        name=row.software, vendor=row.software_vendor, version=row.software_version, sent=row.software_sent
    )


def cve(row: FindingRow) -> Cve:
    """The CVE that a finding is."""
    return Cve(
        id=row.cve,
        severity=word(Severity(row.severity)),
        score=row.score,
        score_version=row.score_version,
        published_at=row.published_at,
        exploited=EXPLOITED_OF_MATURITY.get(_lower(row.cve_sent.get("exploitCodeMaturity"))),
        has_fix=FIX_OF_REMEDIATION.get(_lower(row.cve_sent.get("remediationLevel"))),
        sent=row.cve_sent,
    )


def _lower(text: object) -> str:
    return text.lower() if isinstance(text, str) else ""
