"""Reading findings, devices, software, sites and changes page by page, filtered, and held to an organization.

Whoever is bound to an organization gives it as `organization_id`, and then reads through two walls: every query goes
by the organization's sites, and PostgreSQL shows nothing else to the role that reads (`storage/capped.py`). The filter
`organization` narrows what somebody sees who is bound to none.

A page's cursor only goes on with the list that it came from: see `cursors`.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Generic, LiteralString, TypeVar

import msgspec
from psycopg.rows import dict_row

from waypost import errors
from waypost.storage import capped, queries
from waypost.storage.database import Connection
from waypost.unified import cursors
from waypost.unified.items import (
    ChangeItem,
    DeviceItem,
    FindingItem,
    Ref,
    SiteItem,
    SoftwareItem,
    SoftwareRef,
)
from waypost.unified.words import RETIRED, ChangeKind, DeviceState, FindingState, Severity, word

MOST: Final = 100_000
"""Rows of one page at the command line."""

NOBODY: Final = 0
"""In place of an organization: what belongs to none, since its site is undecided or ignored, or not known."""

_TABLES: Final[tuple[LiteralString, ...]] = ("finding", "device", "site", "change")
"""Those whose rows belong to sites, and so to organizations."""

T = TypeVar("T", bound=IntEnum)
I = TypeVar("I")  # noqa: E741  # an item
Row = dict[str, Any]  # Any: columns of different types


class Filters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a list is limited to; several values of one filter are alternatives.

    Attributes:
        site: Names, in any case, or the console's ids.
        device: Names, in any case, Waypost's ids or the agents' ids.
        application: Part of the name, in any case.
        state: Of findings or of devices, as the list has it.
        kind: Of changes.
        organization: Waypost's own number of it, or `NOBODY`; of what a bound caller sees it is his own or nothing.
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
    kind: tuple[str, ...] = ()
    organization: int | None = None


class ListPage(msgspec.Struct, Generic[I], frozen=True):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[I]
    next_cursor: str | None


async def findings(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[FindingItem]:
    """Findings, the worst first.

    Raises:
        FilterError: A filter, the limit or the cursor cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    after = cursors.read(cursor, "findings", filters, 3)
    facts = {
        **parameters(filters),
        "state": _members(filters.state, FindingState, "state"),
        "detected_since": _time(filters.detected_since, "detected_since"),
        "after_severity": after[0],
        "after_score": after[1],
        "after_id": after[2],
    }
    rows = await _rows(db, queries.lists.findings, filters, facts, organization_id, limit)

    def key(row: Row) -> list[Any]:
        score = -1.0 if row["score"] is None else row["score"]
        return [-row["severity"], -score, str(row["id"])]

    return _page("findings", filters, rows, limit, key, _finding)


