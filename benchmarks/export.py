"""Exporting every finding: Parquet in partitions, CSV and NDJSON, beside `COPY … TO STDOUT` of the bare table.

Each export is a process of its own, one after the other; its memory is the most that this process took, without that
of PostgreSQL.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Final

import msgspec

import figures
import large
import stage
from figures import Figure, Outcome, Run
from large import Size

FULL: Final = Size()
ROUNDS: Final = 3
AT_LEAST: Final = 150_000
"""Rows a second, of Parquet."""
AT_MOST: Final = 400
"""MB."""
FORMATS: Final = {"copy": ROUNDS, "parquet": ROUNDS, "csv": 1, "ndjson": 1}
LONGEST: Final = 1_500


def measure(quick: bool) -> Outcome:
    return measured(large.QUICK if quick else FULL, dict.fromkeys(FORMATS, 1) if quick else FORMATS)


def measured(size: Size, rounds: dict[str, int]) -> Outcome:
    """The figures of an estate of this size, each format exported so often."""
    server, url = large.estate(size)
    runs: dict[str, list[Run]] = {}
    for turn in range(max(rounds.values())):
        for name, times in rounds.items():
            if turn < times:
                runs.setdefault(name, []).append(_exported(name, url))
                figures.told(name, runs[name][-1])
                run = runs[name][-1]
                figures.say(
                    f"peak {run['max_rss_mb']} MB, {run['mb']:,.0f} MB, {run['cpu_seconds']:.1f} s of a core"
                )
    return Outcome(__doc__ or "", msgspec.structs.asdict(size), _figures(runs), runs, server.version)


def _figures(runs: dict[str, list[Run]]) -> list[Figure]:
    rates = {name: figures.median_rate(of) for name, of in runs.items()}
    peak = max(run["max_rss_mb"] for run in runs["parquet"])
    both = {name: round(rates[name]) for name in ("parquet", "copy")}
    return [
        Figure("Parquet", round(rates["parquet"]), " rows/s", both, at_least=AT_LEAST),
        Figure("Parquet, peak memory", peak, " MB", {}, at_most=AT_MOST),
        *(
            Figure(name.upper(), round(rates[name]), " rows/s", {"peak MB": runs[name][0]["max_rss_mb"]})
            for name in ("csv", "ndjson")
        ),
    ]


def _exported(name: str, url: str) -> Run:
    folder = tempfile.mkdtemp(prefix="bench-export-")
    try:
        address = folder if name == "parquet" else f"{folder}/findings"
        command = [sys.executable, str(stage.HERE / "sides" / "export.py"), name, address]
        ended = subprocess.run(
            command,
            env=os.environ | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            timeout=LONGEST,
            check=True,
        )
    finally:
        shutil.rmtree(folder)
    run: Run = json.loads(ended.stdout)
    return run


if __name__ == "__main__":
    figures.main(measure, __doc__)
