"""`waypost connection link`: one-time URLs with which customers connect their consoles."""

import uuid

from cyclopts import App

from waypost import errors
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.connections import links, public_address, registry
from waypost.connections.connection import Connection
from waypost.organizations import registry as organizations
from waypost.storage.database import Connection as DatabaseConnection

app = App(
    name="link",
    help="Make a one-time URL with which a customer connects a console, without an account here.",
    usage="Usage: waypost connection link --organization NAME [OPTIONS]",
)


@app.default
def create(
    *, organization: str = "", connection: str = "", expires: str = "30m", as_json: Json = False
) -> None:
    """Make a one-time URL with which a customer connects a console.

    Its page shows how to make the service user, checks the token as it is typed in, and saves. The URL is shown
    this once: send it to the customer by a way that only the customer reads.

    Parameters
    ----------
    organization
        Whose console it will be: a name or an id of `waypost org list`.
    connection
        The connection that gets a new token; without it the link makes a new one.
    expires
        How long the link can be used: minutes, hours or days, like 30m, 2h or 1d; at most 7d.
    """
    means.run(_create(organization, connection, expires, as_json=as_json))


async def _create(organization: str, connection: str, expires: str, *, as_json: bool) -> None:
    length = links.lifetime(expires)
    async with means.session() as session:
        base = public_address.base(session.settings)
        found = (await registry.get(session.db, [connection]))[0] if connection else None
        link, secret = await links.create(
            session.db,
            session.actor,
            organization_id=await _organization(session.db, organization, found),
            connection=found,
            length=length,
        )
        url = public_address.link(base, secret)
    if as_json:
        output.json(link.described() | {"url": url})
        return
    what = f"a new token for {output.cell(link.connection)}" if link.connection else "one new connection"
    output.out.print(url, markup=False, soft_wrap=True)
    output.err.print(
        f"For {output.cell(link.organization)}: {what}, once, until {output.cell(link.expires_at)} UTC."
        " It is not shown again.",
        soft_wrap=True,
    )


async def _organization(db: DatabaseConnection, name: str, connection: Connection | None) -> int:
    """The organization that is named, or that the connection has.

    Raises:
        NoSuchOrganizationError: There is none, or none is named.
    """
    if name:
        return (await organizations.get(db, name)).organization_id
    if connection and connection.organization:
        return connection.organization.organization_id
    raise errors.NoSuchOrganizationError("A link belongs to an organization, and none is named.")


@app.command(name="list")
def list_(*, limit: int = 100, cursor: str = "", as_json: Json = False) -> None:
    """List the links, the newest first; their secrets are not kept.

    Parameters
    ----------
    limit
        Rows.
    cursor
        Where the page before this one ended.
    """
    means.run(_list(limit, cursor, as_json=as_json))


async def _list(limit: int, cursor: str, *, as_json: bool) -> None:
    async with means.session() as session:
        found, following = await links.page(session.db, limit=limit, cursor=cursor)
    if as_json:
        output.json({"items": [link.described() for link in found], "next_cursor": following})
        return
    if not found:
        output.out.print("There is no link yet. Make one: waypost connection link --organization NAME")
        return
    output.table(
        ["id", "organization", "connection", "state", "expires"],
        [[one.link_id, one.organization, one.connection, one.state, one.expires_at] for one in found],
        whole="id,state,expires",
    )
    if following:
        output.out.print(f"[dim]More: add --cursor {following}[/]", soft_wrap=True)


@app.command
def revoke(link: uuid.UUID) -> None:
    """Take a link back, so that it opens nothing any more.

    Parameters
    ----------
    link
        Its id, as `waypost connection link list` shows it.
    """
    means.run(_revoke(link))


async def _revoke(link_id: uuid.UUID) -> None:
    async with means.session() as session:
        link = await links.get(session.db, link_id)
        await links.revoke(session.db, session.actor, link)
    output.out.print(f"Revoked the link for {output.cell(link.organization)}; it opens nothing any more.")
