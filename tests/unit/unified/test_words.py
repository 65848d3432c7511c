"""The vocabularies: numbers that databases hold, and tables that cover what consoles say."""

import pytest

from waypost.sentinelone.wire import Risk
from waypost.unified.findings import severity_of, state_of
from waypost.unified.words import (
    RETIRED,
    SETTLED,
    ChangeKind,
    DeviceState,
    FindingState,
    Severity,
    word,
)

STORED = {
    Severity: {"unknown": 0, "none": 1, "low": 2, "medium": 3, "high": 4, "critical": 5},
    FindingState: {"open": 1, "reopened": 2, "in_progress": 3, "on_hold": 4, "ignored": 5, "resolved": 6},
    DeviceState: {
        "unknown": 0, "active": 1, "inactive": 2, "decommissioned": 3, "uninstalled": 4, "gone": 5,
    },
    ChangeKind: {
        "finding_opened": 1, "finding_changed": 2, "finding_resolved": 3, "finding_reopened": 4,
        "device_added": 11, "device_changed": 12, "device_moved": 13, "device_retired": 14,
        "connection_attention": 21, "connection_recovered": 22, "credential_expiring": 23,
        "credential_expired": 24, "connection_added": 25, "connection_pulled": 26,
        "connection_health_changed": 27,
        "site_added": 31, "site_renamed": 32, "site_moved": 33, "site_expired": 34, "site_deleted": 35,
        "site_gone": 36, "site_reactivated": 37,
        "account_added": 41, "account_renamed": 42, "account_expired": 44, "account_deleted": 45,
        "account_gone": 46, "account_reactivated": 47,
        "mapping_changed": 51, "mapping_drifted": 52, "mapping_settled": 53,
        "run_finished": 61, "run_failed": 62, "webhook_disabled": 71,
    },
}  # fmt: skip
"""Words and numbers as databases in use hold them: a number may be added, none may change."""


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_numbers_are_never_reused(kind: type) -> None:
    """What a database holds means the same in every later version."""
    assert {word(member): member.value for member in kind} == STORED[kind]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("CRITICAL", Severity.CRITICAL),
        ("HIGH", Severity.HIGH),
        ("MEDIUM", Severity.MEDIUM),
        ("LOW", Severity.LOW),
        ("NONE", Severity.NONE),
        ("INFO", Severity.NONE),
        ("Critical", Severity.CRITICAL),
        ("high", Severity.HIGH),
    ],
)
@pytest.mark.parametrize("score", [None, 0.0, 5.0, 10.0])
def test_a_known_severity_counts(sent: str, expected: Severity, score: float | None) -> None:
    """The console's word decides, in any case, whatever the score."""
    assert severity_of(sent, score) is expected


@pytest.mark.parametrize("sent", [None, "", "UNKNOWN", "Severe", 5, {}])
@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (None, Severity.UNKNOWN),
        (0.0, Severity.NONE),
        (0.1, Severity.LOW),
        (3.9, Severity.LOW),
        (4.0, Severity.MEDIUM),
        (6.9, Severity.MEDIUM),
        (7.0, Severity.HIGH),
        (8.9, Severity.HIGH),
        (9.0, Severity.CRITICAL),
        (10.0, Severity.CRITICAL),
    ],
)
def test_else_the_score_decides(sent: object, score: float | None, expected: Severity) -> None:
    """Without a word that means something the score is rated as CVSS 3.1 rates it; without one it is unknown."""
    assert severity_of(sent, score) is expected


MITIGATIONS = {
    None: FindingState.OPEN,
    "": FindingState.OPEN,
    "Not mitigated": FindingState.OPEN,
    "NOT_MITIGATED": FindingState.OPEN,
    "To be patched": FindingState.IN_PROGRESS,
    "TO_BE_PATCHED": FindingState.IN_PROGRESS,
    "to be patched": FindingState.IN_PROGRESS,
    "On hold": FindingState.ON_HOLD,
    "ON_HOLD": FindingState.ON_HOLD,
    "Something new": FindingState.OPEN,
}


@pytest.mark.parametrize("mitigation", MITIGATIONS, ids=str)
@pytest.mark.parametrize("mark", ["", None, "Default", "default", "Added CVE"], ids=repr)
@pytest.mark.parametrize("status", ["Detected", None, "", "Something new"], ids=repr)
def test_mitigation_decides_what_is_there_and_unmarked(
    status: str | None, mark: str | None, mitigation: str | None
) -> None:
    """Where nothing else is said of a risk, its state is what somebody decided to do about it."""
    risk = Risk(id=1, cveId="C", endpointId=2, status=status, markType=mark, mitigationStatus=mitigation)
    assert state_of(risk) is MITIGATIONS[mitigation]


@pytest.mark.parametrize("mitigation", MITIGATIONS, ids=str)
@pytest.mark.parametrize(
    "mark",
    ["False Positive", "FALSE_POSITIVE", "Something new", {"description": "no"}, ["x"], True],
    ids=repr,
)
def test_any_other_mark_means_ignored(mark: object, mitigation: str | None) -> None:
    """A risk that somebody marked is ignored, whatever is decided about it besides."""
    risk = Risk(id=1, cveId="C", endpointId=2, status="Detected", markType=mark, mitigationStatus=mitigation)
    assert state_of(risk) is FindingState.IGNORED


@pytest.mark.parametrize("mitigation", MITIGATIONS, ids=str)
@pytest.mark.parametrize("mark", ["", "False Positive", {"description": "no"}], ids=repr)
@pytest.mark.parametrize("status", ["Removed", "REMOVED", "removed"])
def test_removed_means_resolved(status: str, mark: object, mitigation: str | None) -> None:
    """What the console says is gone is resolved, whatever else it says."""
    risk = Risk(id=1, cveId="C", endpointId=2, status=status, markType=mark, mitigationStatus=mitigation)
    assert state_of(risk) is FindingState.RESOLVED


def test_a_row_that_says_nothing_is_open() -> None:
    """A risk that is listed without any of this is there and nobody has done anything about it."""
    assert state_of(Risk(id=1, cveId="C", endpointId=2)) is FindingState.OPEN


def test_what_is_over() -> None:
    """Resolved findings and devices that left are over; ignored findings are not."""
    assert SETTLED == {FindingState.RESOLVED}
    assert RETIRED == {DeviceState.DECOMMISSIONED, DeviceState.UNINSTALLED, DeviceState.GONE}
