"""Turns: everything in its order, at least once, whatever receivers do and wherever a worker ends."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from support import hooks
from support.hub import Hub
from support.receiver import Got, Receiver
from waypost.access import audit
from waypost.changes.webhooks import deliveries, lease, registry
from waypost.changes.webhooks.items import DeliveryItem
from waypost.connections.connection import Connection
from waypost.unified.words import ChangeKind

pytestmark = pytest.mark.timeout(60)


async def log(hub: Hub, webhook: Any) -> list[DeliveryItem]:
    found, _ = await deliveries.page(hub.db, webhook)
    return found[::-1]


async def test_batches_in_order(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A webhook gets every change once, in the order of the feed, so many at a time, signed and with ids."""
    webhook, secret = await hooks.add(hub, receiver, most=4)
    happened = await hooks.happen(hub, connection, 10)

    await hooks.deliver(hub)

    assert [len(got.subjects) for got in receiver.got] == [4, 4, 2]
    assert receiver.subjects == happened
    assert len({got.id for got in receiver.got}) == 3
    assert all(got.verified_by(secret) for got in receiver.got)
    first = receiver.got[0].document
    assert (first["type"], first["data"]["endpoint"]) == ("changes", str(webhook.webhook_uuid))
    assert first["data"]["items"][0]["kind"] == "finding_opened"
    assert first["data"]["items"][0]["connection"] == "ACME console"
    assert [one.state for one in await log(hub, webhook)] == ["accepted"] * 3
    await hooks.deliver(hub)
    assert len(receiver.got) == 3


