"""What all requests of one service share: its means, its counters, and whether it is about to stop."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from litestar.types import Scope

from waypost import settings
from waypost.access.attempts import Attempts
from waypost.api import callers, tracing
from waypost.api.allowance import Allowance
from waypost.api.metrics import Metrics
from waypost.jobs import gauges
from waypost.sync.now import Means

Work = Callable[[asyncio.Event], Awaitable[object]]
SILENT_FOR: Final = 60.0
"""Seconds after which a worker that has not looked for work counts as stuck."""
ASKING: Final = 8
"""Calls at once that keep a session of the database while they ask a console; the sessions are twice as many."""


class Service:
    """One running service.

    Args:
        means: Database, vault, and what may be called.
        behind_proxy: Whether `X-Forwarded-For` is to be believed.
        public_url: Under which address others reach it; empty where it listens for itself.
        rate_limit: Requests a second that each key may make; 0 for no limit.
        work: The worker that runs beside the API until its event is set; None for the API alone.
    """

    def __init__(
        self,
        means: Means,
        *,
        behind_proxy: bool = False,
        public_url: str = "",
        rate_limit: int = settings.RATE_LIMIT,
        work: Work | None = None,
    ) -> None:
        self.means = means
        self.behind_proxy = behind_proxy
        self.public_url = public_url
        self.work = work
        self.attempts = Attempts()
        self.allowance = Allowance(rate_limit)
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.asking = asyncio.Semaphore(ASKING)

    @property
    def working(self) -> bool:
        """Whether the worker looks for work, or none is to."""
        if self.work is None:
            return True
        return time.time() - gauges.HERE.alive_at < SILENT_FOR

    def caller(self, scope: Scope) -> str:
        """Where a request comes from."""
        return callers.address(scope, behind_proxy=self.behind_proxy)

    def request_id(self, scope: Scope) -> str:
        """The id of a request."""
        return tracing.request_id(scope)
