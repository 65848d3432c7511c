"""Exporting as OCSF: rows with all that is stored of them, each made a document."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, LiteralString

import msgspec

from waypost.exports.columns import Kind
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import ocsf, rows, selecting
from waypost.unified.filters import Filters
from waypost.unified.selecting import Selection, Table
from waypost.unified.words import FindingState, Severity

AT_ONCE: Final = 2_000
"""Rows that are Python's objects at one time."""


class Shape(msgspec.Struct, frozen=True):
    """How the rows of a kind are read.

    Attributes:
        of: What `unified/rows.py` calls them.
        table: What the filters select.
        query: What they are read by.
        in_time: Puts them in the order of the documents' times.
    """

    of: rows.Kind
    table: Table
    query: LiteralString
    in_time: LiteralString


SHAPES: Final[Mapping[Kind, Shape]] = {
    Kind.FINDINGS: Shape(
        "finding", "finding", queries.exports.wide_findings, queries.exports.in_time_findings
    ),
    Kind.DEVICES: Shape("device", "device", queries.exports.wide_devices, queries.exports.in_time_devices),
    Kind.SOFTWARE: Shape(
        "software", "finding", queries.exports.wide_software, queries.exports.in_time_software
    ),
}
_WORDS: Final = {
    "open": FindingState.OPEN.value,
    "resolved": FindingState.RESOLVED.value,
    "critical": Severity.CRITICAL.value,
    "high": Severity.HIGH.value,
}


async def documents(
    db: Connection, kind: Kind, filters: Filters, organization_id: int | None, *, in_time: bool = False
) -> AsyncGenerator[list[ocsf.Document], None]:
    """The documents of what these filters leave, many at a time.

    Args:
        db: Where to read, within one moment.
        kind: Of what.
        filters: What they are limited to.
        organization_id: The organization that the caller is bound to.
        in_time: Whether they come in the order of their times.
    """
    shape = SHAPES[kind]
    own = await rows.own(db, organization_id)
    async with selecting.selected(db, shape.table, filters, organization_id) as selection:
        if selection is None:
            return
        query = _query(shape, selection, is_bound=organization_id is not None, in_time=in_time)
        async with db.cursor(name=f"export_{uuid.uuid4().hex}") as cursor:
            await cursor.execute(query, selection.facts | _WORDS | own)
            while found := await cursor.fetchmany(AT_ONCE):
                yield await asyncio.to_thread(_made, shape, found)


def _made(shape: Shape, found: Sequence[tuple[Any, ...]]) -> list[ocsf.Document]:
    make = rows.OF_KIND[shape.of]
    return [ocsf.document(shape.of, make(*row)) for row in found]


def _query(shape: Shape, selection: Selection, *, is_bound: bool, in_time: bool) -> LiteralString:
    query = shape.query.replace("{installed}", queries.wide.installed)
    query = selection.put(query).replace("{columns}", rows.columns(shape.of))
    query = query.replace("{joins}", rows.joins(shape.of, is_bound=is_bound, in_bulk=True))
    return query + " " + shape.in_time if in_time else query
