"""`waypost change list`: what changed, the newest first; or from a place on, once or for as long as it goes on."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter

from waypost import errors
from waypost.access.keys import Scope
from waypost.changes import following, log
from waypost.cli import filtering, means, output
from waypost.cli.means import Session
from waypost.cli.output import Json
from waypost.cli.pages import Cursor, Limit
from waypost.unified.filters import Filters
from waypost.unified.items import ChangeItem

app = App(
    name="change", help="Changes: what became different about findings, devices, sites and connections."
)

_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks of `--follow`."""
_AT_ONCE: Final = 1_000


@app.command(name="list")
def change_list(
    *,
    organization: filtering.Organization = "",
    connection: filtering.Connection = None,
    site: filtering.Site = None,
    kind: Annotated[list[str] | None, Parameter(negative=())] = None,
    changed_since: str = "",
    after: str = "",
    follow: Annotated[bool, Parameter(negative=())] = False,
    limit: Limit = 100,
    cursor: Cursor = "",
    as_json: Json = False,
) -> None:
    """List what changed, the newest first; or with --after in the order in which it happened.

    Parameters
    ----------
    kind
        Like finding_opened, finding_resolved, device_added, site_renamed; several separated by commas.
    changed_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    after
        "start", "now", or the cursor that was printed last: what came after it, the oldest first.
    follow
        Go on printing what comes, from now or from --after, until Ctrl-C; with --json one document a line.
    """
    filters = Filters(
        connection=tuple(connection or ()),
        site=tuple(site or ()),
        kind=tuple(one.strip() for value in kind or () for one in value.split(",") if one.strip()),
        changed_since=changed_since,
    )
    _check_together(filters, after=after or ("now" if follow else ""), cursor=cursor)

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            narrowed = await session.narrowed(organization)
            wanted = msgspec.structs.replace(filters, organization=narrowed)
            if follow:
                await _follow(session, wanted, after or following.NOW, as_json=as_json)
            elif after:
                await _after(session, wanted, after, limit, as_json=as_json)
            else:
                bound = session.organization_id
                page = await log.newest(session.db, wanted, organization_id=bound, limit=limit, cursor=cursor)
                output.listing(page, _COLUMNS, _row, as_json=as_json, whole=_WHOLE)

    means.run(work())


async def _after(session: Session, filters: Filters, after: str, limit: int, *, as_json: bool) -> None:
    """One page of the feed; how to go on is told also where there was nothing."""
    bound = session.organization_id
    page = await following.page(session.db, filters, after, organization_id=bound, limit=limit)
    if as_json:
        output.json(page)
        return
    if page.items:
        output.table(_COLUMNS, [_row(item) for item in page.items], whole=_WHOLE)
    else:
        output.out.print("Nothing in this part of the log." if page.has_more else "Nothing new.")
    output.out.print(f"[dim]Go on: --after {page.next_cursor}[/]", soft_wrap=True)


async def _follow(session: Session, filters: Filters, after: str, *, as_json: bool) -> None:
    """Print what comes as it comes, and at the end how to go on."""
    with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is how this ends
        while True:
            bound = session.organization_id
            page = await following.page(session.db, filters, after, organization_id=bound, limit=_AT_ONCE)
            for item in page.items:
                _print(item, as_json=as_json)
            after = page.next_cursor
            if not page.has_more:
                await asyncio.sleep(_LOOK_AGAIN)
    output.err.print(f"Go on: --after {after}", markup=False, soft_wrap=True)


def _print(item: ChangeItem, *, as_json: bool) -> None:
    if as_json:
        output.json_line(item)
        return
    at, kind, *more = (output.cell(value) for value in _row(item))
    output.out.print(f"{at}  {kind:<28}  {'  '.join(more)}", soft_wrap=True)


def _check_together(filters: Filters, *, after: str, cursor: str) -> None:
    """See that what is asked for is either the list or the feed.

    Raises:
        FilterError: It is something of both.
    """
    if after and (cursor or filters.changed_since):
        raise errors.FilterError(
            "--after and --follow read on from a place; --cursor and --changed-since look back.",
            remedy="Leave out the one or the other.",
        )


def _row(item: ChangeItem) -> list[object]:
    return [item.at, item.kind, item.connection, item.site, item.subject_id]


_COLUMNS: Final[Sequence[str]] = ("at", "change", "connection", "site", "id")
_WHOLE: Final = "at,change,id"
