"""Webhooks in the database: whose they are, what they may be told, their secrets, their places, their log."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import hooks
from support.estates import Grounds, ignored, mapped
from support.hub import MASTER_KEY, Hub
from support.receiver import Receiver
from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.changes import feed, following
from waypost.changes.webhooks import deliveries, pinging, registry, secret
from waypost.changes.webhooks.webhook import Webhook
from waypost.connections import custody, rekeying
from waypost.connections import registry as connections
from waypost.connections.connection import Connection
from waypost.connections.vault import Vault
from waypost.jobs import retention
from waypost.organizations import registry as organizations
from waypost.organizations.mapping import saving
from waypost.unified.filters import Filters
from waypost.unified.words import ChangeKind

URL = "https://hooks.example.com/in/path-that-is-secret"
ME = Actor("key", "tester")


async def add(hub: Hub, name: str = "hook", **options: Any) -> tuple[Webhook, str]:
    facts: dict[str, Any] = {"url": URL, "allowed": hub.means.allowed, **options}
    return await registry.add(hub.db, hub.means.vault, ME, name=name, **facts)


async def ping(hub: Hub, webhook: Webhook) -> Any:
    return await pinging.ping(hub.means.database, hub.means.vault, hub.means.allowed, webhook)


@pytest.fixture
async def grounds(hub: Hub) -> Grounds:
    """ACME has site 1 of a console, Globex site 2; site 3 is nobody's."""
    made = Grounds(hub)
    console = await made.console()
    for number in (1, 2, 3):
        await made.site(console, number, f"Site {number}")
    for name in ("ACME", "Globex"):
        await made.client(name)
    await saving.save(hub.db, ME, [mapped("console", 1, "ACME"), mapped("console", 2, "Globex")])
    return made


@pytest.mark.usefixtures("connection")
async def test_a_webhook_is_added(hub: Hub) -> None:
    """It is found by id and by name; its secret is in the answer alone, and nothing secret in the audit log."""
    webhook, key = await add(hub, kinds=["finding_opened", "device_added"], connections=["ACME console"])
    assert (webhook.state, webhook.words) == ("active", ["finding_opened", "device_added"])
    assert [one.name for one in webhook.connections] == ["ACME console"]
    assert await registry.named(hub.db, "hook") == await registry.named(hub.db, str(webhook.webhook_uuid))
    assert await secret.current(hub.db, hub.means.vault, webhook.webhook_id) == [key]
    (entry,) = await audit.newest(hub.db, limit=1)
    assert (entry.action, entry.after and entry.after["host"]) == ("webhook.added", "hooks.example.com")
    stored = str(await hub.rows("SELECT t::text FROM webhook_secret t")) + str(entry)
    assert key not in stored
    assert "path-that-is-secret" not in str(entry)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"url": "http://hooks.example.com"}, "url"),
        ({"kinds": ["nothing_happened"]}, "kinds"),
        ({"connections": ["nowhere"]}, "connections"),
        ({"most": 0}, "most"),
        ({"most": 501}, "most"),
    ],
)
async def test_what_is_refused(hub: Hub, options: dict[str, Any], field: str) -> None:
    """What cannot be is refused by its field, and nothing is stored."""
    with pytest.raises(errors.UsageError) as refusal:
        await add(hub, **options)
    assert refusal.value.field == field
    assert await hub.rows("SELECT FROM webhook") == []
    await add(hub)


@pytest.mark.usefixtures("grounds")
async def test_names(hub: Hub) -> None:
    """A name is taken once for each organization; that another organization has it is told nobody."""
    acme, globex = [(await organizations.get(hub.db, name)).organization_id for name in ("ACME", "Globex")]
    await add(hub, organization_id=acme)
    await add(hub, organization_id=globex)
    webhook, _ = await add(hub)
    with pytest.raises(errors.WebhookExistsError):
        await add(hub, organization_id=acme)
    other, _ = await add(hub, "other")
    with pytest.raises(errors.WebhookExistsError):
        await registry.change(hub.db, ME, other, allowed=hub.means.allowed, name="hook")
    with pytest.raises(errors.NotFoundError, match="several"):
        await registry.named(hub.db, "hook")
    with pytest.raises(errors.NotFoundError):
        await registry.get(hub.db, webhook.webhook_uuid, organization_id=acme)
    first, cursor = await registry.page(hub.db, limit=3)
    second, end = await registry.page(hub.db, limit=3, cursor=cursor or "")
    assert [one.name for one in first + second] == ["hook", "hook", "hook", "other"]
    assert end is None
    mine, _ = await registry.page(hub.db, organization_id=acme)
    assert [one.organization_name for one in mine] == ["ACME"]


