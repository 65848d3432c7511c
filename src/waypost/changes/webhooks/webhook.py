"""A webhook as it is stored and shown."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from waypost import errors
from waypost.unified.items import Ref
from waypost.unified.words import ChangeKind, word

State = Literal["active", "failing", "disabled"]
ACTIVE: Final = "active"
FAILING: Final = "failing"
DISABLED: Final = "disabled"

_OF_SITES: Final = ChangeKind.CONNECTION_ATTENTION
"""Kinds below it happen at sites, and so belong to organizations."""


class Reason(msgspec.Struct, frozen=True):
    """Why a webhook is disabled, and what to do about it."""

    code: str
    message: str
    remedy: str


class SecretDates(msgspec.Struct, frozen=True):
    """One of the secrets that deliveries are signed with; `ends_at` is null for the newest."""

    created_at: datetime
    ends_at: datetime | None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook.

    Attributes:
        kinds: Of changes that it is told of; none means all.
        connection_ids: Those whose changes it is told of; None means all.
        connections: The same as people know them; those that were removed are missing.
        most: Entries of one delivery.
        failures: In a row.
        secrets: The newest first.
        lag_seconds: How old the first change is that it was not told of, nor found to be none of it.
    """

    webhook_id: int
    webhook_uuid: uuid.UUID
    name: str
    url: str
    kinds: tuple[int, ...]
    organization_id: int | None
    organization_uuid: uuid.UUID | None
    organization_name: str | None
    connection_ids: tuple[int, ...] | None
    connections: tuple[Ref, ...]
    most: int
    created_at: datetime
    changed_at: datetime
    failures: int
    failing_since: datetime | None
    next_at: datetime
    disabled_at: datetime | None
    reason: Reason | None
    secrets: tuple[SecretDates, ...]
    lag_seconds: float

    @property
    def state(self) -> State:
        if self.disabled_at is not None:
            return DISABLED
        return FAILING if self.failures else ACTIVE

    @property
    def words(self) -> list[str]:
        """Its kinds, as users read them."""
        return [word(ChangeKind(kind)) for kind in self.kinds]


def kinds(words: Sequence[str], *, of_organization: bool) -> list[int]:
    """Kinds of changes by their words; none means all.

    Raises:
        InvalidFieldError: There is no such kind, or none that an organization's webhook is told of.
    """
    known = {word(kind): kind.value for kind in ChangeKind if not of_organization or kind < _OF_SITES}
    for text in words:
        if text.lower() not in known:
            of = " for an organization's webhook" if of_organization else ""
            raise errors.InvalidFieldError(
                f"There is no kind of change {text[:40]!r}{of}; there are {', '.join(known)}.", field="kinds"
            )
    return sorted({known[text.lower()] for text in words})
