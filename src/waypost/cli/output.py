"""Drawing: tables for people, one JSON document for machines, errors with their next step."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from waypost import errors

out: Final = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140)
"""Standard output; wider than a terminal's 80 columns where it goes to a file or another program."""
err: Final = Console(stderr=True, highlight=False)

Json = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON document instead of a table.")]
"""The option of every command that prints a list."""

_SHORT_WORD: Final = 6
_MOST_TOLD: Final = 20
"""So much of what else is wrong is told beside an error."""

SEVERITY_STYLE: Final = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "none": "dim",
    "unknown": "dim",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What a console's names could steer a terminal with."""

STATE_STYLE: Final = {
    "open": "red",
    "reopened": "bold red",
    "resolved": "green",
    "done": "green",
    "active": "green",
    "failed": "red",
    "needs_attention": "bold red",
    "interrupted": "yellow",
    "partial": "yellow",
    "running": "cyan",
    "paused": "yellow",
    "ok": "green",
    "degraded": "yellow",
    "failing": "bold red",
}


def json(document: object) -> None:
    """One JSON document on standard output, nothing else."""
    sys.stdout.buffer.write(
        msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2) + b"\n"
    )
    sys.stdout.buffer.flush()


def json_line(document: object) -> None:
    """One JSON document on one line, for what goes on."""
    sys.stdout.buffer.write(msgspec.json.encode(document, enc_hook=str) + b"\n")
    sys.stdout.buffer.flush()


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    numbers: str = "",
    whole: str = "",
) -> None:
    """A table on standard output, one line a row.

    Args:
        columns: Headings.
        rows: Cells; None is a dash.
        title: Above the table.
        numbers: Headings of columns to be aligned right, separated by spaces; never cut short.
        whole: Headings of other columns that are never cut short, separated by commas.
    """
    cells = [[cell(value) for value in row] for row in rows]
    right, kept = numbers.split(), [*numbers.split(), *whole.split(",")]
    widths = [
        max([len(column), *(Text.from_markup(row[place]).cell_len for row in cells)])
        for place, column in enumerate(columns)
    ]
    _squeeze(widths, [column not in kept for column in columns], out.width - 2 * (len(columns) - 1))
    drawn = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(
            column,
            justify="right" if column in right else "left",
            width=width,
            overflow="ellipsis",
            no_wrap=True,
        )
    for row in cells:
        drawn.add_row(*row)
    out.print(drawn)


def _squeeze(widths: list[int], flexible: Sequence[bool], room: int) -> None:
    """Take width from the widest flexible columns until the table fits, or none is wider than a short word."""
    while sum(widths) > room:
        width, place = max(
            ((width, place) for place, width in enumerate(widths) if flexible[place]), default=(0, 0)
        )
        if width <= _SHORT_WORD:
            return
        widths[place] -= 1


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "[dim]-[/]"
    if isinstance(value, Text):
        return value.markup
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))
    style = SEVERITY_STYLE.get(text) or STATE_STYLE.get(text)
    return f"[{style}]{escape(text)}[/]" if style else escape(text)


def listing(
    page: Any, columns: Sequence[str], row: Callable[[Any], Sequence[object]], *, as_json: bool, **style: Any
) -> None:
    """A page of a list: the document, or a table and how to get the next page."""
    if as_json:
        json({"items": page.items, "next_cursor": page.next_cursor})
        return
    if not page.items:
        out.print("Nothing matches.")
        return
    table(columns, (row(item) for item in page.items), **style)
    if page.next_cursor:
        out.print(f"[dim]More: add --cursor {page.next_cursor}[/]", soft_wrap=True)


def failure(error: errors.WaypostError) -> None:
    """An error on standard error: what happened, who must act, what to do next."""
    err.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
    more = list(_more(error))
    for told in more[:_MOST_TOLD]:
        err.print(f"  {escape(told)}", soft_wrap=True)
    if len(more) > _MOST_TOLD:
        err.print(f"  … and {len(more) - _MOST_TOLD:,} more", soft_wrap=True)
    if error.owner is not errors.Owner.NOBODY:  # of wrong use it is plain who must act
        err.print(f"  Who:  {escape(str(error.owner))}", soft_wrap=True)
    err.print(f"  Next: {escape(error.remedy)}", soft_wrap=True)
    err.print(f"  Code: {error.code}", style="dim", soft_wrap=True)


def _more(error: errors.WaypostError) -> Iterator[str]:
    """What else is wrong, where an error is about many lines of a file or many decisions; the first it tells itself."""
    if isinstance(error, errors.SheetError):
        yield from (f"Line {line}: {told}" for line, told in error.lines[1:])
    elif isinstance(error, errors.OutdatedMappingError):
        yield from error.scopes[1:]
