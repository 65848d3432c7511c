"""From an agent to a device."""

import uuid
from datetime import datetime
from typing import Any, Final

import msgspec
import xxhash
from msgspec import UNSET, UnsetType

from waypost.sentinelone.wire import Agent, Sent
from waypost.unified import identity
from waypost.unified.instants import instant
from waypost.unified.words import DeviceState

MOVES_BY_ITSELF: Final = frozenset({
    "lastActiveDate", "updatedAt", "isActive", "networkStatus", "externalIp", "lastIpToMgmt", "groupIp",
    "lastLoggedInUserName", "osUsername", "osStartTime", "totalMemory", "activeThreats", "infected",
    "scanStatus", "scanStartedAt", "scanFinishedAt", "scanAbortedAt", "lastSuccessfulScanDate",
    "fullDiskScanLastUpdatedAt", "showAlertIcon", "inRemoteShellSession", "consoleMigrationStatus",
    "containerizedWorkloadCounts", "policyUpdatedAt", "groupUpdatedAt", "accountName", "siteName", "groupName",
    "networkInterfaces", "locations", "proxyStates", "userActionsNeeded", "appsVulnerabilityStatus",
    "threatRebootRequired", "lastUserDistinguishedName",
})  # fmt: skip
"""Fields of an agent that change without anybody's doing, or follow from another row. They are stored when
they change, but are no entry in the change log."""


class Device(msgspec.Struct, frozen=True):
    """One endpoint with an agent, as a row of the table `device` (times ISO 8601)."""

    device_id: int
    device_uuid: uuid.UUID
    state: int
    site_id: int | None
    group_id: int | None
    name: str | None
    domain: str | None
    os: str | None
    os_type: str | None
    machine_type: str | None
    agent_version: str | None
    agent_uuid: str | None
    registered_at: datetime | None
    last_active_at: datetime | None
    updated_at: datetime | None
    row_hash: int
    vendor: dict[str, Any]


def from_agent(connection: uuid.UUID, sent: Sent[Agent]) -> Device:
    """The device that an agent stands for.

    Raises:
        ValueError: A time of the agent is none.
    """
    agent = sent.value
    return Device(
        device_id=agent.id,
        device_uuid=uuid.UUID(bytes=identity.device(connection.bytes, agent.id)),
        state=state_of(agent),
        site_id=agent.siteId or None,
        group_id=agent.groupId or None,
        name=agent.computerName or None,
        domain=agent.domain or None,
        os=_os(agent),
        os_type=agent.osType or None,
        machine_type=agent.machineType or None,
        agent_version=agent.agentVersion or None,
        agent_uuid=agent.uuid or None,
        registered_at=instant(agent.registeredAt) or instant(agent.createdAt),
        last_active_at=instant(agent.lastActiveDate),
        updated_at=instant(agent.updatedAt),
        row_hash=_hash(sent.vendor),
        vendor=sent.vendor,
    )


def state_of(agent: Agent) -> DeviceState:
    """The first that holds: uninstalled, decommissioned, active by the console's word, else inactive."""
    if agent.isUninstalled is True:
        return DeviceState.UNINSTALLED
    if agent.isDecommissioned is True:
        return DeviceState.DECOMMISSIONED
    return DeviceState.ACTIVE if agent.isActive is True else DeviceState.INACTIVE


def _os(agent: Agent) -> str | None:
    return " ".join(part for part in (_text(agent.osName), _text(agent.osRevision)) if part) or None


def _text(value: str | UnsetType | None) -> str:
    return "" if value is None or value is UNSET else value


def _hash(vendor: dict[str, Any]) -> int:
    steady = {name: vendor[name] for name in sorted(vendor) if name not in MOVES_BY_ITSELF}
    return xxhash.xxh3_64_intdigest(msgspec.json.encode(steady, order="deterministic")) >> 1
