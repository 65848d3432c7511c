"""What suggestions are made of: what is known of both sides, and what is concluded."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from waypost.organizations.matching.cleaning import Cleaned


class Grade(StrEnum):
    """How much a candidate can be trusted."""

    SURE = "sure"
    """Unique exact evidence, no rival: may be accepted in bulk."""
    LIKELY = "likely"
    POSSIBLE = "possible"


class Known(msgspec.Struct, frozen=True):
    """An organization as far as suggestions go by it."""

    organization_id: int
    name: str
    external_id: str | None = None
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """A site or account to find the organization of.

    Attributes:
        key: Whatever identifies it to the caller.
        account: Whatever identifies its account, over all connections; None where it is an account itself. The same
            name under two accounts is never sure.
        external_id: The console's `externalId` of it.
        domains: Its devices' domains, each with how many devices have it.
    """

    key: object
    name: str
    account: object = None
    external_id: str | None = None
    domains: Mapping[str, int] = {}


class Candidate(msgspec.Struct, frozen=True):
    """An organization that a site or account may belong to.

    Attributes:
        confidence: 0 to 1, falling along the list; comparable within a grade.
        reasons: Sentences for people, the strongest first: what speaks for it, and what keeps it from being sure.
    """

    organization_id: int
    grade: Grade
    confidence: float
    reasons: tuple[str, ...]


class Spelling(msgspec.Struct, frozen=True):
    """A name or alias of an organization."""

    organization_id: int
    text: str
    cleaned: Cleaned
    alias: bool
