"""How fast the simulator serves risks: rows a second over loopback, gzip, to a client that only reads.

The simulator runs in its own process. The client follows the page chains of several sites side by
side; it inflates only the end of each body, where the cursor is. Writes
`benchmarks/results/simulator_speed.json`.
"""

import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from isal import isal_zlib

RESULTS = pathlib.Path(__file__).parent / "results" / "simulator_speed.json"
RISKS = "/web/api/v2.1/application-management/risks"
SITES = "/web/api/v2.1/sites?limit=1000"
PER_AGENT = 140
AGENTS_PER_SITE = 107
GZIP = 31
CURSOR = re.compile(rb'"nextCursor":"([^"]+)"')


@dataclass
class Sums:
    rows: int = 0
    pages: int = 0
    wire: int = 0
    plain: int = 0


async def walk(session: aiohttp.ClientSession, sites: Iterator[str], sums: Sums) -> None:
    """Read the chains of the sites that come next, until none is left."""
    for site in sites:
        params = {"siteIds": site, "limit": "1000", "skipCount": "true"}
        while True:
            async with session.get(RISKS, params=params) as answer:
                body = await answer.read()
            plain = isal_zlib.decompress(body, wbits=GZIP) if body[:2] == b"\x1f\x8b" else body
            sums.rows += plain.count(b'{"id":')
            sums.pages += 1
            sums.wire += len(body)
            sums.plain += len(plain)
            following = CURSOR.search(plain, max(0, len(plain) - 600))
            if not following:
                break
            params["cursor"] = following[1].decode()


async def drain(url: str, token: str, walks: int) -> tuple[Sums, float]:
    headers = {"Authorization": f"ApiToken {token}", "Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(url, headers=headers) as session, session.get(SITES) as answer:
        listed = [site["id"] for site in (await answer.json())["data"]["sites"]]
    sums, sites = Sums(), iter(listed)
    async with aiohttp.ClientSession(url, headers=headers, auto_decompress=False) as session:
        async with session.get(RISKS, params={"siteIds": listed[0], "limit": "1"}):
            pass  # the first answer of a day sorts the risks by site; that is not what is timed
        start = time.perf_counter()
        await asyncio.gather(*(walk(session, sites, sums) for _ in range(walks)))
        return sums, time.perf_counter() - start


def resident(pid: int) -> dict[str, int]:
    """Resident memory now and at its highest, in MB, from /proc."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "rss_mb": int(fields["VmRSS"].split()[0]) // 1024,
        "peak_rss_mb": int(fields["VmHWM"].split()[0]) // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--risks", type=int, default=3_000_000)
    parser.add_argument("--walks", type=int, default=4, help="page chains read side by side")
    given = parser.parse_args()
    agents = max(1, given.risks // PER_AGENT)
    size = ["--agents", str(agents), "--risks-per-agent", str(PER_AGENT)]
    sites = ["--sites", str(min(5000, max(5, agents // AGENTS_PER_SITE)))]
    begin = time.perf_counter()
    command = [sys.executable, "-m", "sentinelone_simulator", *size, *sites]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            ready = json.loads(server.stdout.readline())
            started = time.perf_counter() - begin
            sums, seconds = asyncio.run(drain(ready["url"], ready["token"], given.walks))
            figures = {
                "rows": sums.rows,
                "pages": sums.pages,
                "start_seconds": round(started, 2),
                "seconds": round(seconds, 2),
                "rows_per_second": round(sums.rows / seconds),
                "json_mb_per_second": round(sums.plain / seconds / 1e6, 1),
                "wire_mb_per_second": round(sums.wire / seconds / 1e6, 1),
                **resident(server.pid),
            }
        finally:
            server.terminate()
    print(json.dumps(figures, indent=2))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
