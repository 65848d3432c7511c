"""Requests a second of `GET /findings?organization=…&limit=20`, against FastAPI and uvicorn with the same SQL.

Both are asked in turns, by the same program over as many connections, on the same database: the first twenty findings
of an organization, with a key. `waypost serve` does on top what it always does: problem documents, limits of the rate,
ETag, request ids, figures and log. The target is 1.5 times as many. A third side serves the same page with nothing
around it, which is the most that anything in Python could reach with these statements.
"""

import asyncio
import base64
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

import figures
import large
from figures import Figure, Outcome, Run
from large import Size
from waypost.access import audit, keys
from waypost.settings import Settings
from waypost.storage import database

SIDES: Final = pathlib.Path(__file__).parent / "sides"
FULL: Final = Size()
CONNECTIONS: Final = 16
ROUNDS: Final = 5
SECONDS: Final = 6.0
AT_LEAST: Final = 1.5
PATH: Final = "/api/v1/findings?" + urllib.parse.urlencode({"organization": "organization 7", "limit": 20})


def measure(quick: bool) -> Outcome:
    size = large.QUICK if quick else FULL
    server, url = large.estate(size)
    with tempfile.TemporaryDirectory() as home:
        key = asyncio.run(_key(url, pathlib.Path(home)))
        runs = _measured(
            url, key, pathlib.Path(home), rounds=1 if quick else ROUNDS, seconds=1.0 if quick else SECONDS
        )
    sides = {side: statistics.median(run["rate"] for run in of_side) for side, of_side in runs.items()}
    found = [
        figures.ratio(
            "requests a second against FastAPI", _of(sides, "Waypost", "FastAPI"), at_least=AT_LEAST
        ),
        figures.ratio(
            "the same page with nothing around it against FastAPI", _of(sides, "nothing around it", "FastAPI")
        ),
        Figure("requests a second", round(sides["Waypost"]), "", {}),
        Figure(
            "the slowest of a hundred, milliseconds", round(_slowest(runs["Waypost"]) * 1000, 1), " ms", {}
        ),
    ]
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), found, runs, server.version)


async def _key(url: str, home: pathlib.Path) -> str:
    """A key that reads everything."""
    opened = await database.prepare(Settings(home=home, database_url=url))
    async with opened.connect() as db:
        _, key = await keys.create(db, audit.SERVICE, name="benchmark", scopes=["read"])
    return key


def _measured(url: str, key: str, home: pathlib.Path, *, rounds: int, seconds: float) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {}
    waypost = [sys.executable, "-m", "waypost.cli.main", "serve", "--no-worker", "--port"]
    fastapi = [sys.executable, str(SIDES / "fastapi_findings.py")]
    environ = os.environ | {
        "WAYPOST_HOME": str(home), "WAYPOST_DATABASE_URL": url, "DATABASE_URL": url,
        "WAYPOST_MASTER_KEY": base64.b64encode(bytes(32)).decode(), "WAYPOST_RATE_LIMIT": "1000000",
    }  # fmt: skip
    bare = [sys.executable, str(SIDES / "bare_findings.py")]
    with (
        _listening(waypost, environ) as ours,
        _listening(fastapi, environ) as theirs,
        _listening(bare, environ) as floor,
    ):
        _check((ours, theirs, floor), key)
        for _ in range(rounds):
            for side, port in {"Waypost": ours, "FastAPI": theirs, "nothing around it": floor}.items():
                run = _asked(port, key, seconds)
                runs.setdefault(side, []).append(run)
                figures.say(f"{side}: {run['rate']:.0f} requests/s, half within {run['p50'] * 1000:.1f} ms")
    return runs


@contextlib.contextmanager
def _listening(command: list[str], environ: dict[str, str]) -> Iterator[int]:
    """A service in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with subprocess.Popen([*command, str(port)], env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _asked(port: int, key: str, seconds: float) -> Run:
    command = [
        sys.executable,
        str(SIDES / "ask.py"),
        "127.0.0.1",
        str(port),
        PATH,
        key,
        str(CONNECTIONS),
        str(seconds),
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    run: Run = json.loads(ended.stdout)
    if run["bad"]:
        raise SystemExit(f"{run['bad']:,} of {run['requests']:,} answers were refusals.")
    return run


def _check(ports: Sequence[int], key: str) -> None:
    """Sides that answer differently were not asked the same."""
    answers = []
    for port in ports:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{PATH}", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
            answers.append([item["id"] for item in json.load(answer)["items"]])
    if any(answer != answers[0] for answer in answers) or len(answers[0]) != 20:
        raise SystemExit("The sides answer differently.")


def _of(sides: dict[str, float], *names: str) -> dict[str, float]:
    return {name: sides[name] for name in names}


def _slowest(runs: list[Run]) -> float:
    return statistics.median(run["p99"] for run in runs)


if __name__ == "__main__":
    figures.main(measure, __doc__)
