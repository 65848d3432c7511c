"""What consoles really sent goes through client, mapping and tables, and every value of it is found again."""

import json
import pathlib
from typing import Any

import pytest
from psycopg.rows import args_row

from support import ocsf as judge
from support import recorded
from support.hub import Hub
from support.recorded import Row
from waypost.sentinelone import wire
from waypost.storage import queries
from waypost.unified import ocsf, reading, vendor
from waypost.unified import rows as wide
from waypost.unified.filters import Filters
from waypost.unified.rows import Kind
from waypost.unified.words import FindingState, Severity

SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "sentinelone" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the recorded samples are not at {SAMPLES}")
AGENTS = ("agent_linux_2024.tenable.json", "agent_windows_2020.demisto.json")
RISKS = "/application-management/risks"
WORDS = {name: word.value for name, word in (
    ("resolved", FindingState.RESOLVED), ("critical", Severity.CRITICAL), ("high", Severity.HIGH)
)}  # fmt: skip
INSTALLED = queries.wide.installed.replace("{rows}", "finding f").replace("{where}", "true")

SITE: Row = {
    "id": "2010956594736574778", "name": "Default site", "accountId": "2010956593562169647", "accountName": "Tenable",
    "state": "active", "siteType": "Paid", "activeLicenses": 764, "totalLicenses": 0, "unlimitedLicenses": True,
    "unlimitedExpiration": True, "expiration": None, "inheritAccountExpiration": None, "isDefault": True,
    "healthStatus": True, "description": None, "externalId": "", "creator": "Ada", "creatorId": "5",
    "createdAt": "2024-08-06T14:11:51.475617Z", "updatedAt": "2024-08-06T14:11:51.475617Z", "usageType": None,
    "irFields": None, "sku": "Complete", "suite": "Complete", "registrationToken": "secret",
    "licenses": {
        "bundles": [{"name": "complete", "displayName": "Complete", "majorVersion": 1, "minorVersion": 7,
                     "totalSurfaces": -1, "surfaces": [{"name": "Total Agents", "count": -1}]}],
        "modules": [{"name": "vulnerability_management", "displayName": "VM", "majorVersion": 1}],
        "settings": [{"groupName": "malicious_data_retention", "setting": "365 Days"}],
    },
}  # fmt: skip
ACCOUNT: Row = {
    "id": "2010956593562169647", "name": "Tenable", "state": "active", "accountType": "Paid", "usageType": "mssp",
    "billingMode": "subscription", "isDefault": False, "activeAgents": 3, "numberOfSites": 1, "expiration": None,
    "externalId": None, "skus": [{"type": "Core", "totalLicenses": 0, "unlimited": True}],
}  # fmt: skip
GROUP: Row = {
    "id": "2010956594753351995", "name": "Default Group", "siteId": "2010956594736574778", "type": "static",
    "rank": None, "isDefault": True,
    "inherits": True, "filterId": None, "totalAgents": 1, "registrationToken": "secret",
}  # fmt: skip

COMMON: Row = {
    "id": "2011957903825504801", "cveId": "CVE-2012-6655", "application": "accountsservice 0.6.45-1ubuntu1.3",
    "applicationName": "accountsservice", "applicationVersion": "0.6.45-1ubuntu1.3",
    "applicationVendor": "Ubuntu Developers &lt;ubuntu-devel-discuss@lists.ubuntu.com&gt;", "severity": "LOW",
    "status": "Detected", "daysDetected": 114, "detectionDate": "2024-08-14T21:37:26.985879Z",
    "publishedDate": "2019-11-27T18:15:00Z", "lastScanDate": "2024-10-02T19:22:55Z", "lastScanResult": "Succeeded",
    "endpointId": "2011957903825504800", "endpointName": "nkeuning-sentinelone", "endpointType": "server",
    "osType": "linux", "markType": "", "markedBy": None, "markedDate": None, "reason": None,
}  # fmt: skip
MANAGED: Row = {
    "nvdBaseScore": "8.80", "nvdCvssVersion": "3.1", "riskScore": "7.20", "exploitCodeMaturity": "Proof of Concept",
    "remediationLevel": "Official Fix", "reportConfidence": "Confirmed", "mitigationStatus": "Not mitigated",
    "mitigationStatusChangeTime": None, "mitigationStatusChangedBy": None, "mitigationStatusReason": None,
}  # fmt: skip
RISK_ROWS: dict[str, Row] = {
    "base tier": COMMON | {"baseScore": "3.30", "cvssVersion": "3.1"},
    "base tier without a score": COMMON | {"baseScore": None, "cvssVersion": None, "severity": None},
    "VM tier": COMMON | MANAGED,
    "VM tier, decided": COMMON | MANAGED | {
        "mitigationStatus": "To be patched", "mitigationStatusChangeTime": "2026-04-28T04:07:21.5Z",
        "mitigationStatusChangedBy": "Ada", "mitigationStatusReason": "next week",
    },
    "VM tier, nothing rated": COMMON | dict.fromkeys(MANAGED),
    "marked": COMMON | {
        "baseScore": "7.00", "cvssVersion": "2.0", "markType": {"description": "False Positive"}, "markedBy": "Bob",
        "markedDate": "2026-04-28T04:07:21Z", "reason": "vendored",
    },
    "removed": COMMON | {"baseScore": "7.00", "cvssVersion": "3.0", "status": "Removed"},
    "a field of tomorrow": COMMON | {"baseScore": "7.00", "epss": {"score": 0.5, "at": None}, "kev": False},
    "only what it must": {"id": "5", "cveId": "CVE-2025-0411", "endpointId": "7"},
}  # fmt: skip


