"""Wide rows, as the database would give them, of what a console sends."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from waypost.sentinelone import wire
from waypost.unified import devices, findings
from waypost.unified.findings import Dimensions
from waypost.unified.rows import DeviceRow, FindingRow, SoftwareRow
from waypost.unified.words import FindingState

Row = dict[str, Any]  # Any: straight from JSON

CONNECTION: Final = uuid.UUID("11111111-2222-4333-8444-555555555555")
ORGANIZATION: Final = "21111111-2222-4333-8444-555555555555"
AT: Final = datetime(2026, 11, 22, 8, 30, 0, 250_999, UTC)

PLACE: Final[Row] = {
    "connection": "main", "connection_id": str(CONNECTION), "organization_id": ORGANIZATION, "organization": "Acme",
    "account_id": "2010956593562169647", "account": "Acme Group", "site_id": "2010956594736574778", "site": "Berlin",
}  # fmt: skip
NOWHERE: Final[Row] = dict.fromkeys(PLACE) | {"connection": "main", "connection_id": str(CONNECTION)}
"""A device whose site nobody knows."""


def finding(sent: Row, **changed: Any) -> FindingRow:
    """The row of the finding that a risk stands for, on a device that only risks name."""
    (read,) = findings.read(json.dumps({"data": [sent]}).encode()).rows
    dimensions = Dimensions(CONNECTION.bytes)
    stored = findings.from_risk(read, dimensions)
    (software,), (facts,) = dimensions.take_new()
    scan = findings.scan_of(read)
    return FindingRow(
        **{
            **PLACE,
            "device_id": str(uuid.UUID(bytes=dimensions.device(stored.device_id))),
            "device": scan.get("endpointName"),
            "device_state": 0,
            "domain": None,
            "os": None,
            "os_type": scan.get("osType"),
            "machine_type": scan.get("endpointType"),
            "agent_id": str(stored.device_id),
            "agent_uuid": None,
            "agent_version": None,
            "finding_id": str(uuid.UUID(bytes=stored.finding_id)),
            "vendor_id": str(stored.vendor_id),
            "state": stored.state.value,
            "severity": stored.severity.value,
            "score": stored.score,
            "score_version": facts.score_version,
            "cve": facts.cve,
            "published_at": facts.published_at,
            "software": software.name,
            "software_vendor": software.vendor,
            "software_version": software.version,
            "detected_at": stored.detected_at,
            "resolved_at": AT if stored.state is FindingState.RESOLVED else None,
            "last_seen_at": AT,
            "changed_at": AT,
            "row_hash": stored.row_hash,
            "cve_sent": facts.sent,
            "software_sent": software.sent,
            "scan": scan,
            "mitigation": stored.mitigation and msgspec.json.decode(stored.mitigation),
            "mark": stored.mark and msgspec.json.decode(stored.mark),
            "extra": stored.extra and msgspec.json.decode(stored.extra),
            **changed,
        }
    )


def device(sent: Row, **changed: Any) -> DeviceRow:
    """The row of the device that an agent stands for."""
    (read,) = wire.agents(json.dumps({"data": [sent]}).encode()).rows
    stored = devices.from_agent(CONNECTION, read)
    return DeviceRow(
        **{
            **PLACE,
            "device_id": str(stored.device_uuid),
            "device": stored.name,
            "device_state": stored.state,
            "domain": stored.domain,
            "os": stored.os,
            "os_type": stored.os_type,
            "machine_type": stored.machine_type,
            "agent_id": str(stored.device_id),
            "agent_uuid": stored.agent_uuid,
            "agent_version": stored.agent_version,
            "group_id": stored.group_id and str(stored.group_id),
            "group": sent.get("groupName"),
            "registered_at": stored.registered_at,
            "added_at": AT,
            "last_active_at": stored.last_active_at,
            "updated_at": stored.updated_at,
            "scanned_at": AT,
            "changed_at": AT,
            "vendor": stored.vendor,
            "scan": None,
            **changed,
        }
    )


def software(sent: Row, **changed: Any) -> SoftwareRow:
    """The row of the application in which a risk is, on its device."""
    row = finding(sent)
    common = {name: getattr(row, name) for name in SoftwareRow.__struct_fields__ if hasattr(row, name)}
    return SoftwareRow(**{
        **common, "software_id": "7", "findings": 3, "critical": 1, "high": 1, **changed
    })  # fmt: skip
