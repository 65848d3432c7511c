"""The same pull again when nothing has changed: what it writes, and how near it comes to only reading.

Full pulls of a stored estate and drains (same client, same decoders, nothing kept) take turns.
"""

import figures
import stage
from figures import Figure, Outcome, Run

ROUNDS = 3
FULL = stage.Size(agents=2100, risks_per_agent=143, sites=20)
QUICK = stage.Size(agents=150, risks_per_agent=143, sites=20)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    runs: dict[str, list[Run]] = {"first pull": [], "again": [], "drain": []}
    server = stage.server()
    with stage.console(size) as console:
        console.warm_up()
        database = server.database()
        runs["first pull"].append(stage.pull(console, database, "--full"))
        before = server.written(database)
        server.settle()
        for _ in range(1 if quick else ROUNDS):
            runs["again"].append(stage.pull(console, database, "--full"))
            figures.told("again", runs["again"][-1])
            runs["drain"].append(stage.drain(console))
            figures.told("drain", runs["drain"][-1])
        written = {
            table: count - before[table]
            for table, count in server.written(database).items()
            if count != before[table]
        }
        version = server.version
    return Outcome(__doc__ or "", size.told, _figures(runs, written), runs, version)


def _figures(runs: dict[str, list[Run]], written: dict[str, int]) -> list[Figure]:
    rate = figures.median_rate
    again, drain = runs["again"], runs["drain"]
    return [
        Figure(
            "finding rows written", written.get("finding", 0), " rows", dict(written), at_most=0
        ),  # the sides: rows written of every table, over all rounds
        figures.ratio(
            "risks, rows/s against only reading",
            {"again": rate(again, "risks"), "drain": rate(drain, "risks")},
            at_least=0.8,
        ),
        figures.ratio(
            "whole pull, rows/s against only reading",
            {"again": rate(again), "drain": rate(drain)},
            at_least=0.8,
        ),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
