"""Reading findings, devices and software page by page, filtered.

A page's cursor only goes on with the list that it came from: see `cursors`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, LiteralString, TypeVar

import msgspec
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors
from waypost.unified.words import DeviceState, FindingState, Severity, word

MOST: Final = 100_000
"""Rows of one page at the command line."""

T = TypeVar("T", bound=IntEnum)
Row = dict[str, Any]  # Any: columns of different types


class Filters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a list is limited to; several values of one filter are alternatives.

    Attributes:
        site: Names, in any case, or the console's ids.
        device: Names, in any case, Waypost's ids or the agents' ids.
        application: Part of the name, in any case.
        state: Of findings or of devices, as the list has it.
    """

    connection: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    cve: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    application: str = ""
    detected_since: str = ""
    changed_since: str = ""


class Ref(msgspec.Struct, frozen=True):
    """Another thing, by id and name."""

    id: str
    name: str | None


class SoftwareRef(msgspec.Struct, frozen=True):
    """The application version that a finding is in."""

    name: str
    vendor: str
    version: str


class FindingItem(msgspec.Struct, frozen=True):
    """A finding as users read it. Times are ISO 8601 in UTC; `score` is CVSS, 0 to 10.

    `last_seen_at` is the last scan of its device that could have seen it; `site` is null while it is unknown.
    """

    id: str
    connection: str
    site: str | None
    site_id: str | None
    device: Ref
    software: SoftwareRef
    cve: str
    state: str
    severity: str
    score: float | None
    score_version: str | None
    detected_at: datetime | None
    resolved_at: datetime | None
    last_seen_at: datetime | None
    changed_at: datetime
    published_at: datetime | None
    vendor_id: str
    mitigation: Row | None
    mark: Row | None
    extra: Row | None


class DeviceItem(msgspec.Struct, frozen=True):
    """A device as users read it. `agent_id` and `agent_uuid` are the console's."""

    id: str
    connection: str
    name: str
    site: str | None
    site_id: str | None
    os: str | None
    os_type: str | None
    machine_type: str | None
    domain: str | None
    agent_version: str | None
    last_active_at: datetime | None
    state: str
    agent_id: str
    agent_uuid: str | None
    registered_at: datetime | None
    scanned_at: datetime | None
    changed_at: datetime


class SoftwareItem(msgspec.Struct, frozen=True):
    """An application version with findings that are not resolved; `severity` is the worst of them."""

    name: str
    vendor: str
    version: str
    devices: int
    findings: int
    critical: int
    high: int
    severity: str


Item = FindingItem | DeviceItem | SoftwareItem


class ListPage(msgspec.Struct, frozen=True):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None


async def findings(db: Connection, filters: Filters, *, limit: int = 100, cursor: str = "") -> ListPage:
    """Findings, the worst first.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
    """
    after = cursors.read(cursor, "findings", filters, 3)
    parameters = {
        **_common(filters),
        "state": _members(filters.state, FindingState, "state"),
        "detected_since": _time(filters.detected_since, "detected-since"),
        "after_severity": after[0],
        "after_score": after[1],
        "after_id": after[2],
    }
    rows = await _rows(db, queries.lists.findings, parameters, limit)

    def key(row: Row) -> list[Any]:
        score = -1.0 if row["score"] is None else row["score"]
        return [-row["severity"], -score, str(row["id"])]

    return _page("findings", filters, rows, limit, key, _finding)


async def devices(db: Connection, filters: Filters, *, limit: int = 100, cursor: str = "") -> ListPage:
    """Devices by name.

    Raises:
        FilterError: As for `findings`.
    """
    after = cursors.read(cursor, "devices", filters, 2)
    parameters = {
        **_common(filters),
        "state": _members(filters.state, DeviceState, "state"),
        "after_name": after[0],
        "after_id": after[1],
    }
    rows = await _rows(db, queries.lists.devices, parameters, limit)
    return _page("devices", filters, rows, limit, lambda row: [row["name"], str(row["id"])], _device)


async def software(db: Connection, filters: Filters, *, limit: int = 100, cursor: str = "") -> ListPage:
    """Application versions with findings that are not resolved, by name.

    Raises:
        FilterError: As for `findings`.
    """
    after = cursors.read(cursor, "software", filters, 3)
    parameters = {
        **_common(filters),
        "critical": Severity.CRITICAL.value,
        "high": Severity.HIGH.value,
        "after_name": after[0],
        "after_vendor": after[1],
        "after_version": after[2],
    }
    rows = await _rows(db, queries.lists.software, parameters, limit)
    return _page(
        "software", filters, rows, limit, lambda row: [row["name"], row["vendor"], row["version"]], _software
    )


def _finding(row: Row) -> FindingItem:
    row["id"] = str(row["id"])
    row["device"] = Ref(str(row.pop("device_id")), row.pop("device_name"))
    row["software"] = SoftwareRef(*(row.pop(f"software_{part}") for part in ("name", "vendor", "version")))
    row["state"] = word(FindingState(row["state"]))
    row["severity"] = word(Severity(row["severity"]))
    return FindingItem(**row)


def _device(row: Row) -> DeviceItem:
    row["id"] = str(row["id"])
    row["state"] = word(DeviceState(row["state"]))
    return DeviceItem(**row)


def _software(row: Row) -> SoftwareItem:
    row["severity"] = word(Severity(row["severity"]))
    return SoftwareItem(**row)


def _common(filters: Filters) -> Row:
    return {
        "connection": list(filters.connection) or None,
        "site": list(filters.site) or None,
        "severity": _members(filters.severity, Severity, "severity"),
        "cve": [cve.upper() for cve in filters.cve] or None,
        "device": list(filters.device) or None,
        "application": filters.application or None,
        "changed_since": _time(filters.changed_since, "changed-since"),
        "resolved": FindingState.RESOLVED.value,
    }


async def _rows(db: Connection, query: LiteralString, parameters: Row, limit: int) -> list[Row]:
    if not 1 <= limit <= MOST:
        raise errors.FilterError(f"A limit of {limit} is not from 1 to {MOST}.")
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {**parameters, "limit": limit + 1})
        return await cursor.fetchall()


def _page(kind: str, filters: Filters, rows: list[Row], limit: int, key: Any, item: Any) -> ListPage:
    more = len(rows) > limit
    rows = rows[:limit]
    cursor = cursors.write(kind, filters, key(rows[-1])) if more else None
    return ListPage([item(row) for row in rows], cursor)


def _members(words: Sequence[str], kind: type[T], name: str) -> list[int] | None:
    known = {word(member): member.value for member in kind}
    for text in words:
        if text.lower() not in known:
            raise errors.FilterError(f"There is no {name} {text!r}; there are {', '.join(known)}.")
    return [known[text.lower()] for text in words] or None


def _time(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise errors.FilterError(
            f"{text!r} is no time for --{name}.", remedy="Write it like 2026-11-21 or 2026-11-21T08:30:00Z."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
