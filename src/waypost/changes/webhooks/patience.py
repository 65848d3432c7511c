"""When a delivery that failed is tried again, and when that is over."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
STEPS: Final = (timedelta(seconds=5), 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR)
"""After the first failure in a row, the second and so on; then the last of them, as Standard Webhooks advises."""
WHOLE: Final = timedelta(hours=24)
"""From the first failure to the last try."""

_SPREAD: Final = 0.1
"""A rest is so much longer at most, so that what failed together is not tried again together."""
_jitter: Final[Callable[[float, float], float]] = random.SystemRandom().uniform


def rest(failures: int, failing: timedelta, asked: float | None = None) -> timedelta | None:
    """How long to wait; None when it is over.

    Args:
        failures: In a row, this one included.
        failing: For so long.
        asked: Seconds that the receiver asks for; it gets them, up to the next step.
    """
    left = WHOLE - failing
    if left <= timedelta(0):
        return None
    step, longest = _step(failures), _step(failures + 1)
    wanted = step * _jitter(1, 1 + _SPREAD)
    if asked is not None:
        wanted = max(wanted, min(timedelta(seconds=asked), longest))
    return min(wanted, left)


def _step(failures: int) -> timedelta:
    return STEPS[min(failures, len(STEPS)) - 1]