async def pull(hub: Hub, recordings: dict[str, Any]) -> Any:
    async with recorded.playing(recordings) as url:
        connection = await hub.add(url, recorded.TOKEN)
        result = await hub.pull(connection)
    assert [run.state for run in result.runs] == ["done"] * 5
    assert sum(run.counts.get("quarantined", 0) for run in result.runs) == 0
    return result


def without_secrets(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in wire.SECRETS}


def sample(name: str) -> Row:
    document: Row = json.loads((SAMPLES / name).read_text())
    return dict(document["data"][0]) if "data" in document else document


@needs_samples
@pytest.mark.parametrize("name", AGENTS)
async def test_recorded_agents(hub: Hub, name: str) -> None:
    """Every value of an agent that a console sent is in its device's row, and the list shows the device."""
    row = sample(name)
    site = {"id": row["siteId"], "name": row["siteName"], "accountId": row["accountId"], "state": "active"}
    await pull(hub, {"/agents": [row], "/sites": [site]})
    ((vendor,),) = await hub.rows("SELECT vendor FROM device")
    assert vendor == without_secrets(row)
    (item,) = (await reading.devices(hub.db, Filters())).items
    assert (item.name, item.site, item.agent_id) == (row["computerName"], row["siteName"], row["id"])
    assert (item.agent_version, item.agent_uuid) == (row["agentVersion"], row["uuid"])
    assert item.state == ("decommissioned" if row["isDecommissioned"] else "active")
    await judged(hub)


async def read(hub: Hub, kind: Kind) -> list[Any]:
    """All there is of a kind, out of the tables, with all that is stored of it."""
    froms = {"finding": "finding f", "device": "device d", "software": f"({INSTALLED}) i"}
    query = f"SELECT {wide.columns(kind)} FROM {froms[kind]} {wide.joins(kind, is_bound=False)}"  # noqa: S608
    async with hub.db.cursor(row_factory=args_row(wide.OF_KIND[kind])) as cursor:
        await cursor.execute(query.encode(), WORDS)
        assert [column.name for column in cursor.description or ()] == [*wide.OF_KIND[kind].__struct_fields__]
        return await cursor.fetchall()


async def rebuilt(hub: Hub) -> Row:
    """The risk row of the only finding, out of the tables."""
    (row,) = await read(hub, "finding")
    return vendor.risk(row)


async def judged(hub: Hub) -> None:
    """Each row that there is makes a valid OCSF document."""
    kinds: tuple[Kind, ...] = ("finding", "device", "software")
    for kind in kinds:
        for row in await read(hub, kind):
            assert judge.problems(ocsf.document(kind, row, with_vendor=True)) == []


@pytest.mark.parametrize("name", RISK_ROWS)
async def test_risks_of_both_tiers(hub: Hub, name: str) -> None:
    """Every value of a risk of either tier comes back from the tables; an endpoint nobody lists is a device too."""
    row = RISK_ROWS[name]
    await pull(hub, {RISKS: [row], "/sites": [SITE]})
    again = await rebuilt(hub)
    nothing = (None, "")
    lost = {
        field: value for field, value in row.items()
        if value not in nothing and field != "daysDetected" and again.get(field) != value
    }  # fmt: skip
    assert lost == {}
    (item,) = (await reading.findings(hub.db, Filters())).items
    assert (item.cve, item.vendor_id) == (row["cveId"], row["id"])
    await judged(hub)


@needs_samples
async def test_values_of_recorded_risk_lists(hub: Hub) -> None:
    """What consoles sent of applications, CVEs and endpoints fits into a risk row and is found again."""
    lists = json.loads((SAMPLES / "risks_applications_cves_endpoints.tenable.json").read_text())
    application, cve, endpoint = (
        lists[f"risks/{name}"]["data"][0] for name in ("applications", "cves", "endpoints")
    )
    name, _, version = application["name"].rpartition(" ")
    row = {
        "id": "1", "application": application["name"], "applicationName": name, "applicationVersion": version,
        "applicationVendor": application["vendor"], "detectionDate": application["detectionDate"],
        **{field: cve[field] for field in ("cveId", "severity", "publishedDate", "cvssVersion")},
        "baseScore": cve["nvdBaseScore"],
        **{field: endpoint[field] for field in (
            "endpointId", "endpointName", "endpointType", "osType", "lastScanDate", "lastScanResult"
        )},
    }  # fmt: skip
    await pull(hub, {RISKS: [row], "/sites": [SITE]})
    again = await rebuilt(hub)
    assert {field: again[field] for field in row} == row
    (item,) = (await reading.findings(hub.db, Filters())).items
    assert item.software.vendor == "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"
    assert (item.score, item.severity, item.device.name) == (3.3, "low", endpoint["endpointName"])
    await judged(hub)


@needs_samples
async def test_the_other_tiers_fixture(hub: Hub) -> None:
    """The key set of the tier with Vulnerability Management, as an integrator wrote it down, is all known."""
    fixture = sample("risks_vln_tier.fixture.json")
    row = COMMON | {name: value for name, value in fixture.items() if name != "_note"}
    await pull(hub, {RISKS: [row], "/sites": [SITE]})
    ((extra,),) = await hub.rows("SELECT extra FROM finding")
    assert extra is None
    again = await rebuilt(hub)
    assert {name: again[name] for name in fixture if name != "_note"} == {
        name: value for name, value in fixture.items() if name != "_note"
    }


async def test_the_tree(hub: Hub) -> None:
    """Accounts, sites and groups are kept as they were sent, without their join secrets."""
    await pull(hub, {"/accounts": [ACCOUNT], "/sites": [SITE], "/groups": [GROUP]})
    for table, row in (("account", ACCOUNT), ("site", SITE), ("scope_group", GROUP)):
        ((vendor,),) = await hub.rows(f"SELECT vendor FROM {table}")  # noqa: S608  # one of three words
        assert vendor == without_secrets(row)
