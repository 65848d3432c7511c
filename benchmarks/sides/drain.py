"""What a pull cannot do without: the same lists by the same client, decoded by the same decoders.

As many walks side by side as a pull has, over the same partitions. The rows are dropped; with `--into-table`
those of risks go by binary COPY into one bare table, a column for each that a finding has.

Reads CONSOLE_URL, CONSOLE_TOKEN and, for the table, DATABASE_URL; prints one line of JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import psycopg
from msgspec import UNSET

from waypost import telemetry
from waypost.connections import credentials
from waypost.sentinelone import pages
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.sentinelone.wire import Risk
from waypost.sync import plan, streams
from waypost.sync.plan import WHOLE, Partition, Scope
from waypost.sync.streams import Stream
from waypost.sync.walks import SIDE_BY_SIDE

COLUMNS = {
    "id": "bigint", "endpoint": "bigint", "fingerprint": "bigint", "cve": "text", "name": "text",
    "vendor": "text", "version": "text", "severity": "text", "score": "text", "detected": "text",
    "status": "text", "mitigation": "text", "mark": "text",
}  # fmt: skip
"""As many as a finding is staged with, as they were sent."""

Rows = Sequence[Any]  # Any: each stream has rows of its own
Take = Callable[[Rows], Any]  # Any: awaited


class Drained(msgspec.Struct):
    """Sums of one stream."""

    rows: int = 0
    pages: int = 0
    seconds: float = 0.0


async def nowhere(rows: Rows) -> None:
    """Drop them."""
    del rows


class Table:
    """One bare table, filled by one COPY."""

    def __init__(self, copy: psycopg.AsyncCopy) -> None:
        self._copy = copy
        self._turn = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Table"]:
        async with await psycopg.AsyncConnection.connect(url) as db:
            await db.execute("SET synchronous_commit TO off")  # as a pull does
            listed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            await db.execute(f"CREATE TABLE bare ({listed})".encode())
            async with db.cursor().copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int8" if kind == "bigint" else kind for kind in COLUMNS.values()])
                yield cls(copy)

    async def take(self, rows: Sequence[Risk]) -> None:
        async with self._turn:
            for row in rows:
                await self._copy.write_row(values(row))


def values(row: Risk) -> tuple[Any, ...]:
    """A risk's values in the order of `COLUMNS`."""
    score = row.baseScore if row.nvdBaseScore is UNSET else row.nvdBaseScore
    return (
        row.id, row.endpointId, row.fingerprint, row.cveId, _sent(row.applicationName),
        _sent(row.applicationVendor), _sent(row.applicationVersion), _sent(row.severity), _sent(score),
        _sent(row.detectionDate), _sent(row.status), _sent(row.mitigationStatus), _sent(row.markType),
    )  # fmt: skip


def _sent(value: object) -> str | None:
    return None if value is UNSET or value is None else str(value)


async def drain(client: Client, stream: Stream, partitions: Sequence[Partition], take: Take) -> Drained:
    """Read all partitions of a list, as many at once as a pull does."""
    sums, todo, began = Drained(), iter(partitions), time.monotonic()

    async def worker() -> None:
        for partition in todo:
            params = stream.request(partition, None)
            chain = pages.walk(client, stream.path, params, stream.decode, row_id=stream.row_id)
            async with contextlib.aclosing(chain):
                async for page in chain:
                    sums.rows += len(page.rows)
                    sums.pages += 1
                    await take(page.rows)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(SIDE_BY_SIDE, len(partitions))):
            group.create_task(worker())
    sums.seconds = time.monotonic() - began
    return sums


async def everything(table: Table | None) -> dict[str, Any]:
    client = credentials.client(
        os.environ["CONSOLE_URL"],
        os.environ["CONSOLE_TOKEN"],
        Allowed.parse("127.0.0.1"),
        Limiter.unlimited(),
    )
    sites: list[Scope] = []

    async def note(rows: Rows) -> None:
        sites.extend(Scope(row.value.id, row.value.accountId or None, row.value.state) for row in rows)

    drained: dict[str, Drained] = {}
    began = time.monotonic()
    async with client:
        for stream in streams.IN_ORDER:
            partitions: Sequence[Partition] = WHOLE
            take: Take = note if stream is streams.SITES else nowhere
            if stream is streams.RISKS:
                partitions = plan.partitions(sites, drained["agents"].rows)
                take = table.take if table else nowhere
            drained[stream.name] = await drain(client, stream, partitions, take)
    return {
        "seconds": round(time.monotonic() - began, 3),
        "requests": client.requests,
        "rows": sum(sums.rows for sums in drained.values()),
        "runs": {
            name: {"rows": sums.rows, "pages": sums.pages, "seconds": round(sums.seconds, 3)}
            for name, sums in drained.items()
        },
    }


async def work(*, into_table: bool) -> dict[str, Any]:
    if not into_table:
        return await everything(None)
    async with Table.opened(os.environ["DATABASE_URL"]) as table:
        return await everything(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into-table", action="store_true", help="store the risks, in the plainest way")
    given = parser.parse_args()
    telemetry.configure("warning")
    print(json.dumps(asyncio.run(work(into_table=given.into_table))))


if __name__ == "__main__":
    main()
