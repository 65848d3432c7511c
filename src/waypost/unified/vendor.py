"""Findings and devices as the console sent them, put together again from what is stored.

`unified/findings.py` takes a risk apart, so that what thousands of rows repeat is stored once. Nothing is lost by it
but `daysDetected`, which changes every day and follows from `detectionDate`.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from waypost.unified.rows import DeviceRow, FindingRow
from waypost.unified.words import FindingState

Row = dict[str, Any]  # Any: whatever the console sent

_SWEPT: Final = 0
"""Hash of a finding that was resolved because a complete walk no longer saw it."""

_UNTOUCHED: Final = {
    "mitigationStatus": "Not mitigated",
    "mitigationStatusChangeTime": None,
    "mitigationStatusChangedBy": None,
    "mitigationStatusReason": None,
}
"""What nearly every row of the tier with `nvdBaseScore` says of its mitigation; it is not stored."""


def risk(row: FindingRow) -> Row:
    """The risk that a finding stands on."""
    removed = row.state == FindingState.RESOLVED and row.row_hash != _SWEPT
    sent: Row = {
        "id": row.vendor_id,
        "endpointId": row.agent_id,
        "cveId": row.cve,
        "status": "Removed" if removed else "Detected",
        "applicationName": row.software,
        "applicationVendor": row.software_vendor,
        "applicationVersion": row.software_version,
        "application": f"{row.software} {row.software_version}",
        **(row.software_sent or {}),
        **row.cve_sent,
        **(row.scan or {}),
    }
    if row.detected_at is not None:
        sent["detectionDate"] = _written(row.detected_at)
    if "nvdBaseScore" in row.cve_sent:
        sent |= _UNTOUCHED
    for part in (row.mitigation, row.mark, row.extra):
        if part:
            sent |= part
    return sent


def agent(row: DeviceRow) -> Row | None:
    """The agent of a device, secrets apart; None where only risks name the device."""
    return row.vendor


def text(sent: Row | None) -> str | None:
    """What the console sent, as JSON."""
    return None if sent is None else msgspec.json.encode(sent).decode()


def _written(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
