"""What is deleted when it is old, and what is kept however old it is."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from support import fleet
from support.hub import Hub
from waypost import errors
from waypost.changes import feed
from waypost.jobs import retention
from waypost.sync import plan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def add_run(
    hub: Hub,
    connection_id: int,
    ago: timedelta,
    *,
    stream: str = "risks",
    kind: str = "delta",
    state: str = "done",
    counts: str = '{"pages": 1, "rows": 3, "written": 0}',
    warnings: str = "[]",
    walks: tuple[tuple[str, int | None, str], ...] = (("connection", None, "complete"),),
) -> uuid.UUID:
    """A run that ended so long ago."""
    ((run_id,),) = await hub.rows(
        "INSERT INTO sync_run (connection_id, pull_id, stream, kind, state, fence, lease_until, worker, started_at,"
        " finished_at, counts, warnings) VALUES (%s, gen_random_uuid(), %s, %s, %s, 1, now(), 'x', now() - %s,"
        " CASE WHEN %s IN ('running', 'interrupted') THEN NULL ELSE now() - %s END, %s, %s) RETURNING run_id",
        connection_id, stream, kind, state, ago, state, ago, counts, warnings,
    )  # fmt: skip
    for number, (scope, scope_id, walk_state) in enumerate(walks):
        await hub.db.execute(
            "INSERT INTO sync_walk (connection_id, run_id, walk, scope, scope_id, state)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [connection_id, run_id, number, scope, scope_id, walk_state],
        )
    assert isinstance(run_id, uuid.UUID)
    return run_id


async def kept(hub: Hub) -> set[object]:
    assert await hub.rows("SELECT DISTINCT run_id FROM sync_walk ORDER BY 1") == await hub.rows(
        "SELECT run_id FROM sync_run ORDER BY 1"
    )
    return {run_id for (run_id,) in await hub.rows("SELECT run_id FROM sync_run")}


@pytest.fixture
async def mine(hub: Hub) -> int:
    (connection,) = await fleet.stored(hub, 1)
    return connection.connection_id


async def test_runs_that_changed_nothing_go_soon(hub: Hub, mine: int) -> None:
    """Of the runs that changed nothing the last hour's stay; whatever has something to tell stays longer."""
    full = await add_run(hub, mine, 9 * HOUR, kind="full", counts='{"written": 5}')
    for minutes in range(61, 200):
        await add_run(hub, mine, timedelta(minutes=minutes))
    stay = {
        full,
        await add_run(hub, mine, 3 * HOUR, counts='{"rows": 3, "written": 1}'),
        await add_run(hub, mine, 3 * HOUR, counts='{"rows": 3, "finding_resolved": 1, "written": 0}'),
        await add_run(hub, mine, 3 * HOUR, warnings='["odd"]'),
        await add_run(hub, mine, 3 * HOUR, state="partial"),
        await add_run(hub, mine, 3 * HOUR, state="failed"),
        await add_run(hub, mine, 3 * HOUR, state="interrupted"),
        await add_run(hub, mine, timedelta(minutes=59)),
    }

    deleted = await retention.keep(hub.db, batch=50)

    assert deleted["runs that changed nothing"] == 139
    assert await kept(hub) == stay


async def test_the_newest_run_of_each_stream_stays(hub: Hub, mine: int) -> None:
    """A connection that has long been paused keeps what its next pull goes by."""
    stay = {
        await add_run(hub, mine, 100 * DAY, stream=stream, kind=kind)
        for stream in ("agents", "risks")
        for kind in ("full", "delta")
    }
    await retention.keep(hub.db)
    assert await kept(hub) == stay
    newer = await add_run(hub, mine, 99 * DAY, kind="full")
    await retention.keep(hub.db)
    left = await kept(hub)
    assert newer in left
    assert len(left & stay) == 2


async def test_what_was_shown_at_last_is_not_owed_again(hub: Hub, mine: int) -> None:
    """Deleting runs never makes a pull ask again for what had been refused and was shown since."""
    site = ("site", 7, "refused")
    await add_run(hub, mine, 5 * HOUR, kind="full", state="partial", walks=(site,))
    await add_run(hub, mine, 4 * HOUR, walks=(("connection", None, "complete"), ("site", 7, "complete")))
    await add_run(hub, mine, 2 * HOUR)
    await add_run(hub, mine, timedelta(minutes=1))
    assert await plan.owed(hub.db, mine) == ()
    deleted = await retention.keep(hub.db)
    assert deleted["runs that changed nothing"] == 1
    assert await plan.owed(hub.db, mine) == ()


async def test_other_runs_go_after_a_month(hub: Hub, mine: int) -> None:
    """Runs that have something to tell are kept for thirty days, and the last whole one for as long as it is that."""
    await add_run(hub, mine, 40 * DAY, kind="full", counts='{"written": 1}')
    await add_run(hub, mine, 35 * DAY, state="failed")
    whole = await add_run(hub, mine, 32 * DAY, kind="full", counts='{"written": 1}')
    after = await add_run(hub, mine, 31 * DAY, counts='{"written": 1}')
    recent = await add_run(hub, mine, 2 * DAY, state="failed")
    await retention.keep(hub.db)
    assert await kept(hub) == {whole, after, recent}


