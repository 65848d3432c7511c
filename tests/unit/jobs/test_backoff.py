"""How long a connection rests after a failure."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.jobs import backoff

MINUTE = timedelta(minutes=1)
SPREAD = 0.25


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        (errors.UnreachableError(), [1, 2, 4, 8, 16, 30, 30]),
        (errors.LimitedError(), [2, 4, 8, 16, 30, 30]),
        (errors.VendorFailureError(), [2, 4, 8, 16, 30, 30]),
        (errors.IncompleteWalkError(), [1, 2, 4, 8, 16, 30, 30]),
        (errors.RequestRefusedError(), [60, 60, 60]),
        (errors.AddressError(), [60, 60, 60]),
        (errors.TokenRefusedError(), [60, 60, 60]),
        (errors.DatabaseUnreachableError(), [1 / 6, 1 / 3, 2 / 3, 4 / 3, 8 / 3, 5, 5]),
        (psycopg.OperationalError(), [1 / 6, 1 / 3, 2 / 3, 4 / 3, 8 / 3, 5, 5]),
        (ZeroDivisionError(), [1, 2, 4, 8, 16, 30, 30]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rests_double(error: BaseException, minutes: list[float]) -> None:
    """The first rest is short where waiting helps, each is twice the one before, and there is a longest."""
    for place, whole in enumerate(minutes):
        for _ in range(20):
            rest = backoff.rest(error, place + 1) / MINUTE
            assert whole * (1 - SPREAD) <= rest <= whole * (1 + SPREAD)


@given(st.integers(1, 10**6))
def test_any_number_of_failures(failures: int) -> None:
    """However often it fails, a rest is neither nothing nor without end."""
    rest = backoff.rest(errors.UnreachableError(), failures)
    assert MINUTE / 2 < rest < timedelta(hours=1)


def test_what_failed_together_is_not_tried_together() -> None:
    """Rests after the same failure differ."""
    assert len({backoff.rest(errors.UnreachableError(), 1) for _ in range(50)}) > 40
