"""The check of a console with 2,000 sites, at 100 ms an answer and within the published limits.

Timed is the examination as `waypost connection check` makes it, by a limiter of its own each time, as a program that
was just started has. The console enforces the limits, and counts the requests.
"""

import asyncio
import statistics

import figures
import stage
from figures import Figure, Outcome, Run
from waypost import telemetry
from waypost.connections import check
from waypost.sentinelone.address import Allowed

ROUNDS = 7
LATENCY = 100
FULL = stage.Size(agents=20_000, risks_per_agent=20, sites=2000)
QUICK = stage.Size(agents=200, risks_per_agent=5, sites=50)


def measure(quick: bool) -> Outcome:
    telemetry.configure("warning")
    size = QUICK if quick else FULL
    runs: list[Run] = []
    with stage.console(size, "--limits", f"--latency={LATENCY}") as console:
        console.warm_up()
        for _ in range(2 if quick else ROUNDS):
            console.forget_requests()
            runs.append(_one(console))
            figures.say(f"{runs[-1]['seconds']:.2f} s, {runs[-1]['requests']} requests")
    told = {**size.told, "latency_ms": LATENCY, "limits": True}
    return Outcome(__doc__ or "", told, _figures(runs), {"check": runs}, postgresql="")


def _one(console: stage.Console) -> Run:
    report = asyncio.run(check.examine(console.url, console.token, Allowed.parse("127.0.0.1")))
    counted = console.requests()
    if report.refused or [line for line in report.results if line.state == "skipped"]:
        raise SystemExit(f"A check did not get through: {report.results}")
    return {
        "seconds": report.seconds,
        "requests": counted["total"],
        "limited": counted["limited"],
        "lines": {line.name: line.seconds for line in report.results},
    }


def _figures(runs: list[Run]) -> list[Figure]:
    seconds = [float(run["seconds"]) for run in runs]
    requests = max(int(run["requests"]) for run in runs)
    return [
        Figure(
            "seconds of a check (median)",
            round(statistics.median(seconds), 3),
            " s",
            {"median": statistics.median(seconds), "slowest": max(seconds)},
            at_most=6.0,
        ),
        Figure(
            "seconds of the slowest check",
            round(max(seconds), 3),
            " s",
            {"slowest": max(seconds)},
            at_most=6.0,
        ),
        Figure("requests of a check (most)", requests, "", {"requests": requests}, at_most=25),
        Figure(
            "refused as too many (all checks)",
            sum(int(run["limited"]) for run in runs),
            "",
            {"limited": sum(int(run["limited"]) for run in runs)},
            at_most=0,
        ),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
