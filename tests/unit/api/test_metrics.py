"""What Prometheus is told of the mapping and of webhooks."""

from support import hooks
from support import receiver as receivers
from support.estates import Grounds, ignored, mapped
from support.hub import Hub
from waypost.access.audit import Actor
from waypost.api.metrics import Metrics
from waypost.organizations import drift
from waypost.organizations.drift import Drift
from waypost.organizations.mapping import saving


async def test_drift_and_sites(hub: Hub) -> None:
    """Each kind of drift is told, those of which there is none as 0, and listed sites by what holds about them."""
    grounds = Grounds(hub)
    console = await grounds.console()
    await grounds.client("ACME")
    for number in range(1, 5):
        await grounds.site(console, number, f"Site {number}", gone=number == 4)
    await saving.save(hub.db, Actor("key", "x"), [mapped("console", 1, "ACME"), ignored("console", 2)])
    await drift.reconcile(hub.db)
    lines = (await Metrics().text(hub.db)).decode().splitlines()
    told = dict.fromkeys(Drift, 0.0) | {Drift.NEW_SITE: 1.0}
    for kind, number in told.items():
        assert f'waypost_mapping_drift{{kind="{kind}"}} {number}' in lines
    for decision, number in (("mapped", 1.0), ("ignored", 1.0), ("undecided", 1.0)):
        assert f'waypost_sites{{decision="{decision}"}} {number}' in lines
    await hub.rows("UPDATE connection SET state = 'deleted' RETURNING 1")
    lines = (await Metrics().text(hub.db)).decode().splitlines()
    assert 'waypost_mapping_drift{kind="new_site"} 0.0' in lines
    assert 'waypost_sites{decision="undecided"} 0.0' in lines


async def test_webhooks(hub: Hub) -> None:
    """Webhooks by state, their deliveries, and how far the slowest is behind; one that is disabled delays nobody."""
    connection = await hub.store()
    async with receivers.running() as receiver:
        webhook, _ = await hooks.add(hub, receiver)
        lines = (await Metrics().text(hub.db)).decode().splitlines()
        assert 'waypost_webhooks{state="active"} 1.0' in lines
        assert 'waypost_webhooks{state="disabled"} 0.0' in lines
        assert "waypost_webhook_lag_seconds 0.0" in lines
        receiver.status = 500
        await hooks.happen(hub, connection, 1)
        await hooks.deliver(hub)
        await hub.db.execute("UPDATE change_batch SET at = at - interval '1 hour'")
        text = (await Metrics().text(hub.db)).decode()
        assert 'waypost_webhooks{state="failing"} 1.0' in text
        assert 'waypost_webhook_deliveries{state="pending"} 1.0' in text
        (lag,) = [line for line in text.splitlines() if line.startswith("waypost_webhook_lag_seconds ")]
        assert 3600 <= float(lag.rpartition(" ")[2]) < 3700
        receiver.status = 410
        await hooks.due(hub)
        await hooks.deliver(hub)
        assert (await hooks.again(hub, webhook)).state == "disabled"
        lines = (await Metrics().text(hub.db)).decode().splitlines()
        assert 'waypost_webhooks{state="disabled"} 1.0' in lines
        assert "waypost_webhook_lag_seconds 0.0" in lines
