"""Peak memory of the process that pulls, on a usual and on a ten times larger estate.

Each pull is a process of its own; the console and PostgreSQL are others. Measured are the first pull and the
same pull again, which takes another way through the program; the larger counts.
"""

import figures
import stage
from figures import Figure, Outcome, Run

FULL = {
    "300,000 risks": stage.Size(agents=2100, risks_per_agent=143, sites=20),
    "3,000,000 risks": stage.Size(agents=21_429, risks_per_agent=140, sites=200),
}
QUICK = {
    "20,000 risks": stage.Size(agents=150, risks_per_agent=143, sites=20),
    "60,000 risks": stage.Size(agents=430, risks_per_agent=140, sites=60),
}
LONGEST = 900


def measure(quick: bool) -> Outcome:
    sizes = QUICK if quick else FULL
    runs: dict[str, list[Run]] = {}
    for name, size in sizes.items():
        server = stage.server()
        with stage.console(size) as console:
            console.warm_up()
            database = server.database()
            runs[name] = []
            for side in ("first pull", "again"):
                run = stage.pull(console, database, "--full", seconds=LONGEST)
                runs[name].append({"side": side, **run})
                figures.told(f"{name}, {side}", run)
                figures.say(f"peak {run['max_rss_mb']} MB")
            version = server.version
    told = {name: size.told for name, size in sizes.items()}
    return Outcome(__doc__ or "", told, _figures(runs), runs, version)


def _figures(runs: dict[str, list[Run]]) -> list[Figure]:
    (usual, usual_peak), (large, large_peak) = (
        (name, max(run["max_rss_mb"] for run in pulls)) for name, pulls in runs.items()
    )
    sides = {f"{usual}, {run['side']}": run["max_rss_mb"] for run in runs[usual]}
    return [
        Figure(f"peak memory at {usual}", usual_peak, " MB", sides, at_most=200),
        figures.ratio(
            "peak memory, large estate against usual", {large: large_peak, usual: usual_peak}, at_most=1.2
        ),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
