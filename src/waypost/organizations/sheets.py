"""CSV files, both ways: what is written is read back exactly, and no cell of it is a formula to a spreadsheet.

A file is UTF-8, at most `MOST_LINES` lines and `MOST_BYTES` long; its header names the columns, in any order. A comma
parts them, or a semicolon or tab where the header has those. Everything that is wrong is told by line, all of it at
once, as far as the file can be read at all.
"""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from waypost import errors
from waypost.unified import names

MOST_LINES: Final = 100_000
MOST_BYTES: Final = 20_000_000
LONGEST_CELL: Final = 131_072
"""Characters; the limit of the reader itself."""
MOST_TOLD: Final = 100
"""Errors by line; whoever has made the same mistake in every line needs not be told each time."""

_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
FORMULA: Final = r"'*[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001  # wide forms are formulas to some, too
"""Begins what a spreadsheet would take for a formula, or for one once an apostrophe is gone."""
_FORMULA: Final = re.compile(FORMULA)
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_PART: Final = re.compile(r"\\(.)|(;)", re.DOTALL)
_BOMS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_BOM: Final = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True):
    """One line with something in it.

    Attributes:
        number: As a text editor counts; of the first, where a cell goes over several.
        cells: By column; a column that the file does not have is missing.
    """

    number: int
    cells: dict[str, str]


class Faults:
    """What is wrong with a file, gathered line by line."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}
        self.count = 0

    def add(self, line: int, told: str) -> None:
        """Remember what is wrong; of one line the first is enough."""
        if line not in self._lines:
            self.count += 1
            if self.count <= MOST_TOLD:
                self._lines[line] = told

    def refuse(self) -> None:
        """Refuse the file if anything is wrong with it.

        Raises:
            SheetError: Something is.
        """
        if not self.count:
            return
        lines = sorted(self._lines.items())
        number, first = lines[0]
        more = f" {self.count - 1:,} more lines are wrong." if self.count > 1 else ""
        raise errors.SheetError(f"Line {number}: {first}{more} Nothing was stored.", lines=lines)


def load(path: Path) -> bytes:
    """A file's content, one byte more than is taken at most.

    Raises:
        SheetError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise errors.SheetError(
            f"{names.shown(str(path), 200)} cannot be read: {problem.strerror}.",
            remedy="Name a CSV file that this user may read.",
        ) from None


def read(content: bytes, columns: Sequence[str], *, required: Sequence[str]) -> list[Line]:
    """The lines of a file; those in which every cell is empty are left out.

    Args:
        content: The whole file.
        columns: All that it may have.
        required: Those that it must have.

    Raises:
        SheetError: It cannot be read as such a file.
    """
    rows = _parted(_decoded(content), columns)
    number, names_of_columns = next(rows)
    header = [cell.strip().lower() for cell in names_of_columns]
    _check_header(number, header, columns, required)
    faults, lines = Faults(), []
    for number, cells in rows:
        if len(cells) != len(header):
            faults.add(number, f"It has {len(cells)} cells, and the header {len(header)}.")
        elif "\0" in "".join(cells):
            faults.add(number, "It has NUL characters in it.")
        elif any(cells):
            lines.append(Line(number, dict(zip(header, map(unguarded, cells), strict=True))))
    faults.refuse()
    return lines


def write(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A file of these columns and rows."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return file.getvalue()


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """A cell as it was before `guarded`."""
    return cell[1:] if _GUARDED.match(cell) else cell


def joined(values: Iterable[str]) -> str:
    """Several values in one cell."""
    return ";".join(value.replace("\\", "\\\\").replace(";", "\\;") for value in values)


def parted(cell: str) -> list[str]:
    """The values that one cell holds, without the white space around each."""
    marked = _PART.sub(lambda match: "\0" if match[2] else match[1], cell)
    return [value.strip() for value in marked.split("\0") if value.strip()]


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise errors.SheetError(f"The file is longer than {MOST_BYTES // 1_000_000} MB.", remedy=_SPLIT)
    if content[:2] in _BOMS or _wide(content):
        raise errors.SheetError("The file is UTF-16, not UTF-8.", remedy=_UTF8)
    if content.startswith(b"PK\x03\x04"):
        raise errors.SheetError("The file is a workbook, or another archive, and no CSV.", remedy=_UTF8)
    if max(content.count(b"\n"), content.count(b"\r")) > MOST_LINES + 1:  # before all of them are in memory
        raise errors.SheetError(f"The file has more than {MOST_LINES:,} lines.", remedy=_SPLIT)
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        told = f"The byte 0x{problem.object[problem.start]:02X} is no UTF-8; it looks like Windows-1252 or Latin-1."
        raise errors.SheetError(f"Line {line}: {told}", remedy=_UTF8, lines=[(line, told)]) from None
    if not text.strip():
        raise errors.SheetError("The file is empty.", remedy="Its first line names the columns.")
    return text


_UTF8: Final = "Save it as CSV in UTF-8 (in Excel: “CSV UTF-8”) and try again."
_SPLIT: Final = "Split it into several files; each is taken as a whole or not at all."


def _wide(content: bytes) -> bool:
    """Whether every other byte is zero, as of Latin text in UTF-16 without a mark."""
    head = content[:200]
    return len(head) > 1 and max(head[0::2].count(0), head[1::2].count(0)) > len(head) // 3


def _parted(text: str, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank with its number, the header first."""
    first = text.lstrip().partition("\n")[0]
    separator = max(_SEPARATORS, key=lambda char: _fitting(first, char, columns))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as problem:
        told = _told(str(problem))
        raise errors.SheetError(
            f"Line {number}: {told} Nothing was stored.", lines=[(number, told)]
        ) from None


def _fitting(first: str, separator: str, columns: Sequence[str]) -> tuple[int, int]:
    """How many columns a header has that there are, and how many in all, if this separates them."""
    cells = [cell.strip().strip('"').lower() for cell in first.split(separator)]
    return len({*cells} & {*columns}), len(cells)


def _told(problem: str) -> str:
    """The reader's complaint, in words for people."""
    if "field larger" in problem:
        return f"A cell is longer than {LONGEST_CELL:,} characters."
    if "unexpected end" in problem:
        return "A quotation mark is opened and never closed."
    return "A quotation mark stands inside of a cell; write it twice, and the cell between two more."


def _check_header(
    number: int, header: Sequence[str], columns: Sequence[str], required: Sequence[str]
) -> None:
    unknown = [name for name in header if name not in columns]
    missing = [name for name in required if name not in header]
    twice = sorted({name for name in header if header.count(name) > 1 and name in columns})
    alone = len(header) == 1 and len(columns) > 1 and bool(unknown)
    told = [
        *(_unknown(name, columns) for name in unknown[:5]),
        *([f"It is parted by none of {', '.join(_SEPARATORS.values())}."] if alone else []),
        *([f"It lacks {', '.join(missing)}."] if missing else []),
        *([f"It has {', '.join(twice)} twice."] if twice else []),
    ]
    if told:
        text = " ".join(["This is no header of such a file.", *told])
        raise errors.SheetError(
            f"Line {number}: {text}",
            remedy=f"The first line names the columns: {','.join(columns)}"
            + (f"; only {', '.join(required)} must be there." if len(required) < len(columns) else "."),
            lines=[(number, text)],
        )


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:80], columns, 1)
    shown = names.shown(name, 40)
    return f"There is no column {shown!r}{f'; did you mean {near[0]}?' if near else '.'}"
