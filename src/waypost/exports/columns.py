"""What a flat export has in it: the columns of each kind, what they mean, and where each comes from.

The names are the API's; what is nested there is joined by an underscore here (`device.name` is `device_name`). The
schema is the same in Parquet, CSV and NDJSON. Columns may be added at the end; none is renamed or taken away.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
import pyarrow as pa

from waypost.unified.words import DeviceState, FindingState, Severity, word

SCHEMA_VERSION: Final = 1
"""Raised when columns are added."""


class Kind(StrEnum):
    """What is exported."""

    FINDINGS = "findings"
    DEVICES = "devices"
    SOFTWARE = "software"


class Type(StrEnum):
    """Of a column, as documents name it."""

    TEXT = "text"
    WORD = "word"
    TIME = "time"
    NUMBER = "number"
    COUNT = "count"
    JSON = "JSON"


ARROW: Final[Mapping[Type, Any]] = {  # Any: pyarrow tells no types
    Type.TEXT: pa.string(),
    Type.WORD: pa.string(),
    Type.TIME: pa.timestamp("us", "UTC"),
    Type.NUMBER: pa.float64(),
    Type.COUNT: pa.int64(),
    Type.JSON: pa.string(),
}


class From(StrEnum):
    """Where a column's values are read: from the row itself, or from what it points to."""

    ROW = "row"
    CONNECTION = "connection"
    SITE = "site"
    DEVICE = "device"
    SOFTWARE = "software"
    FACTS = "facts"


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        name: In the file.
        holds: What its values are.
        source: Whose column it is.
        about: What it is; with unit, and when it is null.
        column: Its name there, if that is another.
        words: Of a word: what the number that is stored stands for.
    """

    name: str
    holds: Type
    source: From
    about: str
    column: str = ""
    words: type[Severity | FindingState | DeviceState] | None = None

    @property
    def within(self) -> str:
        return self.column or self.name


_T, _W, _A, _N, _C, _J = Type.TEXT, Type.WORD, Type.TIME, Type.NUMBER, Type.COUNT, Type.JSON

_PLACE: Final = (
    Column("connection", _T, From.CONNECTION, "Name of the connection.", "name"),
    Column("organization_id", _T, From.SITE, "Id of the organization; null while the site is nobody's."),
    Column("organization_name", _T, From.SITE, "Its name, as `organization_id`."),
    Column("account_id", _T, From.SITE, "The console's id of the account; null while it is unknown."),
    Column("account", _T, From.SITE, "Its name, as `account_id`."),
    Column("site_id", _T, From.SITE, "The console's id of the site; null while it is unknown.", "id"),
    Column("site", _T, From.SITE, "Its name, as `site_id`.", "name"),
)
_DEVICE: Final = (
    Column("device_id", _T, From.DEVICE, "Waypost's id of the device.", "id"),
    Column("device_name", _T, From.DEVICE, "Its name; null where the console tells none.", "name"),
    Column("device_os", _T, From.DEVICE, "Its operating system; null while only findings name it.", "os"),
    Column(
        "device_os_type", _T, From.DEVICE, "`windows`, `linux` or `macos`; null as `device_os`.", "os_type"
    ),
)
_SOFTWARE: Final = (
    Column("software_name", _T, From.SOFTWARE, "Name of the application.", "name"),
    Column(
        "software_vendor", _T, From.SOFTWARE, "Who makes it; empty where the console tells none.", "vendor"
    ),
    Column(
        "software_version", _T, From.SOFTWARE, "Its version; empty where the console tells none.", "version"
    ),
)

FINDINGS: Final = (
    Column(
        "id", _T, From.ROW, "Waypost's id of the finding, a UUID; the same in every export.", "finding_id"
    ),
    *_PLACE,
    *_DEVICE,
    *_SOFTWARE,
    Column("cve", _T, From.FACTS, "Like `CVE-2024-3094`."),
    Column("state", _W, From.ROW, "Where it stands.", words=FindingState),
    Column("severity", _W, From.ROW, "How bad it is.", words=Severity),
    Column("score", _N, From.ROW, "CVSS base score, 0 to 10; null where the console tells none."),
    Column("score_version", _T, From.FACTS, "Version of CVSS; null where the console tells none."),
    Column(
        "exploit_maturity",
        _T,
        From.FACTS,
        "The console's `exploitCodeMaturity`, as sent; null where it is not.",
    ),
    Column(
        "remediation_level",
        _T,
        From.FACTS,
        "The console's `remediationLevel`, as sent; null where it is not.",
    ),
    Column(
        "published_at", _A, From.FACTS, "When the CVE was published; null where the console does not tell."
    ),
    Column("detected_at", _A, From.ROW, "When the console first saw it; null where it does not tell."),
    Column("resolved_at", _A, From.ROW, "When it was gone; null while it is not."),
    Column("last_seen_at", _A, From.ROW, "Last scan of the device that could have seen it; null before one."),
    Column("changed_at", _A, From.ROW, "When Waypost last saw it change."),
    Column("vendor_id", _T, From.ROW, "The console's id of it."),
    Column(
        "mitigation",
        _J,
        From.ROW,
        "Status, time, person and reason, as the console sends them; null if none.",
    ),
    Column("mark", _J, From.ROW, "False-positive mark, as the console sends it; null where there is none."),
    Column(
        "extra",
        _J,
        From.ROW,
        "Fields of the console that this version does not know; null where there are none.",
    ),
)
DEVICES: Final = (
    Column("id", _T, From.ROW, "Waypost's id of the device, a UUID.", "device_uuid"),
    *_PLACE,
    Column("name", _T, From.ROW, "Its name; null where the console tells none."),
    Column("state", _W, From.ROW, "Where it stands.", words=DeviceState),
    Column("os", _T, From.ROW, "Its operating system; null while only findings name it."),
    Column("os_type", _T, From.ROW, "`windows`, `linux` or `macos`; null as `os`."),
    Column("machine_type", _T, From.ROW, "`server`, `laptop` …, as the console has it; null as `os`."),
    Column("domain", _T, From.ROW, "Its domain or workgroup; null where the console tells none."),
    Column("agent_version", _T, From.ROW, "Version of the agent; null while only findings name it."),
    Column("agent_id", _T, From.ROW, "The console's id of the agent.", "device_id"),
    Column("agent_uuid", _T, From.ROW, "The agent's own id; null while only findings name it."),
    Column("registered_at", _A, From.ROW, "When it was enrolled; null while only findings name it."),
    Column(
        "last_active_at", _A, From.ROW, "When the agent last called the console; null as `registered_at`."
    ),
    Column("scanned_at", _A, From.ROW, "Last scan for vulnerabilities; null before one."),
    Column("changed_at", _A, From.ROW, "When Waypost last saw it change."),
)
SOFTWARE: Final = (
    *_PLACE,
    *_DEVICE,
    *_SOFTWARE,
    Column("severity", _W, From.ROW, "The worst of its findings.", words=Severity),
    Column("findings", _C, From.ROW, "Findings in it on this device that are not resolved."),
    Column("critical", _C, From.ROW, "Those of them that are critical."),
    Column("high", _C, From.ROW, "Those of them that are high."),
    Column(
        "detected_at",
        _A,
        From.ROW,
        "When the first of them was detected; null where the console does not tell.",
    ),
    Column("changed_at", _A, From.ROW, "When Waypost last saw one of them change."),
)

OF_KIND: Final[Mapping[Kind, tuple[Column, ...]]] = {
    Kind.FINDINGS: FINDINGS,
    Kind.DEVICES: DEVICES,
    Kind.SOFTWARE: SOFTWARE,
}


def schema(kind: Kind) -> Any:  # Any: a pyarrow.Schema
    """The schema of a flat export; the file tells what each column is."""
    fields = [
        pa.field(column.name, ARROW[column.holds], metadata={"description": column.about})
        for column in OF_KIND[kind]
    ]
    return pa.schema(fields, metadata={"waypost": f"{kind} {SCHEMA_VERSION}"})


def spelled(words: type[Severity | FindingState | DeviceState]) -> Any:  # Any: a pyarrow.Array
    """The words of a vocabulary, each at the place of its number."""
    by_number = {member.value: word(member) for member in words}
    return pa.array([by_number.get(number) for number in range(max(by_number) + 1)])
