"""Reading out of PostgreSQL at one moment, as Arrow tables: `COPY` as CSV, parsed in C.

`COPY` sends a row at a time; rows are gathered to blocks, so that memory holds a few of them whatever the size of what
is read. While one is worked on, the next is gathered.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, LiteralString

import psycopg
import pyarrow as pa
from psycopg import pq
from pyarrow import csv

from waypost.exports.ahead import ahead
from waypost.storage import queries
from waypost.storage.database import Connection

BLOCK: Final = 32_000
"""Rows of one table."""
BLOCK_BYTES: Final = 32_000_000
"""Or so many bytes, should rows be long."""

Shape = Mapping[str, Any]  # Any: pyarrow tells no types


@contextlib.asynccontextmanager
async def one_moment(db: Connection) -> AsyncIterator[None]:
    """All that is read within the block is as it was when the first of it was read."""
    async with db.transaction():
        await db.execute(queries.exports.one_moment)
        yield


async def table(db: Connection, query: LiteralString, facts: Mapping[str, object], shape: Shape) -> Any:
    """All rows of a query, as one Arrow table of these columns."""
    tables = [block async for block in blocks(db, query, facts, shape)]
    return pa.concat_tables(tables) if tables else empty(shape)


def empty(shape: Shape) -> Any:  # Any: a pyarrow.Table
    """No rows of these columns."""
    return pa.schema(list(shape.items())).empty_table()


async def blocks(
    db: Connection, query: LiteralString, facts: Mapping[str, object], shape: Shape
) -> AsyncGenerator[Any, None]:
    """The rows of a query, block by block, as Arrow tables of these columns.

    Args:
        db: Where to read.
        query: What to read; its columns are those of the shape, in its order.
        facts: The values in it.
        shape: Names and Arrow types.
    """
    async with contextlib.aclosing(ahead(texts(db, query, facts))) as reading:
        async for text in reading:
            yield await asyncio.to_thread(parsed, text, shape)


async def texts(
    db: Connection, query: LiteralString, facts: Mapping[str, object]
) -> AsyncGenerator[bytes, None]:
    """The rows of a query as the server sends them, block by block, for `parsed`.

    Waiting for each row by itself would take longer than all else that is done with it. So one is waited for, and
    whatever has come along with it is taken at once.
    """
    copy: LiteralString = "COPY (" + query + ") TO STDOUT (FORMAT csv)"
    gathered: list[bytes | bytearray | memoryview] = []
    size = 0
    async with _copied(db, copy, facts) as lines:
        line: bytes | bytearray | memoryview | None = await lines.read()
        while line:
            gathered.append(line)
            size += len(line)
            if len(gathered) >= BLOCK or size >= BLOCK_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
            came, line = db.pgconn.get_copy_data(1)
            if came == 0:
                line = await lines.read()
            elif came < 0:
                _end(db)
    if gathered:
        yield b"".join(gathered)


@contextlib.asynccontextmanager
async def _copied(
    db: Connection, copy: LiteralString, facts: Mapping[str, object]
) -> AsyncIterator[psycopg.AsyncCopy]:
    """A `COPY` out of the database, after which the session can be used, whatever ended it.

    Who is cancelled while it starts never enters the driver's own block, which would end it.
    """
    async with db.cursor() as cursor:
        try:
            async with cursor.copy(copy, facts) as lines:
                yield lines
        except BaseException as problem:
            if cursor.pgresult and db.info.transaction_status == pq.TransactionStatus.ACTIVE:
                await psycopg.AsyncCopy(cursor).finish(problem)
            raise


def _end(db: Connection) -> None:
    """Take what the server says when all rows are sent, which comes together with their end.

    Raises:
        Error: It could not send them all.
    """
    results = list(iter(db.pgconn.get_result, None))  # to the last one, or the session would wait for them
    for result in results:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


def parsed(text: bytes, shape: Shape) -> Any:  # Any: a pyarrow.Table
    """A block of rows as an Arrow table of these columns."""
    return csv.read_csv(
        pa.BufferReader(text),
        # One chunk: what is looked up for a table is looked up once.
        read_options=csv.ReadOptions(column_names=[*shape], block_size=max(len(text), 1)),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict(shape),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
