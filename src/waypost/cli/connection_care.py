"""`waypost connection rename|default|pause|resume|rhythm|health|remove`: what a stored connection needs in time."""

import shlex
import sys
from datetime import timedelta
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter

from waypost import errors
from waypost.cli import connection_text as text
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.connections import lifecycle, registry
from waypost.connections.connection import described

Flag = Annotated[bool, Parameter(negative=())]
Every = Annotated[timedelta | None, Parameter(negative=())]

_KEPT_DAYS: Final = lifecycle.KEPT.days


def register(app: App) -> None:
    """Add these commands to the group."""
    for command in (rename, default, pause, resume, rhythm, health, remove):
        app.command(command)


def rename(name: str, new_name: str) -> None:
    """Give a connection another name. What was pulled stays where it is."""

    async def work() -> None:
        async with means.session() as session:
            (connection,) = await registry.get(session.db, [name])
            renamed = await registry.rename(session.db, session.actor, connection, new_name)
        output.out.print(f"{output.cell(connection.name)} is now {output.cell(renamed.name)}.")

    means.run(work())


def default(name: str = "", *, none: Flag = False) -> None:
    """Make a connection the default, or say which one is.

    Parameters
    ----------
    none
        There shall be no default.
    """

    async def work() -> None:
        async with means.session() as session:
            chosen = (await registry.get(session.db, [name]))[0] if name else None
            if name and none:
                raise errors.UsageError("Either a name or --none.", remedy="Leave one of them out.")
            if name or none:
                await registry.set_default(session.db, session.actor, chosen)
            found = [one.name for one in await registry.find(session.db) if one.is_default]
        output.out.print(
            f"The default is {output.cell(found[0])}." if found else "No connection is the default."
        )

    means.run(work())


def pause(name: str) -> None:
    """Pull a connection no more until it is resumed. A pull that is under way stores nothing more."""

    async def work() -> None:
        async with means.session() as session:
            (connection,) = await registry.get(session.db, [name])
            await lifecycle.pause(session.db, session.actor, connection)
        output.out.print(f"{output.cell(connection.name)} is paused.")
        output.out.print(f"Next, when it is time: waypost connection resume {quoted(connection.name)}")

    means.run(work())


def resume(name: str) -> None:
    """Pull a paused connection again, at once. What was under way when it was paused is gone on with."""

    async def work() -> None:
        async with means.session() as session:
            (connection,) = await registry.get(session.db, [name])
            resumed = await lifecycle.resume(session.db, session.actor, connection)
        output.out.print(f"{output.cell(resumed.name)} is {output.cell(resumed.state)}.")

    means.run(work())


def rhythm(
    name: str, *, delta: Every = None, tree: Every = None, reconcile: Every = None, as_json: Json = False
) -> None:
    """Set how often a connection is pulled, or show it. A length of time is written like 90s, 15m, 2h or 1d.

    Parameters
    ----------
    delta
        What changed in devices and findings.
    tree
        Accounts, sites and groups.
    reconcile
        Everything.
    """
    parts = {
        part: None if length is None else length.total_seconds()
        for part, length in (("delta", delta), ("tree", tree), ("reconcile", reconcile))
    }

    async def work() -> None:
        async with means.session() as session:
            (connection,) = await registry.get(session.db, [name])
            paced = await registry.set_rhythm(session.db, session.actor, connection, **parts)
        if as_json:
            output.json(msgspec.to_builtins(paced.rhythm))
        else:
            output.out.print(f"{output.cell(paced.name)} is pulled every {text.beat(paced)}.")

    means.run(work())


def health(*names: str, as_json: Json = False) -> None:
    """Show how connections and their streams fare: since when, and who must act.

    Parameters
    ----------
    names
        All connections by default.
    """

    async def work() -> None:
        async with means.session() as session:
            found = await registry.get(session.db, names)
        if as_json:
            items = [{"connection": one.name, **described(one)["health"]} for one in found]
            output.json({"items": items, "next_cursor": None})
            return
        text.streams(found)
        for connection in found:
            text.troubles(connection)

    means.run(work())


def remove(
    name: str, *, yes: Flag = False, purge: Flag = False, new_default: str = "", no_default: Flag = False
) -> None:
    """Remove a connection and its token. What was pulled through it is shown no more, and deleted after 30 days.

    Parameters
    ----------
    yes
        Do not ask.
    purge
        Delete what was pulled through it at once.
    new_default
        The connection that becomes the default, where this one is.
    no_default
        There shall be no default, where this one is.
    """

    async def work() -> None:
        async with means.session() as session:
            (connection,) = await registry.get(session.db, [name])
            held = await registry.counts(session.db, connection)
            what = f"{held['devices']:,} devices and {held['findings']:,} findings"
            if not yes:
                _confirm(f"Remove {connection.name!r} with {what}? Type its name to go on: ", connection.name)
            await lifecycle.remove(
                session.db,
                session.actor,
                connection,
                purge=purge,
                new_default=new_default or None,
                no_default=no_default,
            )
        kept = "" if purge else f" They are kept for {_KEPT_DAYS} days, and shown nowhere."
        output.out.print(f"Removed {output.cell(connection.name)} with {what}.{kept}")

    means.run(work())


def quoted(name: str) -> str:
    """A name as a shell takes it, for the next command to copy."""
    return shlex.quote(name)


def _confirm(question: str, expected: str) -> None:
    if not sys.stdin.isatty():
        raise errors.UsageError(
            "Removing asks for confirmation.", remedy="Add --yes to remove without asking."
        )
    if output.err.input(question, markup=False).strip() != expected:
        raise errors.UsageError(
            "Nothing was removed: the name was not repeated.", remedy="Try again, or add --yes."
        )
