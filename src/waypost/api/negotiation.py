"""What a request would rather have: headers that list choices with a quality each (RFC 9110, 12.5)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

_LONGEST: Final = 1_000
"""Characters of such a header that are read; browsers send a quarter of that."""


@lru_cache(maxsize=256)
def qualities(header: str) -> Mapping[str, float]:
    """Each choice of a header and how much it is wanted, from 0 (not at all) to 1.

    Parameters of a choice other than `q` are passed over: nothing here comes in variants of one media type.
    """
    found: dict[str, float] = {}
    for part in header[:_LONGEST].split(","):
        choice, *parameters = part.split(";")
        if name := choice.strip().lower():
            found[name] = _quality(parameters)
    return found


def media_type(header: str, offers: Sequence[str]) -> str | None:
    """The offer that a header `Accept` wants most; the first of them where it does not care, None if it wants none."""
    wanted = qualities(header)
    if not wanted:
        return offers[0]
    best = max(offers, key=lambda offer: _of_media(wanted, offer))
    return best if _of_media(wanted, best) > 0 else None


@lru_cache(maxsize=256)
def encoding(header: str, offers: Sequence[str]) -> str | None:
    """The offer that a header `Accept-Encoding` wants most; None to send the body as it is.

    What has to be refused altogether, since not even that is wanted, is sent as it is too: so the RFC allows.
    """
    wanted = qualities(header)
    rest = wanted.get("*", 0.0)
    best = max(offers, key=lambda offer: wanted.get(offer, rest))
    quality = wanted.get(best, rest)
    return best if quality > 0 and quality >= wanted.get("identity", 0.0) else None


def _of_media(wanted: Mapping[str, float], offer: str) -> float:
    """The most exact range that fits an offer decides about it."""
    kind = offer.partition("/")[0]
    for choice in (offer, f"{kind}/*", "*/*"):
        if choice in wanted:
            return wanted[choice]
    return 0.0


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0
