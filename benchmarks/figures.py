"""What a benchmark hands over: figures with their targets, and every run that they were taken from."""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

Run = dict[str, Any]  # Any: what a side's program printed


class Figure(msgspec.Struct):
    """One number. `sides` are what it was computed from, medians where there were several runs."""

    name: str
    value: float
    unit: str
    sides: dict[str, float]
    at_least: float | None = None
    at_most: float | None = None
    met: bool | None = None

    def __post_init__(self) -> None:
        if self.at_least is not None:
            self.met = self.value >= self.at_least
        elif self.at_most is not None:
            self.met = self.value <= self.at_most

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}{self.unit}"
        return f"<= {self.at_most:g}{self.unit}" if self.at_most is not None else ""


class Outcome(msgspec.Struct):
    """A benchmark's result. `runs` holds all runs of each side, in their order."""

    about: str
    size: dict[str, Any]
    figures: list[Figure]
    runs: dict[str, list[Run]]
    postgresql: str


def median_rate(runs: Sequence[Run], stream: str | None = None) -> float:
    """Rows a second, of one stream or of everything: the median of the runs."""
    return statistics.median(_rate(run if stream is None else run["runs"][stream]) for run in runs)


def _rate(part: Run) -> float:
    return float(part["rows"] / part["seconds"])


def ratio(
    name: str, sides: dict[str, float], *, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    """The first side in relation to the second."""
    ours, theirs = sides.values()
    rounded = {side: round(value, 3) for side, value in sides.items()}
    return Figure(name, round(ours / theirs, 4), "", rounded, at_least=at_least, at_most=at_most)


def main(measure: Callable[[bool], Outcome], about: str | None) -> None:
    """Run one benchmark and print its outcome as JSON; what it is doing goes to standard error."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="a small estate: shows that it works, no more")
    given = parser.parse_args()
    print(msgspec.json.encode(measure(given.quick)).decode())


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def told(side: str, run: Run) -> None:
    """Say what a run brought."""
    risks = run.get("runs", {}).get("risks")
    more = f"; risks {risks['rows'] / risks['seconds']:,.0f} rows/s" if risks else ""
    say(f"{side}: {run['rows']:,} rows in {run['seconds']:.1f} s, {_rate(run):,.0f} rows/s{more}")