@pytest.mark.usefixtures("grounds")
async def test_what_an_organization_may_be_told(hub: Hub) -> None:
    """A webhook of an organization names kinds and connections that the organization could know of, and no other."""
    acme = (await organizations.get(hub.db, "ACME")).organization_id
    await hub.store("Globex console")
    with pytest.raises(errors.InvalidFieldError, match="organization's webhook"):
        await add(hub, organization_id=acme, kinds=["mapping_changed"])
    for name in ("Globex console", "nowhere"):
        with pytest.raises(errors.InvalidFieldError, match=f"There is no connection '{name}'"):
            await add(hub, organization_id=acme, connections=[name])
    webhook, _ = await add(hub, organization_id=acme, connections=["console"])
    assert [one.name for one in webhook.connections] == ["console"]
    await organizations.archive(hub.db, ME, await organizations.get(hub.db, "ACME"))
    with pytest.raises(errors.OrganizationStateError):
        await add(hub, "more", organization_id=acme)


@pytest.mark.usefixtures("grounds")
async def test_an_organization_is_told_of_its_own(hub: Hub, receiver: Receiver) -> None:
    """A webhook of an organization is told what its key could read: of its sites alone, as they are mapped now."""
    acme = (await organizations.get(hub.db, "ACME")).organization_id
    (at,) = await connections.get(hub.db, ["console"])
    await hooks.add(hub, receiver, organization_id=acme)
    own = await hooks.happen(hub, at, 2, site_id=1)
    for site in (2, 3, None):
        await hooks.happen(hub, at, 2, site_id=site)
    await hooks.happen(hub, at, 1, kind=ChangeKind.SITE_RENAMED, site_id=1)
    await hooks.deliver(hub)
    assert receiver.subjects == own

    await saving.save(hub.db, ME, [mapped("console", 3, "ACME")])
    gained = await hooks.happen(hub, at, 1, site_id=3)
    await hooks.deliver(hub)
    assert receiver.subjects == own + gained


@pytest.mark.usefixtures("grounds")
async def test_a_batch_whose_site_went_elsewhere(hub: Hub, receiver: Receiver) -> None:
    """What was refused is not sent again once a site of it is another's, nor shown to the organization's key."""
    acme = (await organizations.get(hub.db, "ACME")).organization_id
    (at,) = await connections.get(hub.db, ["console"])
    await saving.save(hub.db, ME, [mapped("console", 3, "ACME")])
    webhook, _ = await hooks.add(hub, receiver, organization_id=acme)
    keeps, loses = await hooks.happen(hub, at, 1, site_id=1), await hooks.happen(hub, at, 1, site_id=3)
    receiver.status = 500
    await hooks.deliver(hub)
    assert receiver.subjects == keeps + loses
    (first,), _ = await deliveries.page(hub.db, webhook)
    assert (await deliveries.get(hub.db, webhook, first.id, organization_id=acme))[1]

    ((version,),) = await hub.rows("SELECT save_id FROM mapping WHERE scope_id = 3")
    await saving.save(hub.db, ME, [ignored("console", 3, version=version)])
    receiver.status = 200
    receiver.got.clear()
    await hooks.due(hub)
    await hooks.deliver(hub)
    assert receiver.subjects == keeps
    (second, first), _ = await deliveries.page(hub.db, webhook)
    assert (first.state, second.state) == ("dropped", "accepted")
    assert (await deliveries.get(hub.db, webhook, first.id, organization_id=acme))[1] is None
    assert (await deliveries.get(hub.db, webhook, second.id, organization_id=acme))[1]
    assert (await deliveries.get(hub.db, webhook, first.id))[1]


@pytest.mark.usefixtures("grounds")
async def test_an_archived_organization(hub: Hub, receiver: Receiver) -> None:
    """While its organization is archived a webhook is told nothing; restored, it goes on from where it was."""
    found = await organizations.get(hub.db, "ACME")
    await hooks.add(hub, receiver, organization_id=found.organization_id)
    (at,) = await connections.get(hub.db, ["console"])
    await hub.db.execute("UPDATE organization SET archived_at = now() WHERE name = 'ACME'")
    own = await hooks.happen(hub, at, 1, site_id=1)
    await hooks.deliver(hub)
    assert receiver.got == []
    await hub.db.execute("UPDATE organization SET archived_at = NULL WHERE name = 'ACME'")
    await hooks.deliver(hub)
    assert receiver.subjects == own


