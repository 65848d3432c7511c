"""What lists can be limited to. They mean what they do in the API; several words are alternatives."""

from typing import TypedDict

from waypost.client.parameters import Id, When, Words


class FindingFilters(TypedDict, total=False):
    """Of findings, and of what counts findings."""

    organization: Id
    connection: str
    account: str
    site: str
    group: str
    device: Id
    application: str
    vendor: str
    cve: Words
    severity: Words
    state: Words
    score_min: float
    score_max: float
    has_fix: bool
    exploited: bool
    detected_since: When
    detected_until: When
    changed_since: When
    resolved_since: When
    search: str


class DeviceFilters(TypedDict, total=False):
    """Of devices."""

    organization: Id
    connection: str
    account: str
    site: str
    group: str
    device: Id
    state: Words
    os: str
    changed_since: When
    search: str


class SiteFilters(TypedDict, total=False):
    """Of sites."""

    organization: Id
    connection: str
    site: str


class AccountFilters(TypedDict, total=False):
    """Of accounts."""

    organization: Id
    connection: str
    account: str


class GroupFilters(TypedDict, total=False):
    """Of groups."""

    organization: Id
    connection: str
    account: str
    site: str
    group: str


class SoftwareFilters(TypedDict, total=False):
    """Of application versions."""

    organization: Id
    connection: str
    account: str
    site: str
    group: str
    severity: Words
    cve: Words
    device: Id
    application: str
    vendor: str


class CveFilters(SoftwareFilters, total=False):
    """Of CVEs."""

    score_min: float
    score_max: float
    has_fix: bool
    exploited: bool
    published_since: When


class ChangeFilters(TypedDict, total=False):
    """Of the change log and of the feed."""

    organization: Id
    connection: str
    site: str
    kind: Words


class ExportFilters(TypedDict, total=False):
    """Of exports: of findings, or of devices."""

    organization: Id
    connection: Words
    account: Words
    site: Words
    group: Words
    device: Words
    application: str
    vendor: str
    cve: Words
    severity: Words
    state: Words
    score_min: float
    score_max: float
    has_fix: bool
    exploited: bool
    detected_since: When
    detected_until: When
    changed_since: When
    resolved_since: When
    search: str
    os: str


class RunFilters(TypedDict, total=False):
    """Of sync runs."""

    connection: str
    stream: Words
    state: Words
    kind: Words
    since: When


class QuarantineFilters(TypedDict, total=False):
    """Of rows that could not be read."""

    connection: str
    stream: Words
    since: When


class OrganizationFilters(TypedDict, total=False):
    """Of organizations."""

    search: str
    tag: str
    archived: bool


class MappingFilters(TypedDict, total=False):
    """Of the mapping."""

    kind: str
    decision: str
    organization: Id
    connection: str
    search: str
