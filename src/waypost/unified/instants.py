"""Reading the console's times: ISO 8601 with zero to nine digits of a second, `Z` or an offset."""

from datetime import UTC, datetime

from msgspec import UnsetType


def instant(text: str | UnsetType | None) -> datetime | None:
    """The time that `text` tells, in UTC, or None where it tells none.

    Raises:
        ValueError: It is neither empty nor a time.
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            return time.replace(tzinfo=UTC)
        # An offset must not lead out of the years that both Python and PostgreSQL know.
        return time if time.tzinfo is UTC else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a time") from None
