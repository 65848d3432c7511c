"""What documents of all classes have: what kind of event this is, where it comes from, and the device."""

from typing import Any, Final

from waypost.unified.ocsf import words
from waypost.unified.ocsf.table import Field, Table, Value, always, column, milliseconds
from waypost.unified.ocsf.words import DEVICE_TYPE, OS_TYPE, Word, named
from waypost.unified.rows import Sent
from waypost.unified.words import DeviceState, word

VERSION: Final = "1.8.0"
"""Of OCSF, in every document."""

VENDOR: Final = "SentinelOne"

STATES: Final = {state: word(state) for state in DeviceState}


def classified(
    category: Word, class_: Word, activity: Word | None = None, severity: Word | None = None
) -> tuple[Field, ...]:
    """Which class a document is of. Activity and severity are given where they never differ."""
    lines = [
        always("category_uid", category.id),
        always("category_name", category.caption),
        always("class_uid", class_.id),
        always("class_name", class_.caption),
    ]
    if activity is not None:
        lines += [
            always("activity_id", activity.id),
            always("activity_name", activity.caption),
            always("type_uid", type_uid(class_, activity)),
            always("type_name", type_name(class_, activity)),
        ]
    if severity is not None:
        lines += [always("severity_id", severity.id), always("severity", severity.caption)]
    return tuple(lines)


def type_uid(class_: Word, activity: Word) -> int:
    """The number of an activity in a class."""
    return class_.id * 100 + activity.id


def type_name(class_: Word, activity: Word) -> str:
    """Its caption."""
    return f"{class_.caption}: {activity.caption}"


def metadata(log_name: str, uid: Value, source: str, *original: Field) -> tuple[Field, ...]:
    """Where a document comes from.

    Args:
        log_name: The console's list that it is made of.
        uid: The id of what it is about.
        source: What that is made of.
        original: The console's id of that, if it has one.
    """
    return (
        always("metadata.version", VERSION),
        always("metadata.product.name", "Singularity Endpoint"),
        always("metadata.product.vendor_name", VENDOR),
        always("metadata.profiles[]", "host"),
        always("metadata.log_name", log_name, "the console's list"),
        always("metadata.log_provider", "Waypost"),
        column("metadata.log_source", "connection"),
        Field(
            "metadata.uid",
            value=lambda row: f"{uid(row)}:{milliseconds(row.changed_at)}",
            source=f"{source}, `changed_at`",
            note="of this document: another one after each change",
        ),
        *original,
        Field(
            "metadata.processed_time",
            "timestamp",
            lambda row: milliseconds(row.changed_at),
            source="`changed_at`",
            note="when Waypost stored what the document says",
        ),
        column(
            "metadata.tenant_uid",
            "organization_id",
            source="the organization's id",
            note="left out where the site is nobody's",
        ),
        always("metadata.tags[].name", "organization"),
        column("metadata.tags[].value", "organization", source="the organization's name", key=True),
    )


DEVICE: Final[tuple[Field, ...]] = (
    column("device.uid", "device_id", source="device `id`", note="the same as in the flat shape"),
    column("device.uid_alt", "agent_id", source="device `agent_id`", sent=("id", "endpointId")),
    column("device.hostname", "device", source="device `name`", sent=("computerName", "endpointName")),
    column("device.domain", "domain", source="device `domain`", sent=("domain",)),
    Field(
        "device.type_id",
        "integer",
        lambda row: named(row.machine_type, DEVICE_TYPE).id,
        source="device `machine_type`",
        sent=("machineType", "endpointType"),
    ),
    Field(
        "device.type",
        value=lambda row: named(row.machine_type, DEVICE_TYPE).caption,
        source="device `machine_type`",
    ),
    Field(
        "device.os.name",
        value=lambda row: row.os or row.os_type or None,
        source="device `os`, else `os_type`",
        sent=("osName", "osType"),
        key=True,
    ),
    Field(
        "device.os.type_id", "integer", lambda row: named(row.os_type, OS_TYPE).id, source="device `os_type`"
    ),
    Field("device.os.type", value=lambda row: named(row.os_type, OS_TYPE).caption, source="device `os_type`"),
    Field(
        "device.is_managed",
        "boolean",
        lambda row: words.IS_MANAGED[row.device_state],
        source="device `state`",
    ),
    column("device.agent_list[].uid", "agent_id", source="device `agent_id`"),
    column("device.agent_list[].uid_alt", "agent_uuid", source="device `agent_uuid`", sent=("uuid",)),
    always("device.agent_list[].name", "SentinelOne Agent"),
    always("device.agent_list[].vendor_name", VENDOR),
    always("device.agent_list[].type_id", 1),
    always("device.agent_list[].type", "Endpoint Detection and Response"),
    column(
        "device.agent_list[].version",
        "agent_version",
        source="device `agent_version`",
        sent=("agentVersion",),
    ),
    column("device.org.uid", "account_id", source="the account's id", sent=("accountId",), key=True),
    column("device.org.name", "account", source="the account's name", sent=("accountName",)),
    column("device.org.ou_uid", "site_id", source="`site_id`", sent=("siteId",)),
    column("device.org.ou_name", "site", source="`site`", sent=("siteName",)),
)
"""The device as documents of every class tell it."""


def told(table: Table) -> frozenset[str]:
    """The console's fields that a table tells."""
    return frozenset(name for line in table if isinstance(line, Field) for name in line.sent)


def present(sent: Sent, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What the console sent that says something."""
    return {name: value for name, value in (sent or {}).items() if value is not None and name not in without}
