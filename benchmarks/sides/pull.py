"""One pull by Waypost in a fresh process: what `waypost sync` does, without its display.

Reads CONSOLE_URL, CONSOLE_TOKEN and DATABASE_URL, prints one line of JSON. The connection is added first,
where it is not there yet; the time starts after that.
"""

import argparse
import asyncio
import json
import os
import pathlib
import resource
import time
from typing import Any

from waypost import telemetry
from waypost.access import audit
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Database
from waypost.sync import now
from waypost.sync.now import Means
from waypost.sync.pull import PullResult

NAME = "bench"
MASTER_KEY = (
    "d2F5cG9zdCBiZW5jaG1hcmtzIHNlYWwgbm90aGluZyE="  # seals the token of a simulator that soon is gone
)


async def pull(*, full: bool, limited: bool) -> dict[str, Any]:
    settings = Settings(
        home=pathlib.Path(os.devnull),
        database_url=os.environ["DATABASE_URL"],
        master_key=MASTER_KEY,
        allowed_hosts="127.0.0.1",
    )
    telemetry.configure(settings.log_level)
    prepared = await database.prepare(settings)
    limiter = None if limited else Limiter.unlimited()
    means = Means(prepared, Vault.open(settings), Allowed.parse(settings.allowed_hosts), limiter)
    connection = await connected(prepared, means)
    began = time.monotonic()
    result = await now.pull(means, connection, full=full)
    return told(result, time.monotonic() - began)


async def connected(prepared: Database, means: Means) -> Connection:
    async with prepared.connect() as db:
        if found := await registry.find(db, [NAME]):
            return found[0]
        added, _ = await registry.add(
            db,
            means.vault,
            audit.command(),
            name=NAME,
            url=os.environ["CONSOLE_URL"],
            token=os.environ["CONSOLE_TOKEN"],
            allowed=means.allowed,
            limiter=means.limiter,
        )
        return added


def told(result: PullResult, seconds: float) -> dict[str, Any]:
    runs = {
        run.stream: {
            "kind": run.kind,
            "state": run.state,
            "rows": run.counts.get("rows", 0),
            "pages": run.counts.get("pages", 0),
            "requests": run.counts.get("requests", 0),
            "seconds": round(run.seconds, 3),
        }
        for run in result.runs
    }
    return {
        "done": all(run.state == "done" for run in result.runs),
        "seconds": round(seconds, 3),
        "requests": result.requests,
        "rows": sum(run["rows"] for run in runs.values()),
        "changes": result.changes,
        "runs": runs,
        "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, not what changed")
    parser.add_argument("--limited", action="store_true", help="keep to the vendor's limits")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(pull(full=given.full, limited=given.limited))))


if __name__ == "__main__":
    main()
