"""A day later, one risk in a hundred changed: what the delta costs beside a full pull.

Full pull and delta take turns, a day passing before each delta. The first full pull fills an empty database;
those after it find nearly everything stored and are the quicker ones, so the median is the stricter measure.

Once more as a real console answers, 300 ms a page and the published limits enforced: there the requests decide.
"""

import statistics

import figures
import stage
from figures import Figure, Outcome, Run

ROUNDS = 3
CHANGED = 0.01
FULL = stage.Size(agents=2100, risks_per_agent=143, sites=20)
QUICK = stage.Size(agents=150, risks_per_agent=143, sites=20)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    runs: dict[str, list[Run]] = {"full": [], "delta": [], "day": []}
    server = stage.server()
    with stage.console(size) as console:
        console.warm_up()
        database = server.database()
        for _ in range(1 if quick else ROUNDS):
            server.settle()
            runs["full"].append(stage.pull(console, database, "--full"))
            figures.told("full", runs["full"][-1])
            runs["day"].append(console.advance(CHANGED)["changes"])
            console.warm_up()
            delta = stage.pull(console, database)
            if delta["runs"]["risks"]["kind"] != "delta":
                raise SystemExit("The pull after a day was no delta.")
            runs["delta"].append(delta)
            figures.told("delta", delta)
        version = server.version
    with stage.console(size, "--limits", "--latency=300") as console:
        database = server.database()
        for side in ("full", "delta"):
            runs[f"{side}, limited"] = [stage.pull(console, database, "--limited")]
            figures.told(f"{side}, limited", runs[f"{side}, limited"][0])
            console.advance(CHANGED)
    return Outcome(__doc__ or "", {**size.told, "changed": CHANGED}, _figures(runs), runs, version)


def _figures(runs: dict[str, list[Run]]) -> list[Figure]:
    def median(side: str, what: str) -> float:
        return float(statistics.median(run[what] for run in runs[side]))

    return [
        figures.ratio(
            "requests of a delta, part of a full pull's",
            {"delta": median("delta", "requests"), "full": median("full", "requests")},
            at_most=0.03,
        ),
        figures.ratio(
            "seconds of a delta, part of a full pull's",
            {"delta": median("delta", "seconds"), "full": median("full", "seconds")},
            at_most=0.05,
        ),
        figures.ratio(
            "the same, 300 ms a page and limits enforced",
            {"delta": median("delta, limited", "seconds"), "full": median("full, limited", "seconds")},
            at_most=0.05,
        ),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
