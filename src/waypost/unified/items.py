"""What lists are made of, as users read it at the command line, through the API and in the client alike."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from waypost.unified.described import said

Row = dict[str, Any]  # Any: whatever the console sent
Counted = Literal["exact", "at_least"]
"""Whether numbers are exact, or the counting stopped there: see `counting`."""
INCLUDED: Final = "included"
"""The field with what was asked to be told besides."""


def selectable(item: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of an item that can be asked for one by one."""
    return tuple(name for name in item.__struct_fields__ if name != INCLUDED)


class Ref(msgspec.Struct, frozen=True):
    """Another thing, by id and name."""

    id: Annotated[str, said("Its id.")]
    name: Annotated[str | None, said("Its name.", null="where it has none")]


class SoftwareRef(msgspec.Struct, frozen=True):
    """The application version that a finding is in."""

    name: Annotated[str, said("Name, as the console spells it, without HTML escapes.", "applicationName")]
    vendor: Annotated[str, said("Who makes it; may be empty.", "applicationVendor")]
    version: Annotated[str, said("Version, as the console spells it; may be empty.", "applicationVersion")]


class Software(msgspec.Struct, frozen=True):
    """An application version; `sent` is how the console spells what it spells otherwise."""

    name: Annotated[str, said("Name, without HTML escapes.", "applicationName")]
    vendor: Annotated[str, said("Who makes it; may be empty.", "applicationVendor")]
    version: Annotated[str, said("Version; may be empty.", "applicationVersion")]
    sent: Annotated[
        Row | None,
        said(
            "What the console spells otherwise, in its own words.", null="where it spells all of it the same"
        ),
    ]


class Cve(msgspec.Struct, frozen=True):
    """What the console says of a CVE, whatever the device; `sent` are its own words."""

    id: Annotated[str, said("The CVE.", "cveId")]
    severity: Annotated[
        str,
        said(
            "`critical`, `high`, `medium`, `low`, `none` or `unknown`: the console's word, else the rating "
            "of the score.",
            "severity",
        ),
    ]
    score: Annotated[
        float | None,
        said("CVSS base score, 0 to 10.", "nvdBaseScore, baseScore", "where the console sends none"),
    ]
    score_version: Annotated[
        str | None,
        said(
            "Version of CVSS that the score is of.",
            "nvdCvssVersion, cvssVersion",
            "where the console does not say",
        ),
    ]
    published_at: Annotated[
        datetime | None,
        said("When the CVE was published.", "publishedDate", "where the console does not say"),
    ]
    exploited: Annotated[
        bool | None,
        said(
            "Whether code that exploits it is known.", "exploitCodeMaturity", "where the console does not say"
        ),
    ]
    has_fix: Annotated[
        bool | None, said("Whether there is a fix.", "remediationLevel", "where the console does not say")
    ]
    sent: Annotated[Row, said("All that the console says of it, in its own words.")]


