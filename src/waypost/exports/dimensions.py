"""What rows point to: read once, kept as Arrow tables, and looked up a whole block at a time.

A finding names its device, software and CVE by the connection and a number. Both together are looked up, as two
consoles may use the same number for different things.
"""

from collections.abc import Mapping
from typing import Any, Final, LiteralString

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waypost.exports import snapshot
from waypost.exports.columns import From, Kind
from waypost.storage import queries
from waypost.storage.database import Connection

_ID, _TEXT, _TIME = pa.int64(), pa.string(), pa.timestamp("us", "UTC")


class Source(msgspec.Struct, frozen=True):
    """A table that rows point to.

    Attributes:
        query: What it is read by.
        keys: The columns of the row that point to it, which have the same names in it.
        shape: Its columns.
    """

    query: LiteralString
    keys: tuple[str, ...]
    shape: Mapping[str, Any]  # Any: Arrow types


SOURCES: Final[Mapping[From, Source]] = {
    From.CONNECTION: Source(
        queries.exports.connections, ("connection_id",), {"connection_id": _ID, "name": _TEXT}
    ),
    From.SITE: Source(
        queries.exports.sites,
        ("connection_id", "site_id"),
        {"connection_id": _ID, "site_id": _ID}
        | dict.fromkeys(
            ("id", "name", "account_id", "account", "organization_id", "organization_name"), _TEXT
        ),
    ),
    From.DEVICE: Source(
        queries.exports.devices_of_rows,
        ("connection_id", "device_id"),
        {"connection_id": _ID, "device_id": _ID}
        | dict.fromkeys(("id", "name", "os", "os_type"), _TEXT)
        | {"scanned_at": _TIME},
    ),
    From.SOFTWARE: Source(
        queries.exports.software_of_rows,
        ("connection_id", "software_id"),
        {"connection_id": _ID, "software_id": _ID} | dict.fromkeys(("name", "vendor", "version"), _TEXT),
    ),
    From.FACTS: Source(
        queries.exports.facts_of_rows,
        ("connection_id", "facts_id"),
        {"connection_id": _ID, "facts_id": _ID, "cve": _TEXT, "score_version": _TEXT, "published_at": _TIME}
        | dict.fromkeys(("exploit_maturity", "remediation_level"), _TEXT),
    ),
}
BEFORE_THE_WALL: Final = (From.CONNECTION, From.SITE)
"""Read before the session is held to an organization: its role cannot see what organizations are called."""

BEHIND_IT: Final[Mapping[Kind, tuple[From, ...]]] = {
    Kind.FINDINGS: (From.DEVICE, From.SOFTWARE, From.FACTS),
    Kind.DEVICES: (),
    Kind.SOFTWARE: (From.DEVICE, From.SOFTWARE),
}


class Dimension:
    """One table that rows point to.

    Args:
        table: Its rows.
        keys: Its first column, or the two that together are one of a kind.
    """

    def __init__(self, table: Any, keys: tuple[str, ...]) -> None:  # Any: a pyarrow.Table
        self._table = table.combine_chunks()
        self._keys = keys
        columns = [_flat(self._table[key]) for key in keys]
        self._values = [pc.unique(column) for column in columns]
        self._pairs = self._numbered(columns)

    def of(self, rows: Any) -> Any:
        """What each row points to, as a table with as many rows; null for nothing."""
        return self._table.take(self.places(rows))

    def places(self, rows: Any) -> Any:
        """At which place of the table each row's is; null for none."""
        return pc.index_in(self._numbered([_flat(rows[key]) for key in self._keys]), value_set=self._pairs)

    def _numbered(self, columns: list[Any]) -> Any:
        """The keys as one number: where the first is among its values, then where the second is."""
        numbers = [
            pc.index_in(column, value_set=values).cast(pa.int64())
            for column, values in zip(columns, self._values, strict=True)
        ]
        first, *others = numbers
        for number, values in zip(others, self._values[1:], strict=True):
            first = pc.add(pc.multiply(first, pa.scalar(len(values) + 1, pa.int64())), number)
        return first


async def read(
    db: Connection, sources: tuple[From, ...], organization_id: int | None = None
) -> dict[From, Dimension]:
    """These tables, as the session may see them.

    Args:
        db: Where to read, within one moment.
        sources: Which.
        organization_id: The organization that the caller is bound to.
    """
    facts = {"organization_id": organization_id}
    return {
        source: Dimension(
            await snapshot.table(db, SOURCES[source].query, facts, SOURCES[source].shape),
            SOURCES[source].keys,
        )
        for source in sources
    }


def _flat(column: Any) -> Any:  # Any: a pyarrow.ChunkedArray; an Array
    """A column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
