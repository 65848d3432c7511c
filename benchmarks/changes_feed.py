"""Changes under load: entries written by several processes, which are killed at random and started again, and a reader.

The reader follows the feed through what the API and webhooks read it with. What it missed or got twice is told by the
table at the end; how far it lags, by the time that an entry carries from just before its commit. Beside it, what an
entry of the log costs with and without what makes the feed.
"""

import asyncio
import contextlib
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import msgspec

import figures
import stage
from figures import Figure, Outcome
from waypost.changes import feed
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Connection

LAG = 2
"""Seconds that a reader may be behind, at most."""
WRITER = pathlib.Path(__file__).parent / "sides" / "write_changes.py"
_PAUSE = 0.1
"""Seconds between two looks of the reader, when there was nothing more."""
_MORE = 1.2
"""Times the rate that writers are asked for: what is under way when one is killed is not written."""
_WITHOUT = (
    "CREATE TABLE plain (LIKE change INCLUDING IDENTITY INCLUDING DEFAULTS);"
    " ALTER TABLE plain DROP COLUMN batch_id, ADD PRIMARY KEY (connection_id, change_id);"
    " CREATE INDEX plain_by_site ON plain (connection_id, site_id, change_id);"
    " CREATE INDEX plain_by_subject ON plain (connection_id, subject_id, change_id)"
)


class Size(msgspec.Struct, frozen=True):
    """So many changes a second from so many writers, for so long; one writer is killed as often."""

    seconds: float
    rate: int = 1000
    writers: int = 4
    kill_every: float = 3
    entries: int = 200_000


FULL = Size(seconds=600)
QUICK = Size(seconds=10, entries=5_000)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    server = stage.server()
    url = server.database()
    return asyncio.run(_measure(url, size, server.version))


async def _measure(url: str, size: Size, version: str) -> Outcome:
    with tempfile.TemporaryDirectory() as home:
        prepared = await database.prepare(Settings(home=pathlib.Path(home), database_url=url), upgrade=True)
    async with prepared.connect() as db:
        await db.execute("INSERT INTO connection (name, base_url) VALUES ('one', 'https://x')")
        costs = await _costs(db, size.entries)
        measured = await _followed(db, url, size)
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), _figures(measured, costs), {}, version)


def _figures(measured: dict[str, Any], costs: dict[str, float]) -> list[Figure]:
    lags = sorted(measured["lags"])
    about = {name: float(measured[name]) for name in ("written", "killed", "reads")}
    return [
        Figure("changes written", measured["rate"], "/s", about),
        Figure("missed", measured["missed"], "", about, at_most=0),
        Figure("got twice", measured["doubled"], "", about, at_most=0),
        Figure("lag, median", round(statistics.median(lags), 3), " s", {}),
        Figure("lag, p95", round(lags[int(len(lags) * 0.95)], 3), " s", {}),
        Figure("lag, longest", round(lags[-1], 3), " s", {}, at_most=LAG),
        Figure("an entry's cost", round(costs["feed"], 2), " µs", costs),
        Figure("of that for the feed", round(costs["feed"] - costs["plain"], 2), " µs", costs),
    ]


async def _followed(db: Connection, url: str, size: Size) -> dict[str, Any]:
    place = await feed.newest(db)
    ((before,),) = await (await db.execute("SELECT coalesce(max(change_id), 0) FROM change")).fetchall()
    seen: list[str] = []
    lags: list[float] = []
    reads = 0
    with _Writers(url, size).running() as writers:
        began = time.monotonic()
        while (now := time.monotonic()) < began + size.seconds:
            writers.kill_when_due(now)
            window = await feed.read(db, place, limit=1000)
            arrived = time.time()
            reads += 1
            seen += [item.id for item in window.items]
            lags += [
                arrived - item.detail["at"] for item in window.items if item.detail and item.detail["at"]
            ]
            place = window.end
            if not window.has_more:
                await asyncio.sleep(_PAUSE)
        killed = writers.killed
    while True:
        window = await feed.read(db, place, limit=1000)
        seen += [item.id for item in window.items]
        place = window.end
        if not window.has_more:
            break
    cursor = await db.execute("SELECT change_id::text FROM change WHERE change_id > %s", [before])
    written = {change_id for (change_id,) in await cursor.fetchall()}
    return {
        "rate": round(len(written) / size.seconds),
        "written": len(written),
        "missed": len(written - set(seen)),
        "doubled": len(seen) - len(set(seen)),
        "lags": lags,
        "killed": killed,
        "reads": reads,
    }


class _Writers:
    def __init__(self, url: str, size: Size) -> None:
        self._url = url
        self._size = size
        self._chance = random.Random(1)  # noqa: S311  # which one is killed is no secret
        self._running: list[subprocess.Popen[bytes]] = []
        self._next = time.monotonic() + size.kill_every
        self.killed = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["_Writers"]:
        try:
            for _ in range(self._size.writers):
                self._start()
            yield self
        finally:
            for process in self._running:
                process.kill()
                process.wait()

    def kill_when_due(self, now: float) -> None:
        if now < self._next:
            return
        process = self._running.pop(self._chance.randrange(len(self._running)))
        process.kill()
        process.wait()
        self.killed += 1
        self._start()
        self._next = now + self._size.kill_every * 2 * self._chance.random()

    def _start(self) -> None:
        rate = self._size.rate / self._size.writers * _MORE
        command = [sys.executable, str(WRITER), self._url, str(rate), str(self._chance.randrange(10**9))]
        self._running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))


async def _costs(db: Connection, entries: int) -> dict[str, float]:
    """Microseconds of an entry, in transactions of a thousand: of the table as it is, and of one as it was before."""
    await db.execute(_WITHOUT)
    found = {}
    for side, table in (("plain", "plain"), ("feed", "change"), ("plain", "plain"), ("feed", "change")):
        began = time.monotonic()
        for _ in range(entries // 1000):
            await db.execute(
                f"INSERT INTO {table} (connection_id, kind, subject_id, site_id)"
                " SELECT 1, 1, gen_random_uuid(), n % 50 FROM generate_series(1, 1000) n"
            )
        found[side] = (time.monotonic() - began) / entries * 1e6
    await db.execute("DROP TABLE plain")
    return found


if __name__ == "__main__":
    figures.main(measure, __doc__)
