"""Documents of OCSF: valid by the official schema, and true to the row that they are made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import ocsf as judge
from support import rows, wide
from waypost.unified import ocsf, vendor
from waypost.unified.ocsf.table import Each
from waypost.unified.words import DeviceState, FindingState, Severity, word

ROW: rows.Row = {
    "id": "2011957903825504801", "cveId": "CVE-2025-0411", "application": "7-Zip 22.01", "applicationName": "7-Zip",
    "applicationVersion": "22.01", "applicationVendor": "Igor Pavlov", "severity": "HIGH", "status": "Detected",
    "daysDetected": 59, "detectionDate": "2025-06-02T04:46:51.710569Z", "publishedDate": "2025-01-20T07:04:04Z",
    "lastScanDate": "2025-07-29T19:25:47Z", "lastScanResult": "Succeeded", "endpointId": "2162143406517023959",
    "endpointName": "DESKTOP-R1E2DQ2", "endpointType": "desktop", "osType": "windows", "markType": "",
    "markedBy": None, "markedDate": None, "reason": None, "baseScore": "7.00", "cvssVersion": "3.1",
}  # fmt: skip
AGENT: rows.Row = {
    "id": "2162143406517023959", "uuid": "187d5f3c7af341079041baeb9f88a511", "computerName": "DESKTOP-R1E2DQ2",
    "domain": "WORKGROUP", "machineType": "desktop", "osType": "windows", "osName": "Windows 10 Pro",
    "osRevision": "19044", "osArch": "64 bit", "agentVersion": "24.1.2.6", "isActive": True, "infected": False,
    "lastIpToMgmt": "172.31.4.242", "totalMemory": 8192, "cpuCount": 1, "coreCount": 4, "cpuId": "i7",
    "modelName": "HP ProBook", "serialNumber": "5CD1", "lastLoggedInUserName": "ada", "groupId": "7",
    "groupName": "Default Group", "registeredAt": "2022-04-06T08:26:45.515278Z", "externalId": None,
    "updatedAt": "2022-04-07T08:31:47.481227Z", "lastActiveDate": "2022-04-07T08:31:47Z",
    "osStartTime": "2022-04-06T08:27:14Z", "createdAt": "2022-04-06T08:26:45.515278Z",
    "cloudProviders": {"AWS": {"cloudInstanceId": "i-03", "cloudLocation": "us-west-2", "awsRole": None}},
    "networkInterfaces": [
        {"id": "5", "name": "eth0", "physical": "0A:87:7A:4F:B4:0B", "inet": ["172.31.4.242"],
         "inet6": ["fe80::887:7aff:fe4f:b40b", "odd"], "gatewayIp": "172.31.0.1"},
        {"id": "6", "name": "eth1", "physical": "none", "inet": [], "inet6": None},
    ],
}  # fmt: skip
NO_SCORE: rows.Row = {"baseScore": None, "cvssVersion": None}
PLACES = st.sampled_from((wide.PLACE, wide.NOWHERE))
ODD = st.one_of(rows.JSON, rows.TIMES, st.sampled_from(("10.0.0.1", "fe80::1", "64 bit", "server", "linux")))
AGENTS = st.builds(
    lambda odd, steady: {"id": "7", **odd, **steady},
    st.dictionaries(st.sampled_from(sorted(set(AGENT) - {
        "id", "uuid", "computerName", "domain", "machineType", "osType", "osName", "osRevision", "osArch",
        "agentVersion", "isActive", "groupId", "groupName", "registeredAt", "createdAt", "updatedAt",
        "lastActiveDate", "infected",
    })), ODD, max_size=8),
    st.fixed_dictionaries({}, optional={
        name: rows.nullable(rows.TEXTS)
        for name in ("uuid", "computerName", "domain", "machineType", "osType", "osName", "osRevision", "osArch")
    }),
)  # fmt: skip


def at(document: Any, path: str) -> Any:
    """The value at a path, of the first item of each list."""
    for name in path.split("."):
        document = document[name]
        document = document[0] if isinstance(document, list) and document else document
    return document


@given(rows.RISKS, PLACES, st.sampled_from(FindingState), st.booleans())
def test_every_finding_is_valid(
    sent: rows.Row, place: rows.Row, state: FindingState, has_vendor: bool
) -> None:
    """Whatever a console sends and wherever the finding stands, its document is a valid Vulnerability Finding."""
    row = wide.finding(sent, **place, state=state.value)
    assert judge.problems(ocsf.finding(row, with_vendor=has_vendor)) == []


@given(AGENTS, PLACES, st.sampled_from(DeviceState), st.booleans())
def test_every_device_is_valid(sent: rows.Row, place: rows.Row, state: DeviceState, has_vendor: bool) -> None:
    """Whatever an agent says of its machine, the document is valid Device Inventory Info."""
    row = wide.device(sent, **place, device_state=state.value)
    assert judge.problems(ocsf.device(row, with_vendor=has_vendor)) == []


@given(rows.RISKS, PLACES, st.sampled_from(Severity))
def test_all_software_is_valid(sent: rows.Row, place: rows.Row, severity: Severity) -> None:
    """Whatever an application is called, the document is valid Software Inventory Info."""
    assert judge.problems(ocsf.software(wide.software(sent, **place, severity=severity.value))) == []


def test_a_device_that_only_risks_name_is_valid() -> None:
    """A device without an agent's row says what its risks say, and nothing that nobody knows."""
    row = wide.device({"id": "7"}, vendor=None, device_state=DeviceState.UNKNOWN.value, os_type="linux")
    document = ocsf.device(row, with_vendor=True)
    assert judge.problems(document) == []
    assert document["device"]["os"] == {"name": "linux", "type_id": 200, "type": "Linux"}
    assert {"raw_data", "is_managed"}.isdisjoint(document.keys() | document["device"].keys())


