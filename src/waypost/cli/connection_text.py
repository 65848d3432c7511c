"""How connections are shown to people: in the list, one by one, and what is wrong with them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.text import Text

from waypost.cli import output
from waypost.connections.connection import DEGRADED, FAILING, Connection, Health, StreamHealth
from waypost.connections.examination.result import FAIL, WARN, Report
from waypost.connections.states import State
from waypost.errors import Owner

DAYS_STYLE: Final = ((0, "bold red"), (7, "red"), (30, "yellow"))
"""How the days that a token has left are coloured, up to so many of them; more are green."""

_SCALE: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))
_TROUBLED: Final = frozenset({FAILING, DEGRADED})


def table(connections: Sequence[Connection]) -> None:
    """The list, and beneath it what is wrong with whom."""
    output.table(
        ["name", "console", "state", "health", "token", "last pull"],
        [
            [_named(c), c.base_url, c.state, c.health.state, days(c), c.pulled_at]
            for c in connections
        ],
        whole="state,health,token,last pull",
    )  # fmt: skip
    if any(connection.is_default for connection in connections):
        output.out.print("[dim]* is the default.[/]")
    for connection in connections:
        troubles(connection)


def card(connection: Connection, counts: dict[str, int]) -> None:
    """One connection with everything that is known of it."""
    identity, organization = connection.identity, connection.organization
    scopes = ", ".join(f"{scope['name']} ({scope['role']})" for scope in identity.get("scopes", ()))
    output.table(
        ["", ""],
        [
            ("name", connection.name),
            ("default", connection.is_default),
            ("console", connection.base_url),
            ("version", identity.get("version")),
            ("organization", organization.name if organization else None),
            ("state", connection.state),
            ("since", connection.state_since),
            ("health", connection.health.state),
            ("token of", identity.get("user")),
            ("token expires", connection.expires_at),
            ("days left", days(connection)),
            ("renewed by itself", connection.auto_renew),
            ("scope", " ".join(part for part in (identity.get("scope", ""), scopes) if part)),
            ("pulled every", beat(connection)),
            ("next pull", connection.next_at),
            ("added", connection.created_at),
            ("last pull", connection.pulled_at),
            *counts.items(),
        ],
    )  # fmt: skip
    troubles(connection)


def streams(connections: Iterable[Connection]) -> None:
    """The health of each stream of each connection."""
    output.table(
        ["connection", "stream", "health", "since", "who", "last run"],
        [
            [connection.name, one.stream, one.state, one.since, _who(one), one.last_run_at]
            for connection in connections
            for one in connection.health.streams
        ],
        whole="stream,health,since,who,last run",
    )


def troubles(connection: Connection) -> None:
    """What is wrong with a connection, since when, who must act and how."""
    if connection.state == State.PAUSED and connection.reason:
        output.err.print(
            f"[yellow]{output.cell(connection.name)}:[/] {output.cell(connection.reason['message'])} "
            f"{output.cell(connection.reason['remedy'])}",
            soft_wrap=True,
        )
    health = connection.health
    if health.state not in _TROUBLED:
        return
    told = [one for one in health.streams if one.state == FAILING] if health.state == DEGRADED else [health]
    for trouble in told:
        what = f" {trouble.stream}" if isinstance(trouble, StreamHealth) else ""
        output.err.print(
            f"[bold red]{output.cell(connection.name)}{what}:[/] {output.cell(trouble.message)} "
            f"Since {output.cell(trouble.since)}; who must act: {output.cell(trouble.owner)}. "
            f"Next: {output.cell(trouble.remedy)}",
            soft_wrap=True,
        )


def findings_of(report: Report) -> None:
    """What a check found wanting, on standard error, beside the news that the connection was saved."""
    for line in report.results:
        if line.state in (WARN, FAIL):
            style = "yellow" if line.state == WARN else "bold red"
            word = "Warning" if line.state == WARN else "Failed"
            remedy = f" Next: {output.cell(line.remedy)}" if line.remedy else ""
            output.err.print(
                f"[{style}]{word}:[/] {line.title}: {output.cell(line.found)}{remedy}", soft_wrap=True
            )


def days(connection: Connection) -> Text | None:
    """How long the token is good for, coloured by how soon that ends."""
    left = connection.days_left
    if left is None or connection.expires_at is None:
        return None
    if connection.expires_at <= datetime.now(UTC):
        return Text("expired", "bold red")
    style = next((style for most, style in DAYS_STYLE if left <= most), "green")
    return Text("today" if left == 0 else f"{left:,} day{'s' * (left != 1)}", style)


def beat(connection: Connection) -> str:
    """How often a connection is pulled."""
    rhythm = connection.rhythm
    parts = (rhythm.delta_seconds, rhythm.tree_seconds, rhythm.reconcile_seconds)
    changes, tree, everything = map(span, parts)
    return f"{changes}, the tree every {tree}, everything every {everything}"


def span(seconds: int) -> str:
    """A length of time as commands take it: `90s`, `15m`, `1d`."""
    for unit, letter in _SCALE:
        if seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def _named(connection: Connection) -> str:
    return f"* {connection.name}" if connection.is_default else connection.name


def _who(health: StreamHealth | Health) -> str | None:
    return None if health.owner == Owner.NOBODY else health.owner
