"""`waypost connection`: add, list, show, rotate; the group that its other commands belong to."""

import os
import sys
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import check, connection_care, link, means, output, renew
from waypost.cli import connection_text as text
from waypost.cli.connection_care import Flag, quoted
from waypost.cli.output import Json
from waypost.connections import credentials, custody, pasted, registry
from waypost.connections.connection import Connection, described
from waypost.connections.examination.result import Report
from waypost.connections.states import State
from waypost.organizations import registry as organizations

app = App(name="connection", help="SentinelOne consoles and their API tokens.")


@app.command
def add(
    name: str,
    *,
    url: str,
    organization: str = "",
    default: Flag = False,
    force: Flag = False,
    as_json: Json = False,
) -> None:
    """Check a console and a token, and store them.

    The token is read from standard input, or from WAYPOST_TOKEN; it is never an argument. A service user
    with the Viewer role is enough. Nothing is stored if the address or the token fails.

    Parameters
    ----------
    name
        What the connection shall be called.
    url
        The console's address, as the browser shows it; a path and a missing https:// do not matter.
    organization
        Name or id of the organization that it belongs to.
    default
        Make it the default connection.
    force
        Store it though the check of the address or the token fails.
    """
    means.run(_add(name, url, read_token(), organization, default=default, force=force, as_json=as_json))


async def _add(
    name: str, url: str, token: str, organization: str, *, default: bool, force: bool, as_json: bool
) -> None:
    async with means.session() as session:
        able = session.means()
        await custody.assure(session.db, able.vault)
        owner = await organizations.get(session.db, organization) if organization else None
        connection, report = await registry.add(
            session.db,
            able.vault,
            session.actor,
            name=name,
            url=url,
            token=token,
            allowed=able.allowed,
            organization_id=owner.organization_id if owner else None,
            force=force,
            default=default,
        )
    if as_json:
        results = msgspec.to_builtins(report.results)
        output.json(described(connection) | {"check": {"state": report.state, "results": results}})
    else:
        _told(connection, report)


def _told(connection: Connection, report: Report) -> None:
    output.out.print(
        f"Added [bold]{output.cell(connection.name)}[/] to {connection.base_url}. {_who(connection)}"
    )
    text.findings_of(report)
    step = "connection rotate" if connection.state == State.NEEDS_ATTENTION else "sync"
    output.out.print(f"Next: waypost {step} {quoted(connection.name)}")


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the connections: their state and health, how long their tokens are good for, when they were pulled."""
    means.run(_list(as_json=as_json))


async def _list(*, as_json: bool) -> None:
    async with means.session(needs=Scope.READ, whole=False) as session:
        found = await registry.find(session.db, organization_id=session.organization_id)
    if as_json:
        output.json({"items": [described(connection) for connection in found], "next_cursor": None})
    elif not found:
        output.out.print("There is no connection yet. Add one: waypost connection add NAME --url URL")
    else:
        text.table(found)


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show a connection: whose token it is, what it sees, how it fares, what it holds."""
    means.run(_show(name, as_json=as_json))


async def _show(name: str, *, as_json: bool) -> None:
    async with means.session(needs=Scope.READ) as session:
        (connection,) = await registry.get(session.db, [name])
        counts = await registry.counts(session.db, connection)
    if as_json:
        output.json(described(connection) | counts)
    else:
        text.card(connection, counts)


@app.command
def rotate(name: str, *, narrower: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Give a connection a new token, because the old one expires, was revoked, or sees too much.

    The token is read from standard input, or from WAYPOST_TOKEN, and checked before it is stored. The old one
    is kept, sealed, until a pull has succeeded with the new one. What was pulled stays.

    Parameters
    ----------
    narrower
        The new token may see less than the old one. What it no longer sees stays as it was.
    """
    means.run(_rotate(name, read_token(), narrower=narrower))


async def _rotate(name: str, token: str, *, narrower: bool) -> None:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        able = session.means()
        report = await credentials.rotate(
            session.db,
            able.vault,
            session.actor,
            connection,
            token=token,
            allowed=able.allowed,
            narrower=narrower,
        )
        rotated = await registry.by_uuid(session.db, connection.connection_uuid)
    output.out.print(f"{output.cell(rotated.name)} has a new token. {_who(rotated)}")
    text.findings_of(report)
    output.out.print(f"Next: waypost sync {quoted(rotated.name)}")


connection_care.register(app)
app.command(check.check)
app.command(renew.renew)
app.command(link.app)


def read_token() -> str:
    """The API token, from WAYPOST_TOKEN or standard input.

    Raises:
        TokenShapeError: There is none.
    """
    if token := os.environ.get("WAYPOST_TOKEN", "").strip():
        return pasted.token(token)
    if sys.stdin is None or sys.stdin.closed:
        raise errors.TokenShapeError
    if sys.stdin.isatty():
        token = output.err.input("API token (not shown): ", password=True)
    else:
        token = sys.stdin.read()
    if not token.strip():
        raise errors.TokenShapeError
    return pasted.token(token)


def _who(connection: Connection) -> str:
    user, scope = connection.identity.get("user"), connection.identity.get("scope")
    return f"The token belongs to {output.cell(user)} and sees one {scope}." if user and scope else ""
