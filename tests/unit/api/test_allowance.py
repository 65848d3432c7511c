"""How many requests a key may make."""

from typing import Any

import pytest

from waypost import errors
from waypost.api import allowance
from waypost.api.allowance import Allowance

RATE = 10


class Clock:
    """Seconds as a test has them."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _spend(allowed: Allowance, key: str = "key") -> dict[str, str]:
    """What the headers say after a request."""
    scope: Any = {"state": {}}
    try:
        allowed.spend(key, scope)
    finally:
        told = {name.decode(): value.decode() for name, value in allowance.headers(scope)}
    return told


def test_a_burst_and_then_the_rate() -> None:
    """Twice the rate may come at once; then one comes after each part of a second that the rate says."""
    clock = Clock()
    allowed = Allowance(RATE, clock)
    for left in reversed(range(2 * RATE)):
        assert _spend(allowed)["x-ratelimit-remaining"] == str(left)
    for _ in range(3):
        with pytest.raises(errors.RateLimitedError) as refusal:
            _spend(allowed)
        assert refusal.value.retry_after == pytest.approx(1 / RATE)
    clock.now += 1 / RATE + 1e-6
    _spend(allowed)
    with pytest.raises(errors.RateLimitedError):
        _spend(allowed)
    clock.now += 3_600
    assert _spend(allowed)["x-ratelimit-remaining"] == str(2 * RATE - 1)


def test_headers() -> None:
    """The draft's fields and the widespread ones say the same."""
    told = _spend(Allowance(RATE, Clock()))
    assert told.pop("x-ratelimit-reset").isdigit()
    assert told == {
        "ratelimit-policy": '"key";q=20;w=2',
        "ratelimit": '"key";r=19;t=1',
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "19",
    }


def test_keys_have_buckets_of_their_own() -> None:
    """What one key uses up is missing to no other."""
    allowed = Allowance(1, Clock())
    for _ in range(2):
        _spend(allowed, "one")
    with pytest.raises(errors.RateLimitedError):
        _spend(allowed, "one")
    _spend(allowed, "two")


def test_no_limit() -> None:
    """With 0 nothing is counted, and nothing told."""
    allowed = Allowance(0, Clock())
    assert [_spend(allowed) for _ in range(1_000)] == [{}] * 1_000


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many keys those are forgotten that were not used for the longest time."""
    monkeypatch.setattr(allowance, "_MOST_KEYS", 10)
    allowed = Allowance(1, Clock())
    for number in range(100):
        _spend(allowed, "used again and again")
        _spend(allowed, str(number)) if number else None
        allowed._buckets["used again and again"] = (2.0, 1_000.0)
    assert len(allowed._buckets) == 10
    assert "used again and again" in allowed._buckets
