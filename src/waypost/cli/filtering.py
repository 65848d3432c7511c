"""The options that limit lists and exports, each described once."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

from cyclopts import Parameter

from waypost.unified import filters
from waypost.unified.filters import Filters

_ORGANIZATION = 'Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.'
_SEVERAL = "several separated by commas"

Organization = Annotated[str, Parameter(help=_ORGANIZATION)]
Connection = Annotated[list[str] | None, Parameter(help="Name of a connection.", negative=())]
Account = Annotated[
    list[str] | None, Parameter(help="Name of an account, or its id in the console.", negative=())
]
Site = Annotated[list[str] | None, Parameter(help="Name of a site, or its id in the console.", negative=())]
Group = Annotated[list[str] | None, Parameter(help="Name of a group, or its id in the console.", negative=())]
Device = Annotated[
    list[str] | None, Parameter(help="Name of a device, its id, or its agent's id.", negative=())
]
Application = Annotated[str, Parameter(help="Part of an application's name.")]
Vendor = Annotated[str, Parameter(help="Part of the name of an application's vendor.")]
Cve = Annotated[list[str] | None, Parameter(help=f"Like CVE-2024-3094; {_SEVERAL}.", negative=())]
Severity = Annotated[
    list[str] | None,
    Parameter(help=f"critical, high, medium, low, none, unknown; {_SEVERAL}.", negative=()),
]
FindingState = Annotated[
    list[str] | None,
    Parameter(help=f"open, reopened, in_progress, on_hold, ignored, resolved; {_SEVERAL}.", negative=()),
]
DeviceState = Annotated[
    list[str] | None,
    Parameter(help=f"active, inactive, decommissioned, uninstalled, gone, unknown; {_SEVERAL}.", negative=()),
]
ScoreMin = Annotated[float | None, Parameter(help="CVSS score, at least.")]
ScoreMax = Annotated[float | None, Parameter(help="CVSS score, at most.")]
HasFix = Annotated[bool | None, Parameter(help="Whether there is a fix, as far as consoles tell.")]
Exploited = Annotated[
    bool | None, Parameter(help="Whether code that exploits it is known, as far as consoles tell.")
]
Search = Annotated[str, Parameter(help="Part of the device's or the application's name.")]
ChangedSince = Annotated[
    str, Parameter(help="Opened, changed, resolved or moved since; like 2026-11-01 or 2026-11-01T08:00:00Z.")
]


_NAMES: Final = frozenset({"connection", "account", "site", "group", "device"})
"""Filters whose values may have commas in them."""
_WORDS: Final = frozenset({"cve", "severity", "state"})


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Anywhere:
    """Where something is: what every list can be limited to. What others add has the names of `Filters`."""

    organization: Organization = ""
    connection: Connection = None
    account: Account = None
    site: Site = None
    group: Group = None
    device: Device = None

    def filters(self) -> Filters:
        """As lists take them; the organization is yet to be looked up, and what is no filter of findings left out."""
        found: dict[str, Any] = {}  # Any: texts, numbers, lists of words
        for name in {field.name for field in fields(self)} & {*Filters.__struct_fields__} - {"organization"}:
            value = getattr(self, name)
            found[name] = many(value) if name in _NAMES else words(value) if name in _WORDS else value
        return Filters(**found)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FindingFilters(Anywhere):
    """Which findings."""

    application: Application = ""
    vendor: Vendor = ""
    cve: Cve = None
    severity: Severity = None
    state: FindingState = None
    score_min: ScoreMin = None
    score_max: ScoreMax = None
    has_fix: HasFix = None
    exploited: Exploited = None
    detected_since: Annotated[
        str, Parameter(help="From then on; like 2026-11-01 or 2026-11-01T08:00:00Z.")
    ] = ""
    detected_until: Annotated[str, Parameter(help="Before then; likewise.")] = ""
    changed_since: ChangedSince = ""
    resolved_since: Annotated[str, Parameter(help="From then on; likewise.")] = ""
    search: Search = ""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DeviceFilters(Anywhere):
    """Which devices."""

    state: DeviceState = None
    os: Annotated[
        str, Parameter(help="Part of the operating system's name, or its type: windows, linux, macos.")
    ] = ""
    changed_since: ChangedSince = ""
    search: Annotated[str, Parameter(help="Part of the device's name.")] = ""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SoftwareFilters(Anywhere):
    """Which application versions, by the findings that they have."""

    application: Application = ""
    vendor: Vendor = ""
    cve: Cve = None
    severity: Severity = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CveFilters(SoftwareFilters):
    """Which CVEs: by the findings that they have, and by what is said of them."""

    score_min: ScoreMin = None
    score_max: ScoreMax = None
    has_fix: HasFix = None
    exploited: Exploited = None
    published_since: Annotated[
        str, Parameter(help="From then on; like 2026-11-01 or 2026-11-01T08:00:00Z.")
    ] = ""


ALL_FINDINGS: Final = FindingFilters()
ALL_DEVICES: Final = DeviceFilters()
ALL_SOFTWARE: Final = SoftwareFilters()
ALL_CVES: Final = CveFilters()


def many(values: list[str] | None) -> tuple[str, ...]:
    """Values that may have commas in them."""
    return tuple(values or ())


def words(values: list[str] | None) -> tuple[str, ...]:
    """Values without commas of their own, which may therefore be given in one, separated by commas."""
    return filters.words(values or [])
