"""The change log says at which site each thing happened, as it was then."""

from collections.abc import Callable
from typing import Any

from support.hub import Hub
from support.simulator import Simulator

LOG = """
SELECT h.change_id, h.kind, h.site_id, coalesce(f.site_id, d.site_id)
FROM change h
LEFT JOIN finding f ON f.connection_id = h.connection_id AND f.finding_id = h.subject_id
LEFT JOIN device d ON d.connection_id = h.connection_id AND d.device_uuid = h.subject_id
WHERE h.kind < 20 AND h.change_id > %s ORDER BY h.change_id
"""
OPENED, CHANGED, RESOLVED, REOPENED, ADDED, MOVED, RETIRED = 1, 2, 3, 4, 11, 13, 14


async def test_where_it_happened(hub: Hub, start_simulator: Callable[..., Simulator]) -> None:
    """Every entry of a pull has the site that its finding or device has then, and keeps it when that moves on."""
    console = start_simulator(accounts=2, sites=6, agents=60, risks_per_agent=8, seed=4)
    connection = await hub.add(console.url, console.token)
    seen = 0
    kinds: set[int] = set()
    kept: dict[int, Any] = {}
    for _ in range(6):
        await hub.pull(connection, full=True)
        entries = await hub.rows(LOG, seen)
        assert entries
        for change, kind, site, expected in entries:
            assert site == expected, f"entry {change} of kind {kind}"
            assert site is not None
            kinds.add(kind)
            kept[change] = site
        seen = entries[-1][0]
        console.advance(days=5, risk_change=0.3)
    assert {OPENED, CHANGED, RESOLVED, ADDED, MOVED, RETIRED} <= kinds
    now = {change: (site, current) for change, _, site, current in await hub.rows(LOG, 0)}
    assert {change: site for change, (site, _) in now.items()} == kept
    assert [change for change, (site, current) in now.items() if site != current]


async def test_devices_that_no_longer_are_listed(hub: Hub, start_simulator: Callable[..., Simulator]) -> None:
    """What a sweep retires and resolves is logged at the site where it stood."""
    console = start_simulator(accounts=1, sites=3, agents=20, risks_per_agent=6, seed=8)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection, full=True)
    ((last,),) = await hub.rows("SELECT max(change_id) FROM change")
    await hub.db.execute(
        "INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, row_hash, vendor)"
        " SELECT connection_id, 7, gen_random_uuid(), 1, site_id, 0, '{}' FROM device WHERE site_id IS NOT NULL LIMIT 1"
    )
    await hub.pull(connection, full=True)
    swept = [entry for entry in await hub.rows(LOG, last) if entry[1] == RETIRED]
    assert swept
    assert all(site == expected and site is not None for _, _, site, expected in swept)
