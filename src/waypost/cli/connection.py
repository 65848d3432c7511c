"""`waypost connection`: add, list, show, rotate, remove."""

import os
import sys
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from waypost import errors
from waypost.cli import means, output
from waypost.connections import credentials, registry
from waypost.connections.connection import Connection
from waypost.sync import runs

app = App(name="connection", help="SentinelOne consoles and their API tokens.")

Json = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON document instead of a table.")]


@app.command
def add(name: str, *, url: str, as_json: Json = False) -> None:
    """Test a console and a token, and store them.

    The token is read from standard input, or from WAYPOST_TOKEN; it is never an argument. A service user
    with the Viewer role is enough. Nothing is stored unless the test succeeds.

    Parameters
    ----------
    name
        What the connection shall be called.
    url
        The console's address, as the browser shows it; a path and a missing https:// do not matter.
    """
    means.run(_add(name, url, read_token(), as_json=as_json))


async def _add(name: str, url: str, token: str, *, as_json: bool) -> None:
    async with means.session() as session:
        able = session.means()
        connection, identity = await registry.add(
            session.db, able.vault, name=name, url=url, token=token, allowed=able.allowed
        )
    if as_json:
        output.json(_described(connection))
        return
    output.out.print(f"Added [bold]{output.cell(name)}[/] to {connection.base_url}. {_who(connection)}")
    for warning in identity.warnings:
        output.err.print(f"[yellow]Warning:[/] {output.cell(warning)}", soft_wrap=True)
    output.out.print("Next: waypost sync " + (f'"{name}"' if " " in name else name))


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the connections."""
    means.run(_list(as_json=as_json))


async def _list(*, as_json: bool) -> None:
    async with means.session() as session:
        found = await registry.find(session.db)
    if as_json:
        output.json({"items": [_described(connection) for connection in found], "next_cursor": None})
        return
    if not found:
        output.out.print("There is no connection yet. Add one: waypost connection add NAME --url URL")
        return
    output.table(
        ["name", "console", "state", "scope", "token expires", "last pull"],
        [
            [c.name, c.base_url, c.state, c.identity.get("scope"), c.expires_at, c.pulled_at]
            for c in found
        ],
        whole="name,state,token expires,last pull",
    )  # fmt: skip


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show a connection: whose token it is, what it sees, what it holds."""
    means.run(_show(name, as_json=as_json))


async def _show(name: str, *, as_json: bool) -> None:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        counts = await registry.counts(session.db, connection)
    if as_json:
        output.json(_described(connection) | counts)
        return
    scopes = ", ".join(
        f"{scope['name']} ({scope['role']})" for scope in connection.identity.get("scopes", ())
    )
    facts = [
        ("name", connection.name),
        ("console", connection.base_url),
        ("version", connection.identity.get("version")),
        ("state", connection.state),
        ("token of", connection.identity.get("user")),
        ("token expires", connection.expires_at),
        ("scope", " ".join(part for part in (connection.identity.get("scope", ""), scopes) if part)),
        ("added", connection.created_at),
        ("last pull", connection.pulled_at),
        *counts.items(),
    ]
    output.table(["", ""], facts)


@app.command
def rotate(name: str, *, narrower: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Give a connection a new token, because the old one expires, was revoked, or sees too much.

    The token is read from standard input, or from WAYPOST_TOKEN, and tested before it is stored. The old one
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
        await credentials.rotate(
            session.db, able.vault, connection, token=token, allowed=able.allowed, narrower=narrower
        )
        (connection,) = await registry.get(session.db, [name])
    output.out.print(f"{output.cell(name)} has a new token. {_who(connection)}")
    output.out.print("Next: waypost sync " + (f'"{name}"' if " " in name else name))


@app.command
def remove(name: str, *, yes: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Remove a connection, its token, and everything that was pulled through it.

    Parameters
    ----------
    yes
        Do not ask.
    """
    means.run(_remove(name, yes=yes))


async def _remove(name: str, *, yes: bool) -> None:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        held = await registry.counts(session.db, connection)
        what = f"{held['devices']:,} devices and {held['findings']:,} findings"
        if not yes:
            _confirm(f"Remove {name!r} with {what}? Type its name to go on: ", name)
        async with runs.claim(session.db, connection.connection_id, name):
            await registry.remove(session.db, connection)
    output.out.print(f"Removed {output.cell(name)} with {what}.")


def read_token() -> str:
    """The API token, from WAYPOST_TOKEN or standard input.

    Raises:
        TokenShapeError: There is none.
    """
    if token := os.environ.get("WAYPOST_TOKEN", "").strip():
        return bare(token)
    if sys.stdin is None or sys.stdin.closed:
        raise errors.TokenShapeError
    if sys.stdin.isatty():
        token = output.err.input("API token (not shown): ", password=True)
    else:
        token = sys.stdin.read()
    if not token.strip():
        raise errors.TokenShapeError
    return bare(token)


def bare(token: str) -> str:
    """A token without what people paste around it: white space, and the word of the header."""
    scheme, _, rest = token.strip().partition(" ")
    return (
        rest.strip() if scheme.lower() in ("apitoken", "bearer", "token") and rest.strip() else token.strip()
    )


def _confirm(question: str, expected: str) -> None:
    if not sys.stdin.isatty():
        raise errors.UsageError(
            "Removing asks for confirmation.", remedy="Add --yes to remove without asking."
        )
    if output.err.input(question, markup=False).strip() != expected:
        raise errors.UsageError(
            "Nothing was removed: the name was not repeated.", remedy="Try again, or add --yes."
        )


def _who(connection: Connection) -> str:
    user, scope = connection.identity.get("user"), connection.identity.get("scope")
    return f"The token belongs to {output.cell(user)} and sees one {scope}." if user and scope else ""


def _described(connection: Connection) -> dict[str, Any]:
    described: dict[str, Any] = msgspec.to_builtins(connection)
    described["id"] = described.pop("connection_uuid")
    del described["connection_id"]
    return described
