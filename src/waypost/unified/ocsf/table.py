"""A mapping as a table: one line for each attribute of a document, from which documents are made and documented.

A path is that of OCSF, `device.os.name`. `[]` after a name makes it a list with this one item: `resources[].uid`. What
has no value, or an empty text, is left out, as OCSF has no null; so is an object without what it cannot be without.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

Type = Literal["string", "integer", "timestamp", "float", "boolean", "object"]
Document = dict[str, Any]  # Any: straight to JSON
Value = Callable[[Any], Any]  # Any: a row of any kind, an attribute of any type

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Field(msgspec.Struct, frozen=True):
    """One attribute of a document.

    Attributes:
        path: Where it stands.
        type: As OCSF calls it; a timestamp is milliseconds since 1970.
        value: What it is made of a row; None for a constant.
        constant: What it always is.
        source: What it is made of, for people: fields of the flat shape.
        sent: The console's fields that are told by it, and so are no leftovers.
        note: What there is to know, for people.
        key: Whether the object that it is in is left out without it.
        even_empty: Whether it stands there also as an empty text, since the object must have it.
    """

    path: str
    type: Type = "string"
    value: Value | None = None
    constant: str | int | None = None
    source: str = ""
    sent: tuple[str, ...] = ()
    note: str = ""
    key: bool = False
    even_empty: bool = False


class Each(msgspec.Struct, frozen=True):
    """A list of any number of objects: `items` gives what each is made of, `fields` are the attributes of one."""

    path: str
    items: Callable[[Any], Iterable[Any]]  # Any: as in Value
    fields: tuple[Field, ...]
    source: str = ""
    note: str = ""


Table = Sequence[Field | Each]


def always(path: str, constant: str | int, note: str = "") -> Field:
    """An attribute that is the same in every document."""
    return Field(path, "string" if isinstance(constant, str) else "integer", constant=constant, note=note)


def column(
    path: str,
    name: str,
    kind: Type = "string",
    *,
    source: str = "",
    sent: tuple[str, ...] = (),
    note: str = "",
    key: bool = False,
) -> Field:
    """An attribute that is a column. People know it by its name, unless they are told another source."""
    return Field(path, kind, attrgetter(name), source=source or f"`{name}`", sent=sent, note=note, key=key)


def time(path: str, name: str, *, sent: tuple[str, ...] = (), note: str = "") -> Field:
    """An attribute that is a column with a time."""
    read = attrgetter(name)
    return Field(
        path, "timestamp", lambda row: milliseconds(read(row)), source=f"`{name}`", sent=sent, note=note
    )


def lookup(path: str, name: str, table: Mapping[Any, str | int], note: str = "") -> Field:
    """An attribute that a table tells by a column."""
    read = attrgetter(name)
    kind: Type = "string" if isinstance(next(iter(table.values())), str) else "integer"
    return Field(path, kind, lambda row: table[read(row)], source=f"`{name}`", note=note)


@lru_cache(maxsize=10_000)
def milliseconds(time: datetime | None) -> int | None:
    """A time as OCSF writes it. A document has some of its times thrice, and its device's other documents have them."""
    return None if time is None else (time - _EPOCH) // _MILLISECOND


def compiled(table: Table) -> Callable[[Any], Document]:
    """What makes a document of a row."""
    root = _Object()
    for line in table:
        root.add(line.path.split("."), line)
    build = root.builder()
    return lambda row: build(row) or {}


class _Object:
    """An object of the document: its attributes, and the objects in it."""

    def __init__(self) -> None:
        self.fields: dict[str, Field | Each] = {}
        self.objects: dict[str, _Object] = {}

    def add(self, path: list[str], line: Field | Each) -> None:
        name, *rest = path
        if rest:
            self.objects.setdefault(name, _Object()).add(rest, line)
        else:
            self.fields[name] = line

    def builder(self) -> Callable[[Any], Document | None]:
        constants = {
            name: line.constant
            for name, line in self.fields.items()
            if isinstance(line, Field) and line.value is None and not name.endswith("[]")
        }
        keys = [(name, value) for name, value, key in self._values() if key]
        values = [(name, value) for name, value, key in self._values() if not key]
        objects = [
            (name.removesuffix("[]"), part.builder(), name.endswith("[]"))
            for name, part in self.objects.items()
        ]

        def build(row: Any) -> Document | None:
            document: Document = constants.copy()
            for name, value in keys:
                found = value(row)
                if found is None:
                    return None
                document[name] = found
            for name, value in values:
                found = value(row)
                if found or (found is not None and found != ""):
                    document[name] = found
            for name, part, is_list in objects:
                found = part(row)
                if found is not None:
                    document[name] = [found] if is_list else found
            return document or None

        return build

    def _values(self) -> Iterable[tuple[str, Value, bool]]:
        for name, line in self.fields.items():
            if isinstance(line, Each):
                yield name, _each(line), False
            elif name.endswith("[]"):
                yield name.removesuffix("[]"), _alone(line), False
            elif line.value is not None:
                yield name, line.value, line.key or line.even_empty


def _each(line: Each) -> Value:
    build = compiled(line.fields)
    items = line.items
    return lambda row: [build(item) for item in items(row)] or None


def _alone(line: Field) -> Value:
    """A list of one constant, made anew each time: whoever gets a document may change it."""
    return lambda _: [line.constant]
