"""Saving decisions about 10,000 sites at once, with all that belongs to a save, and taking them back.

Beside the decisions that is the difference (devices and open findings are counted), the suggestion for each choice as
its evidence, the history, the change log, the names that are learned, and what still needs a person afterwards. Half of
the sites bear the names of their organizations, decorated; the others bear names that are learned as aliases.
"""

import asyncio
import pathlib
import statistics
import tempfile
import time
from typing import Any, Final

import msgspec

import figures
import stage
from figures import Figure, Outcome, Run
from waypost.access import audit
from waypost.organizations.mapping import saving, undoing
from waypost.organizations.mapping.decisions import Decided, Kind, Wish
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Connection

ROUNDS: Final = 5
AT_MOST: Final = 3.0


class Size(msgspec.Struct, frozen=True):
    """So many sites, each to an organization of its own, over so many consoles."""

    sites: int
    consoles: int = 5
    devices_per_site: int = 5
    findings_per_device: int = 20


FULL: Final = Size(10_000)
QUICK: Final = Size(300)


def _words(first: str, last: str) -> str:
    """SQL for a name of two made-up words for the number n, so that no two are much alike."""
    spelt = "translate(n::text, '0123456789', '{}')"
    return f"initcap({spelt.format(first)} || 'ra ' || {spelt.format(last)} || 'o')"


_NAME: Final = _words("abcdefghij", "klmnopqrst")
_OTHER: Final = _words("uvwxyzabcd", "zyxwvutsrq")
_ESTATE: Final = f"""
INSERT INTO connection (name, base_url)
SELECT 'console ' || n, 'https://console-' || n || '.sentinelone.net' FROM generate_series(0, {{consoles}} - 1) n;
INSERT INTO schedule (connection_id) SELECT connection_id FROM connection;
INSERT INTO organization (name, domains)
SELECT {_NAME} || ' Ltd', ARRAY['site-' || n || '.example'] FROM generate_series(1, {{sites}}) n;
INSERT INTO account (connection_id, account_id, name, state, vendor)
SELECT connection_id, 1, 'the provider', 'active', '{{{{}}}}' FROM connection;
INSERT INTO site (connection_id, site_id, account_id, name, state, vendor)
SELECT connection_id, n, 1, CASE WHEN n % 2 = 0 THEN 'PROD_' || {_NAME} || ' - HQ' ELSE {_OTHER} END, 'active',
  '{{{{}}}}'
FROM generate_series(1, {{sites}}) n JOIN connection ON name = 'console ' || n % {{consoles}};
INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, name, domain, row_hash)
SELECT connection_id, site_id * 100 + d, md5(site_id || ' ' || d)::uuid, 1, site_id, 'device ' || d,
  'site-' || site_id || '.example', 0
FROM site, generate_series(1, {{devices_per_site}}) d;
INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id, row_hash,
  changed_at, state, severity)
SELECT connection_id, md5(device_id || ' ' || k)::uuid, device_id, site_id, k, k, device_id * 100 + k, 0, now(),
  1 + k % 6, k % 6
FROM device, generate_series(1, {{findings_per_device}}) k
"""
_WISHES: Final = """
SELECT c.name, s.site_id::text, o.organization_uuid::text FROM site s JOIN connection c USING (connection_id)
JOIN organization o ON o.domains = ARRAY['site-' || s.site_id || '.example'] ORDER BY s.site_id
"""
_KEPT: Final = """
SELECT (SELECT count(*) FROM site_owner), (SELECT count(*) FROM mapping_change WHERE save_id = {version}),
  (SELECT count(*) FROM change WHERE kind = 51), (SELECT count(*) FROM organization WHERE aliases <> '{{}}'),
  (SELECT count(*) FROM mapping WHERE evidence ->> 'grade' = 'sure')
"""


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    server = stage.server()
    with tempfile.TemporaryDirectory() as home:
        runs = asyncio.run(_measured(pathlib.Path(home), server.database(), size))
    middle = {part: statistics.median(run[part] for run in runs) for part in ("preview", "save", "undo")}
    of = f"{size.sites:,} decisions"
    found = [
        Figure(f"seconds to save {of}", round(middle["save"], 3), " s", middle, at_most=AT_MOST),
        Figure(f"seconds to tell the difference of {of}", round(middle["preview"], 3), " s", {}),
        Figure(f"seconds to undo {of}", round(middle["undo"], 3), " s", {}),
    ]
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), found, {"waypost": runs}, server.version)


async def _measured(home: pathlib.Path, url: str, size: Size) -> list[Run]:
    opened = await database.prepare(Settings(home=home, database_url=url))
    async with opened.connect() as db:
        await db.execute(_ESTATE.format(**msgspec.structs.asdict(size)).encode())
        await db.execute("VACUUM ANALYZE")
        rows = await (await db.execute(_WISHES)).fetchall()
        figures.say(f"{len(rows):,} sites wait for a decision")
        return [await _round(db, rows, size) for _ in range(ROUNDS)]


async def _round(db: Connection, rows: list[tuple[Any, ...]], size: Size) -> Run:
    wishes = [
        Wish(
            connection=connection,
            kind=Kind.SITE,
            decision=Decided.MAPPED,
            id=site_id,
            organization=organization,
        )
        for connection, site_id, organization in rows
    ]
    started = time.perf_counter()
    told = await saving.preview(db, wishes)
    previewed = time.perf_counter()
    saved = await saving.save(db, audit.SERVICE, wishes)
    ended = time.perf_counter()
    await _judge(db, saved.version, size)
    if saved.id is None or told.devices != size.sites * size.devices_per_site:
        raise SystemExit("The save is not what was asked for.")
    begun = time.perf_counter()
    await undoing.undo(db, audit.SERVICE, saved.id)
    run = {
        "preview": previewed - started,
        "save": ended - previewed,
        "undo": time.perf_counter() - begun,
        "devices": told.devices,
        "open_findings": told.open_findings,
    }
    figures.say(f"difference {run['preview']:.2f} s, save {run['save']:.2f} s, undo {run['undo']:.2f} s")
    await db.execute("DELETE FROM change")
    return run


async def _judge(db: Connection, version: int, size: Size) -> None:
    """A save that leaves something out would be quick."""
    ((owned, changes, logged, learned, sure),) = await (
        await db.execute(_KEPT.format(version=version).encode())
    ).fetchall()
    if not (
        owned == changes == logged == size.sites and learned == size.sites // 2 and sure > size.sites // 3
    ):
        raise SystemExit(f"Not all was kept: {owned}, {changes}, {logged}, {learned}, {sure}.")


if __name__ == "__main__":
    figures.main(measure, __doc__)
