"""The console's time: a clock that stands still until a day is advanced, and the forms times take.

All times are whole microseconds since 1970 in UTC. The forms are those of recorded answers: risks'
`detectionDate` with six digits, `publishedDate` and `lastScanDate` without a fraction (API notes 3.1).
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_780_300_800 * SECOND  # 2026-06-01T08:00:00Z
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_ID_ORIGIN = 1_243_382_400_000  # milliseconds; gives the 19 digits and the pace of recorded ids


def instant(microseconds: int) -> datetime:
    return _ORIGIN + timedelta(microseconds=microseconds)


def precise(microseconds: int) -> str:
    """Six fraction digits, as in `2026-06-01T08:00:00.000001Z`."""
    return instant(microseconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def coarse(microseconds: int) -> str:
    """No fraction, as in `2026-06-01T08:00:00Z`."""
    return instant(microseconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(microseconds: int) -> str:
    return format_datetime(instant(microseconds), usegmt=True)


def parse(text: str) -> int:
    """Read an ISO 8601 time; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _ORIGIN) // timedelta(microseconds=1)


def snowflake(microseconds: int, low: int) -> int:
    """An id that grows in time: the millisecond, its microseconds, then 12 bits of the caller's."""
    milliseconds, rest = divmod(microseconds, 1000)
    return (milliseconds - _ID_ORIGIN) << 22 | rest << 12 | (low & 0xFFF)


def snowflake_time(identifier: int) -> int:
    """The microsecond from which `snowflake` made this id."""
    return ((identifier >> 22) + _ID_ORIGIN) * 1000 + (identifier >> 12 & 0x3FF)
