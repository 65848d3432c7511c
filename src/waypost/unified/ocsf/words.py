"""OCSF's numbers and captions for the words of the unified model, and for the console's words about devices.

Where OCSF has no word for what a console says, it is 99, and the caption is the console's own.
"""

from typing import Final

import msgspec

from waypost.unified.words import DeviceState, FindingState, Severity


class Word(msgspec.Struct, frozen=True):
    """A member of one of OCSF's vocabularies."""

    id: int
    caption: str


UNKNOWN: Final = Word(0, "Unknown")
_OTHER: Final = 99

SEVERITY: Final = {
    Severity.UNKNOWN: UNKNOWN,
    Severity.NONE: Word(1, "Informational"),
    Severity.LOW: Word(2, "Low"),
    Severity.MEDIUM: Word(3, "Medium"),
    Severity.HIGH: Word(4, "High"),
    Severity.CRITICAL: Word(5, "Critical"),
}

STATUS: Final = {
    FindingState.OPEN: Word(1, "New"),
    FindingState.REOPENED: Word(1, "New"),
    FindingState.IN_PROGRESS: Word(2, "In Progress"),
    FindingState.ON_HOLD: Word(3, "Suppressed"),
    FindingState.IGNORED: Word(3, "Suppressed"),
    FindingState.RESOLVED: Word(4, "Resolved"),
}

CREATE: Final = Word(1, "Create")
UPDATE: Final = Word(2, "Update")
CLOSE: Final = Word(3, "Close")
COLLECT: Final = Word(2, "Collect")

ACTIVITY: Final = {
    FindingState.OPEN: CREATE,
    FindingState.REOPENED: UPDATE,
    FindingState.IN_PROGRESS: UPDATE,
    FindingState.ON_HOLD: UPDATE,
    FindingState.IGNORED: UPDATE,
    FindingState.RESOLVED: CLOSE,
}

_VIRTUAL: Final = Word(6, "Virtual")
DEVICE_TYPE: Final = {
    "server": Word(1, "Server"),
    "desktop": Word(2, "Desktop"),
    "laptop": Word(3, "Laptop"),
    "kubernetes node": _VIRTUAL,
    "kubernetes helper": _VIRTUAL,
    "kubernetes pod": _VIRTUAL,
    "ecs task": _VIRTUAL,
    "unknown": UNKNOWN,
}
"""By `machineType`, or a risk's `endpointType`."""

_WINDOWS: Final = Word(100, "Windows")
_LINUX: Final = Word(200, "Linux")
OS_TYPE: Final = {
    "windows": _WINDOWS,
    "windows_legacy": _WINDOWS,
    "linux": _LINUX,
    "linux_k8s": _LINUX,
    "macos": Word(300, "macOS"),
}
"""By `osType`."""

IS_MANAGED: Final = {
    DeviceState.UNKNOWN: None,
    DeviceState.ACTIVE: True,
    DeviceState.INACTIVE: True,
    DeviceState.DECOMMISSIONED: False,
    DeviceState.UNINSTALLED: False,
    DeviceState.GONE: False,
}
"""Whether an agent looks after the device."""


def named(text: str | None, table: dict[str, Word]) -> Word:
    """The word for what the console says, in any case."""
    if not text:
        return UNKNOWN
    return table.get(text.lower()) or Word(_OTHER, text)
