"""What Prometheus is told of the mapping."""

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
