"""`waypost org`: the organizations, which are the clients or customers of the user."""

from cyclopts import App

from waypost.access import audit
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.organizations import registry

app = App(name="org", help="Organizations: your clients or customers.")


@app.command
def add(name: str, *, as_json: Json = False) -> None:
    """Add an organization.

    Parameters
    ----------
    name
        What it shall be called, in any script.
    """

    async def work() -> None:
        async with means.session() as session:
            added = await registry.add(session.db, audit.command(), name)
        if as_json:
            output.json(registry.described(added))
            return
        output.out.print(f"Added {output.cell(added.name)}, with the id {added.organization_uuid}.")

    means.run(work())


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the organizations by name."""

    async def work() -> None:
        async with means.session() as session:
            found = await registry.find(session.db)
        if as_json:
            output.json({"items": [registry.described(one) for one in found], "next_cursor": None})
        elif not found:
            output.out.print("There is no organization yet. Add one: waypost org add NAME")
        else:
            output.table(
                ["name", "id", "added"],
                [[one.name, one.organization_uuid, one.created_at] for one in found],
                whole="id,added",
            )

    means.run(work())
