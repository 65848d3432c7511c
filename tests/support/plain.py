"""An estate on two consoles after some days, decided about in every way, and its rows as plain Python objects.

What lists and summaries tell is worked out from these rows again, with nothing but loops.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from support import clients, simulator
from support import hub as hubs
from support.hub import Hub
from support.server import Server
from waypost import telemetry

RESOLVED = 6
RETIRED = (3, 4, 5)
REOPENED = 4
WORDS = ("unknown", "none", "low", "medium", "high", "critical")
STATES = ("", "open", "reopened", "in_progress", "on_hold", "ignored", "resolved")
ACME, GLOBEX, NOTHING = 1, 2, 3
"""Acme has a site of the first console and an account but for one site; Globex that site, and the other console."""


@dataclass(frozen=True)
class Row:
    """A finding with everything around it."""

    connection: str
    connection_id: int
    id: str
    device: str
    site_id: int | None
    site: str | None
    account_id: int | None
    organization: int | None
    name: str
    vendor: str
    version: str
    cve: str
    facts_id: int
    sent: dict[str, Any]
    published_at: datetime | None
    state: int
    severity: int
    score: float | None
    detected_at: datetime | None
    resolved_at: datetime | None
    reopened: tuple[datetime, ...]

    @property
    def is_open(self) -> bool:
        return self.state != RESOLVED


Fits = Callable[[Row], bool]


async def rows(hub: Hub) -> list[Row]:
    """Every finding."""
    found = await hub.rows(
        "SELECT c.name, f.connection_id, f.finding_id::text, d.device_uuid::text, f.site_id, s.name, s.account_id,"
        " w.organization_id, v.name, v.vendor, v.version, t.cve, t.facts_id, t.sent, t.published_at, f.state,"
        " f.severity, f.score, f.detected_at, f.resolved_at,"
        " ARRAY(SELECT h.at FROM change h WHERE h.subject_id = f.finding_id AND h.kind = 4)"
        " FROM finding f JOIN connection c USING (connection_id)"
        " JOIN device d USING (connection_id, device_id)"
        " JOIN software v USING (connection_id, software_id) JOIN cve_facts t USING (connection_id, facts_id)"
        " LEFT JOIN site s ON s.connection_id = f.connection_id AND s.site_id = f.site_id"
        " LEFT JOIN site_owner w ON w.connection_id = f.connection_id AND w.site_id = f.site_id"
    )
    assert len({row[2] for row in found}) == len(found)
    return [Row(*(*row[:-1], tuple(row[-1]))) for row in found]


@contextmanager
def estate(postgres: Server) -> Iterator[str]:
    """The address of a database with that estate; whoever uses it only reads."""
    first = simulator.arguments(accounts=3, sites=9, agents=40, risks_per_agent=9, seed=21)
    other = simulator.arguments(accounts=1, sites=3, agents=15, risks_per_agent=9, seed=22)
    with postgres.fresh() as url, simulator.running(first) as one, simulator.running(other) as two:

        async def fill() -> None:
            async with hubs.opened(url) as hub:
                for name, console in (("one", one), ("other", two)):
                    connection = await hub.add(console.url, console.token, name)
                    await hub.pull(connection)
                    for _ in range(3):
                        console.advance(4, risk_change=0.2)
                        await hub.pull(connection, full=True)
                await _spread(hub)
                await _decide(hub)
                await hub.db.execute("ANALYZE")

        telemetry.configure("warning")
        clients.apart(fill)
        yield url


async def _spread(hub: Hub) -> None:
    """What a young estate has too little of: old findings, some without a date or a site, and some reopened."""
    await hub.db.execute(
        "UPDATE finding SET detected_at = CASE WHEN vendor_id % 23 = 0 THEN NULL"
        "   ELSE detected_at - make_interval(days => (vendor_id % 400)::integer) END,"
        " resolved_at = resolved_at - make_interval(days => (vendor_id % 60)::integer)"
    )
    await hub.db.execute(
        "INSERT INTO change (connection_id, kind, subject_id, site_id, at)"
        " SELECT connection_id, 4, finding_id, site_id, now() - make_interval(days => (vendor_id % 120)::integer)"
        " FROM finding WHERE vendor_id % 11 = 0"
    )
    await hub.db.execute("UPDATE finding SET site_id = NULL WHERE vendor_id % 41 = 0")


async def _decide(hub: Hub) -> None:
    for name in ("Acme", "Globex", "Nothing"):
        await hub.db.execute("INSERT INTO organization (name) VALUES (%s)", [name])
    await hub.db.execute(
        "INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'test', 'save')"
    )
    found = await hub.rows(
        "SELECT s.account_id, s.site_id FROM site s JOIN finding f USING (connection_id, site_id)"
        " JOIN connection c USING (connection_id) WHERE c.name = 'one' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    by_account: dict[int, list[int]] = {}
    for account, site in found:
        by_account.setdefault(account, []).append(site)
    whole, single = sorted(by_account, key=lambda account: (-len(by_account[account]), account))[:2]
    decisions = [
        ("account", whole, "mapped", ACME, None),
        ("site", by_account[whole][0], "mapped", GLOBEX, None),
        ("site", by_account[single][0], "mapped", ACME, None),
        ("site", by_account[whole][1], "ignored", None, "ours"),
    ]
    for decision in decisions:
        await hub.db.execute(
            "INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, reason, seen, save_id)"
            " SELECT connection_id, %s, %s, %s, %s, %s, '{}', 1 FROM connection WHERE name = 'one'",
            decision,
        )
    await hub.db.execute("UPDATE connection SET organization_id = %s WHERE name = 'other'", [GLOBEX])
