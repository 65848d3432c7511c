"""Exports that are asked for, made later by a worker, and kept for a day.

A worker writes to the place that its settings name, and takes what is asked for that place: a folder of its machine, or
one that all machines reach. It holds what it took by a lease; what a killed one leaves is made anew by another.
"""

import socket
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.exports import exporting, formats
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.filters import Filters

KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=60)
MOST_TRIES: Final = 3
MOST_OPEN: Final = 20
"""Of one organization, or of those who are bound to none: what more than that are asked for waits for these."""

_FLAT: Final = ("organization", "connection", "account", "site", "group", "search")
_OF_FINDINGS: Final = (*_FLAT, "severity", "cve", "device", "application", "vendor")
FILTERS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.FINDINGS: frozenset(
        {
            *_OF_FINDINGS, "state", "score_min", "score_max", "has_fix", "exploited", "detected_since",
            "detected_until", "changed_since", "resolved_since",
        }
    ),
    Kind.DEVICES: frozenset({*_FLAT, "state", "device", "os", "changed_since"}),
    Kind.SOFTWARE: frozenset(_OF_FINDINGS),
}  # fmt: skip
"""Which filters an export of a kind knows."""


class Kept(msgspec.Struct, frozen=True):
    """An export that was asked for.

    Attributes:
        organization_id: The organization that whoever asked for it is bound to.
        of_id: The organization whose rows alone are in it, `of_name` what that is called.
    """

    export_id: uuid.UUID
    organization_id: int | None
    kind: str
    form: str
    filters: dict[str, Any]  # Any: as they were given
    state: str
    place: str
    file: str | None
    rows: int
    bytes: int | None
    error: dict[str, str] | None
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    of_id: str | None
    of_name: str | None

    @property
    def name(self) -> str:
        """Of the file, for whoever fetches it."""
        return f"{self.kind}-{self.asked_at:%Y-%m-%d}.{formats.SUFFIX[Format(self.form)]}"


class Taken(msgspec.Struct, frozen=True):
    """An export that this worker makes."""

    export_id: uuid.UUID
    order: Order
    tries: int

    @property
    def file(self) -> str:
        """A name that no other attempt has."""
        return f"{self.export_id}-{self.tries}.{formats.SUFFIX[self.order.form]}"


def place_name(address: str) -> str:
    """Which place this is, among those of all machines."""
    return address if "://" in address else f"{socket.gethostname()}:{address}"


async def ask(db: Connection, actor: Actor, order: Order, address: str) -> uuid.UUID:
    """Ask for an export.

    Args:
        db: Where to note it.
        actor: Who asks.
        order: What is wanted.
        address: The place of whoever will be asked for the file.

    Raises:
        FilterError: A filter cannot be understood, or is not one of this kind.
        ExportStateError: Too many are being made already.
    """
    check(order)
    owner = {"organization_id": order.organization_id}
    async with db.transaction():
        ((waiting,),) = await (await db.execute(queries.exports.open_exports, owner)).fetchall()
        if waiting >= MOST_OPEN:
            raise errors.ExportStateError(
                f"{waiting} exports are being made already.", remedy="Wait for one of them, or delete one."
            )
        row = {
            **owner,
            "asked_by": actor.name,
            "kind": order.kind,
            "form": order.form,
            "filters": Jsonb(msgspec.to_builtins(order.filters)),
            "place": place_name(address),
        }
        ((export_id,),) = await (await db.execute(queries.exports.ask, row)).fetchall()
        told = {"kind": order.kind, "format": order.form, "filters": msgspec.to_builtins(order.filters)}
        await audit.record(
            db, actor, "export.asked", subject_id=export_id, subject_name=order.kind, after=told
        )
    found: uuid.UUID = export_id
    return found


def check(order: Order) -> None:
    """See that the filters are those of this kind, and mean something.

    Raises:
        FilterError: One is not, or does not.
    """
    for name in msgspec.to_builtins(order.filters):
        if name not in FILTERS[order.kind]:
            known = ", ".join(sorted(FILTERS[order.kind]))
            raise errors.FilterError(
                f"An export of {order.kind} has no filter {name!r}; it has {known}.", field=name
            )
    exporting.check(order)


async def newest(
    db: Connection,
    *,
    organization_id: int | None,
    limit: int,
    after: tuple[datetime | None, str | None] = (None, None),
) -> list[Kept]:
    """The newest exports; of a bound caller its own."""
    return await _list(db, organization_id, limit=limit, after=after)


async def get(db: Connection, export_id: uuid.UUID, *, organization_id: int | None) -> Kept:
    """One export.

    Raises:
        NotFoundError: There is none, or not for this caller.
    """
    found = await _list(db, organization_id, limit=1, export_id=export_id)
    if not found:
        raise errors.NotFoundError("There is no export with this id.")
    return found[0]


async def _list(
    db: Connection,
    organization_id: int | None,
    *,
    limit: int,
    export_id: uuid.UUID | None = None,
    after: tuple[datetime | None, str | None] = (None, None),
) -> list[Kept]:
    facts = {
        "organization_id": organization_id,
        "export_id": export_id,
        "after_at": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    async with db.cursor(row_factory=class_row(Kept)) as cursor:
        await cursor.execute(queries.exports.list, facts)
        return await cursor.fetchall()


async def delete(db: Connection, actor: Actor, export: Kept) -> None:
    """Nobody wants it any more: the worker of its place deletes the file; one that is being made is given up."""
    async with db.transaction():
        await db.execute(queries.exports.delete, {"export_id": export.export_id})
        await audit.record(
            db, actor, "export.deleted", subject_id=export.export_id, subject_name=export.kind,
            organization_id=export.organization_id,
        )  # fmt: skip


async def take(db: Connection, worker: str, address: str) -> Taken | None:
    """The next export that is wanted at this place, for this worker to make."""
    facts = {"worker": worker, "place": place_name(address), "lease": LEASE}
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.exports.take, facts)
        row = await cursor.fetchone()
    if row is None:
        return None
    order = Order(
        Kind(row["kind"]),
        Format(row["form"]),
        msgspec.convert(row["filters"], Filters),
        row["organization_id"],
    )
    return Taken(row["export_id"], order, row["tries"])


async def hold(db: Connection, worker: str, taken: Taken, rows: int) -> bool:
    """Say that the export is being made; whether it is still this worker's to make."""
    cursor = await db.execute(queries.exports.hold, _mine(worker, taken) | {"lease": LEASE, "rows": rows})
    return cursor.rowcount == 1


async def done(db: Connection, worker: str, taken: Taken, *, rows: int, size: int) -> bool:
    """Say that the file is there; whether it was still this worker's to make."""
    facts = {"kept": KEPT, "rows": rows, "bytes": size, "file": taken.file}
    cursor = await db.execute(queries.exports.done, _mine(worker, taken) | facts)
    return cursor.rowcount == 1


async def failed(db: Connection, worker: str, taken: Taken, error: errors.WaypostError) -> None:
    """Say why the file cannot be made."""
    told = {"code": error.code, "message": str(error), "remedy": error.remedy, "owner": str(error.owner)}
    await db.execute(queries.exports.failed, _mine(worker, taken) | {"kept": KEPT, "error": Jsonb(told)})


async def put_back(db: Connection, worker: str, taken: Taken, *, counted: bool) -> None:
    """Leave the export to another worker; the attempt counts if it failed."""
    await db.execute(queries.exports.put_back, _mine(worker, taken) | {"uncounted": int(not counted)})


def _mine(worker: str, taken: Taken) -> dict[str, object]:
    return {"worker": worker, "export_id": taken.export_id, "tries": taken.tries}
