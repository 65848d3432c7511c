"""`waypost quarantine`: rows of the console that could not be read, and why."""

from typing import Annotated

from cyclopts import App, Parameter

from waypost.access.keys import Scope
from waypost.cli import means, output
from waypost.cli.filtering import words
from waypost.cli.output import Json
from waypost.connections import registry
from waypost.sync import history, quarantine
from waypost.sync.quarantine import QuarantineFilters

app = App(name="quarantine", help="Rows of a console that could not be read.")


@app.command(name="list")
def list_(
    *connections: Annotated[str, Parameter(help="Names; all connections by default.")],
    stream: Annotated[
        list[str] | None,
        Parameter(help=f"{', '.join(history.WORDS['stream'])}; several separated by commas.", negative=()),
    ] = None,
    since: Annotated[str, Parameter(help="Last seen since; like 2026-11-01 or 2026-11-01T08:00:00Z.")] = "",
    limit: Annotated[int, Parameter(help="Rows.")] = 100,
    cursor: Annotated[str, Parameter(help="Where the page before this one ended.")] = "",
    as_json: Json = False,
) -> None:
    """List rows that could not be read, the newest first. They are kept as sent; the pull went on without them."""

    async def work() -> None:
        async with means.session(needs=Scope.READ) as session:
            names = connections
            if connections:
                names = tuple(found.name for found in await registry.get(session.db, connections))
            filters = QuarantineFilters(connection=names, stream=words(stream), since=since)
            page = await quarantine.listed(session.db, filters, limit=max(1, limit), cursor=cursor)
        if as_json:
            output.json(page)
        elif not page.items and filters == QuarantineFilters():
            output.out.print("Every row could be read.")
        else:
            columns = ["last seen", "connection", "stream", "id", "reason"]
            output.listing(page, columns, _row, as_json=False, whole="last seen,stream")

    means.run(work())


def _row(item: quarantine.QuarantineItem) -> list[object]:
    return [item.last_seen_at, item.connection, item.stream, item.vendor_id, item.reason]
