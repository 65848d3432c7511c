"""`waypost runs`: what was pulled, how it went, how far it is."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from psycopg.rows import dict_row

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.connections import registry
from waypost.storage import queries


def runs(
    *connections: Annotated[str, Parameter(help="Names; all connections by default.")],
    limit: Annotated[int, Parameter(help="Rows.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the newest sync runs: one for each stream of each pull."""

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            if connections:
                await registry.get(session.db, connections, organization_id=session.organization_id)
            facts = {
                "connections": list(connections) or None,
                "organization_id": session.organization_id,
                "limit": max(1, limit),
            }
            async with session.db.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(queries.runs.list, facts)
                found = await cursor.fetchall()
        _draw(found, as_json=as_json)

    means.run(work())


def _draw(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.json({"items": [_described(run) for run in found], "next_cursor": None})
        return
    if not found:
        output.out.print("Nothing has been pulled yet. Start with: waypost sync")
        return
    output.table(
        ["started", "connection", "stream", "kind", "state", "rows", "pages", "written", "seconds"],
        [
            [
                run["started_at"], run["connection"], run["stream"], run["kind"], run["state"],
                run["counts"].get("rows", 0), run["counts"].get("pages", 0), run["counts"].get("written", 0),
                f"{run['seconds']:.1f}",
            ]
            for run in found
        ],
        numbers="rows pages written seconds",
        whole="started,stream,kind,state",
    )  # fmt: skip
    for run in found:
        if quarantined := run["counts"].get("quarantined"):
            output.out.print(
                f"[yellow]{run['stream']}:[/] {quarantined} rows could not be read; see `waypost quarantine list`."
            )
        for warning in run["warnings"]:
            output.out.print(f"[yellow]{run['stream']}:[/] {output.cell(warning)}", soft_wrap=True)
        if run["error"]:
            output.out.print(
                f"[red]{run['stream']}:[/] {output.cell(run['error']['message'])}", soft_wrap=True
            )


def _described(run: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(run.pop("run_id")), **{name: value for name, value in run.items() if name != "pull_id"},
            "pull": str(run["pull_id"])}  # fmt: skip
