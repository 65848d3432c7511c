"""How many requests each key may make: a bucket that fills at a steady rate and is full after two seconds.

Kept in memory, by each process for itself, as the attempts with wrong keys are (`access/attempts.py`). Only requests
with a good key take from a bucket, so nobody else can empty it.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from litestar.types import Scope

from waypost import errors

SECONDS: Final = 2
"""How long an empty bucket takes to fill; twice the rate is what may come at once."""
_MOST_KEYS: Final = 10_000
_KEY: Final = "waypost_allowance"
HEADERS: Final = {
    "RateLimit-Policy": "How many requests (`q`) within how many seconds (`w`) the key may make.",
    "RateLimit": "How many requests remain (`r`), and in how many seconds all of them are there again (`t`).",
    "X-RateLimit-Limit": "As `q` of `RateLimit-Policy`.",
    "X-RateLimit-Remaining": "As `r` of `RateLimit`.",
    "X-RateLimit-Reset": "When all requests are there again, in seconds since 1970.",
}
"""What is told with every answer to a key, and what it means."""


class Left(msgspec.Struct, frozen=True):
    """What a key has left, and the seconds until it has everything again."""

    most: int
    remaining: int
    full_in: float

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10, and those that most clients know."""
        full_in = math.ceil(self.full_in)
        yield b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.most, SECONDS)
        yield b"ratelimit", b'"key";r=%d;t=%d' % (self.remaining, full_in)
        yield b"x-ratelimit-limit", b"%d" % self.most
        yield b"x-ratelimit-remaining", b"%d" % self.remaining
        yield b"x-ratelimit-reset", b"%d" % (math.ceil(time.time()) + full_in)


class Allowance:
    """Counts the requests of each key.

    Args:
        rate: Requests a second; 0 for no limit.
        clock: Seconds that never go back.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = rate * SECONDS
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, key_id: str, scope: Scope) -> None:
        """Take a request from the key's bucket, and keep with the request what is left.

        Raises:
            RateLimitedError: The bucket is empty; the error says how long to wait.
        """
        if not self._rate:
            return
        now = self._clock()
        filled, at = self._buckets.pop(key_id, (float(self._most), now))
        filled = min(float(self._most), filled + (now - at) * self._rate)
        enough = filled >= 1
        filled -= enough
        self._buckets[key_id] = filled, now
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        scope["state"][_KEY] = Left(self._most, int(filled), (self._most - filled) / self._rate)
        if not enough:
            raise errors.RateLimitedError(
                f"The API key has made {self._most} requests within {SECONDS} seconds.",
                retry_after=(1 - filled) / self._rate,
            )


def headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What the answer to a request tells about its key; nothing where it has none, or no limit."""
    left: Left | None = scope["state"].get(_KEY)
    return [] if left is None else list(left.headers())
