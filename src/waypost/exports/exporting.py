"""Exporting: what is asked for, read at one moment, and written as one file or as a folder of partitions."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final, cast

import msgspec

from waypost.exports import dimensions, documents, flat, formats, lake, partitions, places, snapshot
from waypost.exports.ahead import ahead
from waypost.exports.columns import From, Kind
from waypost.exports.dimensions import Dimension
from waypost.exports.formats import Format
from waypost.exports.places import Counted, Place
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import filters as filtering
from waypost.unified import ocsf, selecting
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.selecting import Table

Told = Callable[[int], None]
"""Hears how many rows were written more."""

_encode_lines: Final = msgspec.json.Encoder().encode_lines
_TABLE: Final[dict[Kind, Table]] = {
    Kind.FINDINGS: "finding",
    Kind.DEVICES: "device",
    Kind.SOFTWARE: "finding",
}


class Order(msgspec.Struct, frozen=True):
    """What is to be exported.

    Attributes:
        organization_id: The organization that the caller is bound to; None for all.
    """

    kind: Kind
    form: Format
    filters: Filters = Filters()
    organization_id: int | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What was written."""

    files: int
    rows: int
    bytes: int
    seconds: float


class _Moment:
    """The database as it is at one moment, and what rows of a kind point to, read once."""

    def __init__(self, db: Connection, order: Order) -> None:
        self._db = db
        self.order = order
        self._found: dict[From, Dimension] = {}

    async def texts(self, filters: Filters) -> AsyncGenerator[bytes, None]:
        """The rows that these filters leave, as they are stored, block by block; for `table`."""
        kind, bound = self.order.kind, self.order.organization_id
        await self._read(dimensions.BEFORE_THE_WALL)
        async with selecting.selected(self._db, _TABLE[kind], filters, bound) as selection:
            if selection is None:
                return
            await self._read(dimensions.BEHIND_IT[kind])
            query = selection.put(flat.STORED[kind].query)
            async with contextlib.aclosing(snapshot.texts(self._db, query, selection.facts)) as reading:
                async for text in reading:
                    yield text

    def table(self, text: bytes) -> Any:  # Any: a pyarrow.Table
        """A block of rows as users read them; calls for a thread."""
        kind = self.order.kind
        return flat.table(kind, snapshot.parsed(text, flat.STORED[kind].shape), self._found)

    def documents(
        self, filters: Filters, *, in_time: bool = False
    ) -> AsyncGenerator[list[ocsf.Document], None]:
        """The same as OCSF documents."""
        return documents.documents(
            self._db, self.order.kind, filters, self.order.organization_id, in_time=in_time
        )

    async def _read(self, sources: tuple[From, ...]) -> None:
        missing = tuple(source for source in sources if source not in self._found)
        self._found |= await dimensions.read(self._db, missing, self.order.organization_id)

    async def now(self) -> datetime:
        """Which moment it is."""
        ((now,),) = await (await self._db.execute(queries.exports.now)).fetchall()
        return cast("datetime", now)

    async def owners(self) -> list[tuple[int, str]]:
        """The organizations whose rows are wanted, each with the name of its partition."""
        wanted = self.order.organization_id or self.order.filters.organization
        if wanted == NOBODY:
            return [(NOBODY, partitions.NOBODYS)]
        cursor = await self._db.execute(queries.exports.owners, {"organization_id": wanted})
        found = [(number, name) for number, name in await cursor.fetchall()]
        return found if wanted is not None else [*found, (NOBODY, partitions.NOBODYS)]


@contextlib.asynccontextmanager
async def _moment(db: Connection, order: Order) -> AsyncIterator[_Moment]:
    async with snapshot.one_moment(db):
        yield _Moment(db, order)


def check(order: Order) -> None:
    """See that the filters mean something.

    Raises:
        FilterError: One does not.
    """
    if order.kind is Kind.DEVICES:
        filtering.of_devices(order.filters)
    else:
        filtering.of_findings(order.filters)


def _silent(rows: int) -> None:
    del rows


async def to_stream(db: Connection, order: Order, stream: BinaryIO, told: Told = _silent) -> Outcome:
    """Write one file to a stream, which stays open.

    Raises:
        FilterError: A filter cannot be understood.
        ExportPlaceError: The stream cannot be written to.
    """
    check(order)
    began, counted = time.monotonic(), Counted(stream)
    async with _moment(db, order) as moment:
        if order.form is Format.OCSF:
            rows = await _documents(moment, counted, told)
        else:
            rows = await _tables(moment, formats.writer(order.kind, order.form, counted), told)
    return Outcome(1, rows, counted.bytes, time.monotonic() - began)