def test_what_a_finding_tells() -> None:
    """Each fact of a risk stands where OCSF has a place for it."""
    row = wide.finding(ROW)
    document = ocsf.finding(row)
    expected = {
        "class_uid": 2002, "type_uid": 200201, "time": 1748839611710, "severity": "High", "status": "New",
        "status_code": "open", "message": "CVE-2025-0411 in 7-Zip 22.01 on DESKTOP-R1E2DQ2",
        "metadata.tenant_uid": wide.ORGANIZATION, "metadata.tags.value": "Acme", "metadata.profiles": "host",
        "metadata.uid": f"{row.finding_id}:1795336200250", "metadata.original_event_uid": ROW["id"],
        "metadata.log_source": "main", "metadata.processed_time": 1795336200250,
        "finding_info.uid": row.finding_id, "finding_info.title": "CVE-2025-0411 in 7-Zip 22.01",
        "finding_info.first_seen_time": 1748839611710, "finding_info.last_seen_time": 1795336200250,
        "vulnerabilities.severity": "HIGH", "vulnerabilities.cve.uid": "CVE-2025-0411",
        "vulnerabilities.cve.created_time": 1737356644000,
        "vulnerabilities.cve.cvss": {"base_score": 7.0, "version": "3.1", "vendor_name": "SentinelOne"},
        "vulnerabilities.affected_packages.name": "7-Zip", "vulnerabilities.affected_packages.version": "22.01",
        "vulnerabilities.affected_packages.vendor_name": "Igor Pavlov",
        "resources.uid": row.device_id, "resources.type": "desktop", "resources.role": "Affected",
        "device.uid": row.device_id, "device.uid_alt": ROW["endpointId"], "device.type": "Desktop",
        "device.os": {"name": "windows", "type_id": 100, "type": "Windows"},
        "device.org": {"uid": "2010956593562169647", "name": "Acme Group", "ou_uid": "2010956594736574778",
                       "ou_name": "Berlin"},
        "unmapped": {"lastScanResult": "Succeeded"},
    }  # fmt: skip
    assert {path: at(document, path) for path in expected} == expected
    assert "raw_data" not in document


