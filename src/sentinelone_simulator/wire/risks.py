"""Rows of /application-management/risks, joined from fragments rendered once (API notes 3.1).

One fragment for each application version, CVE, tier and oddity; one for each endpoint; what is left
to render per row is its id, its detection time and, for the few rows that have one, its mark.
"""

import html
from collections.abc import Sequence

import msgspec

from sentinelone_simulator import assessments, clock, machines, risks
from sentinelone_simulator.estate import Estate

_PLAIN = b',"status":"Detected","markType":"","markedBy":null,"markedDate":null,"reason":null,'
_UNMITIGATED = (
    b'"mitigationStatus":"Not mitigated","mitigationStatusChangeTime":null,'
    b'"mitigationStatusChangedBy":null,"mitigationStatusReason":null,'
)
_ODD = risks.REMOVED | risks.MITIGATION | risks.FALSE_POSITIVE
_VARIANT = risks.RESCORED | risks.NO_SCORE | risks.NO_SEVERITY | risks.UNKNOWN_SEVERITY
MARKED_BY = "Steven Example"
MARK_REASON = "Not reachable in our build"


def _members(fields: dict[str, object]) -> bytes:
    return msgspec.json.encode(fields)[1:-1]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


class Renderer:
    """Renders risks of one generation of the estate; keeps the fragments it made."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._pairs: dict[int, bytes] = {}
        self._endpoints: list[bytes | None] = []
        self._generation = -1

    def render(self, rows: Sequence[int]) -> bytes:
        """The rows as JSON objects joined by commas."""
        self._renew()
        estate, table, pairs, endpoints = self._estate, self._estate.risks, self._pairs, self._endpoints
        detected, agents, flagged, pair_of = table.detected, table.agent, table.flags, table.pair
        now, day, second, minutes = estate.now, clock.DAY, clock.SECOND, _Minutes()
        parts = []
        for row in rows:
            time, agent, flags = detected[row], agents[row], flagged[row]
            tail = endpoints[agent]
            if tail is None:
                tail = endpoints[agent] = self._endpoint(agent)
            managed = tail[0] == 32  # a leading blank says: a site with Vulnerability Management
            key = pair_of[row] << 9 | managed << 8 | flags & _VARIANT
            middle = pairs.get(key) or self._pair(key)
            state = self._state(row, managed) if flags & _ODD else _UNMITIGATED_PLAIN if managed else _PLAIN
            minute, rest = divmod(time, 60 * second)
            seconds, micros = divmod(rest, second)
            parts.append(
                b'{"id":"%d","daysDetected":%d,"detectionDate":"%b%02d.%06dZ"%b%b,%b}'
                % (table.id(row), (now - time) // day, minutes[minute], seconds, micros, state, middle, tail)
            )
        return b",".join(parts)

    def _renew(self) -> None:
        if self._generation != self._estate.generation:
            self._generation = self._estate.generation
            self._endpoints = [None] * len(self._estate.agents)

    def _endpoint(self, index: int) -> bytes:
        agent = self._estate.agents[index]
        fields: dict[str, object] = {
            "endpointId": str(agent.id),
            "endpointName": agent.name,
            "endpointType": machines.machine_type(agent),
            "lastScanDate": clock.coarse(agent.last_scan),
            "lastScanResult": "Failed" if machines.scan_failed(agent) else "Succeeded",
            "osType": machines.os_type(agent),
        }
        managed = self._estate.sites[agent.site].vulnerability_management
        return (b" " if managed else b"") + _members(fields)

    def _pair(self, key: int) -> bytes:
        catalogue, pair, managed, flags = self._estate.catalogue, key >> 9, key >> 8 & 1, key & 0xFF
        cve, version = catalogue.cve_of(pair), catalogue.version_of(pair)
        fields: dict[str, object] = {
            "application": version.application,
            "applicationName": version.name,
            "applicationVendor": html.escape(version.vendor, quote=False),
            "applicationVersion": version.version,
            "cveId": cve.id,
            "publishedDate": clock.coarse(cve.published),
            "severity": assessments.severity(cve, flags),
        }
        score = assessments.score(cve, flags)
        scored_by = None if score is None else cve.cvss_version
        if managed:
            fields |= {
                "nvdBaseScore": _number(score),
                "nvdCvssVersion": scored_by,
                "riskScore": _number(assessments.risk_score(cve, flags)),
                "exploitCodeMaturity": assessments.exploit_code_maturity(cve),
                "remediationLevel": assessments.remediation_level(cve),
                "reportConfidence": assessments.report_confidence(cve),
            }
        else:
            fields |= {"baseScore": _number(score), "cvssVersion": scored_by}
        self._pairs[key] = _members(fields)
        return self._pairs[key]

    def _state(self, row: int, managed: bool) -> bytes:
        table = self._estate.risks
        flags, when = table.flags[row], clock.coarse(table.updated[row])
        marked = flags & risks.FALSE_POSITIVE
        fields: dict[str, object] = {
            "status": "Removed" if flags & risks.REMOVED else "Detected",
            "markType": "False Positive" if marked else "",
            "markedBy": MARKED_BY if marked else None,
            "markedDate": when if marked else None,
            "reason": MARK_REASON if marked else None,
        }
        if managed:
            decided = flags & risks.MITIGATION
            fields |= {
                "mitigationStatus": assessments.mitigation_status(flags),
                "mitigationStatusChangeTime": when if decided else None,
                "mitigationStatusChangedBy": MARKED_BY if decided else None,
                "mitigationStatusReason": "Patch window" if decided else None,
            }
        return b"," + _members(fields) + b","


_UNMITIGATED_PLAIN = _PLAIN + _UNMITIGATED


class _Minutes(dict[int, bytes]):
    """The text of a minute, up to its colon, by minutes since 1970."""

    def __missing__(self, minute: int) -> bytes:
        text = clock.instant(minute * 60 * clock.SECOND).strftime("%Y-%m-%dT%H:%M:").encode()
        self[minute] = text
        return text
