"""The schedule: who may pull what now, and when it is its turn again."""

import asyncio
import uuid
from datetime import datetime, timedelta
from random import Random

import pytest

from support import fleet
from support.hub import Hub
from waypost import errors
from waypost.access import audit
from waypost.connections import lifecycle, registry
from waypost.connections.connection import Connection
from waypost.sync import progress, schedule, streams
from waypost.sync.schedule import Taken

REST = timedelta(minutes=5)


async def take(hub: Hub, worker: str = "one", limit: int = 100, **options: object) -> list[Taken]:
    return await schedule.take(hub.db, worker, limit, **options)  # type: ignore[arg-type]


async def next_at(hub: Hub, connection: Connection) -> datetime:
    query = "SELECT next_at FROM schedule WHERE connection_id = %s"
    ((at,),) = await hub.rows(query, connection.connection_id)
    assert isinstance(at, datetime)
    return at


async def test_a_connection_is_taken_once(hub: Hub) -> None:
    """Of any number of workers that look at the same time, one gets each connection."""
    stored = await fleet.stored(hub, 20)

    async def worker(number: int) -> list[int]:
        mine: list[int] = []
        async with hub.means.database.connect() as db:
            while taken := await schedule.take(db, f"worker {number}", 3):
                mine += [one.connection_id for one in taken]
        return mine

    shares = await asyncio.gather(*(worker(number) for number in range(6)))

    assert sorted(one for share in shares for one in share) == [c.connection_id for c in stored]


async def test_no_more_than_there_are_places(hub: Hub) -> None:
    """A worker takes as many as it has places for, the longest due first."""
    stored = await fleet.stored(hub, 5)
    await hub.db.execute("UPDATE schedule SET next_at = now() - connection_id * interval '1 minute'")
    first = await take(hub, limit=2)
    assert [one.connection_id for one in first] == [c.connection_id for c in stored[:-3:-1]]
    assert all(one.due and one.late >= 60 for one in first)


async def test_what_a_dead_worker_held_is_taken_by_another(hub: Hub) -> None:
    """A lease that ran out is anybody's, and the one who had it can neither hold nor give back any more."""
    (connection,) = await fleet.stored(hub, 1)
    (first,) = await take(hub, "dead")
    assert await take(hub, "other") == []
    await hub.db.execute("UPDATE schedule SET taken_until = now() - interval '1 second'")
    (second,) = await take(hub, "other")
    assert second.connection_id == first.connection_id
    assert await schedule.hold(hub.db, "dead", [connection.connection_id]) == set()
    await schedule.done(hub.db, "dead", first)
    await schedule.put_off(hub.db, "dead", first, timedelta(0))
    assert await schedule.hold(hub.db, "other", [connection.connection_id]) == {connection.connection_id}
    assert await take(hub, "third") == []


@pytest.mark.parametrize("seconds", [15, 60, 3600, 86_400])
async def test_beats_neither_drift_nor_bunch(hub: Hub, seconds: int) -> None:
    """After any downtime the next turn is the next place on the connection's own beat: missed ones are left out."""
    chance = Random(seconds)
    stored = await fleet.stored(hub, 8)
    await hub.db.execute("UPDATE schedule SET delta_every = make_interval(secs => %s)", [seconds])
    for connection in stored:
        missed = chance.uniform(0, 5 * seconds)
        await hub.db.execute(
            "UPDATE schedule SET next_at = now() - make_interval(secs => %s) WHERE connection_id = %s",
            [missed, connection.connection_id],
        )
    for taken in await take(hub):
        await schedule.done(hub.db, "one", taken)
    ((now,),) = await hub.rows("SELECT now()")
    for connection in stored:
        at = await next_at(hub, connection)
        assert now < at <= now + timedelta(seconds=seconds)
        place = schedule.place(connection.connection_uuid)
        off = (at.timestamp() / seconds - place) % 1
        assert min(off, 1 - off) * seconds < 0.001


def test_connections_spread_over_the_interval() -> None:
    """Any thousand connections have their places all over the interval, each always the same."""
    ids = [uuid.UUID(int=Random(seed).getrandbits(128), version=4) for seed in range(1000)]
    places = [schedule.place(one) for one in ids]
    assert all(0 <= place < 1 for place in places)
    tenths = [sum(int(place * 10) == tenth for place in places) for tenth in range(10)]
    assert min(tenths) > 60
    assert max(tenths) < 140
    assert places == [schedule.place(one) for one in ids]


async def test_a_pull_out_of_turn_leaves_the_turn(hub: Hub) -> None:
    """A connection that was asked for before its time keeps that time."""
    (connection,) = await fleet.stored(hub, 1)
    await fleet.pulled_before(hub, connection, due=False)
    before = await next_at(hub, connection)
    assert await take(hub) == []
    asked = await schedule.request(hub.db, audit.SERVICE, connection)
    (taken,) = await take(hub)
    assert (taken.pull_id, taken.due, taken.late) == (asked.pull_id, False, 0.0)
    await schedule.done(hub.db, "one", taken)
    assert await next_at(hub, connection) == before
    assert await take(hub) == []


