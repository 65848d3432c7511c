"""A console as slow and as strict as a real one: how near a pull comes to what the limits allow.

300 ms a page; the console enforces the vendor's limits and answers 429 beyond them. What they allow follows
from the requests made: a bucket that holds one request and gets `RATE` a second lets n of them out in
(n - 1) / RATE seconds at best. The latency of the last answer is not taken off.
"""

import figures
import stage
from figures import Figure, Outcome, Run

LATENCY_MS = 300
RATE = 3.0
"""Requests a second for risks, of one at once; the slowest row of the limits that a pull meets."""
FULL = stage.Size(agents=900, risks_per_agent=143, sites=12)
QUICK = stage.Size(agents=150, risks_per_agent=143, sites=4)


def measure(quick: bool) -> Outcome:
    size = QUICK if quick else FULL
    server = stage.server()
    with stage.console(size, "--limits", f"--latency={LATENCY_MS}") as console:
        console.warm_up()
        database = server.database()
        console.forget_requests()
        run = stage.pull(console, database, "--full", "--limited")
        asked = console.requests()
        figures.told("limited", run)
        version = server.version
    run["asked"] = asked
    pages = sum(
        count for path, count in asked["by"].items() if path.endswith("/application-management/risks")
    )
    least = (pages - 1) / RATE
    figures.say(f"{pages} requests for risks, {asked['limited']} refused; at best {least:.1f} s")
    told = {**size.told, "latency_ms": LATENCY_MS, "risk_requests": pages}
    return Outcome(__doc__ or "", told, _figures(run, least), {"waypost": [run]}, version)


def _figures(run: Run, least: float) -> list[Figure]:
    return [
        figures.ratio(
            "risks, part of the rate that the limits allow",
            {"seconds at best": least, "seconds": run["runs"]["risks"]["seconds"]},
            at_least=0.95,
        ),
        figures.ratio(
            "whole pull, part of the rate that the limits allow",
            {"seconds at best": least, "seconds": run["seconds"]},
        ),
        Figure("requests refused with 429", run["asked"]["limited"], "", {}, at_most=0),
    ]


if __name__ == "__main__":
    figures.main(measure, __doc__)
