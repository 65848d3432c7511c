"""What requests about the mapping may hold, and what they are answered with."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar.params import Parameter
from msgspec import Meta

from waypost.api.bodies import Body, Short, text
from waypost.organizations.mapping.decisions import Decided, Decision, Evidence, Kind, Step, Wish
from waypost.organizations.mapping.history import ChangeItem, SaveItem
from waypost.organizations.matching import Grade

MOST_ITEMS: Final = 10_000
"""Decisions of one request."""

MOST_BYTES: Final = 10_000_000
"""Of a request with so many."""

Path = Annotated[str, text(1_000)]
OfConnection = Annotated[str, Parameter(max_length=200, description="Name or id of a connection.")]
OfOrganization = Annotated[
    str, Parameter(max_length=1_000, description="Name, path (`Parent / Child`) or id of an organization.")
]
Version = Annotated[
    int,
    Meta(
        ge=0,
        le=2**63 - 1,
        description="Of the decision that this one replaces, as it was read; without it nothing is replaced that is "
        "decided already.",
    ),
]

_EXAMPLE: Final = [
    {
        "connection": "ACME",
        "kind": "site",
        "id": "1234567890123456789",
        "decision": "mapped",
        "organization": "ACME Ltd",
        "version": 0,
    },
    {
        "connection": "ACME",
        "kind": "site",
        "id": "1234567890123456790",
        "decision": "ignored",
        "reason": "our own test machines",
    },
]


class NewDecision(Body, frozen=True):
    """What is to be decided about one site or account."""

    connection: Annotated[Short, Meta(description="Name or id of the connection.")]
    kind: Kind
    id: Annotated[Short, Meta(description="The console's id of the site or account.")]
    decision: Decided
    organization: (
        Annotated[Path, Meta(description="Name, path (`Parent / Child`) or id, where it is mapped.")] | None
    ) = None
    reason: Annotated[str, text(500), Meta(description="Why, where it is ignored.")] | None = None
    version: Version | None = None

    def wish(self) -> Wish:
        """The same, as it is carried out."""
        return Wish(
            connection=self.connection,
            kind=self.kind,
            decision=self.decision,
            id=self.id,
            organization=self.organization,
            reason=self.reason,
            version=self.version,
        )


class NewDecisions(Body, frozen=True):
    """Decisions to be saved together: all of them, or none."""

    items: Annotated[list[NewDecision], Meta(max_length=MOST_ITEMS, examples=[_EXAMPLE])] = msgspec.field(
        default_factory=list
    )
    accept: Annotated[Literal["sure"], Meta(description="Every suggestion of this grade besides.")] | None = (
        None
    )
    dry_run: Annotated[bool, Meta(description="Tell what would change, and change nothing.")] = False


class SavedDecisions(msgspec.Struct, frozen=True):
    """What a save changed, or would: where the data of which sites goes, and how much of it there is."""

    id: Annotated[UUID | None, Meta(description="Of the save in the history; null if nothing was saved.")]
    version: Annotated[int, Meta(description="Of every decision in it; 0 if nothing was saved.")]
    dry_run: bool
    items: tuple[Step, ...]
    unchanged: Annotated[int, Meta(description="Decisions that stand like that already.")]
    devices: int
    open_findings: int


class Asked(Body, frozen=True):
    """What to suggest organizations for; by default for all that nothing is decided about."""

    connection: Annotated[Short, Meta(description="Name or id of a connection.")] = ""
    kind: Kind | None = None
    grade: Annotated[Grade | None, Meta(description="Only where the best candidate is of this grade.")] = None
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Items of a page.")] = 100
    cursor: Annotated[
        str, text(2_000), Meta(description="`next_cursor` of the page before; empty for the first page.")
    ] = ""


class Refreshing(Body, frozen=True):
    """Which consoles to read the accounts and sites of again."""

    connections: Annotated[
        list[Short],
        Meta(max_length=1_000, description="Their names; all by default."),
    ] = msgspec.field(default_factory=list)


class Undoing(Body, frozen=True):
    """How to undo a save."""

    dry_run: Annotated[bool, Meta(description="Tell what would change, and change nothing.")] = False


class MappingChange(msgspec.Struct, frozen=True):
    """What one save decided about one site or account."""

    connection: str
    connection_id: UUID
    kind: Kind
    id: str
    name: Annotated[str | None, Meta(description="At that time.")]
    before: Annotated[Decision, Meta(description="What was decided about itself until then.")]
    after: Decision
    evidence: Annotated[Evidence | None, Meta(description="What stood for it; null where it is not mapped.")]
    alias: Annotated[str | None, Meta(description="The name that the organization was given by it.")]


class MappingSave(msgspec.Struct, frozen=True):
    """One saving of decisions, and a page of what it decided."""

    id: UUID
    version: int
    at: datetime
    actor_kind: str
    actor: str
    request_id: str | None
    source: Literal["save", "import", "undo"]
    undoes: Annotated[UUID | None, Meta(description="The save that this one undid.")]
    undone_by: Annotated[UUID | None, Meta(description="The save that undid this one.")]
    changes: int
    mapped: int
    ignored: int
    undecided: int
    items: list[MappingChange]
    next_cursor: str | None


def change(item: ChangeItem) -> MappingChange:
    """A change as the API shows it, within its save."""
    return MappingChange(**{name: getattr(item, name) for name in MappingChange.__struct_fields__})


def save(one: SaveItem, items: list[ChangeItem], next_cursor: str | None) -> MappingSave:
    """A save with a page of its changes."""
    facts = {name: getattr(one, name) for name in SaveItem.__struct_fields__}
    return MappingSave(**facts, items=list(map(change, items)), next_cursor=next_cursor)
