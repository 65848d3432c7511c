"""Several connections in one database do not disturb each other."""

from collections.abc import Callable

from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator

Start = Callable[..., Simulator]
TABLES = (
    "account", "site", "scope_group", "device", "software", "cve_facts", "finding", "finding_former_id", "change",
    "sync_run", "sync_walk", "sync_watermark", "quarantine",
)  # fmt: skip


async def _rows_of(hub: Hub, connection_id: int) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a connection holds, row by row."""
    return {
        table: await hub.rows(
            f"SELECT t::text FROM {table} t WHERE connection_id = %s ORDER BY 1",  # noqa: S608  # constants
            connection_id,
        )
        for table in TABLES
    }


async def test_two_connections_to_one_console(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """A tenant's and a site's connection to one console each hold their own view, and leave the other's alone."""
    page_rows(50)
    console = start_simulator(accounts=2, sites=5, agents=25, risks_per_agent=20, seed=8)
    site_token = console.of_scope("site")
    tenant = await hub.add(console.url, console.token, "tenant")
    site = await hub.add(console.url, site_token, "site")

    await hub.pull(tenant)
    before = await _rows_of(hub, tenant.connection_id)
    await hub.pull(site)
    assert await _rows_of(hub, tenant.connection_id) == before
    await truths.assert_equal(hub, site, console.truth(site_token))

    console.advance()
    before = await _rows_of(hub, site.connection_id)
    await hub.pull(tenant, full=True)
    assert await _rows_of(hub, site.connection_id) == before
    await truths.assert_equal(hub, tenant, console.truth())

    before = await _rows_of(hub, tenant.connection_id)
    await hub.pull(site, full=True)
    assert await _rows_of(hub, tenant.connection_id) == before
    await truths.assert_equal(hub, site, console.truth(site_token))
    for connection in (tenant, site):
        await truths.assert_log_replays(hub, connection)


async def test_two_consoles_of_one_estate(hub: Hub, start_simulator: Start) -> None:
    """Two consoles that use the same ids are two connections' worth of devices and findings."""
    first, second = (start_simulator(accounts=1, sites=3, agents=8, risks_per_agent=10, seed=9) for _ in "ab")
    one = await hub.add(first.url, first.token, "one")
    two = await hub.add(second.url, second.token, "two")
    await hub.pull(one)
    await hub.pull(two)

    second.advance(3)
    await hub.pull(two, full=True)

    await truths.assert_equal(hub, one, first.truth())
    await truths.assert_equal(hub, two, second.truth())
    ((shared,),) = await hub.rows(
        "SELECT count(*) FROM finding a JOIN finding b USING (finding_id) WHERE a.connection_id < b.connection_id"
    )
    assert shared == 0
