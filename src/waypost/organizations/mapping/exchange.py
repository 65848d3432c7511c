"""The mapping as a CSV file, and back: every site and account with what is decided about itself.

A line is matched by connection, kind and id. Its name and account are for people, but a name that is not the one in
the console any more is an error: whoever decided may have meant something else.
"""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypeVar

from waypost import errors
from waypost.organizations import sheets
from waypost.organizations.mapping import directory, saving, view
from waypost.organizations.mapping.decisions import Decided, Kind, ScopeItem, Wish
from waypost.organizations.mapping.directory import Directory, Entry
from waypost.organizations.sheets import Faults, Line
from waypost.storage.database import Connection
from waypost.unified import names

Word = TypeVar("Word", bound=StrEnum)

COLUMNS: Final = (
    "connection", "kind", "id", "name", "account", "decision", "organization", "reason", "version",
)  # fmt: skip
REQUIRED: Final = ("connection", "kind", "id", "decision")
_LONGEST_VERSION: Final = 18
"""Digits; what is longer is no version, and no number that the database holds."""


class _Paths:
    """The organizations as a file names them: by path, or by id where two have one path."""

    def __init__(self, known: Directory) -> None:
        self._known = known
        self._by_uuid = {str(entry.organization_uuid): entry for entry in known.by_id.values()}
        self._by_path: dict[str, list[Entry]] = defaultdict(list)
        for entry in known.by_id.values():
            self._by_path[known.path(entry)].append(entry)

    def text(self, organization_uuid: str) -> str:
        """What a file calls this organization."""
        entry = self._by_uuid[organization_uuid]
        path = self._known.path(entry)
        return path if self._at(path) == [entry] else organization_uuid

    def archived(self, organization_uuid: str | None) -> bool:
        return organization_uuid is not None and self._by_uuid[organization_uuid].archived

    def id(self, text: str) -> str:
        """Which organization a file means.

        Raises:
            UsageError: None, or several.
        """
        at = self._at(text)
        return str((at[0] if len(at) == 1 else self._known.named(text)).organization_uuid)

    def _at(self, path: str) -> list[Entry]:
        """Those at this path; archived ones where no other is."""
        there = self._by_path.get(path, [])
        return [entry for entry in there if not entry.archived] or there


async def export(db: Connection) -> str:
    """Every site and account with what is decided about itself, as a file that imports as no change."""
    paths = _Paths(await directory.load(db))
    return sheets.write(COLUMNS, [_cells(item, paths) for item in await view.scopes(db, limit=None)])


async def read(db: Connection, content: bytes) -> list[Wish]:
    """What a file wants decided.

    Raises:
        SheetError: It cannot be taken; every line that is wrong is named. That somebody has decided meanwhile is no
            fault of the file: that is told when it is saved.
    """
    lines = sheets.read(content, COLUMNS, required=REQUIRED)
    faults = Faults()
    paths = _Paths(await directory.load(db))
    wishes = [(line, wish) for line in lines if (wish := _wish(line, paths, faults)) is not None]
    _refuse_repeated(lines, faults)
    faults.refuse()
    known = {(item.connection, str(item.kind), item.id): item for item in await view.scopes(db, limit=None)}
    for line in lines:
        _compare(line, known.get(_key(line)), faults)
    faults.refuse()
    # Nothing can be mapped to an archived organization, but what is may stay.
    wishes = [
        (line, wish)
        for line, wish in wishes
        if not (paths.archived(wish.organization) and _holds(known.get(_key(line)), wish))
    ]
    for fault in await saving.faults(db, [wish for _, wish in wishes]):
        if not isinstance(fault.error, errors.OutdatedMappingError):
            faults.add(wishes[fault.place][0].number, fault.error.message)
    faults.refuse()
    return [wish for _, wish in wishes]


def _holds(there: ScopeItem | None, wish: Wish) -> bool:
    """Whether it is mapped to that organization already."""
    return (
        there is not None
        and there.own.organization is not None
        and wish.organization == str(there.own.organization.id)
    )


def _cells(item: ScopeItem, paths: _Paths) -> Sequence[str]:
    own = item.own
    return (
        item.connection,
        str(item.kind),
        item.id,
        item.name or "",
        item.account or "",
        str(own.decision),
        paths.text(str(own.organization.id)) if own.organization else "",
        own.reason or "",
        str(item.version),
    )


def _wish(line: Line, paths: _Paths, faults: Faults) -> Wish | None:
    cells = {name: cell.strip() for name, cell in line.cells.items()}
    try:
        return Wish(
            connection=cells["connection"],
            kind=_word(Kind, cells["kind"], "kind"),
            decision=_word(Decided, cells["decision"], "decision"),
            id=_number(cells["id"], "id"),
            organization=paths.id(text) if (text := names.cleaned(cells.get("organization", ""))) else None,
            reason=cells.get("reason") or None,
            version=int(_number(text, "version")) if (text := cells.get("version", "")) else None,
        )
    except errors.UsageError as problem:
        faults.add(line.number, problem.message)
        return None


def _word(kind: type[Word], text: str, column: str) -> Word:
    try:
        return kind(text.lower())
    except ValueError:
        raise errors.DecisionError(
            f"{column}: There is no {names.shown(text, 40)!r}; there are {', '.join(kind)}."
        ) from None


def _number(text: str, column: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_VERSION + 1):
        spoiled = (
            " A spreadsheet rounds long numbers: let it read the column as text."
            if "E" in text.upper()
            else ""
        )
        raise errors.DecisionError(f"{column}: {names.shown(text, 40)!r} is no number.{spoiled}")
    return text


def _key(line: Line) -> tuple[str, str, str]:
    return (
        line.cells["connection"].strip(),
        line.cells["kind"].strip().lower(),
        line.cells["id"].strip(),
    )


def _refuse_repeated(lines: Sequence[Line], faults: Faults) -> None:
    seen: dict[tuple[str, str, str], int] = {}
    for line in lines:
        if (first := seen.setdefault(_key(line), line.number)) != line.number:
            faults.add(line.number, f"It is about the same as line {first}.")


def _compare(line: Line, there: ScopeItem | None, faults: Faults) -> None:
    """See that the console still calls by that name what the line is about."""
    told = line.cells.get("name")
    if there is not None and told is not None and told.strip() != (there.name or "").strip():
        faults.add(
            line.number,
            f"In the console it is called {there.name!r}, not {names.shown(told, 80)!r}; "
            "export again, and decide by the name that it has.",
        )
