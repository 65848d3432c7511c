"""What tests of several kinds share: a real PostgreSQL, simulated consoles, and a Waypost on both."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can import `support`

from support import hub as hubs  # the path first
from support import server, simulator
from support.hub import Hub
from support.server import Server
from support.simulator import Simulator
from waypost import telemetry
from waypost.sentinelone import pages


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server: the embedded one, or that of WAYPOST_TEST_DATABASE_URL."""
    url = os.environ.get("WAYPOST_TEST_DATABASE_URL", "")
    with TemporaryDirectory(prefix="waypost-tests-") as home, server.running(Path(home), url) as running:
        yield running


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres.fresh() as url:
        yield url


@pytest.fixture
async def hub(database_url: str) -> AsyncIterator[Hub]:
    """Waypost on a database of the test's own."""
    telemetry.configure("warning")
    async with hubs.opened(database_url) as opened:
        yield opened
    structlog.reset_defaults()


@pytest.fixture
def start_simulator() -> Iterator[Callable[..., Simulator]]:
    """Starts consoles: `start_simulator(agents=20, seed=3, limits=True)`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(simulator.running(simulator.arguments(**options)))


@pytest.fixture
def page_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes pages hold so few rows that a small estate has chains of them."""
    return lambda rows: monkeypatch.setitem(pages.walk.__kwdefaults__, "limit", rows)
