"""The parameters that limit lists, each described once, and how several lists take them.

A list that takes the filters of findings has the dependency `finding_filters`; devices have theirs. Whoever else goes
over findings, as summaries and exports do, takes the same.
"""

from typing import Annotated, Final

from litestar.di import NamedDependency, Provide
from litestar.params import Parameter, QueryParameter

from waypost.api.calls import Called
from waypost.unified import filters, ordering
from waypost.unified.filters import Filters
from waypost.unified.including import IN_DEVICES, IN_FINDINGS
from waypost.unified.items import DeviceItem, FindingItem, selectable
from waypost.unified.words import ChangeKind, DeviceState, FindingState, Severity, word

_WORDS: Final = "Several are separated by commas."


def words_of(kind: type[Severity | FindingState | DeviceState | ChangeKind]) -> str:
    """A vocabulary, for descriptions."""
    return ", ".join(f"`{word(member)}`" for member in kind)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


Organization = Annotated[
    str,
    Parameter(
        max_length=1_000,
        description="Name, path (`Parent / Child`) or id of an organization; `none` for what belongs to none. With a "
        "key that is bound to an organization there is only that one.",
    ),
]
ConnectionName = Annotated[str, Parameter(max_length=200, description="Name of a connection.")]
Account = Annotated[
    str, Parameter(max_length=1_000, description="Name of an account, in any case, or its id in the console.")
]
Site = Annotated[
    str,
    Parameter(max_length=1_000, description="Name of a site, in any case, or its id in the console."),
]
Group = Annotated[
    str, Parameter(max_length=1_000, description="Name of a group, in any case, or its id in the console.")
]
Severities = Annotated[str, Parameter(max_length=200, description=f"{words_of(Severity)}. {_WORDS}")]
FindingStates = Annotated[
    str, QueryParameter(name="state", max_length=200, description=f"{words_of(FindingState)}. {_WORDS}")
]
DeviceStates = Annotated[
    str, QueryParameter(name="state", max_length=200, description=f"{words_of(DeviceState)}. {_WORDS}")
]
Kinds = Annotated[str, Parameter(max_length=2_000, description=f"{words_of(ChangeKind)}. {_WORDS}")]
Cves = Annotated[str, Parameter(max_length=2_000, description=f"Like `CVE-2024-3094`. {_WORDS}")]
Device = Annotated[
    str,
    Parameter(max_length=1_000, description="Name of a device, in any case, its id, or its agent's id."),
]
Application = Annotated[
    str, Parameter(max_length=1_000, description="Part of an application's name, in any case.")
]
Vendor = Annotated[
    str, Parameter(max_length=1_000, description="Part of the name of an application's vendor, in any case.")
]
ScoreMin = Annotated[float | None, Parameter(ge=0, le=10, description="CVSS score, at least.")]
ScoreMax = Annotated[float | None, Parameter(ge=0, le=10, description="CVSS score, at most.")]
HasFix = Annotated[
    bool | None,
    Parameter(description="Whether there is a fix; what the console does not tell this of is neither."),
]
Exploited = Annotated[
    bool | None,
    Parameter(
        description="Whether code that exploits it is known; what the console does not tell this of is neither."
    ),
]
Search = Annotated[
    str, Parameter(max_length=200, description="Part of the device's or the application's name, in any case.")
]
DeviceSearch = Annotated[
    str, QueryParameter(name="search", max_length=200, description="Part of the device's name, in any case.")
]
Os = Annotated[
    str,
    Parameter(
        max_length=200,
        description="Part of the operating system's name, or its type: `windows`, `linux`, `macos`.",
    ),
]
Since = Annotated[
    str, Parameter(max_length=40, description="From this time on: `2026-11-21T08:30:00Z`, or a day.")
]
Until = Annotated[
    str, Parameter(max_length=40, description="Before this time: `2026-11-21T08:30:00Z`, or a day.")
]
Changed = Annotated[
    str,
    Parameter(max_length=40, description="Opened, changed, resolved or moved since this time, or day."),
]
FindingSort = Annotated[
    str,
    QueryParameter(
        name="sort",
        max_length=40,
        description=f"{_names(tuple(ordering.FINDINGS))}; with `-` before it the highest or latest comes first.",
    ),
]
DeviceSort = Annotated[
    str,
    QueryParameter(
        name="sort",
        max_length=40,
        description=f"{_names(tuple(ordering.DEVICES))}; with `-` before it the last comes first.",
    ),
]
FindingFields = Annotated[
    str,
    QueryParameter(
        name="fields",
        max_length=1_000,
        description=f"Only these of each finding: {_names(selectable(FindingItem))}. {_WORDS}",
    ),
]
DeviceFields = Annotated[
    str,
    QueryParameter(
        name="fields",
        max_length=1_000,
        description=f"Only these of each device: {_names(selectable(DeviceItem))}. {_WORDS}",
    ),
]
Fields = Annotated[str, Parameter(max_length=1_000, description=f"Only these fields of each item. {_WORDS}")]
FindingInclude = Annotated[
    str,
    QueryParameter(
        name="include",
        max_length=200,
        description=f"Tell more of each, as `included`: {_names(IN_FINDINGS)}. {_WORDS} `vendor` is the row as the "
        "console sent it.",
    ),
]
DeviceInclude = Annotated[
    str,
    QueryParameter(
        name="include",
        max_length=200,
        description=f"Tell more of each, as `included`: {_names(IN_DEVICES)}, the agent as the console sent it.",
    ),
]
Count = Annotated[
    bool,
    Parameter(
        description="Tell how many there are in all, as `total`: counted up to 10,000, estimated above, and marked so."
    ),
]


