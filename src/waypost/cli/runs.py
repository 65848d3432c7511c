"""`waypost runs`: what was pulled, how it went, how far it is."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.filtering import words
from waypost.cli.output import Json
from waypost.connections import registry
from waypost.sync import history
from waypost.sync.history import RunFilters, RunItem, RunPage

_SEVERAL = "several separated by commas"


def _of(name: str) -> Parameter:
    return Parameter(help=f"{', '.join(history.WORDS[name])}; {_SEVERAL}.", negative=())


def runs(
    *connections: Annotated[str, Parameter(help="Names; all connections by default.")],
    stream: Annotated[list[str] | None, _of("stream")] = None,
    state: Annotated[list[str] | None, _of("state")] = None,
    kind: Annotated[list[str] | None, _of("kind")] = None,
    since: Annotated[str, Parameter(help="Started since; like 2026-11-01 or 2026-11-01T08:00:00Z.")] = "",
    limit: Annotated[int, Parameter(help="Rows.")] = 20,
    cursor: Annotated[str, Parameter(help="Where the page before this one ended.")] = "",
    as_json: Json = False,
) -> None:
    """Show the newest sync runs: one for each stream of each pull."""

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            names = connections
            if connections:
                found = await registry.get(session.db, connections, organization_id=session.organization_id)
                names = tuple(connection.name for connection in found)
            filters = RunFilters(
                connection=names, stream=words(stream), state=words(state), kind=words(kind), since=since
            )
            page = await history.newest(
                session.db,
                filters,
                organization_id=session.organization_id,
                limit=max(1, limit),
                cursor=cursor,
            )
        _draw(page, as_json=as_json, is_filtered=filters != RunFilters())

    means.run(work())


def _draw(page: RunPage, *, as_json: bool, is_filtered: bool) -> None:
    if as_json:
        output.json(page)
        return
    if not page.items:
        nothing = (
            "Nothing matches." if is_filtered else "Nothing has been pulled yet. Start with: waypost sync"
        )
        output.out.print(nothing)
        return
    output.table(
        ["started", "connection", "stream", "kind", "state", "rows", "pages", "written", "seconds"],
        [
            [
                run.started_at, run.connection, run.stream, run.kind, run.state,
                run.counts.get("rows", 0), run.counts.get("pages", 0), run.counts.get("written", 0),
                f"{run.seconds:.1f}",
            ]
            for run in page.items
        ],
        numbers="rows pages written seconds",
        whole="started,stream,kind,state",
    )  # fmt: skip
    _tell(page.items)
    if page.next_cursor:
        output.out.print(f"[dim]More: add --cursor {page.next_cursor}[/]", soft_wrap=True)


def _tell(runs: Sequence[RunItem]) -> None:
    """What else there is to say of them."""
    for run in runs:
        if quarantined := run.counts.get("quarantined"):
            output.out.print(
                f"[yellow]{run.stream}:[/] {quarantined} rows could not be read; see `waypost quarantine list`."
            )
        for warning in run.warnings:
            output.out.print(f"[yellow]{run.stream}:[/] {output.cell(warning)}", soft_wrap=True)
        if run.error:
            output.out.print(f"[red]{run.stream}:[/] {output.cell(run.error['message'])}", soft_wrap=True)
