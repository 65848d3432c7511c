"""The first page of a list with any one filter, and its page 10,000, against the same SQL written by hand.

Both sides ask the same in turns and in one session, and write the same page as JSON: one by Waypost's lists, which
parse the filter, look up what it names, put the query together and sign a cursor; the other runs one query that
somebody wrote for this filter, with its keys known already, and with a fence where the planner would otherwise go along
the wrong index for seconds. The target is twice the time by hand and 5 ms.
"""

import asyncio
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, LiteralString

import msgspec
from psycopg.rows import dict_row

import figures
import large
from figures import Figure, Outcome, Run
from large import Size
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Connection
from waypost.unified import reading
from waypost.unified.filters import Filters

LIMIT: Final = 100
ROUNDS: Final = 40
DEEP: Final = 10_000
TIMES: Final = 2.0
PLUS: Final = 0.005
"""Seconds."""

Ask = Callable[[], Awaitable[bytes]]

_HAND: Final[LiteralString] = """
WITH page AS MATERIALIZED (SELECT f.* FROM {rows} ORDER BY {order} LIMIT 101)
SELECT f.finding_id AS id, c.name AS connection, s.name AS site, f.site_id::text AS site_id, d.device_uuid AS device_id,
  d.name AS device, w.name AS software, w.vendor, w.version, t.cve, f.state, f.severity, f.score, t.score_version,
  t.sent ->> 'exploitCodeMaturity' AS maturity, t.sent ->> 'remediationLevel' AS remediation, f.detected_at,
  f.resolved_at, d.scanned_at, f.changed_at, t.published_at, f.vendor_id::text, f.mitigation, f.mark, f.extra
FROM page f
JOIN connection c USING (connection_id)
JOIN LATERAL (SELECT * FROM device d WHERE d.connection_id = f.connection_id AND d.device_id = f.device_id OFFSET 0) d
  ON true
JOIN LATERAL (SELECT * FROM software w
  WHERE w.connection_id = f.connection_id AND w.software_id = f.software_id OFFSET 0) w ON true
JOIN LATERAL (SELECT * FROM cve_facts t WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id OFFSET 0) t
  ON true
LEFT JOIN site s ON s.connection_id = f.connection_id AND s.site_id = f.site_id
ORDER BY {order}
"""
_WORST: Final[LiteralString] = "f.severity DESC, coalesce(f.score, -1::real) DESC, f.finding_id DESC"
_FENCED: Final[LiteralString] = "(SELECT * FROM finding WHERE {where} OFFSET 0) f"
_DAYS: Final[LiteralString] = "now() - interval '3 days'"


class Case(msgspec.Struct, frozen=True):
    """A filter, or an order, and the rows as somebody would write them."""

    rows: LiteralString
    filters: Filters = Filters()
    sort: str = reading.WORST_FIRST
    order: LiteralString = _WORST


def _cases(since: str) -> dict[str, Case]:
    return {
        "no filter": Case("finding f"),
        "organization": Case(
            "finding f WHERE (f.connection_id, f.site_id) IN (SELECT m.connection_id, m.scope_id FROM mapping m"
            " WHERE m.organization_id = 7)",
            Filters(organization=7),
        ),
        "connection": Case("finding f WHERE f.connection_id = 2", Filters(connection=("console 2",))),
        "account": Case(
            "(SELECT t.* FROM site n JOIN finding t USING (connection_id, site_id)"
            " WHERE n.account_id = 3 AND n.connection_id = 3 OFFSET 0) f",
            Filters(account=("3",), connection=("console 3",)),
        ),
        "site": Case("finding f WHERE f.connection_id = 3 AND f.site_id = 17", Filters(site=("site 17",))),
        "group": Case(
            "finding f WHERE f.connection_id = 3 AND f.site_id = 17 AND f.device_id IN"
            " (SELECT device_id FROM device WHERE connection_id = 3 AND group_id = 17)",
            Filters(group=("group 17",)),
        ),
        "device": Case(
            "finding f WHERE f.connection_id = 1 AND f.device_id = 499 AND f.finding_id BETWEEN"
            " (substr(md5('device 499'), 1, 12) || repeat('0', 20))::uuid"
            " AND (substr(md5('device 499'), 1, 12) || repeat('f', 20))::uuid",
            Filters(device=("device 499",)),
        ),
        "application, frequent": Case(
            _FENCED.replace("{where}", "software_id = 1"), Filters(application="application 1")
        ),
        "application, rare": Case(
            _FENCED.replace("{where}", "software_id = 1777"), Filters(application="application 1777")
        ),
        "vendor": Case(
            _FENCED.replace(
                "{where}", "software_id IN (SELECT software_id FROM software WHERE vendor = 'vendor 77')"
            ),
            Filters(vendor="vendor 77"),
        ),
        "cve, frequent": Case(_FENCED.replace("{where}", "facts_id = 3"), Filters(cve=("CVE-2026-3",))),
        "cve, rare": Case(_FENCED.replace("{where}", "facts_id = 19000"), Filters(cve=("CVE-2026-19000",))),
        "ten cves": Case(
            _FENCED.replace("{where}", "facts_id IN (100, 200, 300, 400, 500, 600, 700, 800, 900, 1000)"),
            Filters(cve=tuple(f"CVE-2026-{number}00" for number in range(1, 11))),
        ),
        "severity": Case("finding f WHERE f.severity = 3", Filters(severity=("medium",))),
        "state": Case("finding f WHERE f.state = 4", Filters(state=("on_hold",))),
        "score": Case("finding f WHERE f.score >= 9.5", Filters(score_min=9.5)),
        "has_fix": Case(
            "finding f WHERE f.facts_id IN (SELECT facts_id FROM cve_facts"
            " WHERE sent ->> 'remediationLevel' = 'Official Fix')",
            Filters(has_fix=True),
        ),
        "exploited": Case(
            _FENCED.replace(
                "{where}",
                "facts_id IN (SELECT facts_id FROM cve_facts WHERE sent ->> 'exploitCodeMaturity' = 'Functional')",
            ),
            Filters(exploited=True),
        ),
        "detected_since": Case(
            f"finding f WHERE coalesce(f.detected_at, '-infinity') >= {_DAYS}", Filters(detected_since=since)
        ),
        "changed_since": Case(f"finding f WHERE f.changed_at >= {_DAYS}", Filters(changed_since=since)),
        "resolved_since": Case(
            _FENCED.replace("{where}", f"resolved_at >= {_DAYS}"),
            Filters(resolved_since=since),
        ),
        "search": Case(
            _FENCED.replace(
                "{where}",
                "(connection_id, device_id) IN (SELECT connection_id, device_id FROM device"
                " WHERE name LIKE '%evice 499%')",
            ),
            Filters(search="evice 499"),
        ),
        "by score": Case(
            "(SELECT f.* FROM generate_series(0, 5) v (s) CROSS JOIN LATERAL (SELECT * FROM finding f"
            " WHERE f.severity = v.s ORDER BY coalesce(f.score, -1::real) DESC, f.finding_id DESC LIMIT 101) f) f",
            sort="-score",
            order="coalesce(f.score, -1::real) DESC, f.finding_id DESC",
        ),
        "by changed": Case("finding f", sort="changed", order="f.changed_at, f.finding_id"),
        "by detected": Case(
            "finding f",
            sort="-detected",
            order="coalesce(f.detected_at, '-infinity'::timestamptz) DESC, f.finding_id DESC",
        ),
    }


