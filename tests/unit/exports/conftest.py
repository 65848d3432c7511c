"""Clients of one provider on two consoles, for exports to be held against what the consoles and the lists tell."""

from collections.abc import AsyncIterator, Iterator

import pytest

from support import clients as estates
from support import hub as hubs
from support.clients import Clients
from support.hub import Hub
from support.server import Server


@pytest.fixture(scope="session")
def clients(postgres: Server) -> Iterator[Clients]:
    """Clients that nobody changes."""
    with estates.running(postgres) as made:
        yield made


@pytest.fixture
async def estate(clients: Clients) -> AsyncIterator[Hub]:
    """Waypost on the clients' database."""
    async with hubs.opened(clients.url) as opened:
        yield opened
