"""/application-management/risks: tiers, odd rows, filters, the delta."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sentinelone_simulator import clock, console, days, founding
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints.table import TABLE
from sentinelone_simulator.queries import read

Row = dict[str, Any]

PATH = "/application-management/risks"
BASE_ONLY = {"baseScore", "cvssVersion"}
MANAGED_ONLY = {
    "nvdBaseScore",
    "nvdCvssVersion",
    "riskScore",
    "exploitCodeMaturity",
    "remediationLevel",
    "reportConfidence",
    "mitigationStatus",
    "mitigationStatusChangeTime",
    "mitigationStatusChangedBy",
    "mitigationStatusReason",
}
COMMON = {
    "id",
    "application",
    "applicationName",
    "applicationVendor",
    "applicationVersion",
    "cveId",
    "daysDetected",
    "detectionDate",
    "endpointId",
    "endpointName",
    "endpointType",
    "lastScanDate",
    "lastScanResult",
    "markType",
    "markedBy",
    "markedDate",
    "osType",
    "publishedDate",
    "reason",
    "severity",
    "status",
}


async def test_tier_goes_by_the_sites_licence(desk: Any) -> None:
    """Rows have the keys of the tier that the site's modules name; missing ones are absent."""
    tiers = Counter()
    for site in await desk.drain("/sites"):
        managed = "vulnerability_management" in {m["name"] for m in site["licenses"]["modules"]}
        for row in await desk.drain(PATH, siteIds=site["id"]):
            assert row.keys() == COMMON | (MANAGED_ONLY if managed else BASE_ONLY)
            tiers[managed] += 1
    assert tiers[True]
    assert tiers[False]


@pytest.fixture(scope="module")
def many() -> Console:
    """Enough risks for the rare ones to be among them."""
    return console.build(founding.Size(2, 8, 300, 60), 3)


@pytest.fixture(scope="module")
def rows(many: Console) -> list[Row]:
    token = next(iter(many.tokens.values()))
    found, asked = [], {"limit": "1000"}
    while True:
        query = read(PATH, asked.items(), TABLE[PATH].filters)
        page = json.loads(TABLE[PATH].answer(many, token, query))
        found += page["data"]
        if page["pagination"]["nextCursor"] is None:
            return found
        asked["cursor"] = page["pagination"]["nextCursor"]


def test_forms(rows: list[Row]) -> None:
    """Ids and scores are texts, times have the recorded fractions, vendors are escaped."""
    for row in rows:
        assert re.fullmatch(r"\d{19}", row["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["detectionDate"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["publishedDate"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["lastScanDate"])
        score = row.get("baseScore", row.get("nvdBaseScore"))
        assert score is None or re.fullmatch(r"\d{1,2}\.\d\d", score)
        assert "<" not in row["applicationVendor"]
    escaped = "Ubuntu Developers &lt;ubuntu-devel-discuss@lists.ubuntu.com&gt;"
    assert escaped in {row["applicationVendor"] for row in rows}
    names = {row["applicationName"] for row in rows}
    assert any(name.startswith("PuTTY release 0.") for name in names)
    assert "1:8.9p1-3ubuntu0.6" in {row["applicationVersion"] for row in rows}
    assert "Microsoft Edge 112.0.1722.68" in {row["application"] for row in rows}


def test_ids_grow_with_detection(rows: list[Row]) -> None:
    """In id order the detection times only grow, and no id comes twice."""
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows}, key=int)
    times = [row["detectionDate"] for row in rows]
    assert times == sorted(times)


def test_odd_rows_have_their_share(rows: list[Row]) -> None:
    """A few rows are marked, unscored, without severity, to be patched or on hold."""
    share = Counter()
    managed = 0
    for row in rows:
        marked = row["markType"] != ""
        assert marked == (row["markedBy"] is not None) == (row["markedDate"] is not None)
        score = row.get("baseScore", row.get("nvdBaseScore"))
        version = row.get("cvssVersion", row.get("nvdCvssVersion"))
        assert (score is None) == (version is None)
        share["marked"] += marked
        share["unscored"] += score is None
        share["unsure"] += row["severity"] in (None, "UNKNOWN")
        managed += "mitigationStatus" in row
        share[row.get("mitigationStatus")] += 1
    assert 0.002 < share["marked"] / len(rows) < 0.01
    assert 0.0002 < share["unscored"] / len(rows) < 0.004
    assert 0.0005 < share["unsure"] / len(rows) < 0.008
    assert 0.02 < share["To be patched"] / managed < 0.045
    assert 0.005 < share["On hold"] / managed < 0.02


def test_severity_follows_the_score(rows: list[Row]) -> None:
    """Severity is the upper-case band of the score."""
    for row in rows:
        score = row.get("baseScore", row.get("nvdBaseScore"))
        if row["severity"] in (None, "UNKNOWN"):
            continue
        bands = {"CRITICAL": 9.0, "HIGH": 7.0, "MEDIUM": 4.0, "LOW": 0.1}
        assert float(score) >= bands[row["severity"]]


@pytest.mark.parametrize("wanted", [5, 40, 140, 200])
def test_risks_per_agent(wanted: int) -> None:
    """`--risks-per-agent` is met within 15 % on average."""
    estate = founding.found(founding.Size(2, 8, 120, wanted), 2)
    count = sum(not flags & 1 for flags in estate.risks.flags)
    assert abs(count / 120 / wanted - 1) < 0.15


