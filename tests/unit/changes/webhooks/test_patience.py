"""When a delivery is tried again: soon at first, then seldom, for a day."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.changes.webhooks import patience

HOUR = timedelta(hours=1)


def test_a_day_of_tries() -> None:
    """The rests grow by the table, and the last try is when the day is over."""
    failing, rests = timedelta(0), list[timedelta]()
    while (pause := patience.rest(len(rests) + 1, failing)) is not None:
        rests.append(pause)
        failing += pause
    assert failing == patience.WHOLE
    assert len(rests) == 7
    assert rests[:2] < [timedelta(seconds=6), timedelta(minutes=6)]
    for step, pause in zip(patience.STEPS, rests, strict=False):
        assert step <= pause <= step * 1.1 or failing == patience.WHOLE


@pytest.mark.parametrize(
    ("failures", "asked", "least", "most"),
    [
        (1, 60, timedelta(seconds=60), timedelta(seconds=60)),
        (1, 100_000, timedelta(minutes=5), timedelta(minutes=5)),
        (1, 0, timedelta(seconds=5), timedelta(seconds=5.5)),
        (6, 100_000, 10 * HOUR, 11 * HOUR),
    ],
)
def test_what_a_receiver_asks_for(failures: int, asked: float, least: timedelta, most: timedelta) -> None:
    """It is left alone as long as it asks, up to the next step, and never shorter than its step."""
    pause = patience.rest(failures, timedelta(0), asked)
    assert pause is not None
    assert least <= pause <= most


@given(
    st.integers(1, 1_000),
    st.timedeltas(timedelta(0), 2 * patience.WHOLE),
    st.none() | st.floats(0, 1e9),
)
def test_never_beyond_the_day(failures: int, failing: timedelta, asked: float | None) -> None:
    """No rest goes beyond the day, and there is one as long as the day is not over."""
    pause = patience.rest(failures, failing, asked)
    assert (pause is None) == (failing >= patience.WHOLE)
    assert pause is None or timedelta(0) < pause <= patience.WHOLE - failing