def measure(quick: bool) -> Outcome:
    size = large.QUICK if quick else Size()
    server, url = large.estate(size)
    runs, found = asyncio.run(_measured(url, 5 if quick else ROUNDS))
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), found, runs, server.version)


async def _measured(url: str, rounds: int) -> tuple[dict[str, list[Run]], list[Figure]]:
    with tempfile.TemporaryDirectory() as home:
        opened = await database.prepare(Settings(home=pathlib.Path(home), database_url=url))
    async with opened.connect() as db:
        return await compared(db, rounds)


async def compared(db: Connection, rounds: int) -> tuple[dict[str, list[Run]], list[Figure]]:
    """Every case on both sides, and the deep page."""
    ((since,),) = await (await db.execute("SELECT (now() - interval '3 days')::text")).fetchall()
    runs: dict[str, list[Run]] = {}
    found = []
    for name, case in _cases(since.replace(" ", "T")).items():
        sides = {"waypost": _ours(db, case), "by hand": _by_hand(db, case)}
        for side, ask in sides.items():
            await ask()
            runs[f"{name}, {side}"] = []
        for _ in range(rounds):
            for side, ask in sides.items():
                began = time.perf_counter()
                size = len(await ask())
                runs[f"{name}, {side}"].append({"seconds": time.perf_counter() - began, "bytes": size})
        found.append(_figure(name, runs))
        figures.say(f"{name}: {found[-1].sides}")
    found.append(await _deep(db, rounds, runs))
    return runs, found


def _figure(name: str, runs: dict[str, list[Run]]) -> Figure:
    """How much of what it may take the list takes, at the 95th percentile."""
    sides = {side: _p95(runs[f"{name}, {side}"]) for side in ("waypost", "by hand")}
    allowed = TIMES * sides["by hand"] + PLUS
    milliseconds = {f"{side}, ms": round(1000 * seconds, 2) for side, seconds in sides.items()}
    return Figure(
        f"{name}: p95, part of 2 x by hand + 5 ms",
        round(sides["waypost"] / allowed, 3),
        "",
        milliseconds,
        at_most=1.0,
    )


def _p95(runs: list[Run]) -> float:
    return statistics.quantiles((run["seconds"] for run in runs), n=20, method="inclusive")[-1]


async def _deep(db: Connection, rounds: int, runs: dict[str, list[Run]]) -> Figure:
    """What a page far behind costs of what the first one costs."""
    cursor, walked = "", 0
    while walked < DEEP * LIMIT:
        page = await reading.findings(db, Filters(), limit=100_000, cursor=cursor)
        walked += len(page.items)
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    sides = {}
    for name, start in (("page 10,000", cursor), ("page 1", "")):
        runs[name] = []
        for _ in range(rounds):
            began = time.perf_counter()
            if start:  # its cursor was made with another limit, which is none of a cursor's business
                await reading.findings(db, Filters(), limit=LIMIT, cursor=start)
            else:
                await reading.findings(db, Filters(), limit=LIMIT)
            runs[name].append({"seconds": time.perf_counter() - began})
        sides[name] = statistics.median(run["seconds"] for run in runs[name])
    return figures.ratio("page 10,000, seconds against page 1", sides, at_most=1.25)


def _ours(db: Connection, case: Case) -> Ask:
    async def ask() -> bytes:
        page = await reading.findings(db, case.filters, limit=LIMIT, sort=case.sort)
        return msgspec.json.encode(page)

    return ask


def _by_hand(db: Connection, case: Case) -> Ask:
    query = _HAND.replace("{rows}", case.rows).replace("{order}", case.order)

    async def ask() -> bytes:
        cursor = db.cursor(row_factory=dict_row)
        await cursor.execute(query)
        rows: list[dict[str, Any]] = await cursor.fetchall()  # Any: columns of different types
        return msgspec.json.encode(rows[:LIMIT])

    return ask


if __name__ == "__main__":
    figures.main(measure, __doc__)
