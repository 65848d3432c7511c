"""`waypost connection renew`: a second service user takes over before the token of the first expires."""

from typing import Final, Literal

from waypost.cli import means, output
from waypost.cli.connection_care import quoted
from waypost.connections import registry, renewal
from waypost.connections.connection import Connection
from waypost.connections.renewal import State

_SAID: Final = {
    State.DONE: "The token of {name} was renewed, and the service user that it took over from is gone.",
    State.WAITING: (
        "{name} uses the token of a new service user. The one that it takes over from is removed once a pull has "
        "succeeded."
    ),
    State.BUSY: "The token of {name} is being renewed by another process.",
    State.GIVEN_UP: "{name} was given another token meanwhile; what the renewal had made is gone.",
}


def renew(name: str, *, auto: Literal["on", "off"] | None = None) -> None:
    """Renew a connection's token now, or say whether Waypost does so by itself.

    It works for the token of a service user whose role may see, make and delete service users: a second one of the
    same scope and role is made and checked, and the first one is deleted once a pull has succeeded without it.
    By itself Waypost does so 14 days before a token expires; this is off unless it is switched on.

    Parameters
    ----------
    auto
        Whether Waypost renews the token by itself. Nothing is renewed now.
    """
    means.run(_renew(name) if auto is None else _set_auto(name, on=auto == "on"))


async def _renew(name: str) -> None:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        able = session.means()
        state = await renewal.renew(
            session.db, able.vault, connection, able.allowed, able.limiter, actor=session.actor
        )
    output.out.print(_SAID[state].format(name=output.cell(connection.name)), soft_wrap=True)
    if state is State.WAITING:
        again = quoted(connection.name)
        output.out.print(f"Next: waypost sync {again}, then waypost connection renew {again}")


async def _set_auto(name: str, *, on: bool) -> None:
    async with means.session() as session:
        (connection,) = await registry.get(session.db, [name])
        await renewal.set_auto(session.db, session.actor, connection, on)
    output.out.print(_auto(connection, on=on), soft_wrap=True)


def _auto(connection: Connection, *, on: bool) -> str:
    name = output.cell(connection.name)
    if not on:
        return f"Waypost does not renew the token of {name} by itself."
    return (
        f"Waypost renews the token of {name} by itself, {renewal.AHEAD.days} days before it expires. It needs a "
        "role that may see, make and delete service users."
    )
