"""From an agent to a device."""

import json
import pathlib
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from waypost.sentinelone import wire
from waypost.sentinelone.wire import Agent, Sent
from waypost.unified import devices, identity
from waypost.unified.words import DeviceState

CONNECTION = uuid.UUID("11111111-2222-4333-8444-555555555555")
SAMPLES = pathlib.Path(__file__).resolve().parents[4] / "shared" / "sentinelone" / "samples"
Row = dict[str, Any]  # Any: straight from JSON

AGENT: Row = {
    "id": "2011794797031672400",
    "uuid": "e9ef4ceb0e54dd8970e6e0f8f827a098",
    "computerName": "PC-1",
    "domain": "CORP",
    "accountId": "1",
    "siteId": "2",
    "groupId": "3",
    "osType": "windows",
    "osName": "Windows 11 Pro",
    "osRevision": "22631",
    "machineType": "laptop",
    "agentVersion": "24.1.2.6",
    "isActive": True,
    "isDecommissioned": False,
    "isUninstalled": False,
    "createdAt": "2024-08-07T17:57:08.475617Z",
    "registeredAt": "2024-08-07T17:57:08.470993Z",
    "lastActiveDate": "2024-12-06T05:52:59.983806Z",
    "updatedAt": "2024-12-06T03:43:42.885065Z",
    "tags": {"sentinelone": [{"key": "test", "value": "value"}]},
    "licenseKey": "secret",
}


def read(row: Row) -> Sent[Agent]:
    decoded = wire.agents(json.dumps({"data": [row]}).encode())
    assert decoded.unreadable == []
    return decoded.rows[0]


def device(row: Row) -> devices.Device:
    return devices.from_agent(CONNECTION, read(row))


def test_a_device_says_what_its_agent_says() -> None:
    """Every column comes from the agent, and the agent is kept as sent, secrets apart."""
    made = device(AGENT)
    assert made.device_id == 2011794797031672400
    assert made.device_uuid.bytes == identity.device(CONNECTION.bytes, made.device_id)
    assert made.state == DeviceState.ACTIVE
    assert (made.site_id, made.group_id) == (2, 3)
    assert (made.name, made.domain, made.machine_type) == ("PC-1", "CORP", "laptop")
    assert (made.os, made.os_type, made.agent_version) == ("Windows 11 Pro 22631", "windows", "24.1.2.6")
    assert made.agent_uuid == AGENT["uuid"]
    assert made.registered_at == datetime(2024, 8, 7, 17, 57, 8, 470993, UTC)
    assert made.last_active_at == datetime(2024, 12, 6, 5, 52, 59, 983806, UTC)
    assert made.updated_at == datetime(2024, 12, 6, 3, 43, 42, 885065, UTC)
    assert made.vendor == {name: value for name, value in AGENT.items() if name != "licenseKey"}


@pytest.mark.parametrize(
    "absent", [{}, dict.fromkeys(set(AGENT) - {"id"}), dict.fromkeys(["uuid", "domain"], "")]
)
def test_an_agent_that_says_little(absent: Row) -> None:
    """What an agent leaves out, sends as null or leaves empty is nothing, and no error."""
    made = device({"id": "5"} | absent)
    assert made.device_id == 5
    assert made.state == DeviceState.INACTIVE
    assert [made.site_id, made.name, made.domain, made.os, made.agent_uuid, made.registered_at] == [None] * 6


def test_registered_at_falls_back_to_its_creation() -> None:
    """An agent that does not say when it registered was there when the console made it."""
    made = device({"id": "5", "createdAt": AGENT["createdAt"]})
    assert made.registered_at == datetime(2024, 8, 7, 17, 57, 8, 475617, UTC)


@pytest.mark.parametrize("active", [True, False, None])
@pytest.mark.parametrize("decommissioned", [True, False, None])
@pytest.mark.parametrize("uninstalled", [True, False, None])
def test_states(*, active: bool | None, decommissioned: bool | None, uninstalled: bool | None) -> None:
    """Uninstalled comes before decommissioned, that before active; an agent that says nothing is inactive."""
    agent = Agent(id=1, isActive=active, isDecommissioned=decommissioned, isUninstalled=uninstalled)
    if uninstalled:
        expected = DeviceState.UNINSTALLED
    elif decommissioned:
        expected = DeviceState.DECOMMISSIONED
    else:
        expected = DeviceState.ACTIVE if active else DeviceState.INACTIVE
    assert devices.state_of(agent) is expected


@pytest.mark.parametrize("name", sorted(devices.MOVES_BY_ITSELF))
def test_what_moves_by_itself_is_no_change(name: str) -> None:
    """Such a field is stored when it changes, but the change log says nothing about it."""
    before, after = device(AGENT), device(AGENT | {name: None})
    assert before.row_hash == after.row_hash
    assert after.vendor[name] is None


@pytest.mark.parametrize("name", sorted(AGENT.keys() - devices.MOVES_BY_ITSELF - {"licenseKey", "id"}))
def test_what_somebody_changed_is_a_change(name: str) -> None:
    """Every other field counts, known or unknown, and so does its disappearance."""
    without = {key: value for key, value in AGENT.items() if key != name}
    hashes = {device(row).row_hash for row in (AGENT, without, AGENT | {name: None}, AGENT | {"new": 1})}
    assert len(hashes) == 4
    assert device(dict(reversed(AGENT.items()))).row_hash == device(AGENT).row_hash


@pytest.mark.parametrize("name", ["registeredAt", "createdAt", "lastActiveDate", "updatedAt"])
def test_a_time_that_is_none(name: str) -> None:
    """An agent whose time is none is refused with the text; with a time it is taken."""
    row = AGENT | {"registeredAt": None}
    with pytest.raises(ValueError, match="'never' is not a time"):
        device(row | {name: "never"})
    assert device(row | {name: AGENT["updatedAt"]}).device_id == 2011794797031672400


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the recorded samples are not at {SAMPLES}")
@pytest.mark.parametrize(
    ("sample", "state", "os", "machine_type"),
    [
        (
            "agent_linux_2024.tenable.json",
            DeviceState.ACTIVE,
            "Linux Ubuntu 22.04.4 LTS 6.5.0-1022-aws",
            "server",
        ),
        (
            "agent_windows_2020.demisto.json",
            DeviceState.DECOMMISSIONED,
            "Windows Server 2016 14393",
            "server",
        ),
    ],
)
def test_recorded_agents(sample: str, state: DeviceState, os: str, machine_type: str) -> None:
    """Agents that real consoles sent become devices, with every field kept."""
    document = json.loads((SAMPLES / sample).read_text())
    row = document["data"][0] if "data" in document else document
    made = device(row)
    assert (made.state, made.os, made.machine_type) == (state, os, machine_type)
    assert made.name == row["computerName"]
    assert made.vendor == {name: value for name, value in row.items() if name not in wire.SECRETS}
