"""How mapping is shown to people: whose each site is, what is suggested, what a save changes, what was saved."""

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.markup import escape
from rich.text import Text

from waypost.cli import output
from waypost.organizations.mapping.decisions import Decided, Decision, Difference, Kind, ScopeItem, Step
from waypost.organizations.mapping.suggestions import CandidateItem, SuggestionItem
from waypost.organizations.mapping.view import ConsoleItem

MOST_STEPS: Final = 200
"""Lines of a difference that are shown; its totals are of all."""

GRADE_STYLE: Final = {"sure": "green", "likely": "yellow", "possible": "dim"}
_GONE: Final = "gone"
_REACHED: Final = {
    "mapping": "its sites",
    "connection": "its own connection",
    "default": "the default connection",
    "none": "no connection",
}
"""How an organization is reached, in words."""


def scopes(items: Sequence[ScopeItem]) -> None:
    """Whose each site or account is, and what says so."""
    several = len({item.connection for item in items}) > 1
    sites = any(item.kind is Kind.SITE for item in items)
    heads = ["console"] * several + ["account"] * sites + [_heading(items), "belongs to", "by", "devices"]
    rows: list[list[object]] = [
        [item.connection] * several
        + [item.account if item.kind is Kind.SITE else None] * sites
        + [_named(item), whose(item.effective), item.effective.origin, item.devices]
        for item in items
    ]
    output.table(heads, rows, numbers="devices", whole="by")


def whose(decision: Decision) -> Text:
    """A decision in a few words."""
    if decision.decision is Decided.MAPPED and decision.organization:
        return Text(_plain(decision.organization.name), "bold")
    if decision.decision is Decided.IGNORED:
        return Text(_plain(f"ignored: {decision.reason}"), "dim")
    return Text("undecided", "yellow")


def difference(found: Difference) -> None:
    """What a save changes, line by line, and in all."""
    shown = found.items[:MOST_STEPS]
    several = len({step.connection for step in shown}) > 1
    accounts = any(step.kind is Kind.ACCOUNT for step in shown)
    heads = ["console"] * several + [
        "site or account" if accounts else "site",
        "belonged to",
        "will belong to",
    ]
    heads += ["sites"] * accounts + ["devices", "findings"]
    called = Counter((step.connection, step.kind, step.name) for step in shown)
    rows = [
        [
            *([step.connection] * several),
            _called(step, alone=called[step.connection, step.kind, step.name] == 1),
            whose(step.before),
            whose(step.after),
            *([step.sites] * accounts),
            step.devices,
            step.open_findings,
        ]
        for step in shown
    ]
    output.table(heads, rows, numbers="sites devices findings")
    if more := len(found.items) - len(shown):
        output.out.print(f"[dim]… and {more:,} more; --json shows all.[/]")
    output.out.print(total(found))


def total(found: Difference) -> str:
    """What a save changes in all, in a sentence."""
    sites = sum(step.sites for step in found.items)
    unchanged = f" {found.unchanged:,} more would stay as they are." if found.unchanged else ""
    return (
        f"{count(len(found.items), 'decision')} for {count(sites, 'site')}: {count(found.devices, 'device')} and "
        f"{count(found.open_findings, 'open finding')} change hands.{unchanged}"
    )


def suggestions(items: Sequence[SuggestionItem]) -> None:
    """The best candidate of each site or account."""
    several = len({item.connection for item in items}) > 1
    heads = ["console"] * several + ["account", "site", "may belong to", "grade", "%", "because"]
    rows: list[list[object]] = []
    for item in items:
        name = item.name or item.id
        row: list[object] = [item.connection] * several
        row += [name, None] if item.kind is Kind.ACCOUNT else [item.account, name]
        best = item.candidates[0] if item.candidates else None
        row += (
            [best.organization.name, grade(best.grade), percent(best), best.reasons[0]]
            if best
            else [None] * 4
        )
        rows.append(row)
    output.table(heads, rows, numbers="%", whole="grade")


def candidates(items: Sequence[SuggestionItem]) -> None:
    """Every candidate of each site or account, with all that is said of it."""
    for item in items:
        where = f"of {item.connection}" + (f", account {item.account}" if item.account else "")
        output.out.print(
            f"[bold]{output.cell(item.name or item.id)}[/] ({item.kind} {item.id} {output.cell(where)})",
            soft_wrap=True,
        )
        for one in item.candidates:
            told = Text.assemble(
                "  ", grade(one.grade), f" {percent(one)} %: ", (_plain(one.organization.name), "bold")
            )
            output.out.print(told, soft_wrap=True)
            for reason in one.reasons:
                output.out.print(f"    {output.cell(reason)}", soft_wrap=True)
        if not item.candidates:
            output.out.print("  [dim]No organization resembles it.[/]")


def percent(one: CandidateItem) -> int:
    """A confidence for people; 100 is only what is certain."""
    return int(one.confidence * 100)


def assignment(item: SuggestionItem) -> str:
    """A suggestion as `mapping save` takes it, ready to be copied."""
    given = shlex.quote(f"{item.connection}/{item.id}={item.candidates[0].organization.name}")
    return given + (" --kind account" if item.kind is Kind.ACCOUNT else "")


def consoles(items: Sequence[ConsoleItem]) -> None:
    """Which organization is on which console, and how the others are reached."""
    output.table(
        ["organization", "console", "reached by", "sites", "devices"],
        [
            [
                item.organization.name if item.organization else Text("nobody's", "yellow"),
                item.connection,
                _REACHED.get(item.reached, item.reached) if item.organization else None,
                item.sites,
                item.devices,
            ]
            for item in items
        ],
        numbers="sites devices",
        whole="reached by",
    )


def more(cursor: str | None) -> None:
    """How to get the next page, if there is one."""
    if cursor:
        output.out.print(f"[dim]More: add --cursor {cursor}[/]", soft_wrap=True)


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def grade(word: str) -> Text:
    """A grade in its colour."""
    return Text(word, GRADE_STYLE.get(word, ""))


def next_step(command: str) -> None:
    """The next command, ready to be copied."""
    output.out.print(f"Next: {escape(command)}", soft_wrap=True)


def _called(step: Step, *, alone: bool) -> str:
    """A site or account by name, with its id where another has the name too."""
    name = step.name if alone and step.name else f"{step.name or ''} {step.id}".strip()
    return f"{name} (account)" if step.kind is Kind.ACCOUNT else name


def _heading(items: Sequence[ScopeItem]) -> str:
    kinds = {item.kind for item in items}
    return "site or account" if len(kinds) > 1 else str(next(iter(kinds), Kind.SITE))


def _named(item: ScopeItem) -> Text | str:
    name = item.name or item.id
    state = _GONE if item.gone else item.state
    if state in (None, "active"):
        return name
    return Text.assemble(_plain(name), (f" ({state})", "dim"))


def _plain(text: str) -> str:
    """A text without what could steer a terminal."""
    return Text.from_markup(output.cell(text)).plain
