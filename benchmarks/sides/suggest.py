"""Build the index and suggest, timed in a process of its own: reads names from standard input, prints figures."""

import pathlib
import statistics
import sys
import time

import msgspec

from waypost.organizations.matching import Index, Known, Subject, cleaning

ONE_BY_ONE = 300


class Given(msgspec.Struct):
    """What to suggest for."""

    organizations: list[str]
    sites: list[str]


def _peak_mb() -> float:
    """The peak of this program; what `getrusage` tells begins with that of the process that started it."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Given)
    known = [Known(number, name) for number, name in enumerate(given.organizations)]
    subjects = [Subject(number, name, account=0) for number, name in enumerate(given.sites)]
    started = time.process_time()
    index = Index(known)
    built = time.process_time()
    index.suggest(subjects)
    done = time.process_time()
    singles = []
    for subject in subjects[:: max(1, len(subjects) // ONE_BY_ONE)]:
        cleaning.clean.cache_clear()  # a new site has a new name
        before = time.perf_counter()
        index.suggest([subject])
        singles.append(1000 * (time.perf_counter() - before))
    told = {
        "seconds": done - started,
        "index_seconds": built - started,
        "one_ms": statistics.median(singles),
        "slowest_one_ms": max(singles),
        "max_rss_mb": _peak_mb(),
    }
    print(msgspec.json.encode(told).decode())


if __name__ == "__main__":
    main()
