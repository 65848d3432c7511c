"""DuckDB, asked in a process of its own: what it says when it ends would be the last word of the tests."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def asked(query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows that a query answers with."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_ask, query, parameters).result()


def _ask(query: str, parameters: list[Any] | None) -> list[tuple[Any, ...]]:
    import duckdb  # noqa: PLC0415  # here alone

    rows: list[tuple[Any, ...]] = duckdb.execute(query, parameters).fetchall()
    return rows
