"""The mapping as people read it: whose each site and account is, and which organization is on which console."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import class_row, dict_row

from waypost.organizations.mapping.decisions import (
    Decided,
    Decision,
    Evidence,
    Kind,
    OrganizationRef,
    ScopeItem,
)
from waypost.organizations.mapping.estate import Key
from waypost.storage import queries
from waypost.storage.database import Connection

Row = dict[str, Any]  # Any: columns of different types


class ConsoleItem(msgspec.Struct, frozen=True):
    """An organization on a console.

    Attributes:
        organization: Null for the sites of a connection about which nothing is decided.
        connection: Null where the organization is on no console and there is no default connection.
        sites: Of the organization on this connection.
        devices: Of these sites.
        reached: `mapping` (some of its sites are mapped there), `connection` (the console was connected for it),
            `default` (it is on no console: the default connection stands in), or `none`.
    """

    organization: OrganizationRef | None
    connection: str | None
    connection_id: UUID | None
    sites: int
    devices: int
    reached: str


async def scopes(
    db: Connection,
    *,
    kind: Kind | None = None,
    decision: Decided | None = None,
    organization_id: int | None = None,
    connection_id: int | None = None,
    search: str | None = None,
    after: Sequence[str] | None = None,
    limit: int | None = 100,
) -> list[ScopeItem]:
    """Accounts and sites by connection, kind, name and id.

    Args:
        db: Where to look.
        kind: Only sites, or only accounts.
        decision: Only where this is true of them, whatever level says so.
        organization_id: Only this one's.
        connection_id: Only of this connection.
        search: Part of the name, in any case, or the console's id.
        after: Only those that come after this `key`.
        limit: So many at most; None for all.
    """
    place = after or (None,) * 4
    facts = {
        "kind": kind,
        "decision": decision,
        "organization_id": organization_id,
        "connection_id": connection_id,
        "search": search or None,
        "after_connection": place[0],
        "after_kind": place[1],
        "after_name": place[2],
        "after_id": place[3],
        "limit": limit,
    }
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.mapping.scopes, facts)
        rows = await cursor.fetchall()
    devices = await _devices(db, rows)
    return [_scope(row, devices) for row in rows]


def key(item: ScopeItem) -> list[str]:
    """Where a site or account stands in the order, for going on after it."""
    return [item.connection, str(item.kind), item.name or "", item.id]


async def consoles(
    db: Connection,
    *,
    organization_id: int | None = None,
    connection_id: int | None = None,
    after: Sequence[str] | None = None,
    limit: int | None = 100,
) -> list[ConsoleItem]:
    """Which organization is on which console, over all connections: first what is nobody's, then by organization.

    Args:
        db: Where to look.
        organization_id: Only this one.
        connection_id: Only this connection.
        after: Only those that come after this `place`.
        limit: So many at most; None for all.
    """
    place = after or (None,) * 3
    facts = {
        "organization_id": organization_id,
        "connection_id": connection_id,
        "after_organization": place[0],
        "after_uuid": place[1],
        "after_connection": place[2],
        "limit": limit,
    }
    async with db.cursor(row_factory=class_row(_Reached)) as cursor:
        await cursor.execute(queries.mapping.reached, facts)
        return [_console(row) for row in await cursor.fetchall()]


def place(item: ConsoleItem) -> list[str]:
    """Where an organization on a console stands in the order, for going on after it."""
    of = item.organization
    return [of.name if of else "", str(of.id) if of else "", item.connection or ""]


class _Reached(msgspec.Struct, frozen=True):
    organization_uuid: UUID | None
    organization: str | None
    connection_uuid: UUID | None
    connection: str | None
    sites: int
    devices: int
    reached: str


def _console(row: _Reached) -> ConsoleItem:
    return ConsoleItem(
        _ref(row.organization_uuid, row.organization),
        row.connection,
        row.connection_uuid,
        row.sites,
        row.devices,
        row.reached,
    )


async def _devices(db: Connection, rows: Sequence[Row]) -> Counter[Key]:
    """How many devices each of these sites and accounts has; counted apart, since a page is cut before."""
    accounts = [row for row in rows if row["kind"] == Kind.ACCOUNT]
    facts = {
        "connection_ids": [row["connection_id"] for row in accounts],
        "account_ids": [row["scope_id"] for row in accounts],
    }
    below = await (await db.execute(queries.mapping.sites_of_accounts, facts)).fetchall()
    above: dict[Key, list[Key]] = defaultdict(list)
    for connection_id, account_id, site_id in below:
        above[connection_id, Kind.SITE, site_id].append((connection_id, Kind.ACCOUNT, account_id))
    for row in rows:
        if row["kind"] == Kind.SITE:
            site = (row["connection_id"], Kind.SITE, row["scope_id"])
            above[site].append(site)
    facts = {
        "connection_ids": [connection_id for connection_id, _, _ in above],
        "site_ids": [site_id for _, _, site_id in above],
    }
    found: Counter[Key] = Counter()
    counted = await (await db.execute(queries.mapping.devices, facts)).fetchall()
    for connection_id, site_id, number in counted:
        for scope in above[connection_id, Kind.SITE, site_id]:
            found[scope] += number
    return found


def _scope(row: Row, devices: Counter[Key]) -> ScopeItem:
    kind, own, decision = Kind(row["kind"]), Decided(row["own"]), Decided(row["decision"])
    return ScopeItem(
        connection=row["connection"],
        connection_id=row["connection_uuid"],
        kind=kind,
        id=str(row["scope_id"]),
        name=row["name"],
        account=row["account"],
        account_id=row["account_id"],
        state=row["state"],
        gone=row["gone"],
        external_id=row["external_id"],
        devices=devices[row["connection_id"], kind, row["scope_id"]],
        own=Decision(
            own,
            _ref(row["own_uuid"], row["own_name"]),
            row["own_reason"],
            None if own is Decided.UNDECIDED else str(kind),
        ),
        effective=Decision(
            decision,
            _ref(row["organization_uuid"], row["organization_name"]),
            row["reason"],
            row["origin"],
        ),
        version=row["version"],
        evidence=None if row["evidence"] is None else msgspec.convert(row["evidence"], Evidence),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )


def _ref(organization_uuid: UUID | None, name: str | None) -> OrganizationRef | None:
    return None if organization_uuid is None or name is None else OrganizationRef(organization_uuid, name)
