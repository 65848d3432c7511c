"""How often a connection is pulled, and within which bounds."""

from collections.abc import Mapping
from typing import Final

import msgspec

from waypost import errors
from waypost.connections.connection import Rhythm

BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "delta_seconds": (15, 86_400),
    "tree_seconds": (60, 604_800),
    "reconcile_seconds": (3_600, 2_592_000),
}
"""The shortest and the longest of each part: no busier than a console bears, no lazier than is of use."""


def changed(rhythm: Rhythm, **parts: float | None) -> Rhythm:
    """A rhythm with other parts; None leaves one as it is.

    Raises:
        InvalidFieldError: One is not within `BOUNDS`.
    """
    given = {part: _bounded(part, seconds) for part, seconds in parts.items() if seconds is not None}
    return msgspec.structs.replace(rhythm, **given)


def _bounded(part: str, seconds: float) -> int:
    shortest, longest = BOUNDS[part]
    if not (shortest <= seconds <= longest and seconds == int(seconds)):
        raise errors.InvalidFieldError(
            f"The rhythm's {part.removesuffix('_seconds')} cannot be {seconds:,.10g} seconds.",
            field=f"rhythm.{part}",
            remedy=f"Use whole seconds from {shortest:,} to {longest:,}; at the command line like 90s, 15m or 1d.",
        )
    return int(seconds)
