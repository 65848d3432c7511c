"""Reading an organization's findings through the mapping and behind both walls, against the same sites by id.

The findings are written by PostgreSQL itself, as they lie after a first pull: site by site. Both sides ask the same,
the first page of the worst and a count by severity, in turns and in one session: one finds the sites by the mapping
and reads as the role that is held to them; the other has the sites' ids written into the query.
"""

import asyncio
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, LiteralString

import msgspec

import figures
import stage
from figures import Figure, Outcome, Run
from waypost.settings import Settings
from waypost.storage import capped, database, queries
from waypost.storage.database import Connection
from waypost.unified import ordering, reading
from waypost.unified.filters import Filters
from waypost.unified.words import FindingState

Rows = list[tuple[Any, ...]]  # Any: a row has the columns its query names
Ask = Callable[[], Awaitable[list[Rows]]]
ROUNDS: Final = 15
CONNECTIONS: Final = 5
AT_MOST: Final = 1.3


class Size(msgspec.Struct, frozen=True):
    """How much there is; the organizations have so many sites."""

    findings: int
    sites: int
    organizations: tuple[int, ...] = (1, 10, 100)


FULL: Final = Size(findings=10_000_000, sites=5_000)
QUICK: Final = Size(findings=100_000, sites=500)

# Site n is of connection n % CONNECTIONS + 1. Each has a device for every fifty of its findings.
_SITES: Final = """
INSERT INTO connection (name, base_url)
SELECT 'console ' || n, 'https://console-' || n || '.sentinelone.net' FROM generate_series(1, {connections}) n;
INSERT INTO site (connection_id, site_id, account_id, name, state, vendor)
SELECT n % {connections} + 1, n, 1, 'site ' || n, 'active', '{{}}' FROM generate_series(1, {sites}) n;
INSERT INTO software (connection_id, software_id, name, vendor, version)
SELECT c, n, 'application ' || n, 'vendor', '1.' || n
FROM generate_series(1, {connections}) c, generate_series(0, 999) n;
INSERT INTO cve_facts (connection_id, facts_id, cve, severity, sent)
SELECT c, n, 'CVE-2026-' || n, 3, '{{}}' FROM generate_series(1, {connections}) c, generate_series(0, 4999) n;
INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, name, row_hash)
SELECT n % {connections} + 1, n * 10000 + d, md5(n || ' ' || d)::uuid, 1, n, 'device ' || n || ' ' || d, 0
FROM generate_series(1, {sites}) n, generate_series(0, {per_site} / 50) d;
"""
_FINDINGS: Final = """
INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id, row_hash,
  detected_at, changed_at, score, state, severity)
SELECT n % {connections} + 1, md5(n || ' ' || k)::uuid, n * 10000 + k / 50, n, k % 1000, (n + k) % 5000,
  n * 1000000::bigint + k, 0, now(), now(), (k * 7 % 100) / 10.0, 1 + (k % 6), k % 6
FROM generate_series({first}, {last}) n, generate_series(1, {per_site}) k
"""
_MAPPING: Final = """
WITH saved AS (INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'waypost', 'save')
  RETURNING save_id)
INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, seen, save_id)
SELECT n %% {connections} + 1, 'site', n, 'mapped', %(organization)s, '{{}}', save_id
FROM saved, unnest(%(sites)s::bigint[]) n
"""
_BY_HAND: Final[LiteralString] = """
(SELECT * FROM finding WHERE (connection_id, site_id) IN (
  SELECT * FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]))) f
"""
_AT_SITES: Final[LiteralString] = queries.selecting.at_sites.replace("{table}", "finding") + " f"
_COUNT: Final[LiteralString] = """
SELECT count(*) FILTER (WHERE severity = 5) AS critical, count(*) FILTER (WHERE severity = 4) AS high,
  count(*) FILTER (WHERE severity = 3) AS medium, count(*) FILTER (WHERE severity = 2) AS low, count(*) AS findings
FROM {rows} WHERE state <> 6
"""
_WORST: Final = ordering.chosen(ordering.FINDINGS, reading.WORST_FIRST)
_FIRST: Final[LiteralString] = (
    queries.lists.findings.replace("{page}", "{rows}")
    .replace("{keys}", _WORST.columns)
    .replace("{order}", _WORST.by)
)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    server = stage.server()
    url = server.database()
    runs = asyncio.run(_measured(url, size, 3 if quick else ROUNDS))
    server.drop(url)
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), list(_figures(runs)), runs, server.version)


