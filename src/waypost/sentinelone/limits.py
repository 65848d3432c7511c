"""How often a console may be asked: SentinelOne's published limits as a table, and a limiter that keeps them.

One `Limiter` belongs to one console and token, since the vendor counts by token. It starts at the published
rates, halves the rate of a row when the console says 429, and creeps back up while answers come.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

import msgspec

from waypost.errors import LimitedError


class Limit(msgspec.Struct, frozen=True):
    """So many requests a second, and so many at once after a pause, to every path under a prefix."""

    prefix: str
    rate: float
    burst: int = 1


_MINUTE = 60
_HOUR = 3600

TABLE = (
    Limit("accounts", 100, 10),
    Limit("activities", 10, 30),
    Limit("agents", 25, 1),
    Limit("application-management/inventory", 3, 1),
    Limit("application-management/scan", 1 / (8 * _HOUR), 1),
    Limit("cloud-detection/rules", 30 / _MINUTE, 1),
    Limit("cloud-funnel", 2, 10),
    Limit("cloudonboarding", 30, 100),
    Limit("cloudsecurity", 25, 100),
    Limit("cnapp", 25, 100),
    Limit("detection-library/rules", 30 / _MINUTE, 1),
    Limit("dv/events/pq", 4, 1),
    Limit("dv/init-query", 1 / _MINUTE, 1),
    Limit("dv/query-status", 1, 1),
    Limit("exclusions", 25, 25),
    Limit("export", 1, 30),
    Limit("identity", 50, 100),
    Limit("licenses", 10, 5),
    Limit("marketplace", 5, 20),
    Limit("ranger-ad", 50, 100),
    Limit("rbac", 50, 100),
    Limit("remote-ops", 1, 5),
    Limit("remote-scripts", 1, 30),
    Limit("service-users", 5, 10),
    Limit("sites", 100, 10),
    Limit("system/status", 1, 1),
    Limit("tag-manager", 1, 50),
    Limit("threat-intelligence", 30 / _MINUTE, 1),
    Limit("threats", 10, 50),
    Limit("update/agent/download", 2 / _MINUTE, 1),
    Limit("upgrade-policy", 1, 50),
    Limit("upload", 1, 5),
    Limit("user", 2, 5),
    Limit("user-groups", 15, 50),
    Limit("users", 40, 80),
    Limit("users/login", 1, 1),
    Limit("xdr", 25, 1),
    # Not in the vendor's table. Risks are read by the same service as the inventory, so by its limit; the
    # other two get the rate of unknown paths, in buckets of their own so that one does not slow the other.
    Limit("application-management/risks", 3, 1),
    Limit("cloud-detection/alerts", 10, 10),
    Limit("groups", 10, 10),
)
"""API notes, section 6: requests a second and burst by token. Where two texts disagree, the lower one."""

UNKNOWN = Limit("", 10, 10)
"""For paths that no row names."""

CONCURRENT = 8
"""Requests under way at once by one token."""

_MARGIN = 0.025
"""The bucket fills at 97.5 % of the rate. Requests arrive some milliseconds early or late, and where the burst is
one, a single one that comes 4 ms early is answered with 429, which costs ten times what the margin does."""
_SPILL = 0.01
"""The bucket holds 1 % of a request more than the burst. A timer wakes late by up to a millisecond; that little
overflow keeps the loss from adding up, while the margin makes sure that no window of any length ever holds more
than burst + rate x length."""
_FLOOR = 0.1
"""Requests a second that remain, however often the console refuses."""
_STEP = 0.03
"""Part of the published rate that each answer gives back."""
_SAME = 1.0
_FIRST_PAUSE = 1.0
_FIRST_PAUSE_TURNS = 4
_LONGEST_PAUSE = 30.0
_SHORTEST_SLEEP = 1e-4
_DUST = 1e-6


class Bucket:
    """A token bucket whose rate adapts. Times are seconds of whatever clock the caller has."""

    def __init__(self, limit: Limit, now: float) -> None:
        self.limit = limit
        self.rate = limit.rate
        self.turn = asyncio.Lock()
        """Held by the first in the queue; asyncio wakes waiters in their order, and drops the cancelled."""
        self._tokens = float(limit.burst)
        self._filled_at = now
        self._blocked_until = now
        self._same_until = now
        self._refusals = 0

    def blocked_for(self, now: float) -> float:
        return max(0.0, self._blocked_until - now)

    def wait(self, now: float) -> float:
        """Seconds until a request may go out, if no other takes the place."""
        self._fill(now)
        blocked = self.blocked_for(now)
        missing = max(0.0, 1 - _DUST - self._tokens) / (self.rate * (1 - _MARGIN))
        # A wait too short for the clock's resolution would come round for ever.
        return max(blocked + missing, _SHORTEST_SLEEP) if blocked or missing else 0.0

    def take(self, now: float) -> bool:
        """Let one request out, if one may go."""
        if self.wait(now) > 0:
            return False
        self._tokens -= 1
        return True

    def limited(self, now: float, retry_after: float | None) -> None:
        """The console said 429: pause, then go on at half the rate, without a burst.

        Answers to requests that were under way together count as one refusal, or eight of them would bring
        the rate down 256-fold.
        """
        self._fill(now)
        if now >= self._same_until:
            self._refusals += 1
            self.rate = max(self.rate / 2, min(_FLOOR, self.limit.rate))
        pause = self._pause() if retry_after is None else retry_after
        self._same_until = now + max(pause, _SAME)
        self._blocked_until = max(self._blocked_until, now + pause)
        # Filled in advance up to the end of the pause, and to a single request at most.
        saved = self._tokens + max(0.0, self._blocked_until - self._filled_at) * self.rate * (1 - _MARGIN)
        self._tokens = min(1.0, saved)
        self._filled_at = self._blocked_until

    def served(self, now: float) -> None:
        """The console answered: a little faster again, up to the published rate."""
        if self.blocked_for(now):
            return
        self._fill(now)
        self._refusals = 0
        self.rate = min(self.limit.rate, self.rate + self.limit.rate * _STEP)

    def _pause(self) -> float:
        """Seconds to stand still when the console does not say how long; a fast row needs less to recover."""
        first = min(_FIRST_PAUSE, _FIRST_PAUSE_TURNS / self.limit.rate)
        return min(first * 2.0 ** min(self._refusals - 1, 30), _LONGEST_PAUSE)

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            new = (now - self._filled_at) * self.rate * (1 - _MARGIN)
            self._tokens = min(self.limit.burst + _SPILL, self._tokens + new)
            self._filled_at = now


class Limiter:
    """Keeps one token's requests to one console within the limits, first come first served per table row.

    Args:
        concurrent: Requests under way at once, over all paths.
        clock: Monotonic seconds.
        sleep: Waits for so many seconds of that clock.
    """

    def __init__(
        self,
        *,
        concurrent: int = CONCURRENT,
        table: tuple[Limit, ...] = TABLE,
        unknown: Limit | None = UNKNOWN,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._places = asyncio.Semaphore(concurrent)
        limits = table if unknown is None else (*table, unknown)
        self._limits = {limit.prefix: limit for limit in limits}
        self._buckets: dict[str, Bucket] = {}

    @classmethod
    def unlimited(cls, *, concurrent: int = 1000) -> Self:
        """No limits by path: for benchmarks and for simulators on this machine."""
        return cls(concurrent=concurrent, table=(), unknown=None)

    @asynccontextmanager
    async def slot(self, path: str, *, patience: float | None = None) -> AsyncIterator[None]:
        """Wait for this path's turn and hold one of the places for concurrent requests meanwhile.

        Args:
            path: Below the API's prefix.
            patience: The longest pause, in seconds, asked for by the console that is worth waiting for.

        Raises:
            LimitedError: The console asked for a longer pause than that.
        """
        bucket = self.bucket(path)
        if bucket is None:
            await self._places.acquire()
        else:
            await self._admit(bucket, path, patience)
        try:
            yield
        finally:
            self._places.release()

    def bucket(self, path: str) -> Bucket | None:
        """The bucket of the longest prefix, by whole segments, that the path has; None when unlimited."""
        segments = path.strip("/").split("/")
        for length in range(len(segments), -1, -1):
            prefix = "/".join(segments[:length])
            if prefix in self._limits and prefix not in self._buckets:  # made when first needed
                self._buckets[prefix] = Bucket(self._limits[prefix], self._clock())
            if prefix in self._buckets:
                return self._buckets[prefix]
        return None

    def limited(self, path: str, retry_after: float | None = None) -> None:
        """Tell that the console answered 429, with the pause it asked for if it did."""
        if bucket := self.bucket(path):
            bucket.limited(self._clock(), retry_after)

    def served(self, path: str) -> None:
        """Tell that the console answered."""
        if bucket := self.bucket(path):
            bucket.served(self._clock())

    async def _admit(self, bucket: Bucket, path: str, patience: float | None) -> None:
        async with bucket.turn:
            while True:
                blocked = bucket.blocked_for(self._clock())
                if patience is not None and blocked > patience:
                    raise LimitedError(
                        f"The console asked for a pause of {blocked:.0f} s.", path=path, attempts=0
                    )
                if wait := bucket.wait(self._clock()):
                    await self._sleep(wait)
                    continue
                # The place is taken while first in the queue and before the token: a token taken earlier
                # would be spent late, and several spent late together are a burst that nobody allowed.
                await self._places.acquire()
                if bucket.take(self._clock()):
                    return
                self._places.release()
