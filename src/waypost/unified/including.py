"""What a list can tell of its rows besides: device, software and CVE in full, the console's own row.

It is looked up for the rows of a page alone, once the page is known.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, LiteralString

from msgspec import UNSET
from psycopg.rows import dict_row

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import ordering, rows, telling, vendor
from waypost.unified.items import DeviceItem, Included, IncludedInDevice
from waypost.unified.rows import DeviceRow, FindingRow
from waypost.unified.words import FindingState

IN_FINDINGS: Final = ("device", "software", "cve", "vendor")
IN_DEVICES: Final = ("vendor",)

Row = dict[str, Any]  # Any: columns of different types
_OF_ROW: Final[Mapping[str, Callable[[FindingRow], Any]]] = {  # Any: parts of different shapes
    "software": telling.software,
    "cve": telling.cve,
    "vendor": vendor.risk,
}


async def in_findings(
    db: Connection, found: Sequence[Row], include: Collection[str], own: Mapping[str, Any]
) -> Mapping[str, Included]:
    """What is to be told besides of a page of findings, by their ids.

    Args:
        db: Where to read.
        found: Rows of the page, with `id`, `place` and `device_id`.
        include: Of `IN_FINDINGS`.
        own: What a bound caller's organization is called; nothing for a caller who sees all.
    """
    if not include or not found:
        return {}
    devices = await _devices(db, found) if "device" in include else {}
    made = {name: make for name, make in _OF_ROW.items() if name in include}
    wide = await _wide(db, found, own) if made else {}
    return {
        str(row["id"]): Included(
            device=devices.get(str(row["device_id"]), UNSET),
            **{name: make(wide[str(row["id"])]) for name, make in made.items()},
        )
        for row in found
    }


async def in_devices(
    db: Connection, found: Sequence[Row], include: Collection[str]
) -> Mapping[str, IncludedInDevice]:
    """What is to be told besides of a page of devices, by their ids."""
    if "vendor" not in include or not found:
        return {}
    cursor = await db.execute(queries.lists.agents, {"ids": [row["id"] for row in found]})
    return {device_id: IncludedInDevice(sent) for device_id, sent in await cursor.fetchall()}


def put_wide(query: LiteralString, *, of_devices: bool, is_bound: bool) -> LiteralString:
    """A query with the columns of `rows.FindingRow` or `rows.DeviceRow` and what they are read from."""
    kind: rows.Kind = "device" if of_devices else "finding"
    return query.replace("{columns}", rows.columns(kind)).replace(
        "{joins}", rows.joins(kind, is_bound=is_bound)
    )


async def _devices(db: Connection, found: Sequence[Row]) -> dict[str, DeviceItem]:
    order = ordering.DEVICES["name"]
    query = queries.lists.devices.replace("{page}", queries.lists.those_devices)
    query = query.replace("{order}", order.by).replace("{keys}", order.columns)
    ids = list({row["device_id"] for row in found})
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(query, {"ids": ids, "limit": len(ids)})
    return {str(row["id"]): telling.device(row) for row in await cursor.fetchall()}


async def _wide(db: Connection, found: Sequence[Row], own: Mapping[str, Any]) -> dict[str, FindingRow]:
    order = ordering.FINDINGS["changed"]
    query = queries.lists.wide_findings.replace("{page}", queries.lists.those_findings)
    query = query.replace("{order}", order.by).replace("{keys}", order.columns)
    facts = {
        "places": [row["place"] for row in found],
        "ids": [row["id"] for row in found],
        "limit": len(found),
        "resolved": FindingState.RESOLVED.value,
    }
    cursor = db.cursor(row_factory=dict_row)
    await cursor.execute(put_wide(query, of_devices=False, is_bound=bool(own)), {**facts, **own})
    return {row["finding_id"]: finding_row(row) for row in await cursor.fetchall()}


def finding_row(row: Row) -> FindingRow:
    """A row of the columns of `FindingRow`, among others."""
    return FindingRow(**{name: row[name] for name in FindingRow.__struct_fields__})


def device_row(row: Row) -> DeviceRow:
    """A row of the columns of `DeviceRow`, among others."""
    return DeviceRow(**{name: row[name] for name in DeviceRow.__struct_fields__})