async def test_logs_have_an_end(hub: Hub, mine: int) -> None:
    """The change log, ended outages and drift, and answered requests go at their time, bit by bit; others stay."""
    await hub.db.execute("TRUNCATE change, change_batch")
    for days in (367, 366, 364):
        await _log(hub, mine, days)
    for days in (9, 8, 6):
        await hub.db.execute(
            "INSERT INTO sync_request (connection_id, finished_at, whole) VALUES (%s, %s, false)",
            [mine, await _before(hub, days)],
        )
    await hub.db.execute(
        "INSERT INTO sync_request (connection_id, asked_at) VALUES (%s, now() - interval '1 year')", [mine]
    )
    for began, ended in ((200, 100), (200, 89), (300, None)):
        await hub.db.execute(
            "INSERT INTO outage (connection_id, stream, began_at, ended_at, code, owner, message, remedy)"
            " VALUES (%s, 'risks', %s, %s, '', '', '', '')",
            [mine, await _before(hub, began + (ended or 0) / 1000), ended and await _before(hub, ended)],
        )
    for began, ended in ((900, 366), (900, 364), (900, None)):
        await hub.db.execute(
            "INSERT INTO drift (kind, subject, began_at, ended_at) VALUES ('new_site', '1', %s, %s)",
            [await _before(hub, began), ended and await _before(hub, ended)],
        )

    deleted = await retention.keep(hub.db, batch=1)

    assert {what: count for what, count in deleted.items() if count} == {
        "entries of the change log": 2,
        "batches of the change log": 2,
        "outages that are over": 1,
        "drift that is over": 1,
        "pulls that were asked for": 2,
    }
    for table, left in (("change", 1), ("sync_request", 2), ("outage", 2), ("drift", 2)):
        assert await hub.rows(f"SELECT count(*) FROM {table}") == [(left,)]  # noqa: S608  # constants


async def test_the_feed_is_forgotten_from_its_beginning(hub: Hub, mine: int) -> None:
    """Entries go oldest first, long batches bit by bit; who is behind is told so, who is not goes on as before."""
    await hub.db.execute("TRUNCATE change, change_batch")
    for days, entries in ((400, 3), (390, 25), (380, 1), (100, 2), (370, 1)):
        await _log(hub, mine, days, entries)
    behind = (await feed.read(hub.db, feed.START, limit=2)).end
    inside = (await feed.read(hub.db, feed.START, limit=29)).end
    ahead = feed.Place(inside.position + 1, 0)
    rest = (await feed.read(hub.db, ahead, limit=9)).items

    deleted = await retention.keep(hub.db, batch=10)

    assert deleted["entries of the change log"] == 29
    # What a slow transaction entered later waits for what was entered before it in the feed.
    assert (await feed.read(hub.db, ahead, limit=9)).items == rest
    assert len(rest) == 3
    with pytest.raises(errors.FeedForgottenError):
        await feed.read(hub.db, behind, limit=9)
    assert (await feed.read(hub.db, feed.START, limit=9)).items == rest


async def test_a_purged_connection_leaves_no_gap(hub: Hub, mine: int) -> None:
    """Batches without entries are read over, and deleted when they are old; nobody is sent back for them."""
    other = await hub.store("other")
    await hub.db.execute("TRUNCATE change, change_batch")
    place = await feed.newest(hub.db)
    for days in (400, 380, 1):
        await _log(hub, other.connection_id, days)
    await _log(hub, mine, 0)
    await hub.db.execute("DELETE FROM change WHERE connection_id = %s", [other.connection_id])
    found = await feed.read(hub.db, place, limit=1)
    assert [item.connection for item in found.items] == ["fleet 0000"]

    deleted = await retention.keep(hub.db)

    assert (deleted["entries of the change log"], deleted["batches of the change log"]) == (0, 2)
    assert await feed.read(hub.db, place, limit=1) == found


async def test_two_that_delete_at_once(hub: Hub, mine: int) -> None:
    """Deleting twice at the same time deletes once."""
    await add_run(hub, mine, timedelta(minutes=1), kind="full")
    for minutes in range(61, 161):
        await add_run(hub, mine, timedelta(minutes=minutes))

    async def keep() -> int:
        async with hub.means.database.connect() as db:
            return (await retention.keep(db, batch=30))["runs that changed nothing"]

    assert sum(await asyncio.gather(keep(), keep())) == 100
    assert len(await kept(hub)) == 1


async def _log(hub: Hub, connection_id: int, days: float, entries: int = 1) -> None:
    """Entries that one transaction made so many days ago."""
    before = await _before(hub, days)
    async with hub.db.transaction():
        await hub.db.execute(
            "INSERT INTO change (connection_id, kind, subject_id, at)"
            " SELECT %s, 1, gen_random_uuid(), %s FROM generate_series(1, %s)",
            [connection_id, before, entries],
        )
        await hub.db.execute("UPDATE change_batch SET at = %s WHERE batch_id = this_batch()", [before])


async def _before(hub: Hub, days: float) -> object:
    ((at,),) = await hub.rows("SELECT now() - %s * interval '1 day'", days)
    return at