async def _tables(moment: _Moment, writer: formats.Writer, told: Told) -> int:
    rows = 0
    try:
        async with contextlib.aclosing(_made(moment, _blocks(moment))) as reading:
            async for _, table in reading:
                await asyncio.to_thread(_safely, writer.write, table)
                rows += table.num_rows
                told(table.num_rows)
    except BaseException:
        formats.give_up(writer)
        raise
    await asyncio.to_thread(_safely, writer.close)
    return rows


async def _blocks(
    moment: _Moment, owners: Sequence[tuple[int, str]] | None = None
) -> AsyncGenerator[tuple[str, bytes], None]:
    """All rows as they are stored, block by block; owner after owner, each with the name of its partition."""
    filters = moment.order.filters
    parts = [(filters, "")]
    if owners is not None:
        parts = [(msgspec.structs.replace(filters, organization=number), name) for number, name in owners]
    for chosen, name in parts:
        async with contextlib.aclosing(moment.texts(chosen)) as reading:
            async for text in reading:
                yield name, text


async def _made(
    moment: _Moment, blocks: AsyncGenerator[tuple[str, bytes], None]
) -> AsyncGenerator[tuple[str, Any], None]:  # Any: a pyarrow.Table
    """The blocks as users read them. While one is written, the next is made, and the one after that is read."""

    async def tables() -> AsyncGenerator[tuple[str, Any], None]:
        async with contextlib.aclosing(ahead(blocks)) as reading:
            async for name, text in reading:
                yield name, await asyncio.to_thread(moment.table, text)

    async with contextlib.aclosing(ahead(tables())) as made:
        async for named in made:
            yield named


async def _documents(moment: _Moment, stream: Counted, told: Told) -> int:
    rows = 0
    async with contextlib.aclosing(ahead(moment.documents(moment.order.filters))) as reading:
        async for found in reading:
            await asyncio.to_thread(_write_lines, stream, found)
            rows += len(found)
            told(len(found))
    return rows


async def to_file(
    db: Connection, order: Order, address: str, told: Told = _silent, *, private: bool = False
) -> Outcome:
    """Write one file, which is there when it is whole.

    Raises:
        FilterError: A filter cannot be understood.
        ExportPlaceError: It cannot be written there.
    """
    folder, name = places.split(address)
    file = Place(folder, private=private).create(name)
    try:
        outcome = await to_stream(db, order, file.stream, told)
        size = await asyncio.to_thread(file.seal)
        await asyncio.to_thread(file.publish)
    except BaseException:
        file.discard()
        raise
    return msgspec.structs.replace(outcome, bytes=size or outcome.bytes)


async def to_folder(db: Connection, order: Order, address: str, told: Told = _silent) -> Outcome:
    """Write a folder of Parquet files, one or more for each organization, in place of what it has of this day.

    Raises:
        FilterError: A filter cannot be understood.
        ExportPlaceError: It cannot be written there.
    """
    began = time.monotonic()
    async with _moment(db, order) as moment:
        day = partitions.Day(Place(address), order.kind, await moment.now(), uuid.uuid4().hex[:12])
        try:
            owners = await moment.owners()
            async with contextlib.aclosing(_made(moment, _blocks(moment, owners))) as reading:
                async for name, table in reading:
                    await asyncio.to_thread(day.write, name, table)
                    told(table.num_rows)
            await asyncio.to_thread(day.seal)
            whole = order.filters.organization is None and order.organization_id is None
            await asyncio.to_thread(day.publish, None if whole else [name for _, name in owners])
        except BaseException:
            day.discard()
            raise
    return _outcome(day.files, began)


async def to_lake(db: Connection, order: Order, address: str, region: str, told: Told = _silent) -> Outcome:
    """Add to a custom source of Amazon Security Lake, whose prefix this is.

    Raises:
        FilterError: A filter cannot be understood.
        ExportPlaceError: It cannot be written there.
    """
    began = time.monotonic()
    async with _moment(db, order) as moment:
        into = lake.Lake(Place(address), order.kind, region, uuid.uuid4().hex)
        try:
            for number, name in await moment.owners():
                filters = msgspec.structs.replace(order.filters, organization=number)
                async with contextlib.aclosing(ahead(moment.documents(filters, in_time=True))) as reading:
                    async for found in reading:
                        await asyncio.to_thread(into.write, name, found)
                        told(len(found))
                await asyncio.to_thread(into.seal)
            await asyncio.to_thread(into.publish)
        except BaseException:
            into.discard()
            raise
    return _outcome(into.files, began)


def _outcome(files: Sequence[partitions.Part | lake.Part], began: float) -> Outcome:
    return Outcome(
        len(files),
        sum(file.rows for file in files),
        sum(file.bytes for file in files),
        time.monotonic() - began,
    )


def _write_lines(stream: Counted, found: Sequence[ocsf.Document]) -> None:
    _safely(stream.write, _encode_lines(found))


def _safely(write: Callable[..., object], *what: object) -> None:
    with places.told("The output"):
        write(*what)
