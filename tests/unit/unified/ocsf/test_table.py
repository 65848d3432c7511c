"""Documents are made of tables as their lines say."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from waypost.unified import ocsf
from waypost.unified.ocsf.table import (
    Document,
    Each,
    Field,
    Table,
    always,
    column,
    compiled,
    lookup,
    milliseconds,
    time,
)


def made(table: Table, **row: Any) -> Document:
    return compiled(table)(SimpleNamespace(**row))


def test_paths() -> None:
    """A path leads through objects, and through lists of one."""
    table = [
        always("a", 1),
        column("b.c", "x"),
        column("d[].e", "x"),
        always("f[]", "y"),
        column("b.g.h", "x"),
    ]
    assert made(table, x="v") == {"a": 1, "b": {"c": "v", "g": {"h": "v"}}, "d": [{"e": "v"}], "f": ["y"]}


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_left_out(nothing: str | None) -> None:
    """What has no value is not there, and no object that would be empty; what is zero or false is."""
    table = [column("a", "x"), column("b.c", "x"), column("d", "zero"), column("e", "no")]
    assert made(table, x=nothing, zero=0, no=False) == {"d": 0, "e": False}


def test_objects_that_cannot_be_without_something() -> None:
    """An object without its key is left out, whatever else it has."""
    table = [always("a.b", 1), column("a.c", "x", key=True), column("a.d", "y")]
    assert made(table, x=None, y="z") == {}
    assert made(table, x="v", y=None) == {"a": {"b": 1, "c": "v"}}
    empty = [Field("a.b", value=lambda row: row.x, even_empty=True)]
    assert made(empty, x="") == {"a": {"b": ""}}


def test_lists() -> None:
    """There is an object for each item; without items there is no list."""
    table = [Each("a.b", lambda row: row.items, (Field("c", value=lambda item: item),))]
    assert made(table, items=["x", "y"]) == {"a": {"b": [{"c": "x"}, {"c": "y"}]}}
    assert made(table, items=[]) == {}


def test_tables_and_times() -> None:
    """A word is looked up, and a time is milliseconds, whatever its zone; less than that is cut off."""
    at = datetime(2026, 11, 22, 8, 30, 0, 250_999, UTC)
    table = [lookup("a", "x", {1: "one"}), time("b", "at"), time("c", "never")]
    assert made(table, x=1, at=at, never=None) == {"a": "one", "b": 1795336200250}
    assert milliseconds(at.astimezone(timezone(timedelta(hours=-7)))) == 1795336200250
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)) == -1
    assert milliseconds(datetime(1, 1, 1, tzinfo=UTC)) == -62135596800000


@pytest.mark.parametrize("kind", ocsf.FIELDS)
def test_no_attribute_is_told_twice(kind: Any) -> None:
    """Each path is in a table once, and says what it is made of."""
    paths = [line.path for line in ocsf.FIELDS[kind]]
    assert len(paths) == len(set(paths))
    for line in ocsf.FIELDS[kind]:
        for field in line.fields if isinstance(line, Each) else (line,):
            assert field.constant is not None or field.source or field.sent or field.note, field.path
