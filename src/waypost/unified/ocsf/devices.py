"""A device as Device Inventory Info, class 5001.

Attributes beyond those that every document has of its device are told by the agent as the console sent it. A value
that OCSF does not allow where it belongs, like an address that is none, stays in `unmapped`.
"""

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

from waypost.unified import vendor
from waypost.unified.instants import instant
from waypost.unified.ocsf.common import DEVICE, STATES, classified, metadata, present, told
from waypost.unified.ocsf.table import Each, Field, Type, Value, always, column, milliseconds, time
from waypost.unified.ocsf.words import COLLECT, Word
from waypost.unified.rows import DeviceRow
from waypost.unified.words import DeviceState

CLASS: Final = Word(5001, "Device Inventory Info")

_MAC: Final = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_MOST: Final = 1 << 31
"""OCSF's integers are of 32 bits."""
_BITS: Final = {"64 bit": 64, "32 bit": 32}

Fits = Callable[[Any], Any]
"""What a value becomes; None where it does not fit."""


def _text(sent: object) -> str | None:
    return sent if isinstance(sent, str) and sent else None


def _count(sent: object) -> int | None:
    return sent if isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < _MOST else None


def _moment(sent: object) -> int | None:
    try:
        return milliseconds(instant(sent)) if isinstance(sent, str) else None
    except ValueError:
        return None


def _address(sent: object) -> str | None:
    if not isinstance(sent, str):
        return None
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in sent else socket.AF_INET, sent)
    except (OSError, ValueError):
        return None
    return sent


def _bits(sent: object) -> int | None:
    return _BITS.get(sent) if isinstance(sent, str) else None


def _sent(path: str, kind: Type, name: str, fits: Fits, note: str = "") -> tuple[Field, str, Fits]:
    """An attribute that is a field of the agent."""

    def value(row: DeviceRow) -> Any:
        return fits(row.vendor.get(name)) if row.vendor else None

    return Field(path, kind, value, sent=(name,), note=note), name, fits


_OF_AGENT: Final = (
    _sent("device.ip", "string", "lastIpToMgmt", _address, "as the console saw it"),
    _sent("device.boot_time", "timestamp", "osStartTime", _moment),
    _sent("device.model", "string", "modelName", _text),
    _sent("device.owner.name", "string", "lastLoggedInUserName", _text, "who logged in last"),
    _sent("device.os.build", "string", "osRevision", _text),
    _sent("device.os.cpu_bits", "integer", "osArch", _bits),
    _sent("device.hw_info.cpu_type", "string", "cpuId", _text),
    _sent("device.hw_info.cpu_count", "integer", "cpuCount", _count),
    _sent("device.hw_info.cpu_cores", "integer", "coreCount", _count),
    _sent("device.hw_info.ram_size", "integer", "totalMemory", _count, "megabytes"),
    _sent("device.hw_info.serial_number", "string", "serialNumber", _text),
)


def _interfaces(row: DeviceRow) -> Iterator[dict[str, Any]]:
    """Each address of each network interface; an interface without one by itself."""
    listed = row.vendor.get("networkInterfaces") if row.vendor else None
    for sent in listed if isinstance(listed, list) else ():
        if not isinstance(sent, dict):
            continue
        mac = sent.get("physical")
        interface = {
            "uid": _text(sent.get("id")),
            "name": _text(sent.get("name")),
            "mac": mac if isinstance(mac, str) and _MAC.fullmatch(mac) else None,
        }
        addresses = [
            address
            for family in ("inet", "inet6")
            if isinstance(listed_of_family := sent.get(family), list)
            for one in listed_of_family
            if (address := _address(one)) is not None
        ]
        for address in addresses or (None,):
            if address or any(interface.values()):
                yield interface | {"ip": address}


def _in_cloud(name: str) -> Value:
    """A fact about the machine that a cloud provider runs; consoles send one provider at most."""

    def value(row: DeviceRow) -> str | None:
        clouds = row.vendor.get("cloudProviders") if row.vendor else None
        for cloud in clouds.values() if isinstance(clouds, dict) else ():
            if isinstance(cloud, dict) and (found := _text(cloud.get(name))):
                return found
        return None

    return value


def _of_interface(name: str, *sent: str, note: str = "") -> Field:
    told = tuple(f"networkInterfaces[].{part}" for part in sent)
    return Field(name, value=lambda interface: interface[name], sent=told, note=note)


_WHOLE: Final = frozenset({"cloudProviders"})
"""Fields of the agent with more in them than is told, and so in `unmapped` as well; so are network interfaces."""

_TOLD: Final[tuple[Field | Each, ...]] = (
    *metadata(
        "agents",
        lambda row: row.device_id,
        "`id`",
        column("metadata.original_event_uid", "agent_id", sent=("id",)),
    ),
    *DEVICE,
    time(
        "device.created_time", "registered_at", sent=("registeredAt",), note="when its agent was registered"
    ),
    time("device.first_seen_time", "added_at", note="when Waypost first saw it"),
    time("device.last_seen_time", "last_active_at", sent=("lastActiveDate",)),
    time("device.modified_time", "updated_at", sent=("updatedAt",)),
    column("device.groups[].uid", "group_id", source="the group's id", sent=("groupId",), key=True),
    column("device.groups[].name", "group", source="the group's name", sent=("groupName",)),
    always("device.groups[].type", "SentinelOne group"),
    *(field for field, _, _ in _OF_AGENT),
    Field("device.instance_uid", value=_in_cloud("cloudInstanceId"), sent=("cloudProviders",)),
    Field("device.region", value=_in_cloud("cloudLocation"), sent=("cloudProviders",)),
    Each(
        "device.network_interfaces",
        _interfaces,
        (
            _of_interface("uid", "id"),
            _of_interface("name", "name"),
            _of_interface("mac", "physical"),
            _of_interface("ip", "inet", "inet6", note="one object for each address"),
        ),
    ),
)

_KNOWN: Final = told(_TOLD) - _WHOLE


def _unmapped(row: DeviceRow) -> dict[str, Any]:
    left = {"state": STATES[DeviceState(row.device_state)], **present(row.vendor, _KNOWN)}
    if row.vendor:
        for _, name, fits in _OF_AGENT:
            if (sent := row.vendor.get(name)) not in (None, "") and fits(sent) is None:
                left[name] = sent
    return left


FIELDS: Final[tuple[Field | Each, ...]] = (
    *classified(Word(5, "Discovery"), CLASS, COLLECT, Word(1, "Informational")),
    time("time", "changed_at"),
    *_TOLD,
    Field(
        "unmapped",
        "object",
        _unmapped,
        source="`state`",
        note="and every field of the agent that no attribute tells, by its own name",
    ),
)

RAW: Final = Field(
    "raw_data",
    value=lambda row: vendor.text(vendor.agent(row)),
    note="the agent as it was sent; with `include=vendor` only",
)
