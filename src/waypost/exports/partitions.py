"""A folder of Parquet files in partitions that DuckDB, Spark and Athena know: `findings/day=…/organization=…/`.

The day is the one on which it was exported: each day's folder is the whole of that moment, and the days together tell
what changed. `_manifest.json` in the day's folder names the files that belong to it; readers leave it alone, as its
name begins with an underscore. Another export of the same day takes the place of the first: its files are written
beside the old ones under names of their own, shown all at once, the manifest is written, and the old ones are deleted.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec

from waypost.exports import columns, formats
from waypost.exports.columns import Kind
from waypost.exports.formats import Format, Writer
from waypost.exports.places import Counted, File, Place

MANIFEST: Final = "_manifest.json"
NOBODYS: Final = "none"
"""The partition of what belongs to no organization."""
ROWS_OF_A_FILE: Final = 5_000_000
"""Some 200 MB."""


class Part(msgspec.Struct, frozen=True):
    """A file of a day's folder, as the manifest names it."""

    path: str
    organization: str
    rows: int
    bytes: int
    export: str

    def takes(self, organization: str) -> bool:
        """Whether more rows of this organization may go into it."""
        return self.organization == organization and self.rows < ROWS_OF_A_FILE


class Manifest(msgspec.Struct, frozen=True):
    """What belongs to a day."""

    kind: str
    day: str
    schema_version: int
    written_at: datetime
    files: list[Part]


class Day:
    """The day's folder of one kind, being written.

    Args:
        place: What it is in.
        kind: What is exported.
        moment: When.
        export: In the names of its files, which no other export has.
    """

    def __init__(self, place: Place, kind: Kind, moment: datetime, export: str) -> None:
        self._place = place
        self._kind = kind
        self._moment = moment
        self._export = export
        self._folder = f"{kind}/day={moment:%Y-%m-%d}"
        self._open: tuple[File, Writer, Part] | None = None
        self._sealed: list[File] = []
        self.files: list[Part] = []

    def write(self, organization: str, table: Any) -> None:  # Any: a pyarrow.Table
        """Write a block; those of an organization come one after the other. `seal` ends the last one's."""
        if self._open is not None and not self._open[2].takes(organization):
            self.seal()
        if self._open is None:
            path = f"organization={organization}/part-{self._export}-{len(self.files):05}.parquet"
            file = self._place.create(f"{self._folder}/{path}")
            writer = formats.writer(self._kind, Format.PARQUET, Counted(file.stream))
            self._open = file, writer, Part(path, organization, 0, 0, self._export)
        file, writer, part = self._open
        writer.write(table)
        self._open = file, writer, msgspec.structs.replace(part, rows=part.rows + table.num_rows)

    def seal(self) -> None:
        """The file that is being written is whole."""
        if self._open is None:
            return
        file, writer, part = self._open
        writer.close()
        self._sealed.append(file)
        self._open = None
        self.files.append(msgspec.structs.replace(part, bytes=file.seal()))

    def publish(self, organizations: Collection[str] | None) -> None:
        """Show what was written, in place of what these organizations had; None for all of the day."""
        before = self._before()
        for file in self._sealed:
            file.publish()
        kept = [
            part for part in before if organizations is not None and part.organization not in organizations
        ]
        self._write_manifest([*kept, *self.files])
        for part in before:
            if part not in kept:
                self._place.remove(f"{self._folder}/{part.path}")

    def discard(self) -> None:
        """Leave nothing of it."""
        if self._open is not None:
            file, writer, _ = self._open
            formats.give_up(writer)
            file.discard()
        for file in self._sealed:
            file.discard()

    def _before(self) -> list[Part]:
        content = self._place.read(f"{self._folder}/{MANIFEST}")
        return msgspec.json.decode(content, type=Manifest).files if content else []

    def _write_manifest(self, parts: list[Part]) -> None:
        manifest = Manifest(
            self._kind, f"{self._moment:%Y-%m-%d}", columns.SCHEMA_VERSION, self._moment, parts
        )
        file = self._place.create(f"{self._folder}/{MANIFEST}")
        file.stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        file.seal()
        file.publish()
