"""Decisions: what somebody wants decided about a site or account, and what is decided."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Kind(StrEnum):
    """What a decision is about."""

    ACCOUNT = "account"
    SITE = "site"


class Decided(StrEnum):
    """What may be decided."""

    MAPPED = "mapped"
    IGNORED = "ignored"
    UNDECIDED = "undecided"


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants decided.

    Attributes:
        connection: Name or id of the connection.
        id: The console's id of the site or account; `name` may stand instead of it, where only one has it.
        organization: Name, path (`Parent / Child`) or id, where it is to be mapped.
        reason: Why it is to be ignored.
        version: Of the decision that it is to replace, as it was shown; None replaces nothing that is decided.
    """

    connection: str
    kind: Kind
    decision: Decided
    id: str = ""
    name: str = ""
    organization: str | None = None
    reason: str | None = None
    version: int | None = None


class Evidence(msgspec.Struct, frozen=True):
    """What stood for a choice: the suggestion for the chosen organization, or none (grade null)."""

    grade: str | None = None
    confidence: float | None = None
    reasons: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """What a site or account was when it was decided about: drift is held against it.

    Attributes:
        account_id: The console's id of a site's account.
        domains: Of its devices, in lower case, in order.
        standing: How it stood in the console: `active`, `expired`, `deleted` or `gone`.
    """

    name: str | None = None
    account_id: int | None = None
    domains: tuple[str, ...] = ()
    standing: str | None = None


class OrganizationRef(msgspec.Struct, frozen=True):
    """An organization, by id and name."""

    id: UUID
    name: str


class Decision(msgspec.Struct, frozen=True):
    """What is decided about a site or account.

    Attributes:
        origin: What says so of a site: `site`, `account` or `connection`; null while undecided.
    """

    decision: Decided
    organization: OrganizationRef | None = None
    reason: str | None = None
    origin: str | None = None


class ScopeItem(msgspec.Struct, frozen=True):
    """A site or account of a console, and whose it is.

    Attributes:
        own: What is decided about it itself.
        effective: What holds: the nearest of its own decision, its account's, and whom the console was connected for.
        version: Of its own decision, to be given back when it is changed; 0 while nothing ever was decided.
    """

    connection: str
    connection_id: UUID
    kind: Kind
    id: str
    name: str | None
    account: str | None
    account_id: str | None
    state: str | None
    gone: bool
    external_id: str | None
    devices: int
    own: Decision
    effective: Decision
    version: int
    evidence: Evidence | None
    decided_by: str | None
    decided_at: datetime | None


class Step(msgspec.Struct, frozen=True):
    """One line of the difference that a save makes: where a site's or account's data goes.

    Attributes:
        sites: How many sites follow: 1, or those of the account that have no decision of their own.
    """

    connection: str
    kind: Kind
    id: str
    name: str | None
    before: Decision
    after: Decision
    sites: int
    devices: int
    open_findings: int
    version: int


class Difference(msgspec.Struct, frozen=True):
    """What a save changes, or would: only what differs from what holds already."""

    items: tuple[Step, ...]
    unchanged: int
    devices: int
    open_findings: int


class Saved(msgspec.Struct, frozen=True):
    """A save: its id (null if it changed nothing), its version for every scope in it, and what it changed."""

    id: UUID | None
    version: int
    difference: Difference
