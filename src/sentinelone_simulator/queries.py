"""Reading a query string: which parameters an endpoint knows, and the forms their values take.

The names come from the vendor's swagger (`data/parameters.json`). One that no endpoint of this name
knows is a 400, as the real console answers; one that the vendor knows and this simulator does not
implement is a 501, so that no filter is ever ignored in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from sentinelone_simulator import clock, refusals
from sentinelone_simulator.catalogue import DATA


class Known(msgspec.Struct, frozen=True, rename="camel"):
    parameters: frozenset[str]
    sort_by: list[str]


KNOWN = msgspec.json.decode((DATA / "parameters.json").read_bytes(), type=dict[str, Known])
PAGING = frozenset({"limit", "skip", "cursor", "countOnly", "skipCount", "sortBy", "sortOrder"})
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one request, already known to be known."""

    endpoint: str
    values: dict[str, str]

    def words(self, name: str) -> list[str]:
        """A comma-separated list; empty when the parameter is absent or blank."""
        return [word.strip() for word in self.values.get(name, "").split(",") if word.strip()]

    def ids(self, name: str, most: int = 5000) -> list[int]:
        words = self.words(name)
        if len(words) > most:
            raise refusals.invalid(f"{name}: Longer than maximum length {most}.")
        if not all(word.isascii() and word.isdigit() and len(word) < 20 for word in words):
            raise refusals.invalid(f"{name}: Not a valid id.")
        return [int(word) for word in words]

    def flag(self, name: str, *, default: bool = False) -> bool:
        return boolean(name, self.values[name]) if name in self.values else default

    def number(self, name: str, default: int, least: int, most: int) -> int:
        if name not in self.values:
            return default
        try:
            number = int(self.values[name])
        except ValueError:
            raise refusals.invalid(f"{name}: Not a valid integer.") from None
        if not least <= number <= most:
            words = "greater than or equal to" if number < least else "less than or equal to"
            raise refusals.invalid(f"{name}: Must be {words} {least if number < least else most}.")
        return number

    def filters(self) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if name not in PAGING}


def read(endpoint: str, values: Iterable[tuple[str, str]], implemented: Iterable[str]) -> Query:
    """Check the names; a parameter given more than once is joined by commas."""
    joined: dict[str, str] = {}
    for name, value in values:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    known = KNOWN[endpoint]
    for name in joined:
        if name not in known.parameters:
            raise unknown(name)
    supported = PAGING.union(implemented)
    if any(name not in supported for name in joined):
        raise refusals.unsupported()
    return Query(endpoint, joined)


def none(endpoint: str, values: Iterable[str]) -> None:
    """Refuse every parameter of a call that honours none; "" is a call for which none is described."""
    known = KNOWN[endpoint].parameters if endpoint else frozenset()
    for name in values:
        raise refusals.unsupported() if name in known else unknown(name)


def unknown(name: str) -> refusals.Refusal:
    return refusals.invalid(f"dict_values(['{name}']): Unknown field")


def boolean(name: str, text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise refusals.invalid(f"{name}: Not a valid boolean.") from None


def moment(name: str, text: str) -> int:
    try:
        return clock.parse(text)
    except ValueError:
        raise refusals.invalid(f"{name}: Not a valid datetime.") from None


def span(name: str, text: str) -> tuple[int, int]:
    """A `__between` of epoch milliseconds, `1514978650130-1514978890136`, both ends included."""
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit()):
        raise refusals.invalid(f"{name}: Not a valid range.")
    return int(first) * 1000, int(last) * 1000 + 999


FOREVER = 1 << 62
TIME_ENDINGS = ("gt", "gte", "lt", "lte", "between")


def time_names(field: str) -> list[str]:
    return [f"{field}__{ending}" for ending in TIME_ENDINGS]


def window(values: Mapping[str, str], field: str) -> tuple[int, int] | None:
    """The closed range of microseconds that all `field__*` filters leave, or None without any."""
    low, high, found = -FOREVER, FOREVER, False
    for ending in TIME_ENDINGS:
        name = f"{field}__{ending}"
        if name not in values:
            continue
        found = True
        if ending == "between":
            first, last = span(name, values[name])
            low, high = max(low, first), min(high, last)
        elif ending.startswith("g"):
            low = max(low, moment(name, values[name]) + (ending == "gt"))
        else:
            high = min(high, moment(name, values[name]) - (ending == "lt"))
    return (low, high) if found else None
