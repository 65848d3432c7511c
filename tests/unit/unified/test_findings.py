"""From a risk to a finding."""

import json
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support import rows
from waypost.sentinelone.wire import Risk
from waypost.unified import findings, identity
from waypost.unified.findings import CveFacts, Dimensions, Finding, Software
from waypost.unified.words import FindingState, Severity

CONNECTION = uuid.UUID("11111111-2222-4333-8444-555555555555").bytes
ROW = {"id": "7", "endpointId": "9", "cveId": "CVE-2024-3094"}
MOVING = ("daysDetected", "lastScanDate", "lastScanResult")


def risk(**fields: Any) -> Risk:
    (read,) = page([ROW | fields])
    return read


def page(sent: list[rows.Row]) -> list[Risk]:
    return findings.read(json.dumps({"data": sent}).encode()).rows


def mapped(read: Risk) -> tuple[Finding, Software, CveFacts]:
    dimensions = Dimensions(CONNECTION)
    finding = findings.from_risk(read, dimensions)
    (software,), (facts,) = dimensions.take_new()
    return finding, software, facts


@given(rows.KNOWN_RISKS)
def test_a_finding_says_what_its_row_says(sent: rows.Row) -> None:
    """The columns of a finding are those of its row, and its ids are those of its parts."""
    (read,) = page([sent])
    finding, software, facts = mapped(read)
    assert (finding.vendor_id, finding.device_id) == (int(sent["id"]), int(sent["endpointId"]))
    assert (finding.software_id, finding.facts_id) == (software.software_id, facts.facts_id)
    assert facts.cve == sent["cveId"]
    assert (finding.severity, finding.score) == (facts.severity, facts.score)
    assert finding.finding_id == identity.finding(
        CONNECTION, identity.device(CONNECTION, finding.device_id), facts.cve, software.name, software.vendor,
        software.version,
    )  # fmt: skip
    assert 0 <= finding.row_hash < 1 << 63


@given(rows.KNOWN_RISKS, rows.KNOWN_RISKS, st.sampled_from(sorted(rows.FIELDS - set(MOVING))))
def test_the_fingerprint_tells_every_steady_change(sent: rows.Row, other: rows.Row, name: str) -> None:
    """Whatever changes in a row that does not change by itself, the row is not taken for unchanged."""
    assume(name in sent or name in other)
    changed = {key: value for key, value in sent.items() if key != name}
    if name in other:
        changed[name] = other[name]
    assume(name in ROW or name not in changed or name not in sent or changed[name] != sent[name])
    assume(name not in ROW or (name in changed and changed[name] != sent[name]))
    one, another = page([sent]), page([changed])
    assert one[0].fingerprint != another[0].fingerprint


@given(rows.RISKS, rows.RISKS)
def test_the_fingerprint_does_not_tell_what_moves_by_itself(sent: rows.Row, other: rows.Row) -> None:
    """Another day of detection and another scan are no change."""
    moved = {name: value for name, value in sent.items() if name not in MOVING}
    moved |= {name: other[name] for name in MOVING if name in other}
    assert page([sent])[0].fingerprint == page([moved])[0].fingerprint


@pytest.mark.parametrize("unknown", [{"new": 1}, {"new": None}, {"new": 1 << 70}, {"new": {"a": 1}}], ids=str)
def test_the_fingerprint_tells_unknown_fields(unknown: rows.Row) -> None:
    """A field of tomorrow counts, whatever is in it, but not the order in which fields come."""
    plain = risk()
    more = risk(**unknown, other="x")
    assert plain.fingerprint != more.fingerprint != risk(**unknown, other="y").fingerprint
    assert more.fingerprint == risk(other="x", **unknown).fingerprint


def test_reading_leaves_the_row_whole() -> None:
    """What moves by itself is left out of the fingerprint, not of the row."""
    moving = {"daysDetected": 5, "lastScanDate": "2025-01-01T00:00:00Z", "lastScanResult": "Failed"}
    read = risk(**moving)
    assert {name: getattr(read, name) for name in MOVING} == moving


@pytest.mark.parametrize(
    ("fields", "score", "version"),
    [
        ({"baseScore": "7.00", "cvssVersion": "3.1"}, 7.0, "3.1"),
        ({"baseScore": 7, "cvssVersion": 3.1}, 7.0, "3.1"),
        ({"nvdBaseScore": "8.80", "nvdCvssVersion": "3.1", "riskScore": "7.20"}, 8.8, "3.1"),
        (
            {"nvdBaseScore": None, "nvdCvssVersion": None, "baseScore": "5.00", "cvssVersion": "2.0"},
            5.0,
            "2.0",
        ),
        ({"nvdBaseScore": "", "baseScore": ""}, None, None),
        ({"baseScore": None, "cvssVersion": None}, None, None),
        ({"baseScore": "0.00", "cvssVersion": "3.1"}, 0.0, "3.1"),
        ({}, None, None),
    ],
)
def test_scores(fields: rows.Row, score: float | None, version: str | None) -> None:
    """NVD's score counts where the tier sends one, else the base score; texts and numbers alike; none is none."""
    _, _, facts = mapped(risk(**fields))
    assert (facts.score, facts.score_version) == (score, version)


