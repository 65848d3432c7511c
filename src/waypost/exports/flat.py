"""From rows as they are stored to rows as users read them: every column of `columns.py`, a block at a time."""

from collections.abc import Mapping
from typing import Any, Final, LiteralString

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waypost.exports import columns
from waypost.exports.columns import Column, From, Kind
from waypost.exports.dimensions import Dimension
from waypost.storage import queries
from waypost.unified.words import FindingState

Dimensions = Mapping[From, Dimension]

_ID, _NUMBER, _COUNT = pa.int64(), pa.int16(), pa.int64()
_TEXT, _TIME, _SCORE = pa.string(), pa.timestamp("us", "UTC"), pa.float64()


class Stored(msgspec.Struct, frozen=True):
    """How the rows of a kind are read: the query and its columns."""

    query: LiteralString
    shape: Mapping[str, Any]  # Any: Arrow types


STORED: Final[Mapping[Kind, Stored]] = {
    Kind.FINDINGS: Stored(
        queries.exports.findings,
        dict.fromkeys(("connection_id", "site_id", "device_id", "software_id", "facts_id"), _ID)
        | {"finding_id": _TEXT, "state": _NUMBER, "severity": _NUMBER, "score": _SCORE}
        | dict.fromkeys(("detected_at", "resolved_at", "changed_at"), _TIME)
        | dict.fromkeys(("vendor_id", "mitigation", "mark", "extra"), _TEXT),
    ),
    Kind.DEVICES: Stored(
        queries.exports.devices,
        {"connection_id": _ID, "site_id": _ID, "device_uuid": _TEXT, "name": _TEXT, "state": _NUMBER}
        | dict.fromkeys(("os", "os_type", "machine_type", "domain", "agent_version", "device_id"), _TEXT)
        | {"agent_uuid": _TEXT}
        | dict.fromkeys(("registered_at", "last_active_at", "scanned_at", "changed_at"), _TIME),
    ),
    Kind.SOFTWARE: Stored(
        queries.exports.software,
        dict.fromkeys(("connection_id", "site_id", "device_id", "software_id"), _ID)
        | {"severity": _NUMBER}
        | dict.fromkeys(("findings", "critical", "high"), _COUNT)
        | dict.fromkeys(("detected_at", "changed_at"), _TIME),
    ),
}


def table(kind: Kind, rows: Any, dimensions: Dimensions) -> Any:  # Any: pyarrow.Table, both
    """A block of stored rows as users read them."""
    told = {From.ROW: rows} | {source: dimension.of(rows) for source, dimension in dimensions.items()}
    found = [_values(column, told) for column in columns.OF_KIND[kind]]
    return pa.Table.from_arrays(found, schema=columns.schema(kind))


def _values(column: Column, told: Mapping[From, Any]) -> Any:  # Any: pyarrow's tables, a column
    if column.name == "last_seen_at":
        return _last_seen(told[From.ROW], told[From.DEVICE]["scanned_at"])
    values = told[column.source][column.within]
    return values if column.words is None else pc.take(columns.spelled(column.words), values)


def _last_seen(rows: Any, scanned: Any) -> Any:  # Any: a pyarrow.Table, its columns
    """The device's last scan; of what is resolved, none after that."""
    resolved = pc.equal(rows["state"], pa.scalar(FindingState.RESOLVED.value, _NUMBER))
    over = rows["resolved_at"]
    earlier = pc.coalesce(pc.if_else(pc.less(over, scanned), over, scanned), scanned, over)
    return pc.if_else(resolved, earlier, scanned)
