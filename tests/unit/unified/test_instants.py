"""Times as the console writes them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from waypost.unified.instants import instant

MOMENT = datetime(2025, 1, 20, 7, 4, 4, 123456, UTC)


@pytest.mark.parametrize("digits", range(10))
def test_zero_to_nine_digits_of_a_second(digits: int) -> None:
    """However finely the console cuts its seconds, the time is read; what is finer than a microsecond is cut."""
    fraction = "123456789"[:digits]
    read = instant("2025-01-20T07:04:04" + (f".{fraction}" if digits else "") + "Z")
    assert read == MOMENT.replace(microsecond=int(fraction[:6].ljust(6, "0") or 0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-20T07:04:04.123456Z", MOMENT),
        ("2025-01-20T07:04:04.123456+00:00", MOMENT),
        ("2025-01-20T08:34:04.123456+01:30", MOMENT),
        ("2025-01-19T23:04:04.123456-08:00", MOMENT),
        ("2025-01-20T07:04:04.123456", MOMENT),
        ("2025-01-20 07:04:04.123456", MOMENT),
        ("2025-01-20", datetime(2025, 1, 20, tzinfo=UTC)),
    ],
)
def test_zones(text: str, expected: datetime) -> None:
    """`Z`, an offset and none at all, which is UTC, tell the same moment."""
    read = instant(text)
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize("text", [None, UNSET, ""])
def test_no_time(text: None) -> None:
    """Null, absent and empty tell no time, and that is no error."""
    assert instant(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "2025-13-01T00:00:00Z", "2025-02-30", "07:04", "1737356644", "2025-01-20T07:04:04ZZ", " ",
        "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z", "x" * 1000,
    ],
)  # fmt: skip
def test_nonsense(text: str) -> None:
    """What is no time, or one that PostgreSQL and Python do not both know, is refused in few words."""
    with pytest.raises(ValueError, match="is not a time") as refusal:
        instant(text)
    assert len(str(refusal.value)) < 80
    assert instant("2025-01-20T07:04:04.123456Z") == MOMENT


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001  # the zone follows
    st.integers(-23 * 60, 23 * 60),
)
def test_any_moment_in_any_zone(time: datetime, minutes: int) -> None:
    """A moment stays itself, whatever offset it is written with."""
    sign, rest = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{time.isoformat()}{sign}{rest // 60:02}:{rest % 60:02}"
    assert instant(text) == time.replace(tzinfo=UTC) - timedelta(minutes=minutes)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """No text makes anything but a time in UTC, nothing, or a refusal."""
    try:
        read = instant(text)
    except ValueError:
        return
    assert read is None or read.tzinfo is UTC
