"""The first pull of an estate: against dlt, and against the least that such a pull must do.

Three sides in turn, over and over: Waypost into an empty database; dlt into another on the same server; and
the floor, which is Waypost's own client and decoders filling one bare table by COPY. dlt is set up for speed
(see `sides/dlt_pipeline.py`); once more it runs as it comes.
"""

import figures
import stage
from figures import Figure, Outcome, Run

ROUNDS = 3
FULL = stage.Size(agents=2100, risks_per_agent=143, sites=20)
QUICK = stage.Size(agents=150, risks_per_agent=143, sites=20)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    runs: dict[str, list[Run]] = {"waypost": [], "floor": [], "dlt": [], "dlt as it comes": []}
    server = stage.server()
    with stage.console(size) as console:
        console.warm_up()
        for _ in range(1 if quick else ROUNDS):
            runs["waypost"].append(_in_own(server, lambda url: stage.pull(console, url, "--full")))
            figures.told("waypost", runs["waypost"][-1])
            runs["floor"].append(
                _in_own(server, lambda url: stage.drain(console, "--into-table", database=url))
            )
            figures.told("floor", runs["floor"][-1])
            runs["dlt"].append(_in_own(server, lambda url: stage.dlt(console, url)))
            figures.told("dlt", runs["dlt"][-1])
        runs["dlt as it comes"].append(_in_own(server, lambda url: stage.dlt(console, url, "--as-it-comes")))
        figures.told("dlt as it comes", runs["dlt as it comes"][-1])
        version = server.version
    _check_rows(runs)
    return Outcome(__doc__ or "", size.told, _figures(runs), runs, version)


def _in_own(server: stage.Server, side: stage.Side) -> Run:
    """A side in a database of its own, which goes afterwards."""
    database = server.database()
    server.settle()
    run = side(database)
    server.drop(database)
    return run


def _check_rows(runs: dict[str, list[Run]]) -> None:
    """Sides that brought different numbers of rows did not do the same work."""
    brought = {side: sorted({run["rows"] for run in each}) for side, each in runs.items()}
    if len({tuple(rows) for rows in brought.values()}) > 1:
        raise SystemExit(f"The sides brought different numbers of rows: {brought}")


def _figures(runs: dict[str, list[Run]]) -> list[Figure]:
    rate = figures.median_rate
    waypost, floor, dlt, plain = runs.values()
    return [
        figures.ratio(
            "whole pull, rows/s against dlt", {"waypost": rate(waypost), "dlt": rate(dlt)}, at_least=10
        ),
        figures.ratio(
            "whole pull, rows/s against dlt as it comes",
            {"waypost": rate(waypost), "dlt as it comes": rate(plain)},
        ),
        figures.ratio(
            "risks, rows/s against the floor",
            {"waypost": rate(waypost, "risks"), "floor": rate(floor, "risks")},
            at_least=0.5,
        ),
        figures.ratio(
            "whole pull, rows/s against the floor",
            {"waypost": rate(waypost), "floor": rate(floor)},
            at_least=0.5,
        ),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
