"""The states of a connection, and what moves it from one to another: the table, and the move itself.

A move that stops pulls raises the fence and takes the runs under way out of their workers' hands, in the
transaction of the move: what a worker stores after that is rolled back (rule 4).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from psycopg.types.json import Jsonb

from waypost.storage import queries
from waypost.storage.database import Connection


class State(StrEnum):
    """Where a connection stands."""

    PENDING = "pending"
    """Nothing was pulled yet."""
    ACTIVE = "active"
    PAUSED = "paused"
    """Somebody said so; nothing is pulled."""
    NEEDS_ATTENTION = "needs_attention"
    """The console refused the token; nothing is pulled until there is another."""
    DELETED = "deleted"
    """Shown nowhere; its data goes when `purge_at` has passed."""


class Event(StrEnum):
    """What happens to a connection."""

    PULLED = "pulled"
    REFUSED = "refused"
    PAUSED = "paused"
    RESUMED = "resumed"
    ROTATED = "rotated"
    REMOVED = "removed"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.PENDING, Event.PULLED): State.ACTIVE,
    (State.PENDING, Event.REFUSED): State.NEEDS_ATTENTION,
    (State.PENDING, Event.PAUSED): State.PAUSED,
    (State.PENDING, Event.REMOVED): State.DELETED,
    (State.ACTIVE, Event.REFUSED): State.NEEDS_ATTENTION,
    (State.ACTIVE, Event.PAUSED): State.PAUSED,
    (State.ACTIVE, Event.REMOVED): State.DELETED,
    (State.PAUSED, Event.RESUMED): State.ACTIVE,
    (State.PAUSED, Event.REMOVED): State.DELETED,
    (State.NEEDS_ATTENTION, Event.PULLED): State.ACTIVE,
    (State.NEEDS_ATTENTION, Event.ROTATED): State.ACTIVE,
    (State.NEEDS_ATTENTION, Event.REMOVED): State.DELETED,
}
"""What an event makes of a state; what is not here leaves the connection as it is."""

_STOP_PULLS: Final = frozenset({State.PAUSED, State.DELETED})
"""Becoming this, a connection takes the pull that is under way its right to store."""


async def move(
    db: Connection, connection_id: int, event: Event, reason: Mapping[str, str] | None = None
) -> tuple[State, State] | None:
    """Let an event happen to a connection, inside the caller's transaction.

    Returns:
        The states before and after, which are the same where the event changes nothing; None for a connection
        that does not exist.
    """
    cursor = await db.execute(queries.connections.lock, {"connection_id": connection_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    before, pulled = State(row[0]), bool(row[1])
    after = TRANSITIONS.get((before, event), before)
    if after is State.ACTIVE and not pulled and event is not Event.PULLED:
        after = State.PENDING  # it was never active
    if after is before:
        return before, before
    facts = {
        "connection_id": connection_id,
        "state": after,
        "reason": None if reason is None else Jsonb(dict(reason)),
        "stop": after in _STOP_PULLS,
    }
    await db.execute(queries.connections.move, facts)
    if after in _STOP_PULLS:
        await db.execute(queries.connections.stop_runs, facts)
    return before, after