def test_what_a_device_tells() -> None:
    """Each fact of an agent stands where OCSF has a place for it; an address that is none stands nowhere."""
    row = wide.device(AGENT)
    document = ocsf.device(row)
    expected = {
        "class_uid": 5001, "type_uid": 500102, "time": 1795336200250, "device.hostname": "DESKTOP-R1E2DQ2",
        "device.ip": "172.31.4.242", "device.domain": "WORKGROUP", "device.is_managed": True,
        "device.os": {"name": "Windows 10 Pro 19044", "type_id": 100, "type": "Windows", "build": "19044",
                      "cpu_bits": 64},
        "device.boot_time": 1649233634000, "device.created_time": 1649233605515,
        "device.modified_time": 1649320307481, "device.owner.name": "ada", "device.model": "HP ProBook",
        "device.hw_info": {"cpu_type": "i7", "cpu_count": 1, "cpu_cores": 4, "ram_size": 8192,
                           "serial_number": "5CD1"},
        "device.groups": {"uid": "7", "name": "Default Group", "type": "SentinelOne group"},
        "device.instance_uid": "i-03", "device.region": "us-west-2", "device.agent_list.version": "24.1.2.6",
        "unmapped": {"state": "active", "isActive": True, "infected": False, "createdAt": AGENT["createdAt"],
                     "cloudProviders": AGENT["cloudProviders"], "networkInterfaces": AGENT["networkInterfaces"]},
    }  # fmt: skip
    assert {path: at(document, path) for path in expected} == expected
    mac = {"uid": "5", "name": "eth0", "mac": "0A:87:7A:4F:B4:0B"}
    assert document["device"]["network_interfaces"] == [
        mac | {"ip": "172.31.4.242"},
        mac | {"ip": "fe80::887:7aff:fe4f:b40b"},
        {"uid": "6", "name": "eth1"},
    ]


def test_what_software_tells() -> None:
    """An application on a device is named thrice, as the class asks for, and how bad it is stands beside."""
    row = wide.software(ROW, severity=Severity.CRITICAL.value)
    document = ocsf.software(row)
    assert document["product"] == {"name": "7-Zip", "version": "22.01", "vendor_name": "Igor Pavlov"}
    assert document["sbom"]["software_components"] == [{"name": "7-Zip", "version": "22.01"}]
    assert document["unmapped"] == {"findings": 3, "critical": 1, "high": 1, "severity": "critical"}
    assert (document["device"]["uid"], document["metadata"]["uid"]) == (
        row.device_id, f"{row.device_id}:7:1795336200250",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "activity", "status", "time"),
    [
        (FindingState.OPEN, "Create", "New", 1748839611710),
        (FindingState.REOPENED, "Update", "New", 1795336200250),
        (FindingState.IN_PROGRESS, "Update", "In Progress", 1795336200250),
        (FindingState.ON_HOLD, "Update", "Suppressed", 1795336200250),
        (FindingState.IGNORED, "Update", "Suppressed", 1795336200250),
        (FindingState.RESOLVED, "Close", "Resolved", 1795334400000),
    ],
)
def test_the_life_of_a_finding(state: FindingState, activity: str, status: str, time: int) -> None:
    """A finding is created when it was detected, closed when it was resolved, and in between updated."""
    resolved_at = wide.AT.replace(minute=0, microsecond=0) if state is FindingState.RESOLVED else None
    document = ocsf.finding(wide.finding(ROW, state=state.value, resolved_at=resolved_at))
    assert (document["activity_name"], document["status"], document["time"]) == (activity, status, time)
    assert document["status_code"] == word(state)


@pytest.mark.parametrize(
    ("sent", "cvss", "left"),
    [
        (
            {"nvdBaseScore": "8.80", "nvdCvssVersion": "3.1", "riskScore": "7.20", **NO_SCORE},
            [{"base_score": 8.8, "version": "3.1", "vendor_name": "NVD"}],
            {"riskScore": "7.20"},
        ),
        (
            {"nvdBaseScore": "8.80", "nvdCvssVersion": "3.1"},
            [
                {"base_score": 8.8, "version": "3.1", "vendor_name": "NVD"},
                {"base_score": 7.0, "version": "3.1", "vendor_name": "SentinelOne"},
            ],
            {},
        ),
        ({"cvssVersion": None}, None, {"baseScore": "7.00"}),
        ({"baseScore": None}, None, {"cvssVersion": "3.1"}),
    ],
)
def test_scores(sent: rows.Row, cvss: list[rows.Row] | None, left: rows.Row) -> None:
    """Each score says who gave it; one without its version has no place in OCSF, and is not lost."""
    document = ocsf.finding(wide.finding(ROW | sent))
    assert document["vulnerabilities"][0]["cve"].get("cvss") == cvss
    assert document["unmapped"] == {"lastScanResult": "Succeeded", **left}


def test_a_word_that_ocsf_does_not_have_is_told_as_it_is() -> None:
    """A kind of machine or of operating system that nobody foresaw is Other, by its own name."""
    row = wide.finding(ROW | {"endpointType": "Toaster", "osType": "threat_detection_s3"})
    document = ocsf.finding(row)
    assert (document["device"]["type_id"], document["device"]["type"]) == (99, "Toaster")
    assert document["device"]["os"] == {
        "name": "threat_detection_s3",
        "type_id": 99,
        "type": "threat_detection_s3",
    }


