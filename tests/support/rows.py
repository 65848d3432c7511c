"""Rows as a console sends them, made up by hypothesis: both tiers, absent, null and odd values."""

from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]  # Any: straight from JSON

IDS = st.integers(1, (1 << 63) - 1).map(str)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
"""Anything a database text can hold."""
VENDORS = st.sampled_from(
    ("Igor Pavlov", "Ubuntu Developers &lt;ubuntu-devel-discuss@lists.ubuntu.com&gt;", "A &amp; B", "", None)
)
SCORES = st.one_of(
    st.none(),
    st.just(""),
    st.integers(0, 100).map(lambda tenths: f"{tenths / 10:.2f}"),
    st.integers(0, 10),
    st.floats(0, 10).filter(bool),
)
SEVERITIES = st.one_of(
    st.sampled_from(("CRITICAL", "HIGH", "MEDIUM", "LOW", "NONE", "UNKNOWN", "high", "", None)), TEXTS
)
TIMES = st.datetimes().map(lambda time: time.isoformat() + "Z")
"""As the console writes them: six digits of a second or none."""
MARKS = st.one_of(
    st.sampled_from(("", None, "Default", "False Positive", "Added CVE")),
    st.fixed_dictionaries({"description": TEXTS, "by": st.integers(1, 9)}),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def nullable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


_REQUIRED = {
    "id": IDS,
    "endpointId": IDS,
    "cveId": st.integers(1, 99999).map(lambda number: f"CVE-2024-{number:04}"),
}
_COMMON = {
    "application": nullable(TEXTS),
    "applicationName": nullable(TEXTS),
    "applicationVendor": VENDORS | TEXTS,
    "applicationVersion": nullable(TEXTS),
    "severity": SEVERITIES,
    "status": st.sampled_from(("Detected", "Removed", "removed", "Suspected", "", None)),
    "daysDetected": nullable(st.integers(0, 1000)),
    "detectionDate": nullable(TIMES),
    "publishedDate": nullable(TIMES),
    "endpointName": nullable(TEXTS),
    "endpointType": nullable(st.sampled_from(("desktop", "laptop", "server"))),
    "osType": nullable(st.sampled_from(("linux", "macos", "windows", "windows_legacy"))),
    "lastScanDate": nullable(TIMES),
    "lastScanResult": nullable(st.sampled_from(("Succeeded", "Failed"))),
    "markType": MARKS,
    "markedBy": nullable(TEXTS),
    "markedDate": nullable(TIMES),
    "reason": nullable(TEXTS),
}
_BASE_TIER = {"baseScore": SCORES, "cvssVersion": st.sampled_from(("2.0", "3.0", "3.1", None))}
_MANAGED_TIER = {
    "nvdBaseScore": SCORES,
    "nvdCvssVersion": st.sampled_from(("2.0", "3.1", None)),
    "riskScore": SCORES,
    "exploitCodeMaturity": st.sampled_from(("Not Defined", "Functional", "High", None)),
    "remediationLevel": st.sampled_from(("Not Defined", "Official Fix", None)),
    "reportConfidence": st.sampled_from(("Not Defined", "Confirmed", None)),
    "mitigationStatus": st.sampled_from(
        ("Not mitigated", "To be patched", "On hold", "NOT_MITIGATED", "ON_HOLD", "Else", "", None)
    ),
    "mitigationStatusChangeTime": nullable(TIMES),
    "mitigationStatusChangedBy": nullable(TEXTS),
    "mitigationStatusReason": nullable(TEXTS),
}
FIELDS = frozenset(_REQUIRED | _COMMON | _BASE_TIER | _MANAGED_TIER)
"""Every field of a risk row."""
SECRETS = frozenset({"registrationToken", "licenseKey", "passphrase", "apiToken"})
"""Fields that Waypost does not keep."""
_NEW_FIELDS = st.dictionaries(TEXTS.filter(lambda name: name not in FIELDS | SECRETS), JSON, max_size=2)

KNOWN_RISKS: st.SearchStrategy[Row] = st.one_of(
    st.fixed_dictionaries(_REQUIRED, optional=_COMMON | _BASE_TIER),
    st.fixed_dictionaries(_REQUIRED | _COMMON | _BASE_TIER),
    st.fixed_dictionaries(_REQUIRED, optional=_COMMON | _MANAGED_TIER),
    st.fixed_dictionaries(_REQUIRED | _COMMON | _MANAGED_TIER),
    st.fixed_dictionaries(_REQUIRED, optional=_COMMON | _BASE_TIER | _MANAGED_TIER),
)
"""Risk rows of the fields that Waypost knows."""
RISKS: st.SearchStrategy[Row] = st.builds(lambda row, new: row | new, KNOWN_RISKS, st.just({}) | _NEW_FIELDS)
"""Risk rows, with fields of tomorrow."""