def _figures(runs: dict[str, list[Run]]) -> list[Figure]:
    found = []
    for count in dict.fromkeys(name.partition(" sites")[0] for name in runs):
        sides = {
            side: statistics.median(run["seconds"] for run in runs[f"{count} sites, {side}"])
            for side in ("through the mapping", "by hand")
        }
        found.append(figures.ratio(f"{count} sites, seconds against by hand", sides, at_most=AT_MOST))
    return found


async def _measured(url: str, size: Size, rounds: int) -> dict[str, list[Run]]:
    with tempfile.TemporaryDirectory() as home:
        opened = await database.prepare(Settings(home=pathlib.Path(home), database_url=url))
    async with opened.connect() as db:
        await _fill(db, size)
        runs: dict[str, list[Run]] = {}
        for organization_id, count in enumerate(size.organizations, start=1):
            sides = _sides(db, organization_id, _sites_of(organization_id, count, size))
            for _ in range(rounds):
                for side, ask in sides.items():
                    runs.setdefault(f"{count} sites, {side}", []).append(await _timed(ask))
            _check(runs, count)
    return runs


def _sites_of(organization_id: int, count: int, size: Size) -> list[int]:
    """Spread over everything, and none of another organization's."""
    return [1 + organization_id + place * (size.sites // count) for place in range(count)]


async def _fill(db: Connection, size: Size) -> None:
    shape = {
        "connections": CONNECTIONS,
        "sites": size.sites,
        "per_site": size.findings // size.sites,
    }
    for statement in _SITES.format(**shape).split(";\n"):
        await db.execute(statement.encode())
    batch = max(1, 500_000 // shape["per_site"])
    for first in range(1, size.sites + 1, batch):
        last = min(first + batch - 1, size.sites)
        await db.execute(_FINDINGS.format(first=first, last=last, **shape).encode())
    for organization_id, count in enumerate(size.organizations, start=1):
        await db.execute("INSERT INTO organization (name) VALUES (%s)", [f"organization {organization_id}"])
        facts = {"organization": organization_id, "sites": _sites_of(organization_id, count, size)}
        await db.execute(_MAPPING.format(connections=CONNECTIONS).encode(), facts)
    await db.execute("VACUUM ANALYZE")
    figures.say(f"{size.findings:,} findings of {size.sites:,} sites are stored")


def _sides(db: Connection, organization_id: int, sites: list[int]) -> dict[str, Ask]:
    connections = [site % CONNECTIONS + 1 for site in sites]

    async def through() -> list[Rows]:
        page = await reading.findings(db, Filters(), organization_id=organization_id, limit=99)
        async with capped.reading(db, organization_id) as owned:
            return [
                [(item.id,) for item in page.items],
                await _rows(db, _COUNT.replace("{rows}", _AT_SITES), owned),
            ]

    async def by_hand() -> list[Rows]:
        owned = capped.Owned(connections, sites)
        first, counts = [
            await _rows(db, query.replace("{rows}", _BY_HAND), owned) for query in (_FIRST, _COUNT)
        ]
        return [[(str(row[0]),) for row in first[:99]], counts]

    return {"through the mapping": through, "by hand": by_hand}


async def _rows(db: Connection, text: LiteralString, owned: capped.Owned) -> Rows:
    facts = {
        "resolved": FindingState.RESOLVED.value,
        "limit": 100,
        "site_connections": owned.connection_ids,
        "site_ids": owned.site_ids,
    }
    return await (await db.execute(text, facts)).fetchall()


async def _timed(ask: Ask) -> Run:
    began = time.perf_counter()
    page, counts = await ask()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "rows": counts[0][-1], "answer": hash(str((page, counts)))}


def _check(runs: dict[str, list[Run]], count: int) -> None:
    """Sides that answer differently were not asked the same."""
    both = runs[f"{count} sites, through the mapping"] + runs[f"{count} sites, by hand"]
    if len({run.pop("answer") for run in both}) > 1 or not both[0]["rows"]:
        raise SystemExit(f"The sides answer differently about {count} sites.")


if __name__ == "__main__":
    figures.main(measure, __doc__)