async def test_failures_rest(hub: Hub) -> None:
    """A connection that is put off is not due before, counts its failures, and forgets them when it goes well."""
    (connection,) = await fleet.stored(hub, 1)
    (taken,) = await take(hub)
    await schedule.put_off(hub.db, "one", taken, REST, failures=3)
    assert await take(hub) == []
    assert 290 < (await schedule.seconds_to_next(hub.db) or 0) <= 300
    await hub.db.execute("UPDATE schedule SET next_at = now()")
    (again,) = await take(hub)
    assert again.failures == 3
    await schedule.done(hub.db, "one", again)
    assert await hub.rows("SELECT failures FROM schedule") == [(0,)]
    assert connection.connection_id == again.connection_id


async def test_the_same_request_is_joined(hub: Hub) -> None:
    """What was asked for and is not over is asked for once; something else is another pull, after it."""
    (connection,) = await fleet.stored(hub, 1)
    await fleet.pulled_before(hub, connection, due=False)

    async def ask(*chosen: streams.Stream, full: bool = False) -> schedule.Requested:
        async with hub.means.database.connect() as db:
            return await schedule.request(
                db, audit.SERVICE, connection, full=full, streams=list(chosen) or None
            )

    several = await asyncio.gather(*(ask() for _ in range(5)))
    assert len({one.pull_id for one in several}) == 1
    assert sorted(one.joined for one in several) == [False, True, True, True, True]
    others = [await ask(full=True), await ask(streams.RISKS)]
    assert not any(one.joined for one in others)
    assert (await ask(streams.RISKS)).joined

    order = []
    while taken := await take(hub):
        order.append((taken[0].pull_id, taken[0].whole, taken[0].streams))
        await schedule.done(hub.db, "one", taken[0])
    assert order == [
        (several[0].pull_id, False, None),
        (others[0].pull_id, True, None),
        (others[1].pull_id, False, ["risks"]),
    ]
    assert not (await ask()).joined
    entries = await hub.rows("SELECT count(*) FROM audit WHERE action = 'connection.sync_asked'")
    assert entries == [(4,)]


async def test_a_request_outlives_the_worker(hub: Hub) -> None:
    """A pull that was asked for keeps its id when the worker dies that had begun it."""
    (connection,) = await fleet.stored(hub, 1)
    asked = await schedule.request(hub.db, audit.SERVICE, connection)
    (first,) = await take(hub, "dead")
    await hub.db.execute("UPDATE schedule SET taken_until = now()")
    (second,) = await take(hub, "other")
    assert first.pull_id == second.pull_id == asked.pull_id


async def test_busy_means_busy_for_requests_too(hub: Hub) -> None:
    """A connection that somebody else pulls by hand is left alone for a while, though it was asked for."""
    (connection,) = await fleet.stored(hub, 1)
    await schedule.request(hub.db, audit.SERVICE, connection)
    (taken,) = await take(hub)
    await schedule.put_off(hub.db, "one", taken, REST, kept=True)
    assert await take(hub) == []
    await hub.db.execute("UPDATE schedule SET taken_until = taken_until - %s", [REST])
    (again,) = await take(hub)
    assert again.pull_id == taken.pull_id


async def test_paused_connections_are_not_taken(hub: Hub) -> None:
    """A paused connection is neither due nor can be asked for; what it holds is let go; resumed, it is due at once."""
    (connection,) = await fleet.stored(hub, 1)
    asked = await schedule.request(hub.db, audit.SERVICE, connection)
    (taken,) = await take(hub)
    paused = await lifecycle.pause(hub.db, audit.SERVICE, connection)
    assert await schedule.hold(hub.db, "one", [connection.connection_id]) == set()
    await schedule.put_off(hub.db, "one", taken, timedelta(0))
    assert await take(hub) == []
    with pytest.raises(errors.ConnectionStateError) as refusal:
        await schedule.request(hub.db, audit.SERVICE, paused)
    assert "resume" in refusal.value.remedy
    await schedule.refuse_stopped(hub.db)
    pull = await progress.snapshot(hub.db, asked.pull_id)
    assert pull is not None
    assert (pull.state, (pull.error or {})["code"]) == ("failed", "connection.state")
    await lifecycle.resume(hub.db, audit.SERVICE, paused)
    assert len(await take(hub)) == 1


async def test_a_refused_token_is_tried_on_request_only(hub: Hub) -> None:
    """A connection that waits for a new token is not pulled by the beat, but by who asks for it."""
    (connection,) = await fleet.stored(hub, 1)
    await fleet.pulled_before(hub, connection)
    await hub.db.execute("UPDATE connection SET state = 'needs_attention'")
    assert await take(hub) == []
    waiting = await registry.by_uuid(hub.db, connection.connection_uuid)
    asked = await schedule.request(hub.db, audit.SERVICE, waiting)
    (taken,) = await take(hub)
    assert taken.pull_id == asked.pull_id


async def test_first_pulls_are_told_from_others(hub: Hub) -> None:
    """A worker can take those that were never pulled apart from the others, for they may take long."""
    new, old = await fleet.stored(hub, 2)
    await fleet.pulled_before(hub, old)
    assert [one.connection_id for one in await take(hub, states=schedule.OLD)] == [old.connection_id]
    assert [one.connection_id for one in await take(hub, states=schedule.NEW)] == [new.connection_id]


async def test_a_removed_connection_cannot_be_asked_for(hub: Hub) -> None:
    """A request for a connection that has gone meanwhile is told so."""
    (connection,) = await fleet.stored(hub, 1)
    await hub.db.execute("DELETE FROM schedule")
    with pytest.raises(errors.NoSuchConnectionError):
        await schedule.request(hub.db, audit.SERVICE, connection)
