"""A finding as a Vulnerability Finding, class 2002."""

from collections.abc import Iterator
from typing import Any, Final

from waypost.unified import vendor
from waypost.unified.ocsf.common import DEVICE, VENDOR, classified, metadata, present, type_name, type_uid
from waypost.unified.ocsf.table import Each, Field, always, column, lookup, milliseconds, time
from waypost.unified.ocsf.words import ACTIVITY, SEVERITY, STATUS, Word
from waypost.unified.rows import FindingRow
from waypost.unified.words import (
    EXPLOITED_OF_MATURITY,
    FIX_OF_REMEDIATION,
    FindingState,
    word,
)

CLASS: Final = Word(2002, "Vulnerability Finding")

_SCORES: Final = (("nvdBaseScore", "nvdCvssVersion", "NVD"), ("baseScore", "cvssVersion", VENDOR))
"""The console's fields with a score, with that score's version, and who gave it."""

_LEFT: Final = ("riskScore", "exploitCodeMaturity", "remediationLevel", "reportConfidence")
"""What the console says of a CVE and OCSF has no attribute for, or only one that says less."""


def _time(row: FindingRow) -> int | None:
    at = row.changed_at
    if row.state == FindingState.OPEN:
        at = row.detected_at or at
    elif row.state == FindingState.RESOLVED:
        at = row.resolved_at or at
    return milliseconds(at)


def _title(row: FindingRow) -> str:
    return f"{row.cve} in {row.software} {row.software_version}".rstrip() if row.software else row.cve


def _message(row: FindingRow) -> str:
    return f"{_title(row)} on {row.device}" if row.device else _title(row)


def _detail(row: FindingRow) -> str | None:
    said = (row.mitigation or {}).get("mitigationStatusReason") or (row.mark or {}).get("reason")
    return said if isinstance(said, str) else None


def _is(name: str, table: dict[str, bool]) -> Any:
    def told(row: FindingRow) -> bool | None:
        said = row.cve_sent.get(name)
        return table.get(said.lower()) if isinstance(said, str) else None

    return told


def _number(sent: object) -> float | None:
    try:
        number = float(sent)  # type: ignore[arg-type]  # what is none is what this is for
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 10 else None


def _cvss(row: FindingRow) -> Iterator[tuple[float, str, str]]:
    sent = row.cve_sent
    for score, version, vendor_name in _SCORES:
        if sent.get(version) and (number := _number(sent.get(score))) is not None:
            yield number, str(sent[version]), vendor_name


def _unmapped(row: FindingRow) -> dict[str, Any] | None:
    sent = row.cve_sent
    left = {name: said for name in _LEFT if (said := sent.get(name)) is not None}
    for score, version, _ in _SCORES:
        if not sent.get(version) or _number(sent.get(score)) is None:
            left |= {name: said for name in (score, version) if (said := sent.get(name)) not in (None, "")}
    if row.scan and (result := row.scan.get("lastScanResult")) is not None:
        left["lastScanResult"] = result
    for said in (row.software_sent, row.mitigation, row.mark, row.extra):
        if said:
            left |= present(said)
    return left or None


