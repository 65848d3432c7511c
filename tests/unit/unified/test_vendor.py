"""What the console sent, put together again from what is stored."""

from typing import Any

from hypothesis import given

from support import rows, wide
from waypost.unified import vendor
from waypost.unified.words import FindingState

SILENT = ("mitigationStatus", "mitigationStatusChangeTime", "mitigationStatusChangedBy", "mitigationStatusReason",
          "markType", "markedBy", "markedDate", "reason", "detectionDate")  # fmt: skip
"""Fields of which null, empty and absent say the same, so that the tables do not tell them apart."""
ADDED = {
    "application",
    "applicationName",
    "applicationVendor",
    "applicationVersion",
    "status",
    "mitigationStatus",
}
"""Fields that a rebuilt row may have more than the one that was sent: they follow from the others."""
ROW: rows.Row = {"id": "7", "endpointId": "9", "cveId": "CVE-2024-3094"}


@given(rows.RISKS)
def test_nothing_that_was_sent_is_lost(sent: rows.Row) -> None:
    """Each value of each row of either tier comes back from the tables as it was sent."""
    again = vendor.risk(wide.finding(sent))
    for name, value in sent.items():
        if name == "daysDetected":  # follows from the detection
            continue
        if name in SILENT and not value:
            assert not again.get(name) or again[name] == "Not mitigated"
        else:
            assert again[name] == value, name
    assert {name for name in again.keys() - sent.keys() if again[name]} <= ADDED


def test_one_that_nobody_removed() -> None:
    """A finding that is resolved because nothing was seen of it any more was last sent as detected."""
    state: dict[str, Any] = {"state": FindingState.RESOLVED.value}
    assert vendor.risk(wide.finding(ROW | {"status": "Removed"}))["status"] == "Removed"
    assert vendor.risk(wide.finding(ROW, **state, row_hash=0))["status"] == "Detected"


def test_agents() -> None:
    """An agent is kept as it was sent, secrets apart; a device that only risks name has none."""
    sent: rows.Row = {"id": "7", "computerName": "PC-1", "tags": {"sentinelone": []}, "isActive": None}
    assert vendor.agent(wide.device(sent | {"licenseKey": "secret"})) == sent
    nobody = wide.device({"id": "7"}, vendor=None)
    assert vendor.agent(nobody) is None
    assert vendor.text(vendor.agent(nobody)) is None


def test_text() -> None:
    """What was sent is JSON, also as a text in another document."""
    assert vendor.text({"a": None, "b": "\u00e9"}) == '{"a":null,"b":"\u00e9"}'
