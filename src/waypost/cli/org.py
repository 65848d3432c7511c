"""`waypost org`: the organizations, which are the clients or customers of the user."""

from typing import Annotated

from cyclopts import App, Parameter
from msgspec import UNSET

from waypost.access.keys import Scope
from waypost.cli import means, org_files, output
from waypost.cli import org_text as text
from waypost.cli.means import Session
from waypost.cli.output import Json
from waypost.organizations import registry, whose
from waypost.organizations.mapping import view
from waypost.organizations.organization import Organization, described

app = App(name="org", help="Organizations: your clients or customers.")
app.command(org_files.import_, name="import")
app.command(org_files.export)

Values = Annotated[list[str] | None, Parameter(negative=())]
Flag = Annotated[bool, Parameter(negative=())]


@app.command
def add(
    name: str,
    *,
    external_id: str = "",
    domain: Values = None,
    alias: Values = None,
    tag: Values = None,
    parent: str = "",
    as_json: Json = False,
) -> None:
    """Add an organization.

    Parameters
    ----------
    name
        What it shall be called, in any script. Names may repeat below different parents.
    external_id
        Its id in your own systems; no two organizations have the same.
    domain
        Of its Active Directory or its email. May be repeated.
    alias
        Another name that its sites go by. May be repeated.
    tag
        A word to find it by. May be repeated.
    parent
        Name, path (`Parent / Child`) or id of the organization that it is a part of.
    """

    async def work() -> None:
        async with means.session() as session:
            added = await registry.add(
                session.db,
                session.actor,
                name,
                parent=parent or None,
                external_id=external_id,
                domains=domain or (),
                aliases=alias or (),
                tags=tag or (),
            )
        if as_json:
            output.json(described(added))
            return
        output.out.print(f"Added {output.cell(added.name)}, with the id {added.organization_uuid}.")

    means.run(work())


@app.command(name="list")
def list_(*, search: str = "", tag: str = "", archived: Flag = False, as_json: Json = False) -> None:
    """List the organizations by name.

    Parameters
    ----------
    search
        Only those with this in a name, an alias, a domain or the external id.
    tag
        Only those that have this tag.
    archived
        Those that are archived instead.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            found = await registry.find(
                session.db,
                organization_id=session.organization_id,
                archived=archived,
                search=search,
                tag=tag,
            )
        if as_json:
            output.json({"items": [described(one) for one in found], "next_cursor": None})
        elif found:
            text.table(found)
        elif search or tag or archived:
            output.out.print("Nothing matches.")
        else:
            output.out.print("There is no organization yet. Add one: waypost org add NAME")

    means.run(work())


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show an organization: what is said of it, and on which consoles its sites are.

    Parameters
    ----------
    name
        Its name, path (`Parent / Child`) or id.
    """

    async def work() -> None:
        async with means.session(needs=Scope.READ, whole=False) as session:
            chosen = await whose.chosen(session.db, name, session.organization_id)
            found = await registry.by_id(session.db, chosen)
            consoles = await view.consoles(session.db, organization_id=chosen, limit=None)
        if as_json:
            output.json(described(found) | {"consoles": consoles})
        else:
            text.card(found, consoles)

    means.run(work())


@app.command
def change(
    organization: str,
    *,
    name: str | None = None,
    external_id: str | None = None,
    parent: str | None = None,
    domain: Values = None,
    alias: Values = None,
    tag: Values = None,
    without_domain: Values = None,
    without_alias: Values = None,
    without_tag: Values = None,
    as_json: Json = False,
) -> None:
    """Rename an organization, move it, or say something else of it. Sites that are mapped to it stay so.

    Parameters
    ----------
    organization
        Its name, path (`Parent / Child`) or id.
    name
        A new name.
    external_id
        Its id in your own systems; an empty one takes it away.
    parent
        Name, path or id of the organization that it is a part of; an empty one takes it out of any.
    domain
        A domain that it has, too. May be repeated, like those below.
    alias
        A name that its sites go by, too.
    tag
        A tag that it has, too.
    without_domain
        A domain that it no longer has.
    without_alias
        An alias that it no longer has.
    without_tag
        A tag that it no longer has.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.get(session.db, organization)
            changed = await registry.change(
                session.db,
                session.actor,
                found,
                name=UNSET if name is None else name,
                external_id=UNSET if external_id is None else external_id,
                parent=UNSET if parent is None else parent,
                domains=_lists(found.domains, domain, without_domain),
                aliases=_lists(found.aliases, alias, without_alias),
                tags=_lists(found.tags, tag, without_tag),
            )
        if as_json:
            output.json(described(changed))
        elif changed == found:
            output.out.print(f"{output.cell(changed.name)} is so already.")
        else:
            output.out.print(f"Changed {output.cell(changed.name)}.")

    means.run(work())


@app.command
def archive(organization: str) -> None:
    """Keep an organization for its history alone.

    Nothing can be mapped to it any more, and its keys and connect links open nothing. What is mapped to it stays so.

    Parameters
    ----------
    organization
        Its name, path (`Parent / Child`) or id.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.get(session.db, organization)
            await registry.archive(session.db, session.actor, found)
            sites = await _sites(session, found)
        output.out.print(f"{output.cell(found.name)} is archived; its keys and links open nothing.")
        if sites:
            output.out.print(f"{sites:,} sites are still mapped to it. Next: waypost mapping drift")

    means.run(work())


@app.command
def restore(organization: str) -> None:
    """Take an organization out of the archive, with all that it had.

    Parameters
    ----------
    organization
        Its name, path (`Parent / Child`) or id; `waypost org list --archived` shows them.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.get(session.db, organization)
            await registry.restore(session.db, session.actor, found)
        output.out.print(f"{output.cell(found.name)} is back; its keys open again what they did.")

    means.run(work())


def _lists(there: list[str], more: list[str] | None, without: list[str] | None) -> list[str]:
    """The values with some added, and without others, however those are written."""
    gone = {value.strip().casefold() for value in without or ()}
    return [value for value in [*there, *(more or ())] if value.casefold() not in gone]


async def _sites(session: Session, organization: Organization) -> int:
    found = await view.consoles(session.db, organization_id=organization.organization_id, limit=None)
    return sum(item.sites for item in found)
