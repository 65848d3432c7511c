"""Organizations from a CSV file and back: all of it or nothing, and first what would change.

A line is about the organization that has its external id, else about the one of its name below its parent, else about
a new one. A column that the file does not have leaves what it is about as it is; an empty cell empties it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from waypost import errors
from waypost.access.audit import Actor
from waypost.organizations import drift, fields, placing, registry, sheets, storing
from waypost.organizations.fields import Fields
from waypost.organizations.organization import Organization, paths
from waypost.organizations.placing import Node, Placed, Placing, Wanted
from waypost.organizations.sheets import Faults, Line
from waypost.storage.database import Connection
from waypost.unified import names

COLUMNS: Final = ("name", "external_id", "domains", "aliases", "parent", "tags")
_LISTS: Final = ("domains", "aliases", "tags")


class Action(StrEnum):
    """What becomes of a line that is not as it is already."""

    ADD = "add"
    CHANGE = "change"


class Step(msgspec.Struct, frozen=True):
    """What a line changes.

    Attributes:
        path: Of the organization, as it is then.
        before: What differs, as it is; empty for a new one.
        after: What differs, as it is then.
    """

    line: int
    action: Action
    name: str
    path: str
    before: dict[str, Any]  # Any: a text or a list of them
    after: dict[str, Any]  # as above


class Outcome(msgspec.Struct, frozen=True):
    """What an import changes, or would."""

    added: int
    changed: int
    unchanged: int
    items: tuple[Step, ...]


class _Entry(msgspec.Struct, frozen=True):
    """A line, read: who it is about, and what it says of it."""

    wanted: Wanted
    lists: dict[str, tuple[str, ...]]

    def over(self, there: Fields) -> Fields:
        """All that is said of an organization once this line is stored."""
        external_id = self.wanted.external_id
        return msgspec.structs.replace(
            there,
            name=self.wanted.name,
            external_id=there.external_id if external_id is UNSET else external_id,
            **self.lists,
        )


class _Plan(msgspec.Struct, frozen=True):
    """Every line with where it belongs and what is said of it then."""

    there: list[Organization]
    lines: list[tuple[int, Placed, Fields]]
    path: dict[Node, str]


async def export(db: Connection) -> str:
    """All organizations that are not archived, as a CSV file that imports as no change."""
    found = await registry.find(db)
    path = paths(found)
    several = {text for text, times in Counter(path.values()).items() if times > 1}

    def parent(one: Organization) -> str:
        if one.parent_id is None:
            return ""
        return str(one.parent_uuid) if path[one.parent_id] in several else path[one.parent_id]

    ordered = sorted(found, key=lambda one: path[one.organization_id])
    return sheets.write(
        COLUMNS,
        (
            [
                one.name,
                one.external_id or "",
                sheets.joined(one.domains),
                sheets.joined(one.aliases),
                parent(one),
                sheets.joined(one.tags),
            ]
            for one in ordered
        ),
    )


async def preview(db: Connection, content: bytes) -> Outcome:
    """What a file would change.

    Raises:
        SheetError: It cannot be taken; every line that is wrong is named.
    """
    return _outcome(_plan(await registry.find(db), _entries(content)))


async def store(db: Connection, actor: Actor, content: bytes) -> Outcome:
    """Store what a file says; all of it, or nothing.

    Raises:
        SheetError: It cannot be taken; every line that is wrong is named.
    """
    entries = _entries(content)
    async with db.transaction():
        await storing.alone(db)
        plan = _plan(await registry.find(db), entries)
        await _apply(db, actor, plan)
    await drift.look(db)
    return _outcome(plan)


async def _apply(db: Connection, actor: Actor, plan: _Plan) -> None:
    new = [(placed, said) for _, placed, said in plan.lines if placed.organization is None]
    numbers = await storing.ids(db, len(new))
    ids: dict[Node | None, int] = {one.organization_id: one.organization_id for one in plan.there}
    ids |= {placed.node: number for (placed, _), number in zip(new, numbers, strict=True)}
    named: dict[Node | None, str] = {one.organization_id: one.name for one in plan.there}
    named |= {placed.node: said.name for _, placed, said in plan.lines}
    changed = [
        storing.Changed(placed.organization, said, ids.get(placed.parent), named.get(placed.parent))
        for _, placed, said in plan.lines
        if placed.organization is not None and _differs(placed, said)
    ]
    added = [
        storing.New(ids[placed.node], said, ids.get(placed.parent), named.get(placed.parent))
        for placed, said in new
    ]
    await storing.store(db, actor, added=added, changed=changed)


def _entries(content: bytes) -> list[_Entry]:
    faults = Faults()
    lines = sheets.read(content, COLUMNS, required=("name",))
    found = [_entry(line, faults) for line in lines]
    faults.refuse()
    return [entry for entry in found if entry is not None]


def _entry(line: Line, faults: Faults) -> _Entry | None:
    try:
        return _Entry(
            Wanted(
                line.number,
                fields.name_of(line.cells["name"]),
                _cell(line, "parent", lambda text: names.cleaned(text) or None),
                _cell(line, "external_id", fields.external_id_of),
            ),
            {
                field: fields.values_of(field, sheets.parted(line.cells[field]))
                for field in _LISTS
                if field in line.cells
            },
        )
    except errors.UsageError as problem:
        faults.add(line.number, f"{problem.field}: {problem.message}")
        return None


def _cell(line: Line, column: str, read: Callable[[str], str | None]) -> str | UnsetType | None:
    return read(line.cells[column]) if column in line.cells else UNSET


def _plan(there: list[Organization], entries: Sequence[_Entry]) -> _Plan:
    faults = Faults()
    placed = Placing(there, [entry.wanted for entry in entries], faults).placed()
    faults.refuse()
    lines = [
        (
            entry.wanted.line,
            one,
            entry.over(storing.fields_of(one.organization) if one.organization else Fields("")),
        )
        for entry, one in zip(entries, placed, strict=True)
        if one is not None
    ]
    path = placing.final_paths(there, [(said.name, one) for _, one, said in lines])
    return _Plan(there, lines, dict(path))


def _outcome(plan: _Plan) -> Outcome:
    now = {one.organization_id: one for one in plan.there}
    path_now = paths(plan.there)
    items = []
    for line, placed, said in plan.lines:
        if not _differs(placed, said):
            continue
        there = placed.organization
        parent = None if placed.parent is None else plan.path[placed.parent]
        after = msgspec.to_builtins(said) | {"parent": parent}
        before: dict[str, Any] = {}  # as in Step
        if there is not None:
            parent = None if there.parent_id is None else path_now[there.parent_id]
            before = msgspec.to_builtins(storing.fields_of(there)) | {"parent": parent}
        differing = [key for key in after if (after[key] != before[key] if before else after[key])]
        items.append(
            Step(
                line,
                Action.CHANGE if there else Action.ADD,
                now[placed.node].name if there else said.name,
                plan.path[placed.node],
                {key: before[key] for key in differing if before},
                {key: after[key] for key in differing},
            )
        )
    added = sum(item.action is Action.ADD for item in items)
    return Outcome(added, len(items) - added, len(plan.lines) - len(items), tuple(items))


def _differs(placed: Placed, said: Fields) -> bool:
    there = placed.organization
    return there is None or (said, placed.parent) != (storing.fields_of(there), there.parent_id)