FIELDS: Final[tuple[Field | Each, ...]] = (
    *classified(Word(2, "Findings"), CLASS),
    lookup("activity_id", "state", {state: activity.id for state, activity in ACTIVITY.items()}),
    lookup("activity_name", "state", {state: activity.caption for state, activity in ACTIVITY.items()}),
    lookup("type_uid", "state", {state: type_uid(CLASS, activity) for state, activity in ACTIVITY.items()}),
    lookup("type_name", "state", {state: type_name(CLASS, activity) for state, activity in ACTIVITY.items()}),
    Field(
        "time",
        "timestamp",
        _time,
        source="`state`, `detected_at`, `resolved_at`, `changed_at`",
        note="of a Create when it was detected, of a Close when it was resolved, else when it changed",
    ),
    lookup("severity_id", "severity", {severity: told.id for severity, told in SEVERITY.items()}),
    lookup("severity", "severity", {severity: told.caption for severity, told in SEVERITY.items()}),
    lookup("status_id", "state", {state: told.id for state, told in STATUS.items()}),
    lookup("status", "state", {state: told.caption for state, told in STATUS.items()}),
    lookup("status_code", "state", {state: word(state) for state in FindingState}, "Waypost's own word"),
    Field(
        "status_detail",
        value=_detail,
        source="`mitigation`, else `mark`",
        sent=("mitigationStatusReason", "reason"),
    ),
    Field("message", value=_message, source="`cve`, `software`, device `name`"),
    *metadata(
        "application-management/risks",
        lambda row: row.finding_id,
        "`id`",
        column("metadata.original_event_uid", "vendor_id", sent=("id",)),
    ),
    column("finding_info.uid", "finding_id", source="`id`", note="the same for ever"),
    column("finding_info.uid_alt", "vendor_id"),
    Field("finding_info.title", value=_title, source="`cve`, `software`"),
    always("finding_info.data_sources[]", "SentinelOne Application Management"),
    time("finding_info.created_time", "detected_at", sent=("detectionDate",)),
    time("finding_info.first_seen_time", "detected_at"),
    time("finding_info.last_seen_time", "last_seen_at", sent=("lastScanDate",)),
    time("finding_info.modified_time", "changed_at"),
    always("vulnerabilities[].vendor_name", VENDOR),
    Field(
        "vulnerabilities[].severity",
        value=lambda row: row.cve_sent.get("severity"),
        sent=("severity",),
        note="the console's own word",
    ),
    time("vulnerabilities[].first_seen_time", "detected_at"),
    time("vulnerabilities[].last_seen_time", "last_seen_at"),
    Field(
        "vulnerabilities[].is_exploit_available",
        "boolean",
        _is("exploitCodeMaturity", EXPLOITED_OF_MATURITY),
        sent=("exploitCodeMaturity",),
        note="what was sent is in `unmapped` too",
    ),
    Field(
        "vulnerabilities[].is_fix_available",
        "boolean",
        _is("remediationLevel", FIX_OF_REMEDIATION),
        sent=("remediationLevel",),
        note="what was sent is in `unmapped` too",
    ),
    column("vulnerabilities[].cve.uid", "cve", sent=("cveId",)),
    time("vulnerabilities[].cve.created_time", "published_at", sent=("publishedDate",)),
    Each(
        "vulnerabilities[].cve.cvss",
        _cvss,
        (
            Field("base_score", "float", lambda score: score[0], sent=("nvdBaseScore", "baseScore")),
            Field("version", value=lambda score: score[1], sent=("nvdCvssVersion", "cvssVersion")),
            Field("vendor_name", value=lambda score: score[2], note="`NVD` for `nvdBaseScore`"),
        ),
        note="a score without its version cannot stand here; it is in `unmapped`",
    ),
    Field(
        "vulnerabilities[].affected_packages[].name",
        value=lambda row: row.software or None,
        source="`software.name`",
        sent=("applicationName", "application"),
        key=True,
    ),
    Field(
        "vulnerabilities[].affected_packages[].version",
        value=lambda row: row.software_version,
        source="`software.version`",
        sent=("applicationVersion",),
        even_empty=True,
        note="empty where the console sends none",
    ),
    Field(
        "vulnerabilities[].affected_packages[].vendor_name",
        value=lambda row: row.software_vendor,
        source="`software.vendor`",
        sent=("applicationVendor",),
    ),
    always("vulnerabilities[].affected_packages[].type_id", 1),
    always("vulnerabilities[].affected_packages[].type", "Application"),
    column("resources[].uid", "device_id", source="device `id`"),
    column("resources[].name", "device", source="device `name`"),
    column("resources[].type", "machine_type", source="device `machine_type`"),
    always("resources[].role_id", 3),
    always("resources[].role", "Affected"),
    *DEVICE,
    Field(
        "unmapped",
        "object",
        _unmapped,
        source="`mitigation`, `mark`, `extra`",
        sent=(
            *_LEFT, "lastScanResult", "status", "mitigationStatus", "mitigationStatusChangeTime",
            "mitigationStatusChangedBy", "mitigationStatusReason", "markType", "markedBy", "markedDate", "reason",
        ),
        note="what else the console sent, by its own names",
    ),
)  # fmt: skip

RAW: Final = Field(
    "raw_data",
    value=lambda row: vendor.text(vendor.risk(row)),
    note="the row as it was sent; with `include=vendor` only",
)
