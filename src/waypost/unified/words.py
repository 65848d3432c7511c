"""The closed vocabularies of the unified model, and the tables that derive them from a console's words.

Each table is data: `docs/model.md` prints them from here. Numbers are what the database stores; they are
ordered where the order means something, and never reused.
"""

from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """How bad a finding is; ordered."""

    UNKNOWN = 0
    NONE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class FindingState(IntEnum):
    """Where a finding stands."""

    OPEN = 1
    REOPENED = 2
    IN_PROGRESS = 3
    ON_HOLD = 4
    IGNORED = 5
    RESOLVED = 6


class DeviceState(IntEnum):
    """Where a device stands."""

    UNKNOWN = 0
    """Only risk rows name it; the console lists no such agent."""
    ACTIVE = 1
    INACTIVE = 2
    DECOMMISSIONED = 3
    UNINSTALLED = 4
    GONE = 5
    """A complete walk no longer listed it."""


class ChangeKind(IntEnum):
    """What an entry of the change log says."""

    FINDING_OPENED = 1
    FINDING_CHANGED = 2
    FINDING_RESOLVED = 3
    FINDING_REOPENED = 4
    DEVICE_ADDED = 11
    DEVICE_CHANGED = 12
    DEVICE_MOVED = 13
    DEVICE_RETIRED = 14
    CONNECTION_ATTENTION = 21
    """Its token was refused."""
    CONNECTION_RECOVERED = 22
    CREDENTIAL_EXPIRING = 23
    """The detail tells how many days are left."""
    CREDENTIAL_EXPIRED = 24
    CONNECTION_ADDED = 25
    CONNECTION_PULLED = 26
    """Its first pull is complete: what there is can be read."""
    CONNECTION_HEALTH_CHANGED = 27
    """A stream of it began to fail, or came back; the detail says which, and why."""
    SITE_ADDED = 31
    """Listed for the first time. Like all entries about sites and accounts, the detail says which, was and is."""
    SITE_RENAMED = 32
    SITE_MOVED = 33
    """To another account."""
    SITE_EXPIRED = 34
    SITE_DELETED = 35
    """The console says so."""
    SITE_GONE = 36
    """A complete walk no longer listed it."""
    SITE_REACTIVATED = 37
    """After it had expired, was deleted or gone."""
    ACCOUNT_ADDED = 41
    ACCOUNT_RENAMED = 42
    ACCOUNT_EXPIRED = 44
    ACCOUNT_DELETED = 45
    ACCOUNT_GONE = 46
    ACCOUNT_REACTIVATED = 47
    MAPPING_CHANGED = 51
    """A decision about a site or account."""
    MAPPING_DRIFTED = 52
    """Something about the mapping needs a person; the detail has the drift's kind."""
    MAPPING_SETTLED = 53
    """It needs nobody any more."""
    RUN_FINISHED = 61
    """A pull that stored something; one that found nothing new has no entry."""
    RUN_FAILED = 62
    WEBHOOK_DISABLED = 71
    """Its receiver failed for too long."""


SEVERITY_OF_WORD: Final = {
    "NONE": Severity.NONE,
    "INFO": Severity.NONE,
    "LOW": Severity.LOW,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
"""The console's `severity`, in any case. Another word, or none: the score decides."""

SEVERITY_OF_SCORE: Final = (
    (9.0, Severity.CRITICAL),
    (7.0, Severity.HIGH),
    (4.0, Severity.MEDIUM),
    (0.1, Severity.LOW),
    (0.0, Severity.NONE),
)
"""From this score upwards, as CVSS 3.1 (section 5) rates it. No score: unknown."""

STATE_OF_STATUS: Final = {"removed": FindingState.RESOLVED}
"""The console's `status`, lower case. `Detected`, anything else and nothing mean that it is there."""

STATE_OF_MITIGATION: Final = {
    "not mitigated": FindingState.OPEN,
    "to be patched": FindingState.IN_PROGRESS,
    "on hold": FindingState.ON_HOLD,
}
"""The console's `mitigationStatus`, lower case, `_` read as a space. Anything else: open."""

UNMARKED: Final = frozenset({"", "default", "added cve"})
"""Values of `markType`, lower case, that are no false-positive mark. Any other mark means ignored."""

EXPLOITED_OF_MATURITY: Final = {
    "high": True,
    "functional": True,
    "proof of concept": True,
    "unproven": False,
}
"""Whether code that exploits a CVE is known, by the console's `exploitCodeMaturity`, lower case; any other says not."""

FIX_OF_REMEDIATION: Final = {
    "official fix": True,
    "temporary fix": True,
    "workaround": False,
    "unavailable": False,
}
"""Whether there is a fix, by the console's `remediationLevel`, lower case; any other says not."""

SETTLED: Final = frozenset({FindingState.RESOLVED})
"""States that are over. Seen again, such a finding is reopened."""

RETIRED: Final = frozenset({DeviceState.DECOMMISSIONED, DeviceState.UNINSTALLED, DeviceState.GONE})
"""Device states that are over."""


def word(member: IntEnum) -> str:
    """The word that users read: `IN_PROGRESS` is `in_progress`."""
    return member.name.lower()
