"""One limiter for each connection, kept from pull to pull: a console counts its token's requests, not our pulls."""

from waypost.sentinelone.limits import Limiter


class Limiters:
    """Hands out the limiter of a connection.

    Args:
        shared: One for all of them, where limits do not matter: a simulator on this machine.
    """

    def __init__(self, shared: Limiter | None = None) -> None:
        self._shared = shared
        self._of: dict[int, Limiter] = {}

    def of(self, connection_id: int) -> Limiter:
        if self._shared is not None:
            return self._shared
        return self._of.setdefault(connection_id, Limiter())
