"""Reading block by block: every row once and in order, ahead of who works on them, and ended cleanly in every way."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import LiteralString

import psycopg
import pyarrow as pa
import pytest

from support.hub import Hub
from waypost.exports import snapshot
from waypost.exports.ahead import ahead

SHAPE = {"n": pa.int64(), "text": pa.string()}


async def usable(estate: Hub) -> bool:
    """Whether the session answers to what it is asked next."""
    return await estate.rows("SELECT 7") == [(7,)]


async def test_every_row_comes_once_and_in_order(estate: Hub) -> None:
    """Over several blocks, with rows that have lines of their own, quotes and nothing in them."""
    query = """SELECT n, CASE n % 4 WHEN 0 THEN E'two\\nlines' WHEN 1 THEN 'a "quote", and more' WHEN 2 THEN '' END
      FROM generate_series(1, 100000) n"""
    sizes, numbers, texts = [], [], []
    async for table in snapshot.blocks(estate.db, query, {}, SHAPE):
        sizes.append(table.num_rows)
        numbers += table["n"].to_pylist()
        texts += table["text"].slice(0, 4).to_pylist()
    assert numbers == list(range(1, 100_001))
    assert sizes == [snapshot.BLOCK] * 3 + [100_000 - 3 * snapshot.BLOCK]
    assert texts[:4] == ['a "quote", and more', "", None, "two\nlines"]
    assert await usable(estate)


@pytest.mark.parametrize("rows", [0, 1])
async def test_few_rows(estate: Hub, rows: int) -> None:
    reading = snapshot.blocks(
        estate.db, "SELECT n, 'x' FROM generate_series(1, %(rows)s) n", {"rows": rows}, SHAPE
    )
    found = [table.num_rows async for table in reading]
    assert sum(found) == rows
    assert await usable(estate)


@pytest.mark.parametrize("at", [1, 50_000])
async def test_an_error_on_the_way_is_told(estate: Hub, at: int) -> None:
    """Also where rows have come before it; what came is not taken for all of it."""
    query: LiteralString = "SELECT n, (1 / (n - %(at)s))::text FROM generate_series(1, 60000) n"
    with pytest.raises(psycopg.errors.DivisionByZero):
        _ = [table async for table in snapshot.blocks(estate.db, query, {"at": at}, SHAPE)]
    assert await usable(estate)


async def test_who_has_seen_enough_may_leave(estate: Hub) -> None:
    reading = snapshot.blocks(estate.db, "SELECT n, 'x' FROM generate_series(1, 1000000) n", {}, SHAPE)
    async with contextlib.aclosing(reading):
        assert (await anext(reading)).num_rows == snapshot.BLOCK
    assert await usable(estate)


@pytest.mark.parametrize("after", [0.0, 0.3])
async def test_who_leaves_while_the_next_begins(estate: Hub, after: float) -> None:
    """What is written breaks while PostgreSQL looks for the first row of the next part."""

    async def parts() -> AsyncGenerator[bytes, None]:
        for seconds in (0, 2):
            query: LiteralString = (
                "SELECT n, s FROM (SELECT 7 AS n, pg_sleep(%(seconds)s)::text AS s OFFSET 0) s"
            )
            async with contextlib.aclosing(snapshot.texts(estate.db, query, {"seconds": seconds})) as reading:
                async for text in reading:
                    yield text

    async def write() -> None:
        async with snapshot.one_moment(estate.db), contextlib.aclosing(ahead(parts())) as reading:
            assert await anext(reading)
            await asyncio.sleep(after)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        await write()
    assert await usable(estate)


class Source:
    """Numbers, each after a moment; knows how far it is and that it was closed."""

    def __init__(self, most: int, breaks_at: int = -1) -> None:
        self.begun = 0
        self.is_closed = False
        self._most = most
        self._breaks_at = breaks_at

    async def numbers(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(self._most):
                self.begun = number + 1
                await asyncio.sleep(0)
                if number == self._breaks_at:
                    raise ValueError(number)
                yield number
        finally:
            self.is_closed = True


async def test_the_next_is_on_its_way_while_one_is_worked_on() -> None:
    source = Source(5)
    seen = []
    async for number in ahead(source.numbers()):
        for _ in range(5):
            await asyncio.sleep(0)
        assert source.begun == min(number + 2, 5)
        seen.append(number)
    assert seen == [0, 1, 2, 3, 4]
    assert source.is_closed


async def test_what_breaks_it_comes_after_what_was_before() -> None:
    source = Source(5, breaks_at=3)
    numbers = ahead(source.numbers())
    assert [await anext(numbers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        await anext(numbers)
    assert source.is_closed


async def test_leaving_closes_the_source() -> None:
    source = Source(5)
    async with contextlib.aclosing(ahead(source.numbers())) as numbers:
        assert await anext(numbers) == 0
    assert source.is_closed
