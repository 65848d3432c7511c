"""The view `site_standing`: what holds about each site, in the same words as `site_owner` and the mapping itself."""

from itertools import product

from support.estates import Grounds
from support.hub import Hub
from waypost.organizations.mapping import estate as estates

DECISIONS = (None, "mapped", "ignored", "undecided")


async def _decide(
    hub: Hub, grounds: Grounds, console: int, kind: str, scope_id: int, decision: str | None
) -> None:
    if decision is None:
        return
    client = await grounds.client(f"{kind} {console} {scope_id}") if decision == "mapped" else None
    await hub.rows(
        "INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, reason, seen, save_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, '{}', (SELECT max(save_id) FROM mapping_save)) RETURNING 1",
        console,
        kind,
        scope_id,
        decision,
        client.id if client else None,
        "a lab" if decision == "ignored" else None,
    )


async def test_it_says_what_the_others_say(hub: Hub) -> None:
    """For each way in which site, account and connection can be decided about, all three agree on whose a site is."""
    grounds = Grounds(hub)
    await hub.rows(
        "INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('key', 'x', 'save') RETURNING 1"
    )
    for name in ("of nobody", "of somebody", "removed"):
        console = await grounds.console(name)
        if name != "of nobody":
            owner = await grounds.client(f"owner {name}")
            await hub.rows(
                "UPDATE connection SET organization_id = %s WHERE name = %s RETURNING 1", owner.id, name
            )
        for number, (own, above) in enumerate(product(DECISIONS, DECISIONS), 1):
            await grounds.account(console, number, f"A{number}")
            await grounds.site(console, 100 + number, f"S{number}", number)
            await _decide(hub, grounds, console.connection_id, "site", 100 + number, own)
            await _decide(hub, grounds, console.connection_id, "account", number, above)
    await hub.rows("UPDATE connection SET state = 'deleted' WHERE name = 'removed' RETURNING 1")
    known = await estates.load(hub.db)
    rows = await hub.rows(
        "SELECT connection_id, site_id, decision, organization_id, origin FROM site_standing ORDER BY 1, 2"
    )
    assert len(rows) == 2 * len(DECISIONS) ** 2
    assert rows == [
        (site.connection_id, site.scope_id, str(ruling.decision), ruling.organization_id, ruling.origin)
        for site in sorted(known.sites, key=lambda site: (site.connection_id, site.scope_id))
        for ruling in [known.effective(site)]
    ]
    owned = [(*row[:2], row[3], row[4]) for row in rows if row[2] == "mapped"]
    assert owned == await hub.rows(
        "SELECT connection_id, site_id, organization_id, origin FROM site_owner ORDER BY 1, 2"
    )


async def test_how_a_site_stands(hub: Hub) -> None:
    """Gone before expired or deleted; any other state, and none, is active."""
    grounds = Grounds(hub)
    console = await grounds.console()
    stands = {}
    for number, (state, gone) in enumerate(
        product(("active", "expired", "deleted", "odd", None), (False, True))
    ):
        await grounds.site(console, number, "S", gone=gone)
        await hub.rows("UPDATE site SET state = %s WHERE site_id = %s RETURNING 1", state, number)
        stands[number] = "gone" if gone else state if state in ("expired", "deleted") else "active"
    assert dict(await hub.rows("SELECT site_id, standing FROM site_standing")) == stands
    known = await estates.load(hub.db)
    assert {site.scope_id: site.standing for site in known.sites} == stands