class DeviceItem(msgspec.Struct, frozen=True, kw_only=True):
    """A device as users read it. `agent_id` and `agent_uuid` are the console's."""

    id: Annotated[str, said("Waypost's id of the device: the same agent of the same connection keeps it.")]
    connection: Annotated[str, said("Name of the connection that it was pulled through.")]
    name: Annotated[str, said("Name of the computer; may be empty.", "computerName")]
    site: Annotated[str | None, said("Name of its site.", "siteName", "while the site is not known")]
    site_id: Annotated[
        str | None, said("The console's id of its site.", "siteId", "while the site is not known")
    ]
    os: Annotated[
        str | None,
        said("Operating system and its revision.", "osName, osRevision", "where the console does not say"),
    ]
    os_type: Annotated[
        str | None,
        said(
            "`windows`, `linux`, `macos` or another of the console's words.",
            "osType",
            "where the console does not say",
        ),
    ]
    machine_type: Annotated[
        str | None,
        said(
            "`server`, `desktop`, `laptop` or another of the console's words.",
            "machineType",
            "where the console does not say",
        ),
    ]
    domain: Annotated[str | None, said("Its domain or workgroup.", "domain", "where it has none")]
    agent_version: Annotated[
        str | None, said("Version of the agent.", "agentVersion", "where only findings name the device")
    ]
    last_active_at: Annotated[
        datetime | None,
        said(
            "When the agent last spoke to the console.",
            "lastActiveDate",
            "where only findings name the device",
        ),
    ]
    state: Annotated[
        str,
        said(
            "`active`, `inactive`, `decommissioned`, `uninstalled`, `gone` (a complete pull no longer "
            "listed it) or `unknown` (only findings name it).",
            "isActive, isDecommissioned, isUninstalled",
        ),
    ]
    agent_id: Annotated[str, said("The console's id of the agent.", "id")]
    agent_uuid: Annotated[
        str | None, said("The agent's own UUID.", "uuid", "where only findings name the device")
    ]
    registered_at: Annotated[
        datetime | None,
        said(
            "When the agent first spoke to the console.",
            "registeredAt, createdAt",
            "where only findings name the device",
        ),
    ]
    scanned_at: Annotated[
        datetime | None,
        said(
            "When it was last scanned for vulnerabilities; from its findings.",
            "lastScanDate",
            "while it has no findings",
        ),
    ]
    changed_at: Annotated[datetime, said("When Waypost last stored something new of it.")]
    included: "IncludedInDevice | UnsetType" = UNSET


class Included(msgspec.Struct, frozen=True):
    """What `include` asks for besides: the whole device, the application, the CVE, the console's own row."""

    device: DeviceItem | UnsetType = UNSET
    software: Software | UnsetType = UNSET
    cve: Cve | UnsetType = UNSET
    vendor: Row | UnsetType = UNSET


class IncludedInDevice(msgspec.Struct, frozen=True):
    """What `include` asks for besides: the agent as the console sent it, null where only findings name the device."""

    vendor: Row | UnsetType | None = UNSET


