"""One export by Waypost in a fresh process: what `waypost export findings` does, without its display.

Reads DATABASE_URL; the format and the output are arguments. Prints one line of JSON. `copy` is no export: it takes what
is stored of the findings out of PostgreSQL and throws it away, which is as fast as it gets.
"""

import asyncio
import json
import os
import resource
import sys
import time

from waypost.exports import exporting
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.storage.database import Connection, Database


async def main(form: str, address: str) -> None:
    database = Database(url=os.environ["DATABASE_URL"], embedded=False)
    async with database.connect() as db:
        began = time.monotonic()
        if form == "copy":
            rows, size = await _copied(db)
        elif form == "parquet":
            outcome = await exporting.to_folder(db, Order(Kind.FINDINGS, Format.PARQUET), address)
            rows, size = outcome.rows, outcome.bytes
        else:
            outcome = await exporting.to_file(db, Order(Kind.FINDINGS, Format(form)), address)
            rows, size = outcome.rows, outcome.bytes
        seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"cpu_seconds": used.ru_utime + used.ru_stime, "max_rss_mb": round(used.ru_maxrss / 1024, 1)}
    print(json.dumps({"rows": rows, "seconds": seconds, "mb": size / 1e6, **told}))


async def _copied(db: Connection) -> tuple[int, int]:
    rows = size = 0
    async with db.cursor() as cursor, cursor.copy("COPY finding TO STDOUT") as lines:
        async for line in lines:
            rows += 1
            size += len(line)
    return rows, size


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
