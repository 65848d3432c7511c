"""Rate limits as token buckets per API token, in real time (API notes 6).

Requests a second and burst per path, longest prefix first. /application-management/risks and /groups
are not in the official table: the first is believed to be as /inventory, the second unlimited.
"""

import time
from collections.abc import Callable

LIMITS: dict[str, tuple[float, int]] = {
    "/accounts": (100, 10),
    "/sites": (100, 10),
    "/agents": (25, 1),
    "/application-management/inventory": (3, 1),
    "/application-management/risks": (3, 1),
    "/user": (2, 5),
    "/users": (40, 80),
    "/service-users": (5, 10),
    "/rbac": (50, 100),
    "/activities": (10, 30),
    "/threats": (10, 50),
    "/system/status": (2, 1),
}


def rule(path: str) -> str | None:
    """The longest prefix of the path, by whole segments, that has a limit."""
    return max((p for p in LIMITS if path == p or path.startswith(f"{p}/")), key=len, default=None)


class Limits:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def allow(self, caller: str, path: str) -> bool:
        """Take one from the caller's bucket for this path; False when it is empty."""
        prefix = rule(path)
        if prefix is None:
            return True
        rate, burst = LIMITS[prefix]
        now = self._clock()
        level, since = self._buckets.get((caller, prefix), (float(burst), now))
        level = min(float(burst), level + (now - since) * rate)
        allowed = level >= 1
        self._buckets[caller, prefix] = (level - allowed, now)
        return allowed
