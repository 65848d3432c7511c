"""One odd row never stops a pull: the others arrive, and what can be kept of it is kept."""

import json
from typing import Any

import pytest

from support import recorded
from support.hub import Hub
from support.recorded import Row
from waypost.unified import reading, software
from waypost.unified.filters import Filters

RISKS = "/application-management/risks"
SITE: Row = {"id": "1", "name": "Main", "accountId": "2", "accountName": "ACME", "state": "active"}
AGENT: Row = {"id": "10", "computerName": "PC-1", "siteId": "1", "accountId": "2", "isActive": True}
RISK: Row = {
    "id": "100", "cveId": "CVE-2024-3094", "endpointId": "10", "application": "xz 5.6", "applicationName": "xz",
    "applicationVendor": "Tukaani", "applicationVersion": "5.6", "severity": "CRITICAL", "baseScore": "10.00",
    "status": "Detected", "detectionDate": "2026-01-01T00:00:00.000001Z",
}  # fmt: skip
ODD = "?odd?"


def body(path: str, *rows: Row, odd: str) -> bytes:
    """A page whose rows hold `odd`, in JSON's own spelling, wherever they say `ODD`."""
    data: Any = {"sites": rows} if path == "/sites" else rows
    return json.dumps({"data": data, "pagination": {"nextCursor": None}}).replace(ODD, odd).encode()


async def pull(hub: Hub, recordings: dict[str, Any]) -> Any:
    given = {"/sites": [SITE], "/agents": [AGENT], RISKS: [RISK]} | recordings
    async with recorded.playing(given) as url:
        connection = await hub.add(url, recorded.TOKEN)
        results = [await hub.pull(connection) for _ in range(2)]  # the second compares with what is stored
    for result in results:
        assert [run.state for run in result.runs] in (["done"] * 5, ["done"] * 4 + ["partial"])
    return results[0]


@pytest.mark.parametrize("odd", [r"a\u0000b", r"a\ud83db", r"a\ude00", "a\\u0000\\ud83d\\ude00"])
@pytest.mark.parametrize("field", [
    *sorted(RISK.keys() - {"id", "endpointId", "baseScore", "detectionDate"}), "endpointName", "endpointType",
    "osType", "lastScanResult", "mitigationStatus", "mitigationStatusReason", "markType", "reason", "new",
    "nvdCvssVersion",
])  # fmt: skip
async def test_characters_that_no_database_holds(hub: Hub, field: str, odd: str) -> None:
    """A risk with NUL or half a character in any text is stored with it replaced, and so are its neighbours."""
    other = RISK | {"id": "101", "cveId": "CVE-2024-1", "endpointId": "11", field: ODD, "endpointName": ODD}
    await pull(hub, {RISKS: body(RISKS, RISK, other, odd=odd)})
    assert await hub.rows("SELECT count(*) FROM finding") == [(2,)]
    assert await hub.rows("SELECT count(*) FROM device WHERE name LIKE %s", "%\ufffd%") == [(1,)]
    assert await hub.rows("SELECT FROM quarantine") == []


@pytest.mark.parametrize("odd", [r"a\u0000b", r"a\ud83db"])
@pytest.mark.parametrize("path", ["/accounts", "/sites", "/groups", "/agents"])
async def test_odd_characters_in_small_lists(hub: Hub, path: str, odd: str) -> None:
    """A name or a nested value with such characters is stored with them replaced."""
    row = {"/agents": AGENT, "/sites": SITE}.get(path, {"id": "2", "siteId": "1"})
    row = row | {"name": ODD, "computerName": ODD, "tags": {"sentinelone": [{ODD: ODD}]}}
    await pull(hub, {path: body(path, row, odd=odd)})
    table = {"/accounts": "account", "/sites": "site", "/groups": "scope_group", "/agents": "device"}[path]
    ((name, vendor),) = await hub.rows(f"SELECT name, vendor FROM {table}")  # noqa: S608  # one of four words
    read = "a\ufffdb"
    assert name == read
    assert vendor["tags"] == {"sentinelone": [{read: read}]}


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ("NaN", "new"),
        ("-Infinity", "new"),
        ("1e400", "new"),
        ("123456789012345678901234567890", "new"),
        ("-1e-400", "new"),
        ('{"a":{"b":[1e999]}}', "markType"),
    ],
)
async def test_odd_numbers(hub: Hub, odd: str, field: str) -> None:
    """A number that is none, or too large for most, is kept in some form; the row is stored."""
    other = RISK | {"id": "101", "cveId": "CVE-2024-1", field: ODD}
    await pull(
        hub, {RISKS: body(RISKS, RISK, other, odd=odd).replace(b'"' + odd.encode() + b'"', odd.encode())}
    )
    assert await hub.rows("SELECT count(*) FROM finding") == [(2,)]
    ((kept,),) = await hub.rows("SELECT coalesce(extra, mark) FROM finding WHERE vendor_id = 101")
    assert kept[field] is not None