class FindingItem(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as users read it. Times are ISO 8601 in UTC; `score` is CVSS, 0 to 10.

    `last_seen_at` is the last scan of its device that could have seen it; `site` is null while it is unknown.
    `exploited` tells whether code that exploits it is known, `has_fix` whether there is a fix; null where the console
    does not say.
    """

    id: Annotated[
        str,
        said(
            "Waypost's id of the finding: the same CVE in the same application version on the same device keeps it, "
            "also under a new id of the console."
        ),
    ]
    connection: Annotated[str, said("Name of the connection that it was pulled through.")]
    site: Annotated[str | None, said("Name of its device's site.", null="while the site is not known")]
    site_id: Annotated[str | None, said("The console's id of that site.", null="while the site is not known")]
    device: Annotated[Ref, said("The device that it is on.", "endpointId, endpointName")]
    software: Annotated[SoftwareRef, said("The application version that it is in.", "application")]
    cve: Annotated[str, said("The CVE.", "cveId")]
    state: Annotated[
        str,
        said(
            "`open`, `reopened`, `in_progress`, `on_hold`, `ignored` or `resolved`.",
            "status, mitigationStatus, markType",
        ),
    ]
    severity: Annotated[
        str,
        said(
            "`critical`, `high`, `medium`, `low`, `none` or `unknown`: the console's word, else the rating "
            "of the score.",
            "severity",
        ),
    ]
    score: Annotated[
        float | None,
        said("CVSS base score, 0 to 10.", "nvdBaseScore, baseScore", "where the console sends none"),
    ]
    score_version: Annotated[
        str | None,
        said(
            "Version of CVSS that the score is of.",
            "nvdCvssVersion, cvssVersion",
            "where the console does not say",
        ),
    ]
    exploited: Annotated[
        bool | None,
        said(
            "Whether code that exploits the CVE is known.",
            "exploitCodeMaturity",
            "where the console does not say",
        ),
    ]
    has_fix: Annotated[
        bool | None, said("Whether there is a fix.", "remediationLevel", "where the console does not say")
    ]
    detected_at: Annotated[
        datetime | None,
        said("When the console first saw it.", "detectionDate", "where the console does not say"),
    ]
    resolved_at: Annotated[
        datetime | None,
        said("When it was resolved, by the console's clock.", null="while it is not resolved"),
    ]
    last_seen_at: Annotated[
        datetime | None,
        said(
            "The last scan of its device that could have seen it.",
            "lastScanDate",
            "while its device was not scanned",
        ),
    ]
    changed_at: Annotated[datetime, said("When Waypost last stored something new of it.")]
    published_at: Annotated[
        datetime | None,
        said("When the CVE was published.", "publishedDate", "where the console does not say"),
    ]
    vendor_id: Annotated[str, said("The console's present id of it.", "id")]
    mitigation: Annotated[
        Row | None,
        said(
            "What was decided about it in the console: status, time, person, reason.",
            "mitigationStatus …",
            "where nothing was decided",
        ),
    ]
    mark: Annotated[
        Row | None,
        said("Its mark as a false positive: type, time, person, reason.", "markType …", "where it has none"),
    ]
    extra: Annotated[
        Row | None,
        said(
            "Fields that this version of Waypost does not know, as the console sent them.",
            null="where there are none",
        ),
    ]
    included: Included | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True):
    """An entry of a finding's or a device's history; `run_id` is the pull's that found it."""

    at: Annotated[datetime, said("When Waypost stored it.")]
    kind: Annotated[str, said("Kind of change.")]
    run_id: Annotated[str | None, said("The run that found it.", null="where no run did")]
    detail: Annotated[Row | None, said("What the kind says besides.", null="where it says nothing besides")]


class Finding(FindingItem, frozen=True, kw_only=True):
    """A finding with what became of it, the newest first."""

    history: list[Event]


class Device(DeviceItem, frozen=True, kw_only=True):
    """A device with what became of it, the newest first."""

    history: list[Event]


class SoftwareItem(msgspec.Struct, frozen=True):
    """An application version with findings that are not resolved; those that the filters leave are counted."""

    name: Annotated[str, said("Name, without HTML escapes.", "applicationName")]
    vendor: Annotated[str, said("Who makes it; may be empty.", "applicationVendor")]
    version: Annotated[str, said("Version; may be empty.", "applicationVersion")]
    devices: Annotated[int, said("Devices that have such findings in it.")]
    findings: Annotated[int, said("Its findings that are not resolved.")]
    critical: Annotated[int, said("Those of them that are critical.")]
    high: Annotated[int, said("Those of them that are high.")]
    severity: Annotated[str, said("The worst of its findings; exact, however many there are.")]
    counted: Annotated[Counted, said("Whether the numbers are `exact`, or there are `at_least` so many.")]


class CveItem(msgspec.Struct, frozen=True):
    """A CVE as users read it: the worst of what the consoles say of it, and how much of it is not resolved."""

    id: Annotated[str, said("Like `CVE-2024-3094`.", "cveId")]
    severity: Annotated[str, said("The worst that is said of it.", "severity")]
    score: Annotated[
        float | None,
        said(
            "CVSS base score, 0 to 10, of the worst that is said.",
            "nvdBaseScore, baseScore",
            "where that has none",
        ),
    ]
    score_version: Annotated[
        str | None,
        said(
            "Version of CVSS that the score is of.", "nvdCvssVersion, cvssVersion", "where that does not say"
        ),
    ]
    published_at: Annotated[
        datetime | None, said("When it was published.", "publishedDate", "where that does not say")
    ]
    exploited: Annotated[
        bool | None,
        said(
            "Whether code that exploits it is known: true if any console says so.",
            "exploitCodeMaturity",
            "where no console says",
        ),
    ]
    exploit_maturity: Annotated[
        str | None,
        said(
            "The worst that is said: `high`, `functional`, `proof of concept`, `unproven`.",
            "exploitCodeMaturity",
            "where no console says",
        ),
    ]
    has_fix: Annotated[
        bool | None,
        said(
            "Whether there is a fix: true if any console says so.",
            "remediationLevel",
            "where no console says",
        ),
    ]
    findings: Annotated[int, said("Findings of it that are not resolved.")]
    devices: Annotated[int, said("Devices that have such findings.")]
    counted: Annotated[Counted, said("Whether the numbers are `exact`, or there are `at_least` so many.")]


class AccountItem(msgspec.Struct, frozen=True):
    """An account of a console as users read it. `id` is the console's."""

    id: Annotated[str, said("The console's id of the account.", "id")]
    connection: Annotated[str, said("Name of the connection that it was pulled through.")]
    name: Annotated[str, said("Name; may be empty.", "name")]
    state: Annotated[
        str | None,
        said(
            "As the console says; `gone` when it is no longer listed.", "state", "where the token may not ask"
        ),
    ]
    organization: Annotated[
        Ref | None, said("Whose it is as a whole.", null="where its sites are decided about one by one")
    ]
    sites: Annotated[int, said("Sites of it that are listed.")]
    devices: Annotated[int, said("Devices of it that are not retired.")]
    open_findings: Annotated[int, said("Findings of it that are not resolved.")]
    counted: Annotated[Counted, said("Whether the findings are `exact`, or there are `at_least` so many.")]


class GroupItem(msgspec.Struct, frozen=True):
    """A group of a site as users read it. `id` is the console's; `devices` are those that are not retired."""

    id: Annotated[str, said("The console's id of the group.", "id")]
    connection: Annotated[str, said("Name of the connection that it was pulled through.")]
    name: Annotated[str, said("Name; may be empty.", "name")]
    account: Annotated[str | None, said("Name of its account.", null="where it is not known")]
    site: Annotated[str | None, said("Name of its site.", null="where it is not known")]
    site_id: Annotated[str | None, said("The console's id of its site.", "siteId", "where it is not known")]
    state: Annotated[str, said("`active`, or `gone` when it is no longer listed.")]
    devices: Annotated[int, said("Devices in it that are not retired.")]


class SiteItem(msgspec.Struct, frozen=True):
    """A site as users read it. `id` is the console's; `organization` is null while the site is nobody's.

    `devices` are those that are not retired, `open_findings` those that are not resolved.
    """

    id: Annotated[str, said("The console's id of the site.", "id")]
    connection: Annotated[str, said("Name of the connection that it was pulled through.")]
    name: Annotated[str, said("Name; may be empty.", "name")]
    account: Annotated[
        str | None, said("Name of its account.", "accountName", "where the console does not say")
    ]
    state: Annotated[
        str | None,
        said(
            "`active`, `expired` or `deleted`, as the console says; `gone` if a complete pull no longer "
            "listed it.",
            "state",
            "where the console does not say",
        ),
    ]
    organization: Annotated[
        Ref | None, said("Whose it is, as it is mapped now.", null="while it is nobody's")
    ]
    devices: Annotated[int, said("Devices there that are not retired.")]
    open_findings: Annotated[int, said("Findings there that are not resolved.")]


class ChangeItem(msgspec.Struct, frozen=True):
    """An entry of the change log as users read it. `site` is where it happened; null where that was not kept.

    `id` is the entry's own and stays. `subject_id` is the id of what it is about, and `subject` says what that is:
    `finding`, `device`, `connection`, `run` or `webhook`. `organization` is the one that the site belongs to now.
    """

    id: Annotated[str, said("Id of the entry.")]
    at: Annotated[datetime, said("When Waypost stored what changed.")]
    kind: Annotated[str, said("Kind of change.")]
    connection: Annotated[str, said("Name of the connection.")]
    site: Annotated[
        str | None,
        said("Name of the site where it happened.", null="where it was not kept, or was at no site"),
    ]
    site_id: Annotated[
        str | None, said("The console's id of that site.", null="where it was not kept, or was at no site")
    ]
    organization: Annotated[
        Ref | None, said("Whose the site is, as it is mapped now.", null="while it is nobody's")
    ]
    subject: Annotated[str, said("What it is about: `finding`, `device`, `connection`, `run` or `webhook`.")]
    subject_id: Annotated[str, said("Id of what it is about.")]
    run_id: Annotated[str | None, said("The run that found it.", null="where no run did")]
    detail: Annotated[Row | None, said("What the kind says besides.", null="where it says nothing besides")]
