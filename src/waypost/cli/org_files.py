"""`waypost org import|export`: organizations from a CSV file or from the consoles themselves, and back."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import asking, files, means, output
from waypost.cli.asking import DryRun, Yes
from waypost.cli.output import Json
from waypost.organizations import from_console as making
from waypost.organizations import importing, sheets
from waypost.organizations.mapping.decisions import Kind

_MOST_SHOWN: Final = 100
"""Rows of a difference that people are shown; a document has all of them."""

FromConsole = Annotated[bool, Parameter(negative=())]


def export(*, output_: Annotated[Path | None, Parameter(name="--output")] = None) -> None:
    """Write the organizations that are not archived as CSV, which `waypost org import` reads.

    Parameters
    ----------
    output_
        The file to write; without it, standard output.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            content = await importing.export(session.db)
        files.write(content, output_)

    means.run(work())


def import_(
    file: Path | None = None,
    *,
    from_console: FromConsole = False,
    connection: str = "",
    kind: Kind | None = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Add and change organizations by a CSV file, or make one of each site that is nobody's; all of it, or nothing.

    What changes is shown first. The file has the columns name, external_id, domains, aliases, parent and tags, of
    which only name must be there; several values in a cell are separated by semicolons. A line is about the
    organization with its external id, else about the one of its name and parent, else about a new one.

    Parameters
    ----------
    file
        The CSV file, in UTF-8.
    from_console
        Make an organization of each site about which nothing is decided, but not of generic names, nor of names
        that an organization has already. Nothing is mapped by it.
    connection
        With --from-console: only the sites of this console.
    kind
        With --from-console: make them of sites, or of whole accounts. Sites by default.
    """
    if (file is None) is not from_console:
        raise errors.UsageError(
            "Either a file or --from-console.",
            remedy="waypost org import FILE.csv, or waypost org import --from-console",
        )
    if file is not None and (connection or kind):
        raise errors.UsageError("--connection and --kind go with --from-console.", remedy="Leave them out.")
    # What is new can be looked at and archived; unlike a mapping it shows nobody anything. A script need not say yes.
    options = {"dry_run": dry_run, "yes": yes or not asking.anybody(), "as_json": as_json}
    if file is None:
        means.run(_make(connection or None, kind or Kind.SITE, **options))
    else:
        means.run(_import(sheets.load(file), **options))


async def _import(content: bytes, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    async with means.session() as session:
        outcome = await importing.preview(session.db, content)
        if not as_json:
            _tell_lines(outcome.items)
            told = (
                f"{outcome.added:,} to add, {outcome.changed:,} to change, {outcome.unchanged:,} as they are."
            )
            output.out.print(told)
        go = not dry_run and (not outcome.items or asking.agreed("Store this?", yes=yes))
        if go and outcome.items:
            outcome = await importing.store(session.db, session.actor, content)
    _conclude(outcome, stored=go, dry_run=dry_run, as_json=as_json)


async def _make(connection: str | None, kind: Kind, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    async with means.session() as session:
        outcome = await making.preview(session.db, connection=connection, kind=kind)
        if not as_json:
            _tell_scopes(outcome.items, kind)
            output.out.print(f"{outcome.added:,} to add, {outcome.skipped:,} left out.")
        go = not dry_run and (not outcome.added or asking.agreed("Add them?", yes=yes))
        if go and outcome.added:
            outcome = await making.store(session.db, session.actor, connection=connection, kind=kind)
    _conclude(outcome, stored=go, dry_run=dry_run, as_json=as_json)


def _conclude(
    outcome: importing.Outcome | making.Outcome, *, stored: bool, dry_run: bool, as_json: bool
) -> None:
    """What was done, as a document or in words, and the next step."""
    if as_json:
        document = msgspec.to_builtins(outcome)
        output.json({"dry_run": not stored, **document, "next_cursor": None})
    elif dry_run:
        output.out.print("Nothing was changed: this was a dry run.")
    elif stored and outcome.items:
        changed = getattr(outcome, "changed", 0)
        output.out.print(f"Added {outcome.added:,}" + (f", changed {changed:,}." if changed else "."))
        output.out.print("Next: waypost mapping suggest")


def _tell_lines(items: Sequence[importing.Step]) -> None:
    """What each line of the file changes, in full: it is what is to be agreed to."""
    for item in items[:_MOST_SHOWN]:
        what = "; ".join(_differing(item))
        output.out.print(
            f"line {item.line}: {item.action} [bold]{output.cell(item.path)}[/]"
            + (f": {output.cell(what)}" if what else ""),
            soft_wrap=True,
        )
    _tell_rest(items)


def _tell_scopes(items: Sequence[making.Item], kind: Kind) -> None:
    if items:
        rows = [
            [item.connection, item.scope_name, str(item.action), item.name, item.reason]
            for item in items[:_MOST_SHOWN]
        ]
        output.table(["console", str(kind), "", "organization", "why not"], rows, whole=",")
    _tell_rest(items)


def _tell_rest(items: Sequence[object]) -> None:
    if len(items) > _MOST_SHOWN:
        output.out.print(f"… and {len(items) - _MOST_SHOWN:,} more; --dry-run --json shows all of them.")


def _differing(item: importing.Step) -> Iterable[str]:
    for field, value in item.after.items():
        if not item.before and field in ("name", "parent"):
            continue  # the path says it
        was = f"{_said(item.before[field])} → " if field in item.before else ""
        yield f"{field}: {was}{_said(value)}"


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value else "none"
