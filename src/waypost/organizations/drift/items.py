"""Drift as people read it: what is the matter, in a sentence, and what ends it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from waypost.organizations.drift import remedies
from waypost.organizations.drift.remedies import Remedy, Row
from waypost.organizations.mapping.decisions import OrganizationRef


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What speaks against the mapping, as far as it is told of this kind.

    Attributes:
        standing: How the site stands in the console: `expired`, `deleted`, `gone`.
        was: Its former name, or the account that it left.
        now: Its name, or the account that it is in.
        other: The other organization that it may belong to, or belongs to as well.
        grade: How much the new name speaks for that.
        reasons: Why, in sentences.
        domains: Of its devices, that are the other organization's.
        other_connection: By which the site belongs to the other one.
    """

    standing: str | None = None
    was: str | None = None
    now: str | None = None
    other: OrganizationRef | None = None
    grade: str | None = None
    reasons: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    other_connection: str | None = None


class DriftItem(msgspec.Struct, frozen=True):
    """What needs a person.

    Attributes:
        scope: `site` or `account`; null where it is about an organization as a whole.
        scope_id: The console's id of it.
        organization: Whose it is by what is decided, if it is anybody's.
        message: What is the matter.
        remedy: The step that ends it, as a sentence with its command.
        remedies: All steps that would, that one first.
    """

    id: UUID
    kind: str
    connection: str | None
    connection_id: UUID | None
    scope: str | None
    scope_id: str | None
    name: str | None
    organization: OrganizationRef | None
    message: str
    remedy: str
    remedies: tuple[Remedy, ...]
    began_at: datetime
    detail: Detail


def item(row: Row) -> DriftItem:
    """A drift for people."""
    steps = remedies.of(row)
    return DriftItem(
        id=row.drift_id,
        kind=row.kind,
        connection=row.connection,
        connection_id=row.connection_uuid,
        scope=row.scope,
        scope_id=row.scope_id,
        name=row.name,
        organization=_ref(row.organization_uuid, row.organization),
        message=_MESSAGES[row.kind](row),
        remedy=f"{steps[0].text}: `{steps[0].command}`",
        remedies=steps,
        began_at=row.began_at,
        detail=_detail(row),
    )


def _detail(row: Row) -> Detail:
    moved = row.kind == "moved_site"
    return Detail(
        standing=row.detail.get("standing"),
        was=_left(row) if moved else row.detail.get("was"),
        now=row.account if moved else row.name if "was" in row.detail else None,
        other=_ref(row.other_uuid, row.other),
        grade=row.detail.get("grade"),
        reasons=tuple(row.detail.get("reasons", ())),
        domains=tuple(row.detail.get("domains", ())),
        other_connection=row.other_connection,
    )


def _ref(organization_uuid: UUID | None, name: str | None) -> OrganizationRef | None:
    return None if organization_uuid is None or name is None else OrganizationRef(organization_uuid, name)


def _left(row: Row) -> str | None:
    """The account that a site was moved from: its name, or its id where nobody knows it."""
    return row.was_account or row.detail.get("was_account")


def _what(row: Row) -> str:
    return f"{row.scope} {row.name!r} of {row.connection!r}"


def _whose(row: Row) -> str:
    return f"belongs to {row.organization!r}" if row.organization else "is ignored"


def _undecided(row: Row) -> str:
    return f"Nothing is decided about the {_what(row)}."


def _lost(row: Row) -> str:
    how = {"expired": "has expired", "deleted": "was deleted", "gone": "is no longer listed"}
    whose = _whose(row) if row.organization else "belongs to nobody yet"
    return f"The {_what(row)} {how[row.detail['standing']]} and has data; it {whose}."


def _renamed(row: Row) -> str:
    was, other = row.detail["was"], row.other
    return f"The {_what(row)} was {was!r} when it was mapped; the new name speaks of {other!r}. It still {_whose(row)}."


def _moved(row: Row) -> str:
    return f"The {_what(row)} was moved from the account {_left(row)!r} to {row.account!r}; it {_whose(row)}."


def _contradicted(row: Row) -> str:
    domains = " and ".join(repr(domain) for domain in row.detail["domains"][:3])
    return f"Most devices of the {_what(row)} are in {domains}, which is {row.other!r}; it {_whose(row)}."


def _twice(row: Row) -> str:
    by = f"by {row.other_connection!r}, which is the same console"
    return f"The {_what(row)} {_whose(row)}, and to {row.other!r} {by}."


_MESSAGES: Final[Mapping[str, Callable[[Row], str]]] = {
    "new_site": _undecided,
    "new_account": lambda row: f"{_undecided(row)} It has no sites yet.",
    "gone_site": _lost,
    "expired_site": _lost,
    "renamed_site": _renamed,
    "renamed_account": _renamed,
    "moved_site": _moved,
    "domain_contradiction": _contradicted,
    "two_organizations": _twice,
    "empty_organization": lambda row: f"{row.organization!r} has no site, and none of its parts has one.",
    "archived_organization": lambda row: f"{row.organization!r} is archived and owns sites all the same.",
}
"""How each kind of drift is told."""
