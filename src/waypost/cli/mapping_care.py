"""`waypost mapping refresh|drift`: what became of accounts and sites, and what about the mapping needs a person."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import mapping_text as text
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.organizations import drift
from waypost.organizations.drift import Drift
from waypost.organizations.drift.items import DriftItem
from waypost.organizations.mapping import paging
from waypost.sync import refresh
from waypost.sync.refresh import Refreshed, State


def refresh_(
    *names: Annotated[str, Parameter(help="Connections; all by default.")], as_json: Json = False
) -> int:
    """Read the accounts and sites of consoles again, and tell what came, went, was renamed or moved since.

    Every pull does the same; this is for when you will not wait for the next one.
    """

    async def work() -> list[Refreshed]:
        async with means.session() as session:
            able = session.means()
            with _busy(len(names)):
                return await refresh.refresh(able, names)

    found = means.run(work())
    if as_json:
        output.json({"items": found, "next_cursor": None})
    else:
        for one in found:
            _tell(one)
        if any(one.changes for one in found):
            text.next_step("waypost mapping drift")
    return _code(found, named=bool(names))


def _code(found: Sequence[Refreshed], *, named: bool) -> int:
    """0 if every console was read, those aside that nobody named and somebody has paused; as `waypost sync` does."""
    codes = [one.problem["code"] for one in found if one.state is not State.DONE and one.problem]
    if errors.TokenRefusedError.code in codes:
        return 3
    return int(any(named or code != errors.ConnectionStateError.code for code in codes))


@contextlib.contextmanager
def _busy(number: int) -> Iterator[None]:
    told = f"Reading the accounts and sites of {text.count(number, 'console') if number else 'all consoles'} again"
    if means.no_terminal():
        output.err.print(f"{told}.")
        yield
    else:
        with output.err.status(told):
            yield


def drift_(
    *,
    kind: Drift | None = None,
    connection: str = "",
    organization: str = "",
    keep: Annotated[list[UUID] | None, Parameter(negative=())] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List what about the mapping needs a person, the longest first, each with the step that ends it.

    Nothing is changed by it: a site that was renamed or moved stays where it was mapped, until somebody decides.

    Parameters
    ----------
    kind
        Only this kind.
    connection
        Only in this console.
    organization
        Only about this organization.
    keep
        The id of one that is as it should be: its decision stays, and it is told no more. May be repeated.
    """

    async def work() -> None:
        async with means.session(needs=Scope.MANAGE if keep else Scope.READ) as session:
            for one in keep or ():
                await drift.keep(session.db, session.actor, one)
            if keep and not as_json:
                output.out.print(f"Kept {text.count(len(keep), 'decision')}.")
                return
            page = await paging.drift(
                session.db,
                kind=kind,
                connection=connection,
                organization=organization,
                limit=limit,
                cursor=cursor,
            )
        if as_json:
            output.json({"items": page.items, "next_cursor": page.next_cursor})
        elif not page.items:
            output.out.print("Nothing needs a person.")
        else:
            _draw(page.items)
            text.more(page.next_cursor)

    means.run(work())


def _tell(one: Refreshed) -> None:
    """What became of the accounts and sites of a console."""
    style = {State.DONE: "bold", State.BUSY: "yellow", State.FAILED: "bold red"}[one.state]
    if one.problem:
        told = f"{output.cell(one.problem['message'])} Next: {output.cell(one.problem['remedy'])}"
        output.err.print(f"[{style}]{output.cell(one.connection)}:[/] {told}", soft_wrap=True)
    elif not one.changes:
        output.out.print(f"{output.cell(one.connection)}: nothing has changed.")
    if one.changes:
        output.table(
            ["what", "site or account", "was", "is"],
            [[change.kind.replace("_", " "), change.name, change.was, change.now] for change in one.changes],
            title=f"{one.connection}: {text.count(len(one.changes), 'change')}",
            whole="what",
        )


def _draw(items: Sequence[DriftItem]) -> None:
    """What needs a person, and below each the steps that end it."""
    for item in items:
        kind = item.kind.replace("_", " ")
        output.out.print(
            f"[yellow]{kind}[/] since {output.cell(item.began_at)}: {output.cell(item.message)}",
            soft_wrap=True,
        )
        for remedy in item.remedies:
            output.out.print(f"  {output.cell(remedy.text)}: {output.cell(remedy.command)}", soft_wrap=True)