def test_no_risk_twice(many: Console) -> None:
    """No endpoint has the same CVE twice in the same application version."""
    table = many.estate.risks
    live = [(table.agent[r], table.pair[r]) for r in range(len(table)) if not table.flags[r] & 1]
    assert len(live) == len(set(live))


def _values(row: Row, name: str) -> str | None:
    return {
        "severities": row["severity"],
        "applicationNames": row["applicationName"],
        "vendors": row["applicationVendor"],
        "osTypes": row["osType"],
        "cveId__contains": row["cveId"],
        "endpointName__contains": row["endpointName"],
        "applicationVendor__contains": row["applicationVendor"],
        "endpointTypes": row["endpointType"],
        "application__contains": row["application"],
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "severities",
        "applicationNames",
        "vendors",
        "osTypes",
        "cveId__contains",
        "endpointName__contains",
        "applicationVendor__contains",
        "endpointTypes",
        "application__contains",
    ],
)
async def test_value_filters(desk: Any, name: str) -> None:
    """A filter selects the rows that have the value, and all of them."""
    whole = await desk.drain(PATH)
    value = next(_values(row, name) for row in whole[100:] if "&" not in row["applicationVendor"])
    got = await desk.drain(PATH, **{name: value})
    exact = not name.endswith("__contains")
    expected = [
        r for r in whole if (_values(r, name) == value if exact else value in (_values(r, name) or ""))
    ]
    assert {row["id"] for row in got} >= {row["id"] for row in expected}
    assert len(got) == len(expected)


async def test_mitigation_and_verdict_filters(desk: Any) -> None:
    """Mitigation is asked for in upper case; a verdict splits the marked from the rest."""
    whole = await desk.drain(PATH)
    for word, shown in {"TO_BE_PATCHED": "To be patched", "NOT_MITIGATED": "Not mitigated"}.items():
        got = await desk.drain(PATH, mitigationStatus=word)
        assert len(got) == sum(row.get("mitigationStatus") == shown for row in whole)
    marked = await desk.drain(PATH, analystVerdict="False Positive")
    plain = await desk.drain(PATH, analystVerdict="Default")
    assert len(marked) + len(plain) == len(whole)
    assert all(row["markType"] == "False Positive" for row in marked)
    assert (await desk.get(PATH, mitigationStatus="Never"))[0] == 400


async def test_removed_only_on_request(desk: Any) -> None:
    """Removed rows come with includeRemovals and never without."""
    plain = await desk.drain(PATH)
    everything = await desk.drain(PATH, includeRemovals="true")
    assert {row["status"] for row in plain} == {"Detected"}
    gone = [row for row in everything if row["status"] == "Removed"]
    assert gone
    assert len(everything) == len(plain) + len(gone)


async def test_delta_brings_every_change(desk: Any) -> None:
    """What the delta since yesterday brings, applied to yesterday's rows, makes today's."""
    before = {row["id"]: row for row in await desk.drain(PATH)}
    since = desk.console.estate.now
    await desk.control("POST", "/advance", {"days": 3})
    delta = await desk.drain(PATH, includeRemovals="true", riskUpdatedDate__gte=clock.precise(since))
    assert len(delta) < len(before)
    for row in delta:
        before.pop(row["id"], None)
        if row["status"] == "Detected":
            before[row["id"]] = row
    now = {row["id"]: row for row in await desk.drain(PATH)}
    assert before.keys() == now.keys()
    drifting = {"daysDetected", "lastScanDate", "endpointName", *MANAGED_ONLY, *BASE_ONLY}
    moved = {str(a.id) for a in desk.console.estate.agents if a.updated >= since}
    for identifier, row in now.items():
        fixed = row.keys() if row["endpointId"] not in moved else row.keys() - drifting
        for key in fixed - {"daysDetected"}:
            assert before[identifier][key] == row[key]


async def test_delta_window_is_exact(desk: Any) -> None:
    """Rows are cut at the microsecond of their hidden time, at both ends."""
    table = desk.console.estate.risks
    times = sorted(table.updated)
    low, high = times[len(times) // 3], times[len(times) // 3 * 2]
    bounds = {"riskUpdatedDate__gt": clock.precise(low), "riskUpdatedDate__lte": clock.precise(high)}
    got = await desk.drain(PATH, includeRemovals="true", **bounds)
    expected = {str(table.id(r)) for r in range(len(table)) if low < table.updated[r] <= high}
    assert {row["id"] for row in got} == expected


async def test_detection_filters(desk: Any) -> None:
    """detectionDate__* cut by the shown time."""
    whole = await desk.drain(PATH)
    middle = whole[len(whole) // 2]["detectionDate"]
    assert len(await desk.drain(PATH, detectionDate__gte=middle)) == len(whole) - len(whole) // 2
    assert len(await desk.drain(PATH, detectionDate__lt=middle)) == len(whole) // 2


def test_days_detected_grows(built: Console, ask: Callable[..., Any]) -> None:
    """DaysDetected is one more on the next day, without a bump of the hidden time."""
    first = ask(built, PATH, limit="1")["data"][0]
    updated = built.estate.risks.updated[0]
    days.advance(built.estate, risk_change=0)
    again = ask(built, PATH, limit="1000")["data"]
    same = next((row for row in again if row["id"] == first["id"]), None)
    if same is not None and built.estate.risks.updated[0] == updated:
        assert same["daysDetected"] == first["daysDetected"] + 1
