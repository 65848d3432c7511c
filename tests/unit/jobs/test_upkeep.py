"""Upkeep: one worker at a time, each chore at its time, and none for the mistakes of another."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from support import fleet
from support.hub import Hub
from waypost import errors
from waypost.jobs import upkeep
from waypost.jobs.limiters import Limiters
from waypost.sync import schedule

SOON = timedelta(0)


def chores(monkeypatch: pytest.MonkeyPatch, **them: Any) -> None:
    """Replace the chores by these, always due."""
    monkeypatch.setattr(upkeep, "CHORES", {name: (SOON, chore) for name, chore in them.items()})


async def test_one_worker_at_a_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one does the upkeep another leaves it; when it has done, the other may."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> None:
        entered.set()
        await go_on.wait()

    chores(monkeypatch, slow=slow)
    first = asyncio.create_task(upkeep.once(hub.means, Limiters(), {}))
    await entered.wait()
    assert not await upkeep.once(hub.means, Limiters(), {})
    go_on.set()
    assert await first
    assert await upkeep.once(hub.means, Limiters(), {})


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), errors.VaultError()])
async def test_chores_do_not_suffer_from_each_other(
    mistake: Exception, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chore that goes wrong does not keep the one after it from being done, nor the lock."""
    done = []

    async def bad(*_: object) -> None:
        raise mistake

    async def good(*_: object) -> None:
        done.append("good")

    chores(monkeypatch, bad=bad, good=good)
    for _ in range(2):
        assert await upkeep.once(hub.means, Limiters(), {})
    assert done == ["good", "good"]


async def test_each_chore_at_its_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is not done again before its interval has passed."""
    done = []

    async def often(*_: object) -> None:
        done.append("often")

    async def seldom(*_: object) -> None:
        done.append("seldom")

    monkeypatch.setattr(upkeep, "CHORES", {"often": (SOON, often), "seldom": (timedelta(hours=1), seldom)})
    known: dict[str, float] = {}
    for _ in range(3):
        await upkeep.once(hub.means, Limiters(), known)
    assert sorted(done) == ["often", "often", "often", "seldom"]


async def test_the_real_chores_run_on_an_empty_hub(hub: Hub) -> None:
    """Every chore is fit for a database without a single connection."""
    known: dict[str, float] = {}
    assert await upkeep.once(hub.means, Limiters(), known)
    assert known.keys() == upkeep.CHORES.keys()


def test_limiters_are_kept() -> None:
    """A connection has one limiter for as long as the worker lives, and none of another's."""
    limiters = Limiters()
    assert limiters.of(1) is limiters.of(1)
    assert limiters.of(1) is not limiters.of(2)


async def test_a_worker_that_holds_nothing_is_told_nothing(hub: Hub) -> None:
    """Holding needs a connection that was taken."""
    (connection,) = await fleet.stored(hub, 1)
    assert await schedule.hold(hub.db, "nobody", [connection.connection_id]) == set()
