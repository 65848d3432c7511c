"""`waypost mapping export|import|history|undo`: decisions as a file, who decided what, and taking it back."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from cyclopts import Parameter
from rich.text import Text

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import asking, mapping_save, means, output
from waypost.cli import mapping_text as text
from waypost.cli.asking import DryRun, Yes
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.organizations import sheets
from waypost.organizations.mapping import exchange, history, paging, saving, undoing
from waypost.organizations.mapping.decisions import Kind
from waypost.organizations.mapping.history import ChangeItem, SaveItem


def export(*, output_: Annotated[Path | None, Parameter(name="--output")] = None) -> None:
    """Write every site and account with its decision as CSV, which `waypost mapping import` reads.

    Parameters
    ----------
    output_
        The file to write; without it, standard output.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            content = await exchange.export(session.db)
        if output_ is None:
            sys.stdout.buffer.write(content.encode())
            sys.stdout.buffer.flush()
            return
        try:
            output_.write_text(content, encoding="utf-8", newline="")
        except OSError as problem:
            raise errors.UsageError(
                f"The file {str(output_)!r} cannot be written: {problem.strerror}.", remedy="Check the path."
            ) from None
        output.err.print(f"Wrote {output.cell(output_)}.", soft_wrap=True)

    means.run(work())


def import_(file: Path, *, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Save the decisions of a CSV file as `waypost mapping export` writes it; all of them, or nothing.

    What changes is shown first. A line whose decision was replaced since the export is refused.

    Parameters
    ----------
    file
        The CSV file.
    """
    content = sheets.load(file)

    async def work() -> None:
        async with means.session() as session:
            wishes = await exchange.read(session.db, content)
            await mapping_save.carry_out(
                session, wishes, source=saving.IMPORT, dry_run=dry_run, yes=yes, as_json=as_json
            )

    means.run(work())


def history_(
    save: Annotated[str, Parameter(help="The id of one save, to show what it decided.")] = "",
    *,
    limit: Limit = 20,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """Show who saved what and when, the newest first; of one save, what it decided and by what evidence."""

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            if save:
                one = await history.one(session.db, save_id(save))
                changes = await paging.changes(session.db, one.id, limit=limit, cursor=cursor)
                if as_json:
                    document = msgspec.to_builtins(one) | {"items": changes.items}
                    output.json(document | {"next_cursor": changes.next_cursor})
                else:
                    _draw_save(one, changes.items, changes.next_cursor)
                return
            page = await paging.saves(session.db, limit=limit, cursor=cursor)
        if as_json:
            output.json({"items": page.items, "next_cursor": page.next_cursor})
        elif not page.items:
            output.out.print("Nothing was decided yet. Start with: waypost mapping suggest")
        else:
            _draw_saves(page.items)
            text.more(page.next_cursor)

    means.run(work())


def undo(save: str, *, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Take back a save as a whole. The undo is a save itself, and can be undone.

    Parameters
    ----------
    save
        Its id, as `waypost mapping history` shows it.
    """
    wanted = save_id(save)

    async def work() -> None:
        async with means.session() as session:
            db, actor = session.db, session.actor
            found = (await undoing.undo(db, actor, wanted, dry_run=True)).difference
            if not as_json:
                text.difference(found)
            if dry_run:
                if as_json:
                    output.json(mapping_save.described(found, dry_run=True))
                return
            if not asking.agreed("Take this back?", yes=yes):
                return
            undone = await undoing.undo(db, actor, wanted)
            if as_json:
                output.json(mapping_save.described(undone.difference, dry_run=False, save=undone.id))
                return
            output.out.print(f"Took back {text.count(len(undone.difference.items), 'decision')}.")
            text.next_step(f"waypost mapping undo {undone.id}, should it have been right after all")

    means.run(work())


def save_id(given: str) -> UUID:
    """The id of a save.

    Raises:
        NoSuchSaveError: It is no id.
    """
    try:
        return UUID(given.strip())
    except ValueError:
        raise errors.NoSuchSaveError(f"{given[:40]!r} is no id of a save.") from None


def _draw_saves(items: Sequence[SaveItem]) -> None:
    """The history, a line for each save."""
    output.table(
        ["at", "id", "source", "mapped", "ignored", "undecided", "by", "undone"],
        [
            [item.at, item.id, item.source, item.mapped, item.ignored, item.undecided, item.actor,
             Text("undone", "yellow") if item.undone_by else None]
            for item in items
        ],
        numbers="mapped ignored undecided",
        whole="at,id,source",
    )  # fmt: skip


def _draw_save(one: SaveItem, changes: Sequence[ChangeItem], cursor: str | None) -> None:
    """One save: who made it, and what it decided by what evidence."""
    what = {"undo": f"undid {one.undoes}"}.get(one.source, f"by {one.source}")
    undone = f"; undone by {one.undone_by}" if one.undone_by else ""
    output.out.print(
        f"{output.cell(one.at)} UTC, {output.cell(one.actor)}, {what}{undone}: {text.count(one.changes, 'decision')}.",
        soft_wrap=True,
    )
    output.table(
        ["console", "site or account", "was", "is", "grade", "because"],
        [
            [
                item.connection,
                f"{item.name or item.id}{' (account)' * (item.kind is Kind.ACCOUNT)}",
                text.whose(item.before),
                text.whose(item.after),
                text.grade(item.evidence.grade) if item.evidence and item.evidence.grade else None,
                item.evidence.reasons[0] if item.evidence and item.evidence.reasons else None,
            ]
            for item in changes
        ],
        whole="grade",
    )
    text.more(cursor)
