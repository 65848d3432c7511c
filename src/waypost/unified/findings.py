"""From a risk to a finding, its software and the facts of its CVE.

A risk row repeats the same application and the same CVE facts thousands of times. Both are interned: the
finding holds their keys, the text stands once in a dimension. `unified/vendor.py` turns them back into the row
that the console sent.
"""

import html
from datetime import datetime
from typing import Any, Final

import msgspec
import xxhash
from msgspec import UNSET

from waypost.sentinelone import wire
from waypost.sentinelone.pages import Decoded
from waypost.sentinelone.wire import Number, Risk
from waypost.unified import identity
from waypost.unified.instants import instant
from waypost.unified.words import (
    SEVERITY_OF_SCORE,
    SEVERITY_OF_WORD,
    STATE_OF_MITIGATION,
    STATE_OF_STATUS,
    UNMARKED,
    FindingState,
    Severity,
)

_FACTS: Final = (
    "severity", "baseScore", "cvssVersion", "nvdBaseScore", "nvdCvssVersion", "riskScore",
    "exploitCodeMaturity", "remediationLevel", "reportConfidence", "publishedDate",
)  # fmt: skip
"""Fields of a risk that speak of the CVE, not of the device."""

_MITIGATION: Final = (
    "mitigationStatus", "mitigationStatusChangeTime", "mitigationStatusChangedBy", "mitigationStatusReason",
)  # fmt: skip
_MARK: Final = ("markType", "markedBy", "markedDate", "reason")
_SCAN: Final = ("endpointName", "endpointType", "osType", "lastScanDate", "lastScanResult")
"""Fields of a risk that speak of the endpoint; kept once a device."""

_STATUSES: Final = ("Detected", "Removed", UNSET)
"""Values of `status` that the state tells again; another is kept as it was sent."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_hash = xxhash.xxh3_64_intdigest


class Software(msgspec.Struct, frozen=True):
    """One application version. `sent` holds the console's spelling where it differs from ours."""

    software_id: int
    name: str
    vendor: str
    version: str
    sent: dict[str, str | None] | None


class CveFacts(msgspec.Struct, frozen=True):
    """What the console says of a CVE itself."""

    facts_id: int
    cve: str
    severity: Severity
    score: float | None
    score_version: str | None
    published_at: datetime | None
    sent: dict[str, Any]


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One CVE in one application version on one device, as a row of the table `finding`."""

    finding_id: bytes
    device_id: int
    software_id: int
    facts_id: int
    vendor_id: int
    row_hash: int
    detected_at: datetime | None
    score: float | None
    state: FindingState
    severity: Severity
    mitigation: bytes | None
    mark: bytes | None
    extra: bytes | None


def read(body: bytes) -> Decoded[Risk]:
    """A page of risks, each with its fingerprint.

    That is 63 bits of everything that the console says of it and that does not move by itself (rule 2).
    Done here because the rows are still in the processor's cache; later it costs as much as decoding them.
    """
    page = wire.risks(body)
    for risk in page.rows:
        moving = risk.daysDetected, risk.lastScanDate, risk.lastScanResult
        risk.daysDetected = risk.lastScanDate = risk.lastScanResult = UNSET
        risk.fingerprint = _fingerprint(risk)
        risk.daysDetected, risk.lastScanDate, risk.lastScanResult = moving
    return page


def _fingerprint(risk: Risk) -> int:
    try:
        return _hash(_encode(risk)) >> 1
    except OverflowError:  # an unknown field with a number that MessagePack cannot hold
        return _hash(msgspec.json.encode(risk, order="deterministic")) >> 1


def scan_of(risk: Risk) -> dict[str, str | None]:
    """What a risk says of its endpoint."""
    return {name: value for name in _SCAN if (value := getattr(risk, name)) is not UNSET}


class Dimensions:
    """Interns software, CVE facts and device ids; remembers a bounded number of those met.

    Only what is new to this object is handed out for storing: `take_new` after each batch.

    Args:
        connection: The connection's UUID, as bytes.
    """

    _BOUND: Final = 50_000

    def __init__(self, connection: bytes) -> None:
        self.connection = connection
        self._devices: dict[int, bytes] = {}
        self._software: dict[tuple[object, ...], Software] = {}
        self._facts: dict[tuple[object, ...], CveFacts] = {}
        self._new_software: dict[int, Software] = {}
        self._new_facts: dict[int, CveFacts] = {}

    def device(self, device_id: int) -> bytes:
        """The UUID of a device."""
        found = self._devices.get(device_id)
        if found is None:
            found = identity.device(self.connection, device_id)
            _remember(self._devices, device_id, found, self._BOUND)
        return found

    def software(self, risk: Risk) -> Software:
        key = (risk.applicationName, risk.applicationVendor, risk.applicationVersion, risk.application)
        found = self._software.get(key)
        if found is None:
            found = _software(risk, key)
            self._new_software[found.software_id] = found
            _remember(self._software, key, found, self._BOUND)
        return found

    def facts(self, risk: Risk) -> CveFacts:
        key = (
            risk.cveId, risk.severity, risk.baseScore, risk.cvssVersion, risk.nvdBaseScore, risk.nvdCvssVersion,
            risk.riskScore, risk.exploitCodeMaturity, risk.remediationLevel, risk.reportConfidence,
            risk.publishedDate,
        )  # fmt: skip
        found = self._facts.get(key)
        if found is None:
            found = _facts(risk, key)
            self._new_facts[found.facts_id] = found
            _remember(self._facts, key, found, self._BOUND)
        return found

    def take_new(self) -> tuple[list[Software], list[CveFacts]]:
        """What has been met for the first time since the last call."""
        new = list(self._new_software.values()), list(self._new_facts.values())
        self._new_software, self._new_facts = {}, {}
        return new


def from_risk(risk: Risk, dimensions: Dimensions) -> Finding:
    """The finding that a risk stands for.

    Args:
        risk: As `read` gives it.
        dimensions: Where its software and CVE facts are interned.

    Raises:
        ValueError: A time or a score of the risk is none.
    """
    software = dimensions.software(risk)
    facts = dimensions.facts(risk)
    return Finding(
        finding_id=identity.finding(
            dimensions.connection,
            dimensions.device(risk.endpointId),
            risk.cveId,
            software.name,
            software.vendor,
            software.version,
        ),
        device_id=risk.endpointId,
        software_id=software.software_id,
        facts_id=facts.facts_id,
        vendor_id=risk.id,
        row_hash=risk.fingerprint,
        detected_at=instant(risk.detectionDate),
        score=facts.score,
        state=state_of(risk),
        severity=facts.severity,
        mitigation=_json(_mitigation(risk)),
        mark=_json(_mark(risk)),
        extra=_json(_extra(risk)),
    )


def state_of(risk: Risk) -> FindingState:
    """Removed first, then a false-positive mark, then the mitigation status; else open."""
    status = risk.status
    if isinstance(status, str) and (settled := STATE_OF_STATUS.get(status.lower())) is not None:
        return settled
    mark = risk.markType
    if mark and (not isinstance(mark, str) or mark.lower() not in UNMARKED):
        return FindingState.IGNORED
    mitigation = risk.mitigationStatus
    if not isinstance(mitigation, str):
        return FindingState.OPEN
    return STATE_OF_MITIGATION.get(mitigation.lower().replace("_", " "), FindingState.OPEN)


def severity_of(word: object, score: float | None) -> Severity:
    """The console's word if it is one; else the rating of the score; else unknown."""
    if isinstance(word, str) and (known := SEVERITY_OF_WORD.get(word.upper())) is not None:
        return known
    if score is None:
        return Severity.UNKNOWN
    return next((severity for least, severity in SEVERITY_OF_SCORE if score >= least), Severity.UNKNOWN)


