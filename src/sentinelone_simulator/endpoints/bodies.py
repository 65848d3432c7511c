"""Reading the body of a change: what is missing or of a wrong type is refused by the name of its field."""

from typing import TypeVar

import msgspec

from sentinelone_simulator import clock, refusals

Wish = TypeVar("Wish")


def read(body: bytes, kind: type[Wish]) -> Wish:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise refusals.invalid(f"body: {error}") from None


def missing(field: str) -> refusals.Refusal:
    return refusals.invalid(f"{field}: Missing data for required field.")


def text(field: str, value: str | None, *, most: int = 255) -> str:
    """A text that is there, not blank and not too long."""
    if value is None or not value.strip():
        raise missing(field)
    if len(value) > most:
        raise refusals.invalid(f"{field}: Longer than maximum length {most}.")
    return value


def later(field: str, value: str | None, now: int) -> int:
    """A moment after now, with its zone; tokens end at whole seconds."""
    if value is None:
        raise missing(field)
    zoned = "T" in value and (value.endswith("Z") or "+" in value or value.count("-") > 2)
    try:
        moment = clock.parse(value) if zoned else None
    except ValueError:
        moment = None
    if moment is None:
        raise refusals.invalid(f"{field}: Not a valid datetime.")
    if moment <= now:
        raise refusals.invalid(f"{field}: Expiration date must be in the future.")
    return moment // clock.SECOND * clock.SECOND
