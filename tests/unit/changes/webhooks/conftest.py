"""A receiver on this machine, and a connection whose changes it is told of."""

from collections.abc import AsyncIterator

import pytest

from support import receiver as receivers
from support.hub import Hub
from support.receiver import Receiver
from waypost.connections.connection import Connection


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receivers.running() as running:
        yield running


@pytest.fixture
async def connection(hub: Hub) -> Connection:
    return await hub.store("ACME console")
