"""How long a connection rests after a pull that failed, by what the failure was."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec
import psycopg

from waypost import errors

_jitter: Final[Callable[[float, float], float]] = random.SystemRandom().uniform


class Rest(msgspec.Struct, frozen=True):
    """Doubling from the first to the longest with every failure in a row."""

    first: timedelta
    longest: timedelta


_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)

OF_KIND: Final[tuple[tuple[type[BaseException], Rest], ...]] = (
    (errors.LimitedError, Rest(2 * _MINUTE, 30 * _MINUTE)),
    (errors.VendorFailureError, Rest(2 * _MINUTE, 30 * _MINUTE)),
    (errors.DatabaseUnreachableError, Rest(_MINUTE / 6, 5 * _MINUTE)),
    (psycopg.Error, Rest(_MINUTE / 6, 5 * _MINUTE)),
)
"""By the error itself, the first that fits; any other by its reaction."""

OF_REACTION: Final = {
    errors.Reaction.TRANSIENT: Rest(_MINUTE, 30 * _MINUTE),
    errors.Reaction.TERMINAL: Rest(_HOUR, _HOUR),
    errors.Reaction.NEEDS_ATTENTION: Rest(_HOUR, _HOUR),
}

UNKNOWN: Final = Rest(_MINUTE, 30 * _MINUTE)
"""After what nobody thought of: a mistake in the program."""

BUSY: Final = timedelta(seconds=5)
"""Until a connection that somebody else is pulling is looked at again."""

_SPREAD: Final = 0.25
"""A rest is so much longer or shorter, that what failed together is not tried again together."""


def rest(error: BaseException, failures: int) -> timedelta:
    """How long to wait.

    Args:
        error: What the last pull ended with.
        failures: In a row, this one included.
    """
    kind = next((rest for kind, rest in OF_KIND if isinstance(error, kind)), None)
    if kind is None:
        kind = OF_REACTION[error.reaction] if isinstance(error, errors.WaypostError) else UNKNOWN
    doubled = kind.first * (1 << min(failures - 1, 30))
    return min(doubled, kind.longest) * _jitter(1 - _SPREAD, 1 + _SPREAD)
