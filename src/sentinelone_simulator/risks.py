"""Millions of risks in flat arrays: 25 bytes each, in the order in which they were detected.

A risk is a row number. Detection times are unique and only grow, so row order is id order and an id
is computed from its row. `updated` is the hidden time behind `riskUpdatedDate__*`; a log of later
changes, sorted by time, lets a delta find its rows without looking at the others.
"""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from sentinelone_simulator import clock

REMOVED = 1
TO_BE_PATCHED = 2
ON_HOLD = 4
FALSE_POSITIVE = 8
RESCORED = 16
NO_SCORE = 32
NO_SEVERITY = 64
UNKNOWN_SEVERITY = 128
MITIGATION = TO_BE_PATCHED | ON_HOLD


@dataclass(slots=True, repr=False)
class Risks:
    detected: "array[int]" = field(default_factory=lambda: array("q"))
    updated: "array[int]" = field(default_factory=lambda: array("q"))
    agent: "array[int]" = field(default_factory=lambda: array("I"))
    pair: "array[int]" = field(default_factory=lambda: array("I"))
    flags: "array[int]" = field(default_factory=lambda: array("B"))
    log_time: "array[int]" = field(default_factory=lambda: array("q"))
    log_row: "array[int]" = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.detected)

    def id(self, row: int) -> int:
        return clock.snowflake(self.detected[row], row * 2_654_435_761 >> 12)

    def append(self, detected: int, agent: int, pair: int, flags: int = 0) -> int:
        """Add a risk; `detected` must be later than every one before."""
        row = len(self.detected)
        self.detected.append(detected)
        self.updated.append(detected)
        self.agent.append(agent)
        self.pair.append(pair)
        self.flags.append(flags)
        return row

    def record(self, changes: list[tuple[int, int]]) -> None:
        """Log changed rows as (time, row); every time is later than those logged before."""
        for time, row in sorted(changes):
            self.updated[row] = time
            self.log_time.append(time)
            self.log_row.append(row)

    def updated_between(self, low: int, high: int) -> list[int]:
        """Rows last significantly changed from `low` to `high`, both included, in row order."""
        first, last = bisect_left(self.detected, low), bisect_right(self.detected, high)
        updated, detected = self.updated, self.detected
        rows = {row for row in range(first, last) if updated[row] == detected[row]}
        for at in range(bisect_left(self.log_time, low), bisect_right(self.log_time, high)):
            row = self.log_row[at]
            if updated[row] == self.log_time[at]:
                rows.add(row)
        return sorted(rows)
