"""`waypost connection check`: the examination of a stored connection, as a table or one document."""

from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from waypost.cli import means, output
from waypost.connections import check as checks
from waypost.connections import registry
from waypost.connections.examination import result, token
from waypost.connections.examination.result import Report, Result
from waypost.errors import Owner

FAILED: Final = 1
NEEDS_ATTENTION: Final = 3

STATES: Final = {
    result.PASS: ("✓", "pass", "green"),
    result.WARN: ("!", "warn", "yellow"),
    result.FAIL: ("✗", "fail", "bold red"),
    result.SKIPPED: ("-", "skip", "dim"),
}
"""Icon, word and colour; the word says it all to who sees neither of the others."""

_STATE_WIDTH: Final = 6
_TITLE_WIDTH: Final = 14
_OVER: Final = {
    result.PASS: "Everything works.",
    result.WARN: "It works; the warnings say what could be better.",
    result.FAIL: "Something fails; the next steps are beside it.",
    result.SKIPPED: "Nothing could be tried.",
}
_REFUSALS: Final = frozenset({token.REFUSED, token.EXPIRED})


def check(name: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Examine a connection live: its address, its token, what that may see, and what is missing.

    It reads only, with at most 25 requests. Exit codes: 0 nothing failed, 1 something failed, 3 the token is
    refused or has expired.

    Parameters
    ----------
    as_json
        One JSON document instead of a table.
    """
    return means.run(_check(name, as_json=as_json))


async def _check(name: str, *, as_json: bool) -> int:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        able = session.means()
        printed = None if as_json else Printed(f"{name}, {connection.base_url}")
        report = await checks.examine_stored(
            session.db, able.vault, connection, able.allowed, listen=printed or checks.silent
        )
    if printed is None:
        output.json(document(name, report))
    else:
        printed.conclude(report)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """What the program ends with after this check."""
    if any(line.details.get("code") in _REFUSALS for line in report.failed):
        return NEEDS_ATTENTION
    return FAILED if report.failed else 0


def document(name: str, report: Report) -> dict[str, Any]:  # Any: whatever JSON holds
    """A check for machines."""
    return {
        "connection": name,
        "state": report.state,
        "results": [msgspec.to_builtins(line) for line in report.results],
        "requests": report.requests,
        "seconds": report.seconds,
    }


class Printed:
    """Prints the lines of a check as they come, each group under its name."""

    def __init__(self, title: str) -> None:
        self._group = ""
        self._remedies: set[str] = set()
        self._skipped: list[Result] = []
        output.out.print(Text(title, style="bold"))

    def __call__(self, line: Result) -> None:
        if line.state == result.SKIPPED:  # shown once it is known whether all the rest is skipped, too
            self._skipped.append(line)
            return
        for before in self._skipped:
            self._print(before, before.title)
        self._skipped.clear()
        self._print(line, line.title)

    def conclude(self, report: Report) -> None:
        """The end: what was skipped because of what failed, and the sentence under it all."""
        reasons = {line.found for line in self._skipped}
        if len(reasons) == 1 and len(self._skipped) > 1:
            self._group = ""
            output.out.print()
            output.out.print(_row(result.SKIPPED, "The rest", Text(reasons.pop(), style="dim")))
        else:
            for line in self._skipped:
                self._print(line, line.title)
        icon, word, style = STATES[report.state]
        asked = f"{report.requests} requests, {report.seconds:.1f} s"
        output.out.print()
        output.out.print(Text.assemble((f"{icon} {word}", style), f"  {_OVER[report.state]} ({asked})"))

    def _print(self, line: Result, title: str) -> None:
        if line.group != self._group:
            self._group = line.group
            output.out.print()
            output.out.print(Text(result.GROUPS[line.group], style="bold"))
        output.out.print(_row(line.state, title, self._said(line)))

    def _said(self, line: Result) -> Text:
        """What was found, and below it who must do what; the same next step is not told twice."""
        said = Text(line.found, style="dim" if line.state == result.SKIPPED else "")
        if line.remedy:
            who = "" if line.owner in ("", Owner.NOBODY) else f", {line.owner}"
            remedy = "as above." if line.remedy in self._remedies else line.remedy
            said.append(f"\nNext{who}: {remedy}", style="cyan")
            self._remedies.add(line.remedy)
        return said


def _row(state: str, title: str, said: Text) -> Table:
    drawn = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column(width=_STATE_WIDTH, no_wrap=True)
    drawn.add_column(width=_TITLE_WIDTH, no_wrap=True)
    drawn.add_column(overflow="fold")
    icon, word, style = STATES[state]
    drawn.add_row(Text(f"{icon} {word}", style=style), Text(title), said)
    return drawn
