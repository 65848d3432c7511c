"""Failed attempts by place: whoever guesses keys or links is made to wait.

Kept in memory, by each process for itself. The secrets are far too long to be guessed at any rate; what this
limits is the load and the noise, and a database row for each guess would make both worse.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from waypost import errors

ALLOWED: Final = 10
"""Failures from one place before it must wait."""
WINDOW: Final = 60.0
"""Seconds in which they count, and for which it must wait."""
_MOST_PLACES: Final = 10_000
_IPV6_NETWORK: Final = 64
"""Bits of an IPv6 address that one customer of a provider holds to change the rest at will."""


class Attempts:
    """Counts failures from each place; other places do not suffer from them."""

    def __init__(
        self,
        allowed: int = ALLOWED,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = allowed
        self._window = window
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Let another attempt from this address pass.

        Raises:
            TooManyAttemptsError: There were too many failures; the error says how long to wait.
        """
        count, until = self._failures.get(place(address), (0, 0.0))
        wait = until - self._clock()
        if count >= self._allowed and wait > 0:
            raise errors.TooManyAttemptsError(retry_after=wait)

    def failed(self, address: str) -> None:
        """Count a failure."""
        key, now = place(address), self._clock()
        count, until = self._failures.pop(key, (0, 0.0))
        self._failures[key] = (count + 1 if until > now else 1, now + self._window)
        while len(self._failures) > _MOST_PLACES:
            self._failures.popitem(last=False)


def place(address: str) -> str:
    """What counts as one place: an IPv4 address, the /64 of an IPv6 address, or the text if it is neither."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
    return str(parsed)