def test_decisions_and_marks() -> None:
    """Why a finding is on hold or ignored is told, and who said so when is beside it."""
    held = {
        "mitigationStatus": "On hold",
        "mitigationStatusChangedBy": "Ada",
        "mitigationStatusReason": "later",
    }
    document = ocsf.finding(wide.finding(ROW | held))
    assert (document["status"], document["status_detail"]) == ("Suppressed", "later")
    assert document["unmapped"] == {"lastScanResult": "Succeeded", **held}
    marked = {"markType": {"description": "False Positive"}, "markedBy": "Bob", "reason": "vendored"}
    document = ocsf.finding(wide.finding(ROW | marked))
    assert (document["status"], document["status_detail"]) == ("Suppressed", "vendored")
    assert document["unmapped"] == {"lastScanResult": "Succeeded", **marked}


@pytest.mark.parametrize(
    ("maturity", "level", "exploit", "fix"),
    [
        ("Functional", "Official Fix", True, True),
        ("Unproven", "Unavailable", False, False),
        ("Not Defined", "Not Defined", None, None),
        (None, None, None, None),
    ],
)
def test_exploits_and_fixes(
    maturity: str | None, level: str | None, exploit: bool | None, fix: bool | None
) -> None:
    """Whether there is an exploit or a fix is told where the console knows it."""
    sent = {"exploitCodeMaturity": maturity, "remediationLevel": level}
    (told,) = ocsf.finding(wide.finding(ROW | sent))["vulnerabilities"]
    assert (told.get("is_exploit_available"), told.get("is_fix_available")) == (exploit, fix)


@given(rows.RISKS)
def test_no_field_of_a_risk_is_dropped(sent: rows.Row) -> None:
    """What a console sends beyond what Waypost knows is in `unmapped`; what Waypost knows, some attribute tells."""
    lines = [
        field
        for line in ocsf.FIELDS["finding"]
        for field in (line.fields if isinstance(line, Each) else (line,))
    ]
    told = {name for line in lines for name in line.sent}
    assert rows.FIELDS - told == {"daysDetected"}
    unmapped = ocsf.finding(wide.finding(sent)).get("unmapped", {})
    for name in sent.keys() - rows.FIELDS:
        if sent[name] is not None:
            assert unmapped[name] == sent[name]


@given(AGENTS)
def test_no_field_of_an_agent_is_dropped(sent: rows.Row) -> None:
    """A field of an agent that no attribute tells is in `unmapped`, and so is one whose value none can tell."""
    document = ocsf.device(wide.device(sent))
    told = {name for line in ocsf.FIELDS["device"] for name in getattr(line, "sent", ())} - {"cloudProviders"}
    for name, value in sent.items():
        if value not in (None, "") and name not in told:
            assert document["unmapped"][name] == value
    for name, path in (("lastIpToMgmt", "ip"), ("modelName", "model"), ("osStartTime", "boot_time")):
        if sent.get(name) not in (None, ""):
            assert (path in document["device"]) != (name in document["unmapped"])


def test_raw_data_is_the_row_of_the_console() -> None:
    """With the vendor's fields a document has the row as it was sent, and is otherwise the same."""
    row = wide.finding(ROW)
    plain, raw = ocsf.finding(row), ocsf.finding(row, with_vendor=True)
    assert raw.pop("raw_data") == vendor.text(vendor.risk(row))
    assert raw == plain
    agent = wide.device(AGENT)
    assert ocsf.device(agent, with_vendor=True)["raw_data"] == vendor.text(AGENT)


def test_documents_share_nothing() -> None:
    """Whoever changes a document changes no other."""
    row = wide.finding(ROW)
    document = ocsf.finding(row)
    document["metadata"]["profiles"].append("cloud")
    document["finding_info"]["data_sources"].clear()
    document["metadata"]["product"]["name"] = "other"
    assert judge.problems(ocsf.finding(row)) == []
    assert ocsf.finding(row)["metadata"]["profiles"] == ["host"]


@pytest.mark.parametrize("sent", [1 << 31, -1, True, 4.5, "4"])
def test_a_number_that_is_none(sent: object) -> None:
    """What is no count, or more than OCSF's integers hold, stands where nobody counts with it."""
    document = ocsf.device(wide.device(AGENT | {"coreCount": sent}))
    assert "cpu_cores" not in document["device"]["hw_info"]
    assert document["unmapped"]["coreCount"] == sent