@pytest.mark.parametrize(
    "fields",
    [
        {"baseScore": "high"},
        {"nvdBaseScore": "-1.00"},
        {"baseScore": "10.01"},
        {"baseScore": "NaN"},
        {"baseScore": "1e400"},
        {"detectionDate": "yesterday"},
        {"publishedDate": "0000-00-00T00:00:00Z"},
    ],
    ids=str,
)
def test_a_row_that_makes_no_sense(fields: rows.Row) -> None:
    """A score or time that is none is refused by row, and the rows beside it are mapped."""
    senseless, sensible = page([ROW | fields, ROW])
    dimensions = Dimensions(CONNECTION)
    with pytest.raises(ValueError, match="is not a"):
        findings.from_risk(senseless, dimensions)
    assert findings.from_risk(sensible, dimensions).severity is Severity.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"applicationName": "7-Zip", "applicationVendor": "Igor Pavlov", "applicationVersion": "19.00",
             "application": "7-Zip 19.00"},
            ("7-Zip", "Igor Pavlov", "19.00", None),
        ),
        (
            {"applicationName": "a&amp;b", "applicationVendor": "X &lt;x@y.z&gt;", "applicationVersion": "1",
             "application": "a&amp;b 1"},
            ("a&b", "X <x@y.z>", "1", {"applicationName": "a&amp;b", "applicationVendor": "X &lt;x@y.z&gt;",
                                       "application": "a&amp;b 1"}),
        ),
        ({"application": "curl 8.5"}, ("curl 8.5", "", "", {"application": "curl 8.5"})),
        (
            {"application": "curl 8.5", "applicationName": None, "applicationVendor": None},
            ("curl 8.5", "", "", {"application": "curl 8.5", "applicationName": None, "applicationVendor": None}),
        ),
        ({}, ("", "", "", None)),
    ],
)  # fmt: skip
def test_software(fields: rows.Row, expected: tuple[object, ...]) -> None:
    """Software is spelled for people; the console's spelling is kept only where it differs."""
    _, software, _ = mapped(risk(**fields))
    name, vendor, version, sent = expected
    assert (software.name, software.vendor, software.version) == (name, vendor, version)
    assert {key: value for key, value in (software.sent or {}).items() if key in fields} == (sent or {})


def test_escaped_and_plain_spelling_are_one_finding() -> None:
    """A console that one day sends a vendor unescaped has not found something new."""
    escaped = risk(applicationName="x", applicationVendor="A &amp; B")
    plain = risk(applicationName="x", applicationVendor="A & B")
    assert mapped(escaped)[0].finding_id == mapped(plain)[0].finding_id
    assert mapped(escaped)[1].software_id != mapped(plain)[1].software_id


def test_what_nearly_every_row_says_is_not_stored() -> None:
    """A risk that nobody decided on or marked takes no room for saying so."""
    usual = risk(
        nvdBaseScore="8.80", mitigationStatus="Not mitigated", mitigationStatusChangeTime=None,
        mitigationStatusChangedBy=None, mitigationStatusReason=None, markType="", markedBy=None,
        markedDate=None, reason=None, status="Detected",
    )  # fmt: skip
    finding, _, _ = mapped(usual)
    assert (finding.mitigation, finding.mark, finding.extra) == (None, None, None)


def test_decisions_and_marks_are_kept() -> None:
    """Who decided what, when and why stays with the finding, as sent."""
    decided = {
        "mitigationStatus": "On hold",
        "mitigationStatusChangedBy": "Ada",
        "mitigationStatusReason": "later",
    }
    marked = {"markType": {"description": "False Positive"}, "markedBy": "Bob", "reason": "vendored"}
    finding, _, _ = mapped(risk(**decided, **marked))
    assert finding.state is FindingState.IGNORED
    assert msgspec.json.decode(finding.mitigation or b"") == decided
    assert msgspec.json.decode(finding.mark or b"") == marked


def test_dimensions_hand_out_what_is_new_once() -> None:
    """Software and facts that were handed out for storing are not handed out again."""
    dimensions = Dimensions(CONNECTION)
    first, same = risk(applicationName="a", baseScore="1.00"), risk(applicationName="a", baseScore="1.00")
    other = risk(applicationName="b", baseScore="1.00")
    assert dimensions.software(first) is dimensions.software(same)
    assert dimensions.facts(first) is dimensions.facts(same)
    software, facts = dimensions.take_new()
    assert [one.name for one in software] == ["a"]
    assert len(facts) == 1
    findings.from_risk(other, dimensions)
    software, facts = dimensions.take_new()
    assert [one.name for one in software] == ["b"]
    assert facts == []


def test_dimensions_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many applications, CVEs and devices an estate has, only a bounded number is remembered."""
    monkeypatch.setattr(Dimensions, "_BOUND", 10)
    dimensions = Dimensions(CONNECTION)
    for number in range(1, 200):
        many = risk(applicationName=f"app {number}", cveId=f"CVE-{number}", endpointId=str(number))
        findings.from_risk(many, dimensions)
        remembered = (dimensions._software, dimensions._facts, dimensions._devices)
        assert all(len(cache) <= 10 for cache in remembered)
    software, facts = dimensions.take_new()
    assert len(software) == len(facts) == 199


def test_a_forgotten_application_is_handed_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was forgotten is stored once more under the same key, and never missing."""
    monkeypatch.setattr(Dimensions, "_BOUND", 2)
    dimensions = Dimensions(CONNECTION)
    names = ["a", "b", "c", "d", "a"]
    keys = [dimensions.software(risk(applicationName=name)).software_id for name in names]
    assert keys[0] == keys[-1]
    assert {one.software_id for one in dimensions.take_new()[0]} == set(keys)


def test_scan_of() -> None:
    """What a risk says of its endpoint is kept as sent, and what it does not say is not made up."""
    assert findings.scan_of(risk(endpointName="PC-1", lastScanDate=None)) == {
        "endpointName": "PC-1",
        "lastScanDate": None,
    }
