"""Webhooks with workers that are killed: everything arrives in its order, and what comes twice is the same twice."""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support import hooks
from support import receiver as receivers
from support.hub import Hub
from support.program import Program, Running
from support.receiver import Receiver

SHORT = """
from datetime import timedelta
from waypost.changes.webhooks import lease, sending
from waypost.jobs import delivery
lease.LEASE = timedelta(seconds=3)
lease.take.__kwdefaults__["lease"] = lease.LEASE
sending.Sender.__init__.__kwdefaults__["whole"] = 1.0
delivery.run.__kwdefaults__["every"] = 0.1
"""
"""What a killed worker held is free after three seconds instead of a minute."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receivers.running() as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, database_url: str) -> Program:
    return Program(tmp_path, database_url, also=SHORT)


async def arrived(receiver: Receiver, count: int, running: list[Running]) -> None:
    """Wait until so many entries have come."""
    async with asyncio.timeout(60):
        while len(receiver.subjects) < count:
            assert not any(one.ended for one in running), [one.output for one in running]
            receiver.arrived.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(receiver.arrived.wait(), 0.5)


@pytest.mark.parametrize("seed", [1, 2])
async def test_workers_that_are_killed(hub: Hub, program: Program, receiver: Receiver, seed: int) -> None:
    """However often workers are killed, a receiver that drops ids it knows gets every change once and in order."""
    dice = random.Random(seed)
    connection = await hub.store()
    _, secret = await hooks.add(hub, receiver, kinds=["finding_opened"], most=5)
    happened: list[str] = []
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(program.start("worker")) for _ in range(2)]
        for _ in range(5):
            happened += await hooks.happen(hub, connection, 20)
            receiver.then = [dice.choice([200, 500]) for _ in range(2)]
            await asyncio.sleep(dice.uniform(0.5, 1.5))
            await hooks.due(hub)
            victim = running.pop(0)
            victim.send(signal.SIGKILL)
            running.append(stack.enter_context(program.start("worker")))
        receiver.then = []
        await hooks.due(hub)
        await arrived(receiver, len(happened), running)
    assert receiver.subjects == happened
    assert all(got.verified_by(secret) for got in receiver.got)
    bodies = {(got.id, got.body) for got in receiver.got}
    assert len(bodies) == len({got.id for got in receiver.got})


async def test_killed_between_sending_and_noting(hub: Hub, program: Program, receiver: Receiver) -> None:
    """A worker that is killed while the receiver thinks leaves the batch to be sent again, under the same id."""
    connection = await hub.store()
    await hooks.add(hub, receiver, kinds=["finding_opened"])
    happened = await hooks.happen(hub, connection, 3)
    receiver.hangs = asyncio.Event()
    with program.start("worker") as first:
        await receiver.has_at_once(1)
        first.send(signal.SIGKILL)
    receiver.hangs.set()
    receiver.hangs = None
    with program.start("worker") as second:
        async with asyncio.timeout(60):
            while len(receiver.got) < 2:
                assert not second.ended, second.output
                await asyncio.sleep(0.1)
    assert receiver.got[0].id == receiver.got[1].id
    assert receiver.got[0].body == receiver.got[1].body
    assert receiver.subjects == happened


async def test_a_worker_that_stops_in_order(hub: Hub, program: Program, receiver: Receiver) -> None:
    """A worker that is told to stop gives its webhooks back at once."""
    connection = await hub.store()
    await hooks.add(hub, receiver, kinds=["finding_opened"])
    await hooks.happen(hub, connection, 1)
    receiver.hangs = asyncio.Event()
    with program.start("worker") as worker:
        await receiver.has_at_once(1)
        worker.send(signal.SIGTERM)
        async with asyncio.timeout(30):
            while not worker.ended:  # noqa: ASYNC110  # it comes about in a process
                await asyncio.sleep(0.05)
    assert "Traceback" not in worker.output
    assert await hub.rows("SELECT worker, taken_until FROM webhook") == [(None, None)]
