"""Reading accounts and sites again: what became of them is told, and what was in the way."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from support.hub import Hub
from support.simulator import Simulator
from waypost import errors
from waypost.access import audit
from waypost.connections import lifecycle
from waypost.sync import refresh, runs
from waypost.sync.refresh import State, TreeChange

SMALL = {"accounts": 2, "sites": 4, "agents": 4, "risks_per_agent": 2}


@pytest.fixture
def console(start_simulator: Callable[..., Simulator]) -> Simulator:
    return start_simulator(**SMALL)


async def test_what_became_of_them(hub: Hub, console: Simulator) -> None:
    """A refresh tells all that is new at first, then what changed, then nothing; and pulls nothing but the tree."""
    connection = await hub.add(console.url, console.token)
    (first,) = await refresh.refresh(hub.means)
    assert (first.connection, first.connection_id) == ("console", connection.connection_uuid)
    assert (first.state, first.problem) == (State.DONE, None)
    assert [change.kind for change in first.changes] == ["account_added"] * 2 + ["site_added"] * 4
    site = console.truth()["sites"][0]
    console.change("rename", id=site["id"], name="Renamed")
    (second,) = await refresh.refresh(hub.means, ["console"])
    assert second.changes == (
        TreeChange("site_renamed", "site", site["id"], "Renamed", site["name"], "Renamed"),
    )
    assert msgspec.to_builtins(second.changes[0])["is"] == "Renamed"
    assert (await refresh.refresh(hub.means))[0].changes == ()
    assert await hub.rows("SELECT DISTINCT stream FROM sync_run ORDER BY stream") == [
        ("accounts",),
        ("sites",),
    ]


async def test_what_another_pull_told_is_not_told_again(hub: Hub, console: Simulator) -> None:
    """What a pull has told already is no news of a refresh."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    assert (await refresh.refresh(hub.means))[0].changes == ()


async def test_one_that_fails_keeps_no_other(hub: Hub, console: Simulator) -> None:
    """A console that refuses and a connection that is paused are told as failed, each with why; the others are read."""
    account = console.of_scope("account")
    for name, token in (("a", console.token), ("b", account), ("c", console.of_scope("site"))):
        await hub.add(console.url, token, name)
    paused = await hub.add(console.url, console.holder("Account admin"), "d")
    await lifecycle.pause(hub.db, audit.SERVICE, paused)
    console.change_token(account, state="revoked")
    found = await refresh.refresh(hub.means)
    told = {one.connection: (str(one.state), (one.problem or {}).get("code")) for one in found}
    assert told == {
        "a": ("done", None),
        "b": ("failed", "console.token_refused"),
        "c": ("done", None),
        "d": ("failed", "connection.state"),
    }
    assert next(one for one in found if one.connection == "a").changes


async def test_one_that_is_being_pulled(hub: Hub, console: Simulator) -> None:
    """A connection that is being pulled is waited for, and told as busy when that takes too long."""
    connection = await hub.add(console.url, console.token)
    async with hub.means.database.connect() as db:
        async with runs.claim(db, connection.connection_id, connection.name) as claim:
            run = await claim.start("risks", "full", None, "[]")
            (busy,) = await refresh.refresh(hub.means, patience=0)
            assert (busy.state, busy.changes) == (State.BUSY, ())
            assert busy.problem is not None
            assert busy.problem["code"] == errors.SyncRunningError.code
            waiting = asyncio.create_task(refresh.refresh(hub.means))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            await runs.finish(db, run, "done")
        (done,) = await waiting
    assert done.state == State.DONE
    assert done.changes


async def test_many_at_once(hub: Hub, console: Simulator) -> None:
    """More connections than are read at once are all read, in the order of their names."""
    tokens = [holder["token"] for holder in console.tokens() if holder["state"] == "valid"]
    names = []
    for number, token in enumerate(tokens):
        try:
            names.append((await hub.add(console.url, token, f"c{number:02}")).name)
        except errors.WaypostError:  # one that may not read sites, or somebody's second token
            continue
    assert len(names) > refresh.AT_ONCE
    found = await refresh.refresh(hub.means)
    assert [one.connection for one in found] == names
    assert all(one.changes for one in found if one.state is State.DONE)


async def test_names_that_there_are_not(hub: Hub) -> None:
    """A name that no connection has is refused, and so is nothing at all to read."""
    with pytest.raises(errors.NoSuchConnectionError, match="'nowhere'"):
        await refresh.refresh(hub.means, ["nowhere"])
    with pytest.raises(errors.NoSuchConnectionError):
        await refresh.refresh(hub.means)
