"""Many small consoles on one machine, each with a beat of a minute, while nothing changes.

One worker, one PostgreSQL server and one process that plays all the consoles share the machine. When a delta began is
taken from the database and held against the connection's own place on the beat; what each side costs is what the
kernel says of its processes.
"""

import asyncio
import base64
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

import figures
import stage
from figures import Figure, Outcome
from waypost.access import audit
from waypost.connections import registry
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.settings import Settings
from waypost.storage import database
from waypost.sync import schedule

MASTER_KEY = bytes(range(32))
LATEST = 10
"""Seconds after its time that a delta may begin."""
PATIENCE = 1800
_TICKS = os.sysconf("SC_CLK_TCK")


class Size(msgspec.Struct, frozen=True):
    """So many connections of so small an estate, and for how long they are watched."""

    connections: int
    minutes: float
    beat: int = 60
    agents: int = 10
    risks_per_agent: int = 20
    sites: int = 2


FULL = Size(connections=1000, minutes=5)
QUICK = Size(connections=20, minutes=0.5, beat=15)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    server = stage.server()
    estate = stage.Size(size.agents, size.risks_per_agent, size.sites)
    options = ("--tenants", str(size.connections), "--accounts", "1")
    with stage.console(estate, *options) as console, tempfile.TemporaryDirectory() as home:
        url = server.database()
        places = asyncio.run(_connect(pathlib.Path(home), url, console, size))
        figures.say(f"{len(places)} connections are stored")
        with _worker(pathlib.Path(home), url) as worker:
            _await_first_pulls(url, size.connections)
            sides = {"worker": worker.pid, "postgresql": server.pid, "consoles": console.pid}
            measured = _watch(url, places, size, sides)
            if worker.poll() is not None:
                raise SystemExit("The worker ended before its time.")
        version = server.version
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), _figures(measured, size), {}, version)


def _figures(measured: dict[str, Any], size: Size) -> list[Figure]:
    late = sorted(measured["late"])
    expected = size.connections * measured["seconds"] / size.beat
    cpu = {side: round(seconds / measured["seconds"], 3) for side, seconds in measured["cpu"].items()}
    return [
        figures.ratio(
            "deltas begun against beats", {"begun": len(late), "beats": expected}, at_least=0.99
        ),
        Figure("latest begin of a delta", round(late[-1], 2), " s", _spread(late), at_most=LATEST),
        Figure("worker, part of one core", cpu["worker"], "", cpu, at_most=0.8),
        Figure("milliseconds of the worker's time for a delta", round(
            1000 * measured["cpu"]["worker"] / len(late), 2), " ms", {}),
    ]  # fmt: skip


def _spread(late: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(late, n=100)
    return {"p50": round(cuts[49], 3), "p99": round(cuts[98], 3), "max": round(late[-1], 3)}


async def _connect(home: pathlib.Path, url: str, console: stage.Console, size: Size) -> dict[int, float]:
    """Store a connection to each console without asking it; where each has its place on the beat."""
    opened = await database.prepare(Settings(home=home, database_url=url))
    tokens = {token["tenant"]: token["token"] for token in console.tokens() if token["scope"] == "tenant"}
    places = {}
    async with opened.connect() as db:
        for number, token in enumerate(tokens.values()):
            connection = await registry.store(
                db, Vault(MASTER_KEY), audit.SERVICE, name=f"console {number}", origin=console.url,
                token=token, identity=Identity(user_id=str(number)),
            )  # fmt: skip
            places[connection.connection_id] = schedule.place(connection.connection_uuid)
        await db.execute("UPDATE schedule SET delta_every = make_interval(secs => %s)", [size.beat])
    if len(places) != size.connections:
        raise SystemExit(f"There are {len(places)} consoles instead of {size.connections}.")
    return places


@contextlib.contextmanager
def _worker(home: pathlib.Path, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    environ = os.environ | {
        "WAYPOST_HOME": str(home),
        "WAYPOST_DATABASE_URL": url,
        "WAYPOST_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        "WAYPOST_ALLOWED_HOSTS": "127.0.0.1",
    }
    command = [sys.executable, "-m", "waypost.cli.main", "worker"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _await_first_pulls(url: str, connections: int) -> None:
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as db:
        while True:
            ((done,),) = db.execute(
                "SELECT count(*) FROM waypost.sync_watermark WHERE stream = 'risks' AND since IS NOT NULL"
            ).fetchall()
            if done == connections:
                break
            if time.monotonic() - began > PATIENCE:
                raise SystemExit(f"Only {done} of {connections} consoles were pulled.")
            time.sleep(0.5)
    figures.say(f"first pulls done in {time.monotonic() - began:.1f} s")


def _watch(url: str, places: dict[int, float], size: Size, sides: dict[str, int]) -> dict[str, Any]:
    time.sleep(2 * size.beat)  # whatever the first pulls held up
    before, began = {side: _cpu(pid) for side, pid in sides.items()}, datetime.now(UTC)
    time.sleep(60 * size.minutes)
    ended, after = datetime.now(UTC), {side: _cpu(pid) for side, pid in sides.items()}
    with psycopg.connect(url, autocommit=True) as db:
        begun = db.execute(
            "SELECT connection_id, extract(epoch FROM started_at)::float8 FROM waypost.sync_run"
            " WHERE stream = 'agents' AND started_at BETWEEN %s AND %s",
            [began, ended],
        ).fetchall()
        failed = db.execute("SELECT count(*) FROM waypost.sync_run WHERE state NOT IN ('done', 'running')")
        ((not_done,),) = failed.fetchall()
    if not_done:
        raise SystemExit(f"{not_done} runs did not end well.")
    late = [(at / size.beat - places[connection]) % 1 * size.beat for connection, at in begun]
    cpu = {side: after[side] - before[side] for side in sides}
    seconds = (ended - began) / timedelta(seconds=1)
    figures.say(f"{len(late)} deltas in {seconds:.0f} s")
    return {"late": late, "cpu": cpu, "seconds": seconds}


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process and all its children, those that have ended too."""
    total = 0.0
    for each in (pid, *_children(pid)):
        with contextlib.suppress(OSError):  # it has ended since
            fields = pathlib.Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            total += sum(map(int, fields[11:15] if each == pid else fields[11:13])) / _TICKS
    return total


def _children(pid: int) -> list[int]:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [int(child) for child in children]


if __name__ == "__main__":
    figures.main(measure, __doc__)