async def test_what_was_before(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A new webhook is told of nothing that happened before it was added."""
    await hooks.happen(hub, connection, 3)
    await hooks.add(hub, receiver)
    later = await hooks.happen(hub, connection, 2)
    await hooks.deliver(hub)
    assert receiver.subjects == later


async def test_kinds_and_connections(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """It is told of its kinds at its connections, and passes what is none of it without sending anything."""
    other = await hub.store("Globex console")
    await hooks.add(hub, receiver, kinds=["device_added"], connections=["ACME console"])
    await hooks.happen(hub, connection, 5)
    await hooks.happen(hub, other, 2, kind=ChangeKind.DEVICE_ADDED)
    await hooks.deliver(hub)
    assert receiver.got == []
    mine = await hooks.happen(hub, connection, 2, kind=ChangeKind.DEVICE_ADDED)
    await hooks.deliver(hub)
    assert receiver.subjects == mine
    assert await hub.rows("SELECT FROM webhook WHERE is_behind") == []


@pytest.mark.parametrize("status", [500, 404, 302, 429])
async def test_a_failure_is_tried_again(
    hub: Hub, receiver: Receiver, connection: Connection, status: int
) -> None:
    """What is not accepted is sent again: the same bytes under the same id, nothing of what comes after it before."""
    webhook, secret = await hooks.add(hub, receiver, most=2)
    receiver.then, receiver.headers = [200, status], {"Location": receiver.url}
    happened = await hooks.happen(hub, connection, 5)

    await hooks.deliver(hub)
    assert [len(got.subjects) for got in receiver.got] == [2, 2]
    failing = await hooks.again(hub, webhook)
    assert (failing.state, failing.failures) == ("failing", 1)
    assert failing.lag_seconds > 0
    await hooks.deliver(hub)
    assert len(receiver.got) == 2, "it rests after a failure"

    await hooks.due(hub)
    await hooks.deliver(hub)
    assert receiver.subjects == happened
    refused, again = receiver.got[1:3]
    assert (refused.id, refused.body) == (again.id, again.body)
    assert again.verified_by(secret)
    assert (await hooks.again(hub, webhook)).state == "active"
    entry = (await log(hub, webhook))[1]
    assert [one.status for one in entry.tries] == [status, 200]
    assert (entry.state, entry.status, entry.error, entry.answer) == ("accepted", 200, None, "ok")


async def test_no_answer(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A receiver that hangs is given up after the time for one request, and that counts as a failure."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 1)
    receiver.hangs = asyncio.Event()
    await hooks.deliver(hub, whole=0.3)
    failing = await hooks.again(hub, webhook)
    assert failing.failures == 1
    (entry,) = await log(hub, webhook)
    assert (entry.state, entry.status) == ("pending", None)
    assert "no answer" in str(entry.error)
    receiver.hangs.set()
    await hooks.due(hub)
    await hooks.deliver(hub)
    assert (await hooks.again(hub, webhook)).failures == 0
    assert len({got.id for got in receiver.got}) == 1


async def test_a_slow_receiver_delays_nobody(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """While some receivers hang, the others are told at once; those that failed last never get all places."""
    for number in range(4):
        await hooks.add(hub, receiver, f"slow {number}", url=f"{receiver.url}/slow")
    await hooks.add(hub, receiver, "quick", kinds=["device_added"])
    await hooks.happen(hub, connection, 1)
    hangs = asyncio.Event()
    receiver.hangs = hangs
    async with hooks.deliverer(hub, places=6, whole=20) as deliverer:
        await deliverer.look()
        await receiver.has_at_once(4)
        receiver.hangs = None
        mine = await hooks.happen(hub, connection, 1, kind=ChangeKind.DEVICE_ADDED)
        while not [got for got in receiver.got if got.path == "/hook"]:
            await deliverer.look()
            await asyncio.sleep(0.05)
        assert receiver.got[-1].subjects == mine
        hangs.set()
        await deliverer.idle()

    await hub.db.execute("UPDATE webhook SET failures = 1, next_at = now() WHERE name LIKE 'slow%'")
    await hooks.happen(hub, connection, 1, kind=ChangeKind.DEVICE_ADDED)
    receiver.most_at_once = 0
    async with hooks.deliverer(hub, places=4) as deliverer:
        await deliverer.look()
        await deliverer.idle()
    assert receiver.most_at_once <= 3


@pytest.mark.parametrize("sent", [False, True])
async def test_a_worker_that_ends(
    hub: Hub, receiver: Receiver, connection: Connection, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """A batch whose worker ended before it was sent, or before its acceptance was noted, is sent again as it was."""
    await hooks.add(hub, receiver, most=2)
    happened = await hooks.happen(hub, connection, 3)

    async def ends(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(*((lease, "settle", ends) if sent else (lease, "release", ends)))
        if not sent:
            patch.setattr("waypost.changes.webhooks.sending.Sender.post", ends)
        await hooks.deliver(hub)
    assert len(receiver.got) == sent

    await hub.db.execute(
        "UPDATE webhook SET taken_until = now() - interval '1 second' WHERE taken_until IS NOT NULL"
    )
    ((stored,),) = await hub.rows("SELECT delivery_id::text FROM webhook_delivery")
    await hooks.deliver(hub)
    assert receiver.subjects == happened
    assert receiver.got[0].id == receiver.got[sent].id == stored
    assert receiver.got[0].body == receiver.got[sent].body


async def test_a_lease_that_was_lost(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A worker that was overtaken notes nothing; whoever took over sends the same batch, and goes on."""
    webhook, _ = await hooks.add(hub, receiver)
    happened = await hooks.happen(hub, connection, 2)
    receiver.hangs = asyncio.Event()
    async with hooks.deliverer(hub) as frozen:
        await frozen.look()
        await receiver.has_at_once(1)
        await hub.db.execute("UPDATE webhook SET taken_until = now() - interval '1 second'")
        hanging, receiver.hangs = receiver.hangs, None
        receiver.status = 500
        hanging_first = asyncio.create_task(hooks.deliver(hub))
        await hanging_first
        receiver.status = 200
        hanging.set()
        await frozen.idle()
    failing = await hooks.again(hub, webhook)
    assert failing.failures == 1, "the first worker's acceptance came too late"
    await hooks.due(hub)
    await hooks.deliver(hub)
    assert {got.id for got in receiver.got} == {receiver.got[0].id}
    assert receiver.subjects == happened
    assert (await hooks.again(hub, webhook)).state == "active"


async def test_two_workers(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """However many workers look, a webhook is delivered by one at a time, each batch once, in order."""
    await hooks.add(hub, receiver, most=3)
    happened: list[str] = []

    async def work() -> None:
        async with hooks.deliverer(hub) as deliverer:
            for _ in range(12):
                await deliverer.look()
                await asyncio.sleep(0.02)
            await deliverer.idle()

    async def write() -> None:
        for _ in range(20):
            happened.extend(await hooks.happen(hub, connection, 2))

    await asyncio.gather(write(), work(), work(), work())
    await hooks.deliver(hub)
    assert receiver.most_at_once == 1
    assert len({got.id for got in receiver.got}) == len(receiver.got)
    assert receiver.subjects == happened


async def test_gone(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A receiver that says it is gone for good is disabled at once; that is in the change log and the audit log."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 1)
    receiver.status = 410
    await hooks.deliver(hub)
    disabled = await hooks.again(hub, webhook)
    assert disabled.state == "disabled"
    assert disabled.reason
    assert (disabled.reason.code, "410" in disabled.reason.message) == ("webhook.gone", True)
    ((kind, subject, detail),) = await hub.rows("SELECT kind, subject_id, detail FROM change WHERE kind > 60")
    assert (kind, subject) == (ChangeKind.WEBHOOK_DISABLED.value, webhook.webhook_uuid)
    assert (detail["webhook"], detail["code"]) == ("hook", "webhook.gone")
    assert (await audit.newest(hub.db, limit=1))[0].action == "webhook.disabled"


async def test_a_day_of_failures(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """After a day without success it is disabled; enabled by hand it goes on with the batch that was refused."""
    webhook, _ = await hooks.add(hub, receiver, most=1)
    happened = await hooks.happen(hub, connection, 2)
    receiver.status = 503
    await hooks.deliver(hub)
    await hub.db.execute("UPDATE webhook SET failing_since = now() - interval '23 hours 59 minutes'")
    await hooks.due(hub)
    await hooks.deliver(hub)
    failing = await hooks.again(hub, webhook)
    assert failing.state == "failing", "there is one more try when the day is over"
    ((wait,),) = await hub.rows("SELECT next_at - now() FROM webhook")
    assert wait < timedelta(minutes=2)
    await hub.db.execute("UPDATE webhook SET failing_since = now() - interval '24 hours'")
    await hooks.due(hub)
    await hooks.deliver(hub)
    given_up = await hooks.again(hub, webhook)
    assert (given_up.state, given_up.reason and given_up.reason.code) == ("disabled", "webhook.given_up")
    await hooks.due(hub)
    await hooks.deliver(hub)
    assert len(receiver.got) == 3

    receiver.status = 200
    enabled = await registry.enable(hub.db, audit.SERVICE, given_up)
    assert (enabled.state, enabled.reason) == ("active", None)
    await hooks.deliver(hub)
    assert {got.id for got in receiver.got[:4]} == {receiver.got[0].id}
    # The entry that says it was disabled is in the feed as well, and is told last.
    assert receiver.subjects == [*happened, str(webhook.webhook_uuid)]


async def test_what_is_no_longer_kept(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A webhook that was off for so long that its changes are deleted is disabled, and skips them when enabled so."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 3)
    await hub.db.execute("UPDATE webhook SET next_at = now() + interval '1 hour'")
    async with hooks.deliverer(hub) as deliverer:
        await deliverer.look()
    await hub.db.execute("UPDATE feed SET forgotten = newest")
    await hooks.due(hub)
    await hooks.deliver(hub)
    disabled = await hooks.again(hub, webhook)
    assert (disabled.state, disabled.reason and disabled.reason.code) == ("disabled", "changes.forgotten")
    await registry.enable(hub.db, audit.SERVICE, disabled, skip=True)
    later = await hooks.happen(hub, connection, 1)
    await hooks.deliver(hub)
    assert receiver.subjects[-1:] == later


async def test_a_secret_that_cannot_be_opened(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """What is the operator's fault is no failure of the receiver: the webhook rests, and goes on when it is mended."""
    webhook, _ = await hooks.add(hub, receiver)
    happened = await hooks.happen(hub, connection, 1)
    await hub.db.execute("UPDATE webhook_secret SET sealed_key = overlay(sealed_key placing 'x' from 30)")
    await hooks.deliver(hub)
    assert receiver.got == []
    resting = await hooks.again(hub, webhook)
    assert resting.failures == 0
    ((wait,),) = await hub.rows("SELECT next_at - now() FROM webhook")
    assert timedelta(seconds=30) < wait <= lease.REST
    await registry.rotate(hub.db, hub.means.vault, audit.SERVICE, webhook, overlap=timedelta(0))
    await hooks.due(hub)
    await hooks.deliver(hub)
    assert receiver.subjects == happened


async def test_large_entries(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A delivery is no larger than many receivers read, unless a single entry is."""
    await hooks.add(hub, receiver)
    long = '{"text": "' + "x" * 100_000 + '"}'
    happened = [
        *await hooks.happen(hub, connection, 3, detail=long),
        *await hooks.happen(hub, connection, 1, detail=long.replace("x", "xxx")),
        *await hooks.happen(hub, connection, 1),
    ]
    await hooks.deliver(hub)
    assert receiver.subjects == happened
    assert [len(got.subjects) for got in receiver.got] == [2, 1, 1, 1]


async def test_what_a_change_of_the_webhook_does(
    hub: Hub, receiver: Receiver, connection: Connection
) -> None:
    """A batch under way stores nothing once the webhook was moved; the new place is what counts."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 2)
    receiver.hangs = asyncio.Event()
    async with hooks.deliverer(hub) as deliverer:
        await deliverer.look()
        await receiver.has_at_once(1)
        await registry.enable(hub.db, audit.SERVICE, webhook, skip=True)
        receiver.hangs.set()
        await deliverer.idle()
        receiver.hangs = None
        receiver.got.clear()
        later = await hooks.happen(hub, connection, 1)
        await deliverer.look()
        await deliverer.idle()
    assert receiver.subjects == later
    states = [one.state for one in await log(hub, webhook)]
    assert states == ["dropped", "accepted"]


async def test_retry_after(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A receiver that asks to be left alone is, as far as the next step goes."""
    await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 1)
    receiver.status, receiver.headers = 429, {"Retry-After": "120"}
    await hooks.deliver(hub)
    ((wait,),) = await hub.rows("SELECT next_at - now() FROM webhook")
    assert timedelta(seconds=110) < wait <= timedelta(seconds=120)


async def test_an_answer_without_end(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """Of an answer only the beginning is read and kept, and what could harm a terminal is not."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 1)
    receiver.text = "\x1b[31m" + "é" * 300_000
    await hooks.deliver(hub)
    (entry,) = await log(hub, webhook)
    assert entry.state == "accepted"
    assert entry.answer
    assert len(entry.answer) == 4_000
    assert "\x1b" not in entry.answer


def test_got_is_comparable() -> None:
    """The receiver of these tests tells a good signature from a bad one."""
    headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,aaaa"}
    assert not Got(headers, b"{}").verified_by("whsec_aaaa")