ODD_ROWS: dict[str, Row] = {
    "id": {"id": "abc"},
    "negative id": {"id": "-5"},
    "id beyond bigint": {"id": str(1 << 63)},
    "no endpoint": {"endpointId": None},
    "no cve": {"cveId": None},
    "a cve without end": {"cveId": "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(5000))},
    "name of another type": {"applicationName": 5},
    "no score": {"baseScore": "high"},
    "score beyond the scale": {"baseScore": "99.00"},
    "no time": {"detectionDate": "yesterday"},
    "time beyond the calendar": {"detectionDate": "9999-12-31T23:59:59-01:00"},
    "publication beyond the calendar": {"publishedDate": "0001-01-01T00:00:00+01:00"},
}


@pytest.mark.parametrize("name", ODD_ROWS)
async def test_rows_that_cannot_be_findings(hub: Hub, name: str) -> None:
    """A row that is no finding goes to quarantine as it was sent, with the reason; the others are stored."""
    odd = RISK | {"id": "101", "cveId": "CVE-2024-1"} | ODD_ROWS[name]
    result = await pull(hub, {RISKS: [RISK, odd, RISK | {"id": "102", "cveId": "CVE-2024-2"}]})
    assert await hub.rows("SELECT vendor_id FROM finding ORDER BY 1") == [(100,), (102,)]
    ((content, reason, stream),) = await hub.rows("SELECT content, reason, stream FROM quarantine")
    assert json.loads(content) == odd
    assert reason
    assert stream == "risks"
    assert result.runs[-1].counts["quarantined"] == 1


EXTREMES: dict[str, Row] = {
    "long texts": {
        "applicationName": "x" * 100_000,
        "endpointName": "y" * 100_000,
        "reason": "z" * 1_000_000,
    },
    "first day": {"detectionDate": "0001-01-01T00:00:00Z", "publishedDate": "0001-01-01T00:00:00Z"},
    "last day": {"detectionDate": "9999-12-31T23:59:59.999999Z", "lastScanDate": "9999-12-31T23:59:59Z"},
    "scan at no time": {"lastScanDate": "never"},
    "empty texts": dict.fromkeys(RISK.keys() - {"id", "cveId", "endpointId"}, ""),
    "nulls": dict.fromkeys(RISK.keys() - {"id", "cveId", "endpointId"}),
    "what SQL and markup are made of": {
        "applicationName": "'; DROP TABLE finding; -- [bold]%s%%\\x00",
        "reason": "\\",
    },
    "a deep field": {"new": json.loads("[" * 200 + "]" * 200)},
    "largest id": {"id": str((1 << 63) - 1)},
}


@pytest.mark.parametrize("name", EXTREMES)
async def test_extremes(hub: Hub, name: str) -> None:
    """What is extreme but makes sense is stored, and can be listed."""
    odd = RISK | {"id": "101", "cveId": "CVE-2024-1"} | EXTREMES[name]
    await pull(hub, {RISKS: [RISK, odd]})
    assert await hub.rows("SELECT FROM quarantine") == []
    for list_ in (reading.findings, reading.devices, software.listed):
        assert (await list_(hub.db, Filters())).items
    assert len((await reading.findings(hub.db, Filters())).items) == 2
