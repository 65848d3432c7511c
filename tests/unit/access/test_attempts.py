"""Whoever guesses must wait, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.access.attempts import Attempts, place


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_too_many_failures() -> None:
    """After so many failures a place waits, is told how long, and may then try again."""
    clock = Clock()
    attempts = Attempts(allowed=3, window=60, clock=clock)
    for _ in range(3):
        attempts.check("192.0.2.1")
        attempts.failed("192.0.2.1")
    clock.now += 20
    with pytest.raises(errors.TooManyAttemptsError) as refusal:
        attempts.check("192.0.2.1")
    assert refusal.value.retry_after == 40
    clock.now += 40
    attempts.check("192.0.2.1")


def test_old_failures_count_no_more() -> None:
    """Slips that lie apart never add up."""
    clock = Clock()
    attempts = Attempts(allowed=2, window=60, clock=clock)
    for _ in range(20):
        attempts.check("192.0.2.1")
        attempts.failed("192.0.2.1")
        clock.now += 61


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=30))
def test_nobody_suffers_from_others(guessers: list[object]) -> None:
    """However many guess from wherever, another address gets through."""
    attempts = Attempts(allowed=1)
    for guesser in guessers:
        attempts.failed(str(guesser))
    free = next(f"203.0.113.{last}" for last in range(256) if f"203.0.113.{last}" not in map(str, guessers))
    attempts.check(free)
    with pytest.raises(errors.TooManyAttemptsError):
        attempts.check(str(guessers[-1]))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "unix", False),
    ],
)
def test_what_is_one_place(one: str, other: str, same: bool) -> None:
    """An IPv6 customer has a whole network to guess from, so that counts as one place."""
    assert (place(one) == place(other)) is same


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guessing from ever new addresses fills no memory; the oldest are forgotten first."""
    monkeypatch.setattr("waypost.access.attempts._MOST_PLACES", 100)
    attempts = Attempts(allowed=1)
    for number in range(1_000):
        attempts.failed(f"10.0.{number // 256}.{number % 256}")
    assert len(attempts._failures) == 100
    attempts.check("10.0.0.0")
    with pytest.raises(errors.TooManyAttemptsError):
        attempts.check("10.0.3.231")
