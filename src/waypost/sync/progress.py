"""What a pull tells while it works, as plain events: the command line draws them, tests count them."""

from collections.abc import Callable

import msgspec


class RunStarted(msgspec.Struct, frozen=True):
    """A run begins, or goes on from where an earlier pull stopped."""

    connection: str
    stream: str
    kind: str
    walks: int
    resumed: bool


class BatchStored(msgspec.Struct, frozen=True):
    """Totals of the run after one more transaction."""

    connection: str
    stream: str
    rows: int
    pages: int
    walks_left: int


class RunEnded(msgspec.Struct, frozen=True):
    """The run is over, whichever way."""

    connection: str
    stream: str
    state: str
    counts: dict[str, int]
    seconds: float


Event = RunStarted | BatchStored | RunEnded
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that does nothing."""
    del event
