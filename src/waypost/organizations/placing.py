"""Which organization each line of a file is, and below which it belongs: those that there are, and those to come.

A line may name a parent that stands further down, or that the file itself renames. Nothing is stored here; what
cannot be is told by line.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from waypost.organizations.organization import SEPARATOR, Organization, paths
from waypost.organizations.registry import DEEPEST
from waypost.organizations.sheets import Faults

_MOST_NAMESAKES: Final = 20
"""Beyond so many nobody can mean one of them by its name alone."""

Node = int
"""An organization: its id, or a negative number for one that is new."""


class Wanted(msgspec.Struct, frozen=True):
    """What a line says of who an organization is; a column that the file does not have is unset.

    Attributes:
        parent: Path, name or id; None for none.
    """

    line: int
    name: str
    parent: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET


class Placed(msgspec.Struct, frozen=True):
    """Which organization a line is: one that there is, or a new one; and the one right above it."""

    node: Node
    organization: Organization | None
    parent: Node | None


class Placing:
    """The lines of a file among the organizations that are not archived.

    Args:
        organizations: All of those.
        wanted: The lines.
        faults: Where to tell what cannot be.
    """

    def __init__(
        self, organizations: Sequence[Organization], wanted: Sequence[Wanted], faults: Faults
    ) -> None:
        self._there = {one.organization_id: one for one in organizations}
        self._wanted = wanted
        self._faults = faults
        self._placed: dict[int, Placed | None] = {}
        self._open: set[int] = set()
        self._by_uuid = {str(one.organization_uuid): one for one in organizations}
        self._by_external_id = {one.external_id: one for one in organizations if one.external_id}
        self._claimed = {
            there.organization_id
            for line in wanted
            if line.external_id and (there := self._by_external_id.get(line.external_id))
        }
        """Those that a line is about by external id: whatever they are called now, no other line means them."""
        self._by_place = {(one.parent_id, one.name): one for one in organizations}
        self._by_name: dict[str, list[Organization]] = defaultdict(list)
        self._lines_by_name: dict[str, list[int]] = defaultdict(list)
        self._by_path: dict[str, list[Organization]] = defaultdict(list)
        self._lines_by_path: dict[str, list[int]] = defaultdict(list)
        path = paths(organizations)
        for one in organizations:
            self._by_name[one.name].append(one)
            self._by_path[path[one.organization_id]].append(one)
        for place, line in enumerate(wanted):
            self._lines_by_name[line.name].append(place)
            above = f"{line.parent}{SEPARATOR}" if line.parent else ""
            self._lines_by_path[above + line.name].append(place)

    def placed(self) -> list[Placed | None]:
        """Where each line belongs; None where that could not be told."""
        found = [self._place(place) for place in range(len(self._wanted))]
        self._check_unique(found)
        self._check_above(found)
        return found

    def _place(self, place: int, level: int = 1) -> Placed | None:
        if place in self._placed:
            return self._placed[place]
        line = self._wanted[place]
        if place in self._open or level > DEEPEST:
            self._faults.add(line.line, f"It would be above itself, or more than {DEEPEST} levels deep.")
            return None
        self._open.add(place)
        found = self._placed[place] = self._found(place, line, level)
        self._open.discard(place)
        return found

    def _found(self, place: int, line: Wanted, level: int) -> Placed | None:
        parent: Node | None = None
        if line.parent:
            parent = self._above(place, line.parent, level)
            if parent is None:
                return None
        there = self._match(line, parent)
        if isinstance(there, str):
            self._faults.add(line.line, there)
            return None
        if there is None:
            return Placed(-1 - place, None, parent)
        return Placed(there.organization_id, there, there.parent_id if line.parent is UNSET else parent)

    def _match(self, line: Wanted, parent: Node | None) -> Organization | str | None:
        """The organization that a line is about; None for a new one, or what keeps it from being told."""
        external_id = line.external_id or None
        if external_id and (there := self._by_external_id.get(external_id)):
            return there
        if line.parent is UNSET:
            called = [
                one for one in self._by_name.get(line.name, []) if one.organization_id not in self._claimed
            ]
            if len(called) > 1:
                return f"{len(called)} organizations are called {line.name!r}; a column `parent` would tell which."
            there = called[0] if called else None
        else:
            there = self._by_place.get((parent, line.name))
            there = None if there and there.organization_id in self._claimed else there
        if there and external_id and there.external_id:
            return (
                f"There is {line.name!r} with another external id, {there.external_id!r}; "
                "change that with `waypost org change` if they are the same."
            )
        return there

    def _above(self, place: int, text: str, level: int) -> Node | None:
        """The parent that a line names, or None if that cannot be told, which then was."""
        line = self._wanted[place].line
        if (there := self._by_uuid.get(text.lower())) is not None:
            return there.organization_id
        for organizations, lines in (
            (self._by_path.get(text, []), self._lines_by_path.get(text, [])),
            (self._by_name.get(text, []), self._lines_by_name.get(text, [])),
        ):
            others = [other for other in lines if other != place]
            if len(organizations) + len(others) > _MOST_NAMESAKES:
                self._faults.add(
                    line, f"Many organizations are called {text!r}; give the parent's path, or its id."
                )
                return None
            below = [self._place(other, level + 1) for other in others]
            if None in below:
                self._faults.add(line, f"The line of its parent {text!r} is wrong.")
                return None
            nodes = {one.organization_id for one in organizations} | {one.node for one in below if one}
            if len(nodes) == 1:
                return nodes.pop()
            if nodes:
                self._faults.add(
                    line,
                    f"{len(nodes)} organizations are called {text!r}; give the parent's path, or its id.",
                )
                return None
        self._faults.add(line, f"There is no organization {text!r} that could be the parent.")
        return None

    def _check_unique(self, found: Sequence[Placed | None]) -> None:
        """No two lines about one organization, and no name or external id twice once all is stored."""
        lines: dict[Node, int] = {}
        for line, placed in self._with_lines(found):
            if placed.node in lines:
                self._faults.add(line.line, f"It is the same organization as in line {lines[placed.node]}.")
            lines.setdefault(placed.node, line.line)
        others = [one for one in self._there.values() if one.organization_id not in lines]
        names = {(one.parent_id, one.name): "is there already" for one in others}
        ids = {one.external_id: f"is that of {one.name!r}" for one in others if one.external_id}
        for line, placed in self._with_lines(found):
            if told := names.get((placed.parent, line.name)):
                self._faults.add(line.line, f"{line.name!r} {told}.")
            names[placed.parent, line.name] = f"is in line {line.line} already"
            external_id = line.external_id
            if external_id is UNSET and placed.organization:
                external_id = placed.organization.external_id
            if external_id and (told := ids.get(external_id)):
                self._faults.add(line.line, f"The external id {external_id!r} {told}.")
            if external_id:
                ids[external_id] = f"is in line {line.line} already"

    def _check_above(self, found: Sequence[Placed | None]) -> None:
        """Nothing is above itself, or too deep, once all is stored."""
        parents: dict[Node, Node | None] = {
            one.organization_id: one.parent_id for one in self._there.values()
        }
        lines: dict[Node, int] = {}
        for line, placed in self._with_lines(found):
            parents[placed.node] = placed.parent
            lines[placed.node] = line.line
        for node in parents:
            upward = [node]
            while (above := parents.get(upward[-1])) is not None and len(upward) <= DEEPEST:
                upward.append(above)
            if len(upward) > DEEPEST:
                circle = len({*upward}) < len(upward)
                told = "It would be above itself." if circle else f"It would make more than {DEEPEST} levels."
                self._faults.add(next((lines[one] for one in upward if one in lines), 0), told)

    def _with_lines(self, found: Sequence[Placed | None]) -> Iterator[tuple[Wanted, Placed]]:
        return (
            (line, placed) for line, placed in zip(self._wanted, found, strict=True) if placed is not None
        )


def final_paths(
    organizations: Sequence[Organization], placed: Sequence[tuple[str, Placed]]
) -> Mapping[Node, str]:
    """The path of each organization once all is stored, by node.

    Args:
        organizations: Those that there are.
        placed: The lines: the name that each will have, and where it belongs.
    """
    above: dict[Node, tuple[str, Node | None]] = {
        one.organization_id: (one.name, one.parent_id) for one in organizations
    }
    above |= {one.node: (name, one.parent) for name, one in placed}
    found: dict[Node, str] = {}

    def path(node: Node) -> str:
        if node not in found:
            name, parent = above[node]
            found[node] = name if parent is None else f"{path(parent)}{SEPARATOR}{name}"
        return found[node]

    for node in above:
        path(node)
    return found