async def _finding_filters(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    site: Site = "",
    group: Group = "",
    device: Device = "",
    application: Application = "",
    vendor: Vendor = "",
    cve: Cves = "",
    severity: Severities = "",
    states: FindingStates = "",
    score_min: ScoreMin = None,
    score_max: ScoreMax = None,
    has_fix: HasFix = None,
    exploited: Exploited = None,
    detected_since: Since = "",
    detected_until: Until = "",
    changed_since: Changed = "",
    resolved_since: Since = "",
    search: Search = "",
) -> Filters:
    return Filters(
        organization=await call.narrowed(organization),
        connection=one(connection),
        account=one(account),
        site=one(site),
        group=one(group),
        device=one(device),
        application=application,
        vendor=vendor,
        cve=words(cve),
        severity=words(severity),
        state=words(states),
        score_min=score_min,
        score_max=score_max,
        has_fix=has_fix,
        exploited=exploited,
        detected_since=detected_since,
        detected_until=detected_until,
        changed_since=changed_since,
        resolved_since=resolved_since,
        search=search,
    )


async def _device_filters(
    call: Called,
    organization: Organization = "",
    connection: ConnectionName = "",
    account: Account = "",
    site: Site = "",
    group: Group = "",
    device: Device = "",
    states: DeviceStates = "",
    os: Os = "",
    changed_since: Changed = "",
    search: DeviceSearch = "",
) -> Filters:
    return Filters(
        organization=await call.narrowed(organization),
        connection=one(connection),
        account=one(account),
        site=one(site),
        group=one(group),
        device=one(device),
        state=words(states),
        os=os,
        changed_since=changed_since,
        search=search,
    )


Filtered = NamedDependency[Filters]
"""The filters, as a handler takes them; its `dependencies` say whose."""
OF_FINDINGS: Final = {"filters": Provide(_finding_filters)}
OF_DEVICES: Final = {"filters": Provide(_device_filters)}


def one(text: str) -> tuple[str, ...]:
    """A name, which may have a comma in it."""
    return (text,) if text else ()


def words(text: str) -> tuple[str, ...]:
    """What stands between the commas.

    Raises:
        FilterError: There is nothing but commas: what is meant to limit a list must not leave it whole.
    """
    return filters.words([text] if text else [])
