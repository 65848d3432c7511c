"""What a beat pulls: which streams, and which of them whole."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import fleet
from support.hub import Hub
from waypost.connections.connection import Rhythm
from waypost.sync import due, runs, streams
from waypost.sync.due import BEAT, TREE, Mark, Marks

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RHYTHM = Rhythm(60, 900, 86_400)
HOUR = timedelta(hours=1)


def marks(**ages: timedelta) -> Marks:
    """All streams walked whole an hour ago and pulled last so long ago; a minute by default."""
    minute = timedelta(minutes=1)
    of = {
        stream.name: Mark(NOW - HOUR, NOW - HOUR, NOW - ages.get(stream.name, minute))
        for stream in streams.IN_ORDER
    }
    return Marks(NOW, RHYTHM, of)


def without(known: Marks, stream: str, **change: object) -> Marks:
    """The same but for one stream, whose mark differs."""
    facts = {
        "since": known.of[stream].since,
        "full_at": known.of[stream].full_at,
        "ended_at": known.of[stream].ended_at,
        "refused_at": known.of[stream].refused_at,
    } | change
    mark = Mark(**facts)  # type: ignore[arg-type]  # the names are a mark's
    return Marks(known.now, known.rhythm, {**known.of, stream: mark}, known.token_at)


def test_the_first_pull_is_whole() -> None:
    """Where nothing was pulled yet everything is due, and there is nothing to start from."""
    nothing = Marks(NOW, RHYTHM)
    assert nothing.due() == streams.IN_ORDER
    assert all(nothing.since(stream, full=False) is None for stream in streams.IN_ORDER)


def test_a_beat_pulls_what_moves() -> None:
    """Between two pulls of the tree only devices and findings are asked for, as deltas."""
    assert marks().due() == BEAT
    assert all(marks().since(stream, full=False) == NOW - HOUR for stream in BEAT)


@pytest.mark.parametrize(
    ("minutes", "is_due"), [(1, False), (14, False), (14.6, True), (15, True), (60, True)]
)
def test_the_tree_is_pulled_less_often(minutes: float, is_due: bool) -> None:
    """A level of the tree is due after its interval, or half a beat before: a beat is never quite on time."""
    for level in TREE:
        chosen = marks(**{level.name: timedelta(minutes=minutes)}).due()
        assert (level in chosen) is is_due
        assert all(stream in chosen for stream in BEAT)


@pytest.mark.parametrize("stream", BEAT)
def test_everything_is_walked_whole_again(stream: streams.Stream) -> None:
    """A day after the last whole walk the stream is walked whole, and the tree above it is pulled with it."""
    old = without(marks(), stream.name, full_at=NOW - timedelta(hours=24, seconds=1))
    assert old.due() == streams.IN_ORDER
    assert old.since(stream, full=False) is None
    fresh = without(marks(), stream.name, full_at=NOW - timedelta(hours=23, minutes=59))
    assert fresh.due() == BEAT


def test_asking_for_everything_walks_everything() -> None:
    """A full pull starts from nothing, whatever the marks say."""
    assert all(marks().since(stream, full=True) is None for stream in streams.IN_ORDER)


def test_streams_without_a_filter_are_always_whole() -> None:
    """Accounts and sites cannot be asked for what changed."""
    assert marks().since(streams.ACCOUNTS, full=False) is None
    assert marks().since(streams.SITES, full=False) is None
    assert marks().since(streams.GROUPS, full=False) == NOW - HOUR


def test_a_refused_stream_waits() -> None:
    """What the console refuses is left alone until everything is walked again, and the others go on."""
    refused = without(marks(), "risks", refused_at=NOW - HOUR)
    assert refused.due() == (streams.AGENTS,)
    never = without(marks(), "risks", since=None, full_at=None, refused_at=NOW - HOUR)
    assert never.due() == (streams.AGENTS,)
    later = without(marks(), "risks", refused_at=NOW - timedelta(hours=24))
    assert streams.RISKS in later.due()


def test_a_new_token_gives_hope() -> None:
    """What was refused to the token before is asked for with the new one at once."""
    refused = without(marks(), "risks", refused_at=NOW - HOUR)
    newer = Marks(refused.now, RHYTHM, refused.of, token_at=NOW - timedelta(minutes=2))
    older = Marks(refused.now, RHYTHM, refused.of, token_at=NOW - 2 * HOUR)
    assert streams.RISKS in newer.due()
    assert streams.RISKS not in older.due()


@given(
    st.integers(15, 86_400), st.integers(60, 604_800), st.integers(3_600, 2_592_000), st.integers(0, 10**7)
)
def test_nothing_is_forgotten(delta: int, tree: int, reconcile: int, age: int) -> None:
    """Whatever the rhythm, a stream older than its interval is due, and the order is the order of a pull."""
    then = NOW - timedelta(seconds=age)
    of = {stream.name: Mark(then, then, then) for stream in streams.IN_ORDER}
    chosen = Marks(NOW, Rhythm(delta, tree, reconcile), of).due()
    assert all(stream in chosen for stream in BEAT)
    assert all(stream in chosen for stream in TREE) or (age < tree and age <= reconcile)
    assert list(chosen) == [stream for stream in streams.IN_ORDER if stream in chosen]


async def _ended(hub: Hub, connection_id: int, reached: runs.Reached, state: str = "done") -> None:
    async with runs.claim(hub.db, connection_id, "x") as claim:
        run = await claim.start("risks", "full", None, '[{"walk": 0, "scope": "connection"}]')
        await runs.finish(hub.db, run, state, None, reached)


async def test_marks_follow_the_ends_of_runs(hub: Hub) -> None:
    """The end of a run moves the point that the next delta starts from, and never backwards."""
    (connection,) = await fleet.stored(hub, 1)
    mine = connection.connection_id
    await _ended(hub, mine, runs.Reached(NOW, whole=True))
    for earlier in (NOW - timedelta(days=1), NOW - timedelta(days=2)):
        await _ended(hub, mine, runs.Reached(earlier))
    known = await due.read(hub.db, mine)
    assert known.of["risks"].since == NOW
    assert known.since(streams.RISKS, full=False) == NOW
    assert known.since(streams.AGENTS, full=False) is None


async def test_a_refusal_leaves_the_point(hub: Hub) -> None:
    """A refused run is remembered and moves nothing; the next that is shown something wipes it out."""
    (connection,) = await fleet.stored(hub, 1)
    mine = connection.connection_id
    await _ended(hub, mine, runs.Reached(NOW, whole=True))
    await _ended(hub, mine, runs.Reached(refused=True), "failed")
    refused = (await due.read(hub.db, mine)).of["risks"]
    assert (refused.since, refused.refused_at is not None) == (NOW, True)
    await _ended(hub, mine, runs.Reached(NOW + HOUR))
    shown = (await due.read(hub.db, mine)).of["risks"]
    assert (shown.since, shown.refused_at) == (NOW + HOUR, None)


async def test_marks_come_with_the_connection_s_own_rhythm(hub: Hub) -> None:
    """The rhythm, the number of tokens and open outages are read with the marks."""
    (connection,) = await fleet.stored(hub, 1)
    await hub.db.execute("UPDATE schedule SET delta_every = '2 minutes', reconcile_every = '7 days'")
    await hub.db.execute(
        "INSERT INTO outage (connection_id, stream, code, owner, message, remedy) VALUES (%s, 'risks', '', '', '', '')",
        [connection.connection_id],
    )
    known = await due.read(hub.db, connection.connection_id)
    assert known.rhythm == Rhythm(120, 900, 7 * 86_400)
    assert known.troubled == {"risks"}
    assert known.tokens == 1