@pytest.mark.usefixtures("connection")
async def test_a_change(hub: Hub) -> None:
    """What is given is changed and in the audit log; what is not given stays, and so does the place."""
    webhook, key = await add(hub, kinds=["device_added"])
    changed = await registry.change(
        hub.db, ME, webhook, allowed=hub.means.allowed, url=URL + "2", connections=["ACME console"], most=7
    )
    assert (changed.name, changed.words, changed.most, changed.url) == (
        "hook",
        ["device_added"],
        7,
        URL + "2",
    )
    (entry,) = await audit.newest(hub.db, limit=1)
    assert entry.after == {"host": "hooks.example.com", "connections": ["ACME console"], "most": 7}
    everything = await registry.change(
        hub.db, ME, changed, allowed=hub.means.allowed, kinds=[], connections=[]
    )
    assert (everything.words, everything.connection_ids) == ([], None)
    assert await secret.current(hub.db, hub.means.vault, webhook.webhook_id) == [key]


async def test_another_address(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """What the old address failed at is not held against the new one, which gets the batch at once."""
    webhook, _ = await hooks.add(hub, receiver)
    happened = await hooks.happen(hub, connection, 1)
    receiver.status = 500
    await hooks.deliver(hub)
    receiver.status = 200
    renamed = await registry.change(hub.db, ME, webhook, allowed=hub.means.allowed, name="renamed")
    assert renamed.failures == 1
    changed = await registry.change(hub.db, ME, renamed, allowed=hub.means.allowed, url=receiver.url + "2")
    assert (changed.failures, changed.failing_since) == (0, None)
    await hooks.deliver(hub)
    assert receiver.subjects == happened
    assert [got.path for got in receiver.got] == ["/hook", "/hook2"]
    assert len({got.id for got in receiver.got}) == 1


async def test_rotation(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """Until the overlap ends both secrets verify what is delivered; after that the new one alone."""
    webhook, old = await hooks.add(hub, receiver)
    new = await registry.rotate(hub.db, hub.means.vault, ME, webhook)
    await hooks.happen(hub, connection, 1)
    await hooks.deliver(hub)
    assert receiver.got[-1].verified_by(new)
    assert receiver.got[-1].verified_by(old)
    dates = (await hooks.again(hub, webhook)).secrets
    assert dates[0].ends_at is None
    assert dates[1].ends_at
    assert timedelta(hours=23) < dates[1].ends_at - datetime.now(UTC) <= timedelta(hours=24)

    await hub.db.execute("UPDATE webhook_secret SET ends_at = now() WHERE ends_at IS NOT NULL")
    await hooks.happen(hub, connection, 1)
    await hooks.deliver(hub)
    assert receiver.got[-1].verified_by(new)
    assert not receiver.got[-1].verified_by(old)
    assert (await retention.keep(hub.db))["secrets of webhooks that were replaced"] == 1
    newest = await registry.rotate(hub.db, hub.means.vault, ME, webhook, overlap=timedelta(0))
    assert await secret.current(hub.db, hub.means.vault, webhook.webhook_id) == [newest]
    with pytest.raises(errors.InvalidFieldError):
        await registry.rotate(hub.db, hub.means.vault, ME, webhook, overlap=timedelta(days=8))


async def test_another_master_key(hub: Hub, connection: Connection) -> None:
    """Secrets get a new master key together with the tokens; nothing is sealed with the old one after that."""
    webhook, key = await add(hub)
    new = Vault(bytes(range(32, 64)))
    assert await rekeying.rotate_master(hub.db, hub.means.vault, new, audit.SERVICE) == 2
    assert await secret.current(hub.db, new, webhook.webhook_id) == [key]
    with pytest.raises(errors.VaultError):
        await secret.current(hub.db, Vault(MASTER_KEY), webhook.webhook_id)
    with pytest.raises(errors.VaultError, match="has been replaced"):
        await registry.rotate(hub.db, Vault(MASTER_KEY), ME, webhook)
    assert await secret.current(hub.db, new, webhook.webhook_id) == [key]
    assert await custody.token(hub.db, new, connection) == "token of ACME console"


async def test_a_replay(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """From a time, a delivery's cursor or the feed's cursor on everything is sent again, under new ids."""
    webhook, _ = await hooks.add(hub, receiver, most=2)
    happened = await hooks.happen(hub, connection, 4)
    ((middle,),) = await hub.rows("SELECT at FROM change WHERE subject_id = %s", uuid.UUID(happened[1]))
    await hooks.deliver(hub)
    first = receiver.got[0]
    end = following.cursor_at(Filters(), await feed.newest(hub.db))

    async def again(**where: Any) -> list[str]:
        receiver.got.clear()
        await registry.replay(hub.db, ME, webhook, **where)
        await hooks.deliver(hub)
        return receiver.subjects if receiver.got else []

    assert await again(since=middle) == happened[1:]
    assert await again(after=first.document["data"]["cursor"]) == happened[2:]
    assert first.id not in {got.id for got in receiver.got}
    whole = await again(since=datetime(2020, 1, 1, tzinfo=UTC))
    assert whole == [str(connection.connection_uuid), *happened]
    assert await again(after=end) == []
    assert await again(since=datetime.now(UTC) + timedelta(days=1)) == []
    with pytest.raises(errors.FilterError):
        await again(after=end[:-4])
    later = await hooks.happen(hub, connection, 1)
    receiver.got.clear()
    await hooks.deliver(hub)
    assert receiver.subjects == later
    await hub.db.execute("UPDATE feed SET forgotten = newest")
    with pytest.raises(errors.FeedForgottenError):
        await again(after=first.document["data"]["cursor"])


async def test_a_ping(hub: Hub, receiver: Receiver) -> None:
    """A ping is sent at once, signed, and is in the log with what came of it; it says nothing of the deliveries."""
    webhook, key = await hooks.add(hub, receiver)
    pinged = await ping(hub, webhook)
    assert (pinged.accepted, pinged.status, pinged.answer) == (True, 200, "ok")
    assert receiver.got[0].verified_by(key)
    assert receiver.got[0].id == str(pinged.id)
    document = receiver.got[0].document
    assert (document["type"], document["data"]) == ("ping", {"endpoint": str(webhook.webhook_uuid)})
    receiver.status = 500
    failed = await ping(hub, webhook)
    assert (failed.accepted, failed.status, failed.error) == (False, 500, "It answered 500.")
    found, _ = await deliveries.page(hub.db, webhook)
    assert [(one.kind, one.state, len(one.tries)) for one in found] == [
        ("ping", "failed", 1),
        ("ping", "accepted", 1),
    ]
    assert (await hooks.again(hub, webhook)).state == "active"
    assert (await deliveries.get(hub.db, webhook, pinged.id))[1] == receiver.got[0].body.decode()


async def test_pages_of_the_log(hub: Hub, receiver: Receiver) -> None:
    """The log comes in pages, the newest first, and can be limited to a state."""
    webhook, _ = await hooks.add(hub, receiver)
    receiver.then = [200, 500, 200]
    ids = [(await ping(hub, webhook)).id for _ in range(3)]
    first, cursor = await deliveries.page(hub.db, webhook, limit=2)
    second, end = await deliveries.page(hub.db, webhook, limit=2, cursor=cursor or "")
    assert ([one.id for one in first + second], end) == (ids[::-1], None)
    failed, _ = await deliveries.page(hub.db, webhook, state="failed")
    assert [one.id for one in failed] == [ids[1]]
    with pytest.raises(errors.FilterError):
        await deliveries.page(hub.db, webhook, state="lost")
    with pytest.raises(errors.FilterError):
        await deliveries.page(hub.db, webhook, state="failed", cursor=cursor or "")
    with pytest.raises(errors.NotFoundError):
        await deliveries.get(hub.db, webhook, uuid.uuid4())


async def test_how_long_the_log_is_kept(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """Deliveries are kept for a month, the newest thousand of each webhook; what is under way stays."""
    webhook, _ = await hooks.add(hub, receiver)
    await hub.db.execute(
        "INSERT INTO webhook_delivery (webhook_id, kind, state, body, created_at, last_at)"
        " SELECT %s, 'ping', 'accepted', '{}', t, t FROM (SELECT now() - n * interval '1 minute' AS t"
        " FROM generate_series(1, 1200) n) x", [webhook.webhook_id],
    )  # fmt: skip
    receiver.status = 500
    await hooks.happen(hub, connection, 1)
    await hooks.deliver(hub)
    await hub.db.execute(
        "UPDATE webhook_delivery SET created_at = now() - interval '60 days' WHERE state = 'pending'"
    )
    done = await retention.keep(hub.db)
    assert done["deliveries beyond the newest thousand of a webhook"] == 200
    await hub.db.execute(
        "UPDATE webhook_delivery SET last_at = now() - interval '31 days', created_at = now()"
    )
    assert (await retention.keep(hub.db))["deliveries to webhooks"] == 1000
    assert await hub.rows("SELECT state FROM webhook_delivery") == [("pending",)]


async def test_removed(hub: Hub, receiver: Receiver, connection: Connection) -> None:
    """A webhook that is removed leaves nothing behind, not even while it is being delivered."""
    webhook, _ = await hooks.add(hub, receiver)
    await hooks.happen(hub, connection, 1)
    receiver.hangs = asyncio.Event()
    async with hooks.deliverer(hub) as deliverer:
        await deliverer.look()
        await receiver.has_at_once(1)
        await registry.remove(hub.db, ME, webhook)
        receiver.hangs.set()
        await deliverer.idle()
    for table in ("webhook", "webhook_secret", "webhook_delivery"):
        assert await hub.rows(f"SELECT FROM {table}") == []
    with pytest.raises(errors.NotFoundError):
        await hooks.again(hub, webhook)
    assert (await audit.newest(hub.db, limit=1))[0].action == "webhook.removed"
