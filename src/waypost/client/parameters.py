"""What a program says, as it stands in an address or in a body."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

Words = str | Iterable[str]
"""One word, several with commas between them, or a list of them."""
When = str | datetime
"""A time with a zone, or a day like `2026-11-21`."""
Id = str | UUID


def query(parameters: Mapping[str, object]) -> dict[str, str]:
    """Those parameters that say something."""
    found = {name: _text(value) for name, value in parameters.items() if value is not None}
    return {name: text for name, text in found.items() if text}


def body(
    given: Mapping[str, Any], several: Iterable[str] = ()
) -> dict[str, Any]:  # Any: whatever JSON can hold
    """What is given; one word where `several` may stand becomes a list of one."""
    lists = frozenset(several)
    return {
        name: _list(value) if name in lists else value for name, value in given.items() if value is not None
    }


def path(*parts: Id) -> str:
    """A path whose parts may hold anything."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _list(value: Words) -> list[str]:
    if isinstance(value, str):
        return [word for part in value.split(",") if (word := part.strip())]
    return [str(word) for word in value]


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float() | UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case Iterable():
            return ",".join(str(word) for word in value)
        case _:
            raise TypeError(f"{value!r} is nothing that can be asked for.")
