"""Writers are killed and the server crashes while somebody reads on: he misses nothing and gets nothing twice."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from support.hub import Hub
from waypost.changes import feed
from waypost.changes.feed import Place
from waypost.settings import Settings
from waypost.storage import database, embedded
from waypost.storage.database import Connection, Database

SECONDS = 20
WRITERS = 3
WRITER = """
import random, sys, time
import psycopg
chance = random.Random(int(sys.argv[2]))
with psycopg.connect(sys.argv[1], autocommit=True, options="-c search_path=waypost -c synchronous_commit=off") as db:
    while True:
        with db.transaction() as transaction:
            for _ in range(chance.choice((1, 1, 1, 4))):
                db.execute(
                    "INSERT INTO change (connection_id, kind, subject_id) SELECT 1, 1, gen_random_uuid()"
                    " FROM generate_series(1, %s)", [chance.choice((1, 3, 50))]
                )
                time.sleep(chance.choice((0, 0, 0.002, 0.05)))
            if chance.random() < 0.1:
                raise psycopg.Rollback(transaction)
"""


class Writers:
    """Processes that write to the change log, killed and started again."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._url = url
        self._chance = chance
        self._running: list[subprocess.Popen[bytes]] = []
        self.killed = 0

    def start(self) -> None:
        command = [sys.executable, "-c", WRITER, self._url, str(self._chance.random())[2:]]
        self._running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    def kill_one(self) -> None:
        process = self._running.pop(self._chance.randrange(len(self._running)))
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        self.killed += 1

    def stop(self) -> None:
        while self._running:
            self.kill_one()


@contextlib.contextmanager
def writing(url: str, chance: random.Random) -> Iterator[Writers]:
    writers = Writers(url, chance)
    try:
        for _ in range(WRITERS):
            writers.start()
        yield writers
    finally:
        writers.stop()


async def read_on(db: Connection, place: Place, seen: list[str], *, to_the_end: bool = False) -> Place:
    """What is there, into `seen`; where to go on."""
    while True:
        window = await feed.read(db, place, limit=200)
        seen += [f"{item.id} {item.subject_id}" for item in window.items]
        place = window.end
        if not (window.has_more and to_the_end):
            return place


async def stored(db: Connection, after: int) -> list[str]:
    cursor = await db.execute(
        "SELECT change_id || ' ' || subject_id FROM change WHERE change_id > %s ORDER BY change_id", [after]
    )
    return [entry for (entry,) in await cursor.fetchall()]


def number(entry: str) -> int:
    return int(entry.partition(" ")[0])


async def last_entry(db: Connection) -> int:
    ((change_id,),) = await (await db.execute("SELECT coalesce(max(change_id), 0) FROM change")).fetchall()
    return int(change_id)


async def test_writers_that_are_killed(hub: Hub, database_url: str) -> None:
    """While writers are killed in the midst of transactions, two readers each get every entry once, and in time."""
    chance = random.Random(7)
    await hub.store()
    before = await last_entry(hub.db)
    place = await feed.newest(hub.db)
    one, other = list[str](), list[str]()
    async with hub.means.database.connect() as second:
        with writing(database_url, chance) as writers:
            until, places = time.monotonic() + SECONDS, [place, place]
            while time.monotonic() < until:
                places = list(
                    await asyncio.gather(read_on(hub.db, places[0], one), read_on(second, places[1], other))
                )
                if chance.random() < 0.02:
                    await asyncio.to_thread(writers.kill_one)
                    writers.start()
                await asyncio.sleep(chance.random() * 0.02)
        assert writers.killed >= 5
        written = await stored(hub.db, before)
        behind = len(written) - len(one)
        await read_on(hub.db, places[0], one, to_the_end=True)
        await read_on(second, places[1], other, to_the_end=True)
    assert len(written) > 1000
    assert behind < len(written) / 4
    assert sorted(one, key=number) == written
    assert one == other


@contextlib.asynccontextmanager
async def opened(home: Path) -> AsyncIterator[tuple[Database, Connection]]:
    prepared = await database.prepare(Settings(home=home))
    async with prepared.connect() as db:
        yield prepared, db


def crash(home: Path) -> None:
    """The server ends at once, as if the machine had lost its power."""
    lock = home / "postgres" / "postmaster.pid"
    server = int(lock.read_text().split()[0])
    os.kill(server, signal.SIGQUIT)
    until = time.monotonic() + 30
    while lock.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    embedded._forget(home / "postgres")


async def test_a_server_that_crashes(tmp_path: Path) -> None:
    """Though writers do not wait for the disk, what a reader was shown outlasts a crash, and he goes on from there."""
    chance = random.Random(11)
    home = tmp_path / "home"
    seen = list[str]()
    async with opened(home) as (_, db):
        await db.execute("INSERT INTO connection (name, base_url) VALUES ('one', 'https://x')")
        place = await feed.newest(db)
    for _ in range(3):
        async with opened(home) as (prepared, db):
            with writing(prepared.url, chance), contextlib.suppress(psycopg.OperationalError):
                until = time.monotonic() + 3
                while time.monotonic() < until:
                    place = await read_on(db, place, seen)
                await asyncio.to_thread(crash, home)
        async with opened(home) as (_, db):
            kept = await stored(db, 0)
            assert set(seen) <= set(kept)
            place = await read_on(db, place, seen, to_the_end=True)
            assert sorted(seen, key=number) == kept
    assert len(seen) > 300


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of these tests keep to themselves."""
    monkeypatch.delenv("WAYPOST_DATABASE_URL", raising=False)
