"""What a worker counts of itself, for whoever asks in the same process: `/metrics`, benchmarks, tests."""

from typing import Final

import msgspec


class Gauges(msgspec.Struct):
    """Plain numbers, written by one worker.

    Attributes:
        places: Pulls that may be under way at once.
        taken: Pulls that are under way.
        done: Pulls that went through, since the start.
        failed: Pulls that an error ended, since the start.
        late_last: Seconds that the last pull began after its time.
        late_most: The most of these since the start.
        alive_at: When the worker last looked for work (Unix time); 0 before it ran.
        upkeep_at: When this process last did the upkeep; 0 if another does.
        delivered: Deliveries to webhooks that were accepted, since the start.
        delivery_failures: Tries that were not, since the start.
    """

    places: int = 0
    taken: int = 0
    done: int = 0
    failed: int = 0
    late_last: float = 0.0
    late_most: float = 0.0
    alive_at: float = 0.0
    upkeep_at: float = 0.0
    delivered: int = 0
    delivery_failures: int = 0

    def began(self, late: float) -> None:
        self.late_last = late
        self.late_most = max(self.late_most, late)


HERE: Final = Gauges()
"""Of the worker of this process."""
