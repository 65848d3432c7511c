"""`waypost quarantine`: rows of the console that could not be read, and why."""

from typing import Annotated

from cyclopts import App, Parameter
from psycopg.rows import dict_row

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.connections import registry
from waypost.storage import queries

app = App(name="quarantine", help="Rows of a console that could not be read.")


@app.command(name="list")
def list_(
    *connections: Annotated[str, Parameter(help="Names; all connections by default.")],
    limit: Annotated[int, Parameter(help="Rows.")] = 100,
    as_json: Json = False,
) -> None:
    """List rows that could not be read, the latest first. They are kept as sent; the pull went on without them."""

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            if connections:
                await registry.get(session.db, connections)
            async with session.db.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(
                    queries.lists.quarantine,
                    {"connections": list(connections) or None, "limit": max(1, limit)},
                )
                found = await cursor.fetchall()
        if as_json:
            output.json({"items": found, "next_cursor": None})
        elif not found:
            output.out.print("Every row could be read.")
        else:
            output.table(
                ["last seen", "connection", "stream", "id", "reason"],
                [
                    [q["last_seen_at"], q["connection"], q["stream"], q["vendor_id"], q["reason"]]
                    for q in found
                ],
                whole="last seen,stream",
            )

    means.run(work())
