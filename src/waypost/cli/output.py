"""Drawing: tables for people, one JSON document for machines, errors with their next step."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from waypost import errors

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

SEVERITY_STYLE: Final = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "none": "dim",
    "unknown": "dim",
}
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
}


def json(document: object) -> None:
    """One JSON document on standard output, nothing else."""
    sys.stdout.buffer.write(
        msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2) + b"\n"
    )
    sys.stdout.buffer.flush()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", numbers: str = ""
) -> None:
    """A table on standard output.

    Args:
        columns: Headings.
        rows: Cells; None is a dash.
        title: Above the table.
        numbers: Headings of columns to be aligned right, separated by spaces.
    """
    drawn = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    right = numbers.split()
    for column in columns:
        drawn.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis",
            no_wrap=column in right,
        )
    for row in rows:
        drawn.add_row(*(cell(value) for value in row))
    out.print(drawn)


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "[dim]-[/]"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = str(value)
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
    if error.owner is not errors.Owner.NOBODY:
        err.print(f"  Who:  {escape(str(error.owner))}", soft_wrap=True)
    err.print(f"  Next: {escape(error.remedy)}", soft_wrap=True)
    err.print(f"  Code: {error.code}", style="dim", soft_wrap=True)
