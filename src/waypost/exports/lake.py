"""The layout that Amazon Security Lake asks of a custom source: Parquet files of one OCSF class, in partitions.

`region=…/accountId=…/eventDay=YYYYMMDD/`, below the source's own prefix (`ext/<source>`). An organization is no account
of AWS: its id stands behind `external_`, as the lake's guide has it. Within a file documents are in the order of their
time, pages are within a megabyte, and row groups within 256 of them. An object once written is left alone: another
export adds others, and `metadata.uid` tells documents that are the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyarrow import parquet

from waypost.exports import formats
from waypost.exports.columns import Kind
from waypost.exports.documents import SHAPES
from waypost.exports.places import Counted, File, Place
from waypost.unified import ocsf
from waypost.unified.ocsf.table import Each, Table

ROWS_OF_A_GROUP: Final = 50_000
ROWS_OF_A_FILE: Final = 500_000
"""Well below the 256 MB that an object may have."""
_PAGE: Final = 1_000_000

_ARROW: Final[Mapping[str, Any]] = {  # Any: pyarrow tells no types
    "string": pa.string(),
    "integer": pa.int32(),
    "timestamp": pa.int64(),  # milliseconds, as OCSF has them
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "object": pa.string(),  # JSON: its fields are not the same in each
}


def schema(kind: Kind) -> Any:  # Any: a pyarrow.Schema
    """The columns of a class, with structs and lists as the documents have objects and lists."""
    return pa.schema(_struct(ocsf.FIELDS[SHAPES[kind].of]))


def _struct(table: Table) -> Any:  # Any: an Arrow type
    root: dict[str, Any] = {}
    for line in table:
        *above, name = line.path.split(".")
        place = root
        for part in above:
            place = place.setdefault(part, {})
        place[name] = pa.list_(_struct(line.fields)) if isinstance(line, Each) else _ARROW[line.type]
    return _typed(root)


def _typed(fields: Mapping[str, Any]) -> Any:  # Any: an Arrow type
    """An object's fields as a struct; `[]` after a name is a list."""
    found = []
    for name, inner in fields.items():
        kind = _typed(inner) if isinstance(inner, dict) else inner
        is_list = name.endswith("[]") and not pa.types.is_list(kind)
        found.append(pa.field(name.removesuffix("[]"), pa.list_(kind) if is_list else kind))
    return pa.struct(found)


class Part(msgspec.Struct, frozen=True):
    """A file of the lake."""

    path: str
    rows: int
    bytes: int


class Lake:
    """The prefix of a custom source, being added to.

    Args:
        place: The prefix.
        kind: What is exported.
        region: Of AWS, in whose partition it stands.
        export: In the names of its files, which no other export has.
    """

    def __init__(self, place: Place, kind: Kind, region: str, export: str) -> None:
        self._place = place
        self._region = region
        self._export = export
        self._schema = schema(kind)
        self._objects = [
            line.path for line in ocsf.FIELDS[SHAPES[kind].of] if getattr(line, "type", "") == "object"
        ]
        self._open: tuple[File, Any, Part] | None = None
        self._partition = ""
        self._waiting: list[ocsf.Document] = []
        self._sealed: list[File] = []
        self.files: list[Part] = []

    def write(self, organization: str, documents: Sequence[ocsf.Document]) -> None:
        """Write documents of the organization whose turn it is, in the order of their times; `seal` ends that."""
        for document in documents:
            day = datetime.fromtimestamp(document["time"] / 1000, UTC)
            partition = f"region={self._region}/accountId=external_{organization}/eventDay={day:%Y%m%d}"
            rows = self._open[2].rows if self._open else 0
            if partition != self._partition or rows + len(self._waiting) >= ROWS_OF_A_FILE:
                self.seal()
                self._partition = partition
            self._waiting.append(document)
            if len(self._waiting) >= ROWS_OF_A_GROUP:
                self._write_group()

    def seal(self) -> None:
        """The file that is being written is whole."""
        self._write_group()
        self._partition = ""
        if self._open is None:
            return
        file, writer, part = self._open
        writer.close()
        self._sealed.append(file)
        self._open = None
        self.files.append(msgspec.structs.replace(part, bytes=file.seal()))

    def publish(self) -> None:
        """Show what was written."""
        for file in self._sealed:
            file.publish()

    def discard(self) -> None:
        """Leave nothing of it."""
        if self._open is not None:
            file, writer, _ = self._open
            formats.give_up(writer)
            file.discard()
        for file in self._sealed:
            file.discard()

    def _write_group(self) -> None:
        if not self._waiting:
            return
        if self._open is None:
            path = f"{self._partition}/{self._export}-{len(self.files):05}.zstd.parquet"
            file = self._place.create(path)
            writer = parquet.ParquetWriter(
                Counted(file.stream), self._schema, compression="zstd", data_page_size=_PAGE
            )
            self._open = file, writer, Part(path, 0, 0)
        file, writer, part = self._open
        told = [self._told(document) for document in self._waiting]
        writer.write_table(pa.Table.from_pylist(told, schema=self._schema))
        self._open = file, writer, msgspec.structs.replace(part, rows=part.rows + len(told))
        self._waiting = []

    def _told(self, document: ocsf.Document) -> ocsf.Document:
        """A document whose objects of any shape are JSON."""
        texts = {
            name: msgspec.json.encode(document[name]).decode() for name in self._objects if name in document
        }
        return document | texts
