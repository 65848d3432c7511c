"""Tables as bytes: CSV, NDJSON and Parquet, each written block by block to a stream."""

import contextlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from waypost.exports import columns
from waypost.exports.columns import From, Kind, Type
from waypost.exports.places import Counted
from waypost.organizations import sheets


class Format(StrEnum):
    """How an export is written."""

    NDJSON = "ndjson"
    OCSF = "ocsf"
    CSV = "csv"
    PARQUET = "parquet"


SUFFIX: Final[Mapping[Format, str]] = {
    Format.NDJSON: "ndjson",
    Format.OCSF: "ocsf.ndjson",
    Format.CSV: "csv",
    Format.PARQUET: "parquet",
}
MEDIA_TYPE: Final[Mapping[Format, str]] = {
    Format.NDJSON: "application/x-ndjson",
    Format.OCSF: "application/x-ndjson",
    Format.CSV: "text/csv",
    Format.PARQUET: "application/vnd.apache.parquet",
}

_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_FORMULA: Final = f"^({sheets.FORMULA})"
_AT_ONCE: Final = 2_000
"""Rows that are Python's objects at one time; they take twenty times the room."""
_encode_lines: Final = msgspec.json.Encoder().encode_lines


class Writer(Protocol):
    """Writes blocks of one kind to a stream, which it leaves open."""

    def write(self, table: Any) -> None:  # Any: a pyarrow.Table
        """One block more."""

    def close(self) -> None:
        """What stands at the end of a file."""


def writer(kind: Kind, form: Format, stream: Counted) -> Writer:
    """A writer of a flat format."""
    return _WRITERS[form](kind, stream)


def give_up(writer: Writer) -> None:
    """Let go of a writer whose file is to be discarded."""
    with contextlib.suppress(Exception):  # there is an error to tell already
        writer.close()


class _Csv:
    """UTF-8, a header, commas, texts in quotes; nothing between two commas is null. No cell is a formula."""

    def __init__(self, kind: Kind, stream: Counted) -> None:
        self._columns = columns.OF_KIND[kind]
        schema = pa.schema([(column.name, _plain(column.holds)) for column in self._columns])
        self._writer = csv.CSVWriter(stream, schema)

    def write(self, table: Any) -> None:
        cells = [
            pc.replace_substring_regex(values, _FORMULA, r"'\1") if column.holds is Type.TEXT else values
            for column, values in zip(self._columns, _told(self._columns, table), strict=True)
        ]
        self._writer.write_table(pa.table(cells, names=table.column_names))

    def close(self) -> None:
        self._writer.close()


class _Ndjson:
    """A JSON object a line, with every column in it."""

    def __init__(self, kind: Kind, stream: Counted) -> None:
        self._columns = columns.OF_KIND[kind]
        self._stream = stream

    def write(self, table: Any) -> None:
        for begin in range(0, table.num_rows, _AT_ONCE):
            self._stream.write(_encode_lines(self._objects(table.slice(begin, _AT_ONCE))))

    def _objects(self, table: Any) -> list[dict[str, Any]]:  # Any: whatever JSON holds
        names = [column.name for column in self._columns]
        values = [
            _json(cells.to_pylist()) if column.holds is Type.JSON else cells.to_pylist()
            for column, cells in zip(self._columns, _told(self._columns, table), strict=True)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def close(self) -> None:
        pass


class _Parquet:
    """Zstandard; what is another in every row is not written by way of a dictionary."""

    def __init__(self, kind: Kind, stream: Counted) -> None:
        repeated = [
            column.name
            for column in columns.OF_KIND[kind]
            if column.source is not From.ROW or column.holds in (Type.WORD, Type.NUMBER, Type.COUNT)
        ]
        self._writer = parquet.ParquetWriter(
            stream, columns.schema(kind), compression="zstd", compression_level=1, use_dictionary=repeated
        )

    def write(self, table: Any) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


_WRITERS: Final[Mapping[Format, Callable[[Kind, Counted], Writer]]] = {
    Format.CSV: _Csv,
    Format.NDJSON: _Ndjson,
    Format.PARQUET: _Parquet,
}


def _plain(kind: Type) -> Any:  # Any: an Arrow type
    return pa.string() if kind is Type.TIME else columns.ARROW[kind]


def _told(described: tuple[columns.Column, ...], table: Any) -> list[Any]:
    """The columns of a table, times as ISO 8601 in UTC."""
    return [
        pc.strftime(table[column.name], format=_ISO) if column.holds is Type.TIME else table[column.name]
        for column in described
    ]


def _json(cells: list[str | None]) -> list[msgspec.Raw | None]:
    """Texts that are JSON as parts of a document."""
    return [None if cell is None else msgspec.Raw(cell.encode()) for cell in cells]