def _software(risk: Risk, key: tuple[object, ...]) -> Software:
    name, vendor, version = (
        html.unescape(value) if isinstance(value, str) else ""
        for value in (risk.applicationName, risk.applicationVendor, risk.applicationVersion)
    )
    if not name and isinstance(risk.application, str):
        name = html.unescape(risk.application)
    ours = (name, vendor, version, f"{name} {version}")
    fields = ("applicationName", "applicationVendor", "applicationVersion", "application")
    differing = {
        field: getattr(risk, field)
        for field, spelling in zip(fields, ours, strict=True)
        if getattr(risk, field) != spelling and getattr(risk, field) is not UNSET
    }
    return Software(identity.content(("software", *key)), name, vendor, version, differing or None)


def _facts(risk: Risk, key: tuple[object, ...]) -> CveFacts:
    score = _score(risk.nvdBaseScore)
    version = risk.nvdCvssVersion
    if score is None:
        score, version = _score(risk.baseScore), risk.cvssVersion
    return CveFacts(
        facts_id=identity.content(("facts", *key)),
        cve=risk.cveId,
        severity=severity_of(risk.severity, score),
        score=score,
        score_version=str(version) if version else None,
        published_at=instant(risk.publishedDate),
        sent=_sent(risk, _FACTS) or {},
    )


def _score(sent: Number) -> float | None:
    if sent is None or sent is UNSET or sent == "":
        return None
    try:
        score = float(sent)
    except ValueError:
        raise ValueError(f"{str(sent)[:40]!r} is not a score") from None
    if not 0 <= score <= 10:
        raise ValueError(f"{sent} is not a score from 0 to 10")
    return score


def _sent(risk: Risk, fields: tuple[str, ...]) -> dict[str, Any] | None:
    sent = {name: value for name in fields if (value := getattr(risk, name)) is not UNSET}
    return sent or None


def _mitigation(risk: Risk) -> dict[str, Any] | None:
    if (
        (
            not risk.mitigationStatus
            or (risk.mitigationStatus == "Not mitigated" and risk.nvdBaseScore is not UNSET)
        )
        and not risk.mitigationStatusChangeTime
        and not risk.mitigationStatusChangedBy
        and not risk.mitigationStatusReason
    ):  # nearly every row
        return None
    return _present(risk, _MITIGATION)


def _mark(risk: Risk) -> dict[str, Any] | None:
    if not (risk.markType or risk.markedBy or risk.markedDate or risk.reason):  # nearly every row
        return None
    return _present(risk, _MARK)


def _present(risk: Risk, fields: tuple[str, ...]) -> dict[str, Any] | None:
    """The fields that say something: a risk without a mark sends them empty or null."""
    present = {name: value for name in fields if (value := getattr(risk, name)) and value is not UNSET}
    return present or None


def _extra(risk: Risk) -> dict[str, Any] | None:
    extra = dict(risk.extra) if isinstance(risk.extra, dict) else {}
    if risk.status not in _STATUSES:
        extra["status"] = risk.status
    return extra or None


def _json(fields: dict[str, Any] | None) -> bytes | None:
    return msgspec.json.encode(fields) if fields else None


def _remember(cache: dict[Any, Any], key: object, value: object, bound: int) -> None:  # Any: of any cache
    """Keep it; when full, let the older half go."""
    if len(cache) >= bound:
        for old in list(cache)[: bound // 2]:
            del cache[old]
    cache[key] = value
