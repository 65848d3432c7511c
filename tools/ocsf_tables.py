"""The tables of `docs/ocsf.md`: how documents of OCSF are made, read from what makes them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from waypost.unified import ocsf
from waypost.unified.ocsf import words
from waypost.unified.ocsf.table import Each, Field
from waypost.unified.ocsf.words import Word
from waypost.unified.rows import Kind
from waypost.unified.words import word

HEADS: Final = ("attribute", "type", "from", "SentinelOne's fields", "note")
WORD_HEADS: Final = ("what", "of Waypost or SentinelOne", "number", "caption")


def mapping(kind: Kind) -> list[list[str]]:
    """Each attribute of a kind's documents, one line each, in the order of their paths."""
    lines = [line for part in (*ocsf.FIELDS[kind], *_raw(kind)) for line in _lines(part)]
    return sorted(lines, key=lambda line: (line[0].count("."), line[0]))


def vocabularies() -> list[list[str]]:
    """The words of OCSF, and what each is told by."""
    tables: tuple[tuple[str, Mapping[Any, Word]], ...] = (
        ("`severity_id`", words.SEVERITY),
        ("`status_id`", words.STATUS),
        ("`activity_id`", words.ACTIVITY),
        ("`device.type_id`", words.DEVICE_TYPE),
        ("`device.os.type_id`", words.OS_TYPE),
    )
    return [
        [name, f"`{said if isinstance(said, str) else word(said)}`", str(found.id), found.caption]
        for name, table in tables
        for said, found in table.items()
    ]


def _raw(kind: Kind) -> Iterable[Field]:
    return [ocsf.RAW[kind]] if kind in ocsf.RAW else []


def _lines(part: Field | Each, path: str = "") -> Iterator[list[str]]:
    if isinstance(part, Each):
        for field in part.fields:
            yield from _lines(field, f"{part.path}[].")
        return
    if part.value is None:
        source = f"always `{part.constant}`"
    else:
        source = part.source
    note = "; ".join(text for text in (part.note, _without(part)) if text)
    yield [f"`{path}{part.path}`", part.type, source, ", ".join(f"`{name}`" for name in part.sent), note]


def _without(part: Field) -> str:
    """What is left out together with a field."""
    whole, _, _ = part.path.rpartition(".")
    return f"without it there is no `{whole}`" if part.key and whole else ""
