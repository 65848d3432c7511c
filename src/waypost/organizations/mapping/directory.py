"""The organizations, held in memory: found by what users call them, and known by all their names."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.organizations.mapping.decisions import Decision, OrganizationRef
from waypost.organizations.mapping.estate import Ruling
from waypost.organizations.matching import Index, Known
from waypost.organizations.organization import SEPARATOR
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import names


class Entry(msgspec.Struct, frozen=True):
    """An organization, as far as decisions go by it."""

    organization_id: int
    organization_uuid: UUID
    name: str
    parent_id: int | None
    external_id: str | None
    aliases: list[str]
    domains: list[str]
    archived: bool

    @property
    def ref(self) -> OrganizationRef:
        return OrganizationRef(self.organization_uuid, self.name)


class Directory:
    """Every organization, archived ones too: decisions that exist may name them."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.by_id = {entry.organization_id: entry for entry in entries}

    @cached_property
    def _by_uuid(self) -> Mapping[str, Entry]:
        return {str(entry.organization_uuid): entry for entry in self.by_id.values()}

    @cached_property
    def _by_name(self) -> Mapping[str, list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.by_id.values():
            found[entry.name].append(entry)
        return found

    @cached_property
    def _by_path(self) -> Mapping[str, list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.by_id.values():
            found[self.path(entry)].append(entry)
        return found

    @cached_property
    def index(self) -> Index:
        """Those that a site may be mapped to, by all that suggestions go by."""
        return Index(
            [
                Known(
                    entry.organization_id,
                    entry.name,
                    entry.external_id,
                    tuple(entry.aliases),
                    tuple(entry.domains),
                )
                for entry in self.by_id.values()
                if not entry.archived
            ]
        )

    def path(self, entry: Entry) -> str:
        """Its name after those of its parents."""
        names_upward = [entry.name]
        while entry.parent_id is not None:
            entry = self.by_id[entry.parent_id]
            names_upward.append(entry.name)
        return SEPARATOR.join(reversed(names_upward))

    def named(self, text: str) -> Entry:
        """The organization of this id, name or path; one that is archived only where no other is called so.

        Raises:
            NoSuchOrganizationError: There is none.
            OrganizationNameError: There are several.
        """
        text = names.cleaned(text)
        if (entry := self._by_uuid.get(text.lower())) is not None:
            return entry
        called = self._by_name.get(text) or self._by_path.get(text) or []
        found = [entry for entry in called if not entry.archived] or called
        if not found:
            raise errors.NoSuchOrganizationError(f"There is no organization {text!r}.")
        if len(found) > 1:
            paths = ", ".join(sorted(repr(self.path(entry)) for entry in found))
            raise errors.OrganizationNameError(
                f"{len(found)} organizations are called {text!r}: {paths}.",
                remedy="Say which one by its path, or by its id.",
                field="organization",
            )
        return found[0]

    def decision(self, ruling: Ruling) -> Decision:
        """A ruling as users read it."""
        organization = None if ruling.organization_id is None else self.by_id[ruling.organization_id].ref
        return Decision(ruling.decision, organization, ruling.reason, ruling.origin)


async def load(db: Connection) -> Directory:
    """The organizations as they are now."""
    async with db.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(queries.mapping.organizations)
        return Directory(await cursor.fetchall())
