"""The states of a connection: a table that says what each event makes of each state, and the move itself."""

import itertools

import pytest

from support.hub import Hub
from waypost.connections import registry, states
from waypost.connections.connection import Connection
from waypost.connections.states import TRANSITIONS, Event, State

ALL = list(itertools.product(State, Event))


async def in_state(hub: Hub, connection: Connection, state: State, *, pulled: bool = True) -> None:
    """Put a connection into a state, whatever it was."""
    await hub.db.execute("UPDATE connection SET state = %s", [state])
    await hub.db.execute("DELETE FROM sync_watermark")
    if pulled:
        await hub.db.execute(
            "INSERT INTO sync_watermark (connection_id, stream, since) VALUES (%s, 'sites', now())",
            [connection.connection_id],
        )


def test_the_end_is_the_end() -> None:
    """Nothing brings a deleted connection back, and every other one can be removed."""
    assert not any(before is State.DELETED for before, _ in TRANSITIONS)
    assert all(
        TRANSITIONS[state, Event.REMOVED] is State.DELETED for state in State if state != State.DELETED
    )


def test_only_people_end_a_pause() -> None:
    """What a pull or a console does cannot make a paused connection anything else."""
    assert {event for before, event in TRANSITIONS if before is State.PAUSED} == {
        Event.RESUMED,
        Event.REMOVED,
    }


@pytest.mark.parametrize(("state", "event"), ALL, ids=str)
async def test_each_event_in_each_state(hub: Hub, state: State, event: Event) -> None:
    """The database ends in the state that the table says; where it says nothing, nothing is written."""
    connection = await hub.store()
    await in_state(hub, connection, state)
    ((before, since, fence),) = await hub.rows("SELECT state, state_since, fence FROM connection")

    async with hub.db.transaction():
        moved = await states.move(hub.db, connection.connection_id, event, {"code": "why"})

    expected = TRANSITIONS.get((state, event), state)
    ((after, now, raised),) = await hub.rows("SELECT state, state_since, fence FROM connection")
    assert moved == (before, after) == (state, expected)
    assert (now > since) == (after != before)
    assert (raised > fence) == (after != before and after in (State.PAUSED, State.DELETED))


@pytest.mark.parametrize("event", [Event.RESUMED, Event.ROTATED])
async def test_what_was_never_pulled_waits_for_its_first_pull(hub: Hub, event: Event) -> None:
    """Resumed or given a new token before anything was pulled, a connection is pending and not active."""
    connection = await hub.store()
    before = State.PAUSED if event is Event.RESUMED else State.NEEDS_ATTENTION
    await in_state(hub, connection, before, pulled=False)
    async with hub.db.transaction():
        assert await states.move(hub.db, connection.connection_id, event) == (before, State.PENDING)
    async with hub.db.transaction():
        moved = await states.move(hub.db, connection.connection_id, Event.PULLED)
    assert moved == (State.PENDING, State.ACTIVE)


async def test_what_is_not_there_does_not_move(hub: Hub) -> None:
    """A connection that was purged meanwhile is told from one that stays as it is."""
    async with hub.db.transaction():
        assert await states.move(hub.db, 4711, Event.PAUSED) is None
    assert await registry.find(hub.db) == []
