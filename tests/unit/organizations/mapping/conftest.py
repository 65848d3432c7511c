"""Estates to decide about."""

import pytest

from support.estates import Grounds
from support.hub import Hub


@pytest.fixture
def grounds(hub: Hub) -> Grounds:
    return Grounds(hub)
