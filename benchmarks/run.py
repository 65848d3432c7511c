"""Run the benchmarks, each in a process of its own, and show every figure beside its target.

    python benchmarks/run.py [--quick] [NAME...]

Full sizes take minutes, need dlt (dependency group `bench`) and write
`benchmarks/results/NAME.json`. Exit code: 0, or 1 if a target was missed or a benchmark failed. Quick runs
show that everything works; their figures mean nothing, are not judged and not kept.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import msgspec
from rich.console import Console
from rich.table import Table

import large
import machine
from figures import Outcome

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results"
NAMES = (
    "first_pull", "unchanged", "delta", "memory", "limits", "check", "many_connections",
    "suggestions", "mapping_save", "through_mapping", "lists", "export", "api_requests", "changes_feed",
)  # fmt: skip
LONGEST = 3600


def measured(name: str, *, quick: bool) -> Outcome | None:
    """The outcome of one benchmark; None if it failed."""
    print(name, file=sys.stderr)
    about = machine.facts()
    command = [sys.executable, str(HERE / f"{name}.py"), *(["--quick"] if quick else [])]
    try:
        ended = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST, check=True)
    except subprocess.SubprocessError as problem:
        print(f"{name} failed: {problem}", file=sys.stderr)
        return None
    outcome = msgspec.json.decode(ended.stdout, type=Outcome)
    if not quick:
        kept = {"name": name, "machine": about, **msgspec.to_builtins(outcome)}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    return outcome


def shown(outcomes: dict[str, Outcome], *, quick: bool) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("benchmark", "figure", "value", "target", "met"):
        table.add_column(column, justify="right" if column in ("value", "target") else "left")
    for name, outcome in outcomes.items():
        for figure in outcome.figures:
            verdict = "" if figure.met is None or quick else "yes" if figure.met else "NO"
            table.add_row(name, figure.name, f"{figure.value:g}{figure.unit}", figure.target, verdict)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small estates: shows that it works, no more")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}")
    chosen = [name for name in NAMES if name in given.names or not given.names]
    with tempfile.TemporaryDirectory(prefix="bench-estates-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault(large.SHARED, folder)
        tried = {name: measured(name, quick=given.quick) for name in chosen}
    outcomes = {name: outcome for name, outcome in tried.items() if outcome is not None}
    shown(outcomes, quick=given.quick)
    missed = [figure for outcome in outcomes.values() for figure in outcome.figures if figure.met is False]
    return int(len(outcomes) < len(chosen) or (bool(missed) and not given.quick))


if __name__ == "__main__":
    sys.exit(main())
