"""The tables of `docs/fields.md`: what each list answers with, field by field, read from the structs themselves."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from waypost.api.documents import kind
from waypost.sync.history import RunItem
from waypost.sync.quarantine import QuarantineItem
from waypost.unified import items
from waypost.unified.items import AccountItem, CveItem, GroupItem, SoftwareItem

HEADS: Final = ("field", "type", "what it is", "SentinelOne's fields", "null")
ITEMS: Final[tuple[type[msgspec.Struct], ...]] = (
    items.FindingItem,
    items.DeviceItem,
    SoftwareItem,
    CveItem,
    items.SiteItem,
    AccountItem,
    GroupItem,
    RunItem,
    QuarantineItem,
    items.ChangeItem,
    items.Event,
    items.Cve,
    items.Software,
    items.SoftwareRef,
    items.Ref,
)


def tables() -> str:
    """A heading and a table for each item."""
    return "\n".join(_section(item) for item in ITEMS)


def _section(item: type[msgspec.Struct]) -> str:
    about = " ".join((item.__doc__ or "").split())
    lines = [list(HEADS), ["---"] * len(HEADS), *_lines(item)]
    return f"## {item.__name__}\n\n{about}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _lines(item: type[msgspec.Struct]) -> Iterator[list[str]]:
    schema = msgspec.json.schema_components([item])[1][item.__name__]
    for field in msgspec.structs.fields(item):
        if field.name == "included":
            continue
        said = _said(field.type)
        told = (
            "time"
            if "datetime.datetime" in str(field.type)
            else kind(schema["properties"][field.encode_name]).replace("#", "").replace(" or null", "")
        )
        sources = ", ".join(f"`{name}`" for name in said["source"].split(", ") if name)
        yield [f"`{field.encode_name}`", told, said["text"].replace("|", "\\|"), sources, said["null"]]


def _said(kind_: Any) -> dict[str, str]:  # Any: an annotation
    (extra,) = (part.extra for part in kind_.__metadata__ if isinstance(part, msgspec.Meta) and part.extra)
    return dict(extra)
