"""How long a first pull takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.connections.examination import estimate
from waypost.connections.examination.estimate import Estate

COUNTS = st.integers(0, 3_000_000)
ESTATES = st.builds(Estate, sites=st.integers(0, 5000), groups=COUNTS, agents=COUNTS, risks=COUNTS)


def test_a_large_estate() -> None:
    """300,000 risks at 3 pages a second, less a little, are about two minutes; agents come faster."""
    found = estimate.first_pull(Estate(sites=20, groups=40, agents=2_100, risks=300_000))
    assert 300 <= found.pages <= 325
    assert 95 <= found.seconds <= 125


@given(ESTATES)
def test_no_faster_than_the_limits(estate: Estate) -> None:
    """No estimate is below what the limit of risks allows, and every row is on some page."""
    found = estimate.first_pull(estate)
    assert found.seconds >= (estate.risks or 0) / 1000 / 3
    assert found.pages * 1000 >= sum(
        (estate.sites or 0, estate.groups or 0, estate.agents or 0, estate.risks or 0)
    )


@given(ESTATES, st.integers(0, 1_000_000))
def test_more_takes_longer(estate: Estate, more: int) -> None:
    """More agents never take less time."""
    larger = Estate(estate.sites, estate.groups, (estate.agents or 0) + more, estate.risks)
    assert estimate.first_pull(larger).seconds >= estimate.first_pull(estate).seconds


def test_a_slow_console() -> None:
    """A console that takes longer for an answer takes longer for all of them."""
    quick, slow = (Estate(1, 1, 100, 20_000, latency=seconds) for seconds in (0.1, 5.0))
    assert estimate.first_pull(slow).seconds > 3 * estimate.first_pull(quick).seconds


def test_risks_that_are_not_counted() -> None:
    """Where risks cannot be counted, they are estimated from the agents, and that is said."""
    found = estimate.line(Estate(sites=1, groups=1, agents=100, risks=None))
    assert (found.state, found.details["risks"]) == ("pass", None)
    assert "about 14,000 risks" in found.found
    assert estimate.line(Estate(None, None, None, None)).state == "skipped"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "about 1 minute"),
        (700, "about 12 minutes"),
        (5000, "about 83 minutes"),
        (7200, "about 2 hours"),
        (9000, "about 2.5 hours"),
    ],
)
def test_words(seconds: float, words: str) -> None:
    """A time is told as people say it."""
    assert estimate.words(seconds) == words
