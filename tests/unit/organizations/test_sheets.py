"""CSV files: whatever is written is read back, and whatever cannot be read is told by line."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.organizations import sheets
from waypost.organizations.sheets import Line

COLUMNS = ("name", "tags", "parent")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NASTY = st.text(st.sampled_from("=+-@\t\r\n',;\"\\ aé＝"), max_size=6)  # noqa: RUF001  # wide forms too


def refusal(content: bytes) -> errors.SheetError:
    with pytest.raises(errors.SheetError) as refused:
        sheets.read(content, COLUMNS, required=("name",))
    assert refused.value.remedy
    return refused.value


@given(st.lists(st.tuples(TEXTS | NASTY, TEXTS | NASTY, TEXTS | NASTY), max_size=6))
def test_what_is_written_is_read(rows: list[tuple[str, str, str]]) -> None:
    """Any text in any cell comes back as it was; only lines in which nothing stands are left out."""
    read = sheets.read(sheets.write(COLUMNS, rows).encode(), COLUMNS, required=COLUMNS)
    assert [tuple(line.cells.values()) for line in read] == [row for row in rows if any(row)]


@given(TEXTS | NASTY)
def test_no_cell_is_a_formula(cell: str) -> None:
    """Whatever a cell holds, a spreadsheet takes what is written for text, and nobody else sees a difference."""
    written = sheets.guarded(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert sheets.unguarded(written) == cell


@given(st.lists((TEXTS | NASTY).map(str.strip).filter(bool), max_size=5))
def test_several_values_in_a_cell(values: list[str]) -> None:
    """Values come back one by one, whatever separators and backslashes they have in them."""
    assert sheets.parted(sheets.joined(values)) == values


def test_values_as_people_write_them() -> None:
    """White space around values, and empty ones, do not matter; a single backslash at the end is one."""
    assert sheets.parted(" a ;; b\\;c ; d\\") == ["a", "b;c", "d\\"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_files_of_other_programs(separator: str, end: str, mark: bytes) -> None:
    """Whatever parts cells and lines, the header tells it; its order, case and mark do not matter."""
    lines = [("Parent", " NAME "), ("", "ACME"), ('"a, b; c"', "Łódź")]
    text = end.join(separator.join(cells) for cells in lines)
    assert sheets.read(mark + text.encode(), COLUMNS, required=("name",)) == [
        Line(2, {"parent": "", "name": "ACME"}),
        Line(3, {"parent": "a, b; c", "name": "Łódź"}),
    ]


def test_line_numbers() -> None:
    """Lines are counted as an editor does: blank ones too, and cells that go over several."""
    text = 'name,tags\n\n"two\nlines",x\n,\nlast,y\n'
    assert [(line.number, line.cells["name"]) for line in sheets.read(text.encode(), COLUMNS, required=())] == [
        (3, "two\nlines"), (6, "last"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \r\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("name\nŁódź\n".encode("utf-16"), "UTF-16"),
        ("name,tags\nACME,x\n".encode("utf-16-le"), "UTF-16"),
        ("name,tags\nACME,x\n".encode("utf-16-be"), "UTF-16"),
        ("name,tags\nACME,x\nZürich,y\n".encode("latin-1"), "Line 3: The byte 0xFC"),
        (b"PK\x03\x04name", "workbook"),
        (b"nmae,tags\nx,y\n", "did you mean name?"),
        (b"tags,parent\n", "lacks name"),
        (b"name,name\n", "has name twice"),
        (b"name|tags\nx|y\n", "none of comma, semicolon, tab"),
        (b"name,tags\nx\n", "Line 2: It has 1 cells, and the header 2"),
        (b"name,tags\nx;y\na,b,c\n", "1 more lines are wrong"),
        (b'name,tags\n"x,y\n', "Line 2: A quotation mark is opened"),
        (b'name,tags\n"x"z,y\n', "Line 2: A quotation mark stands inside"),
        (b"name,tags\nx\0,y\n", "Line 2: It has NUL"),
        (b"name\n" + b"x" * 140_000 + b"\n", "Line 2: A cell is longer than 131,072"),
        (b"name\n" + b"x\n" * 1_000_000, "more than 100,000 lines"),
        (b"name\r" + b"x\r" * 1_000_000, "more than 100,000 lines"),
        (b"name\n" + b"x" * 20_000_000, "longer than 20 MB"),
    ],
)
def test_files_that_are_none(content: bytes, words: str) -> None:
    """What is wrong with a file is said in plain words, at its line, with what to do about it."""
    problem = refusal(content)
    assert words in problem.message, problem.message
    if problem.message.startswith("Line "):
        assert problem.lines


def test_as_many_lines_as_there_may_be() -> None:
    """A hundred thousand lines are read."""
    assert len(sheets.read(b"name\n" + b"x\n" * 100_000, COLUMNS, required=())) == 100_000


def test_all_that_is_wrong_at_once() -> None:
    """Every line is named, up to a hundred, and all of them are counted."""
    problem = refusal(b"name,tags\n" + b"x\n" * 150)
    assert [number for number, _ in problem.lines] == list(range(2, 102))
    assert "149 more lines" in problem.message


@given(
    st.binary(max_size=200) | st.text(st.sampled_from('name,tags;\t\r\n"x\0'), max_size=60).map(str.encode)
)
def test_any_bytes(content: bytes) -> None:
    """Whatever is given for a file is read, or refused as a file; nothing else happens."""
    try:
        lines = sheets.read(content, COLUMNS, required=("name",))
    except errors.SheetError:
        return
    assert all("name" in line.cells for line in lines)


def test_other_programs_read_it() -> None:
    """What is written is the CSV that everybody reads."""
    rows = [["a,b", 'c"d', "e\nf"], ["", "x", "y;z"]]
    assert list(csv.reader(io.StringIO(sheets.write(COLUMNS, rows), newline=""))) == [[*COLUMNS], *rows]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is told with its name; of a huge one only so much is read."""
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(errors.SheetError, match="cannot be read") as refused:
            sheets.load(path)
        assert str(path) in refused.value.message
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(10_000_000_000)
    assert len(sheets.load(huge)) == sheets.MOST_BYTES + 1
