"""A large estate that PostgreSQL writes itself: findings as they lie after first pulls, site by site.

Writing one takes many minutes, so benchmarks that only read it share it: `run.py` gives them a folder for it.

Some applications and CVEs are on most devices and most are on few; severities, scores and dates are spread. Site n is
of connection n % CONNECTIONS + 1. Organization o owns every site whose number is o modulo the organizations.
"""

import asyncio
import atexit
import hashlib
import os
import pathlib
from typing import Final

import msgspec

import figures
import stage
from stage import Server
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Database

SHARED: Final = "WAYPOST_BENCH_ESTATES"
"""The environment's name for the folder in which estates are shared."""

CONNECTIONS: Final = 5
SOFTWARE: Final = 2_000
CVES: Final = 20_000


class Size(msgspec.Struct, frozen=True):
    """How much there is."""

    findings: int = 10_000_000
    devices: int = 70_000
    sites: int = 5_000
    organizations: int = 500


QUICK: Final = Size(findings=100_000, devices=700, sites=500, organizations=50)

_BEFORE: Final = """
INSERT INTO connection (name, base_url, state)
SELECT 'console ' || n, 'https://console-' || n || '.sentinelone.net', 'active'
FROM generate_series(1, {connections}) n;
INSERT INTO account (connection_id, account_id, name, state, vendor)
SELECT c, a, 'account ' || a, 'active', '{{}}' FROM generate_series(1, {connections}) c, generate_series(1, 20) a;
INSERT INTO site (connection_id, site_id, account_id, name, state, vendor)
SELECT n % {connections} + 1, n, 1 + n % 20, 'site ' || n, 'active',
  jsonb_build_object('accountName', 'account ' || 1 + n % 20)
FROM generate_series(1, {sites}) n;
INSERT INTO scope_group (connection_id, group_id, site_id, name, vendor)
SELECT n % {connections} + 1, n, n, 'group ' || n, '{{}}' FROM generate_series(1, {sites}) n;
INSERT INTO software (connection_id, software_id, name, vendor, version)
SELECT c, n, 'application ' || n, 'vendor ' || n % 200, '1.' || n
FROM generate_series(1, {connections}) c, generate_series(0, {software} - 1) n;
INSERT INTO cve_facts (connection_id, facts_id, cve, severity, score, score_version, published_at, sent)
SELECT c, n, 'CVE-2026-' || n, 2 + n % 4, (n * 7 % 101) / 10.0, '3.1', now() - n * interval '1 hour',
  jsonb_build_object('exploitCodeMaturity', CASE n % 49 WHEN 0 THEN 'Functional' ELSE 'Unproven' END,
    'remediationLevel', CASE n % 3 WHEN 0 THEN 'Official Fix' ELSE 'Unavailable' END)
FROM generate_series(1, {connections}) c, generate_series(0, {cves} - 1) n;
INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, group_id, name, domain, os, os_type,
  agent_version, row_hash, registered_at, last_active_at, scanned_at, changed_at)
SELECT (d % {sites} + 1) % {connections} + 1, d, md5('device ' || d)::uuid, 1 + (d % 20 = 0)::int, d % {sites} + 1,
  d % {sites} + 1, 'device ' || d, 'corp' || d % 100, CASE d % 3 WHEN 0 THEN 'Ubuntu 24.04' ELSE 'Windows 11 Pro' END,
  CASE d % 3 WHEN 0 THEN 'linux' ELSE 'windows' END, '24.' || d % 9, 0, now() - interval '400 days', now(),
  now() - interval '1 hour', now() - d % 1000 * interval '1 hour'
FROM generate_series(0, {devices} - 1) d;
INSERT INTO organization (name) SELECT 'organization ' || n FROM generate_series(1, {organizations}) n;
INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'waypost', 'save');
INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, seen, save_id)
SELECT n % {connections} + 1, 'site', n, 'mapped', 1 + n % {organizations}, '{{}}', 1
FROM generate_series(1, {sites}) n
"""
# h spreads what a finding is, and t when it was; the square makes few applications and CVEs frequent.
_FINDINGS: Final = """
INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id, row_hash,
  detected_at, resolved_at, changed_at, score, state, severity)
SELECT s.site % {connections} + 1,
  (substr(md5('device ' || d), 1, 12) || substr(md5(d || ' ' || k), 13))::uuid,
  d, s.site, floor(h * h * {software})::int, f.facts, (d::bigint << 20) + k, 0,
  now() - t * interval '300 days', CASE WHEN k % 4 = 0 THEN now() - t * interval '200 days' END,
  now() - CASE WHEN k % 4 = 0 THEN t * interval '200 days' ELSE t * interval '300 days' END,
  (f.facts * 7 % 101) / 10.0, CASE WHEN k % 4 = 0 THEN 6 ELSE 1 + k % 5 END, 2 + f.facts % 4
FROM generate_series({first}, {last}) d
CROSS JOIN generate_series(1, {per_device}) k
CROSS JOIN LATERAL (SELECT d % {sites} + 1 AS site) s
CROSS JOIN LATERAL (SELECT (hashint8(d::bigint * 1000003 + k)::bigint + 2147483648) / 4294967296.0::float8 AS h,
  (hashint8(k::bigint * 1000033 + d)::bigint + 2147483648) / 4294967296.0::float8 AS t) r
CROSS JOIN LATERAL (SELECT floor(h * h * {cves})::int AS facts) f
"""


def estate(size: Size) -> tuple[Server, str]:
    """A server with an estate of this size, and the estate's address: one of before, where it is shared."""
    if not (folder := os.environ.get(SHARED)):
        server = stage.server()
    else:
        server = Server(pathlib.Path(folder))
        atexit.register(server.stop)
    digest = hashlib.sha256(f"{size} {_BEFORE} {_FINDINGS}".encode()).hexdigest()[:12]
    url, is_there = server.kept(f"estate_{digest}")
    if not is_there:
        asyncio.run(_made(url, size, server.home))
        server.keep(url)
    return server, url


async def _made(url: str, size: Size, home: pathlib.Path) -> None:
    await fill(await database.prepare(Settings(home=home, database_url=url)), size)


async def fill(into: Database, size: Size) -> None:
    """Write it all, with statistics."""
    shape = {
        "connections": CONNECTIONS,
        "software": SOFTWARE,
        "cves": CVES,
        "per_device": size.findings // size.devices,
        **msgspec.structs.asdict(size),
    }
    async with into.connect() as db:
        for statement in _BEFORE.format(**shape).split(";\n"):
            await db.execute(statement.encode())
    batch = max(1, 500_000 // shape["per_device"])
    firsts = iter(range(0, size.devices, batch))

    async def write() -> None:
        async with into.connect() as db:
            for first in firsts:
                last = min(first + batch, size.devices) - 1
                await db.execute(_FINDINGS.format(first=first, last=last, **shape).encode())

    await asyncio.gather(*(write() for _ in range(os.cpu_count() or 1)))
    async with into.connect() as db:
        await db.execute("VACUUM ANALYZE")
    figures.say(f"{size.findings:,} findings of {size.sites:,} sites are stored")