async def devices(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[DeviceItem]:
    """Devices by name.

    Raises:
        WaypostError: As for `findings`.
    """
    after = cursors.read(cursor, "devices", filters, 2)
    facts = {
        **parameters(filters),
        "state": _members(filters.state, DeviceState, "state"),
        "after_name": after[0],
        "after_id": after[1],
    }
    rows = await _rows(db, queries.lists.devices, filters, facts, organization_id, limit)
    return _page("devices", filters, rows, limit, lambda row: [row["name"], str(row["id"])], _device)


async def software(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[SoftwareItem]:
    """Application versions with findings that are not resolved, by name; of an organization its findings alone count.

    Raises:
        WaypostError: As for `findings`.
    """
    after = cursors.read(cursor, "software", filters, 3)
    facts = {
        **parameters(filters),
        "critical": Severity.CRITICAL.value,
        "high": Severity.HIGH.value,
        "after_name": after[0],
        "after_vendor": after[1],
        "after_version": after[2],
    }
    rows = await _rows(db, queries.lists.software, filters, facts, organization_id, limit)
    return _page(
        "software", filters, rows, limit, lambda row: [row["name"], row["vendor"], row["version"]], _software
    )


async def sites(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[SiteItem]:
    """Sites by name, with what is there.

    Raises:
        WaypostError: As for `findings`.
    """
    after = cursors.read(cursor, "sites", filters, 3)
    facts = {
        **parameters(filters),
        "retired": [state.value for state in RETIRED],
        "after_name": after[0],
        "after_connection": after[1],
        "after_id": after[2],
    }
    if organization_id is not None:
        facts |= await _own(db, organization_id)
    rows = await _rows(db, queries.lists.sites, filters, facts, organization_id, limit)
    return _page("sites", filters, rows, limit, lambda row: [row["name"], row["place"], row["id"]], _site)


async def changes(
    db: Connection,
    filters: Filters,
    *,
    organization_id: int | None = None,
    limit: int = 100,
    cursor: str = "",
) -> ListPage[ChangeItem]:
    """Entries of the change log, the newest first; of an organization those at its sites as they are mapped now.

    Raises:
        WaypostError: As for `findings`.
    """
    (before,) = cursors.read(cursor, "changes", filters, 1)
    facts = {
        **parameters(filters),
        "kind": _members(filters.kind, ChangeKind, "kind"),
        "before": before,
    }
    rows = await _rows(db, queries.lists.changes, filters, facts, organization_id, limit)
    return _page("changes", filters, rows, limit, lambda row: [row["change_id"]], _change)


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


def _site(row: Row) -> SiteItem:
    del row["place"]
    owner, name = row.pop("organization_id"), row.pop("organization_name")
    return SiteItem(**row, organization=Ref(owner, name) if owner else None)


def _change(row: Row) -> ChangeItem:
    del row["change_id"]
    row["kind"] = word(ChangeKind(row["kind"]))
    return ChangeItem(**row)


def parameters(filters: Filters) -> Row:
    """What the filters that several lists have say to their queries."""
    return {
        "connection": list(filters.connection) or None,
        "site": list(filters.site) or None,
        "severity": _members(filters.severity, Severity, "severity"),
        "cve": [cve.upper() for cve in filters.cve] or None,
        "device": list(filters.device) or None,
        "application": filters.application or None,
        "changed_since": _time(filters.changed_since, "changed_since"),
        "resolved": FindingState.RESOLVED.value,
    }


async def _rows(
    db: Connection,
    query: LiteralString,
    filters: Filters,
    facts: Row,
    organization_id: int | None,
    limit: int,
) -> list[Row]:
    if not 1 <= limit <= MOST:
        raise errors.FilterError(f"A limit of {limit} is not from 1 to {MOST}.", field="limit")
    if organization_id is not None and filters.organization not in (None, organization_id):
        return []
    async with contextlib.AsyncExitStack() as walls:
        owned = None
        if organization_id is not None:
            owned = await walls.enter_async_context(capped.reading(db, organization_id))
        elif filters.organization:
            owned = await capped.owned(db, filters.organization)
        text = composed(query, filters.organization, is_bound=organization_id is not None)
        cursor = await walls.enter_async_context(db.cursor(row_factory=dict_row))
        await cursor.execute(text, facts | _owned(owned) | {"limit": limit + 1})
        return await cursor.fetchall()


def composed(query: LiteralString, organization: int | None, *, is_bound: bool) -> LiteralString:
    """A query, about whose rows it shall be."""
    rows = queries.lists.of_everybody
    if organization == NOBODY:
        rows = queries.lists.of_nobody
    elif is_bound or organization is not None:
        rows = queries.lists.of_one
    query = query.replace("{fitting}", queries.lists.fitting)
    query = query.replace("{owner}", queries.lists.owner_is_the_caller if is_bound else queries.lists.owner)
    for table in _TABLES:
        query = query.replace("{" + table + "}", rows.replace("{table}", table))
    return query


def _owned(owned: capped.Owned | None) -> Row:
    if owned is None:
        return {}
    return {"owned_connections": owned.connection_ids, "owned_sites": owned.site_ids}


async def _own(db: Connection, organization_id: int) -> Row:
    """What a bound caller's organization is called: the role that reads its rows cannot see it."""
    cursor = await db.execute(queries.lists.organization, {"organization_id": organization_id})
    found = await cursor.fetchone()
    own_id, own_name = found or (None, None)
    return {"own_id": own_id, "own_name": own_name}


def _page(
    kind: str,
    filters: Filters,
    rows: list[Row],
    limit: int,
    key: Callable[[Row], Sequence[Any]],  # Any: values of different columns
    item: Callable[[Row], I],
) -> ListPage[I]:
    more = len(rows) > limit
    rows = rows[:limit]
    cursor = cursors.write(kind, filters, key(rows[-1])) if more else None
    return ListPage([item(row) for row in rows], cursor)


def _members(words: Sequence[str], kind: type[T], name: str) -> list[int] | None:
    known = {word(member): member.value for member in kind}
    for text in words:
        if text.lower() not in known:
            raise errors.FilterError(
                f"There is no {name} {text!r}; there are {', '.join(known)}.", field=name
            )
    return [known[text.lower()] for text in words] or None


def _time(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise errors.FilterError(
            f"{text!r} is no time for {name}.",
            remedy="Write it like 2026-11-21 or 2026-11-21T08:30:00Z.",
            field=name,
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
