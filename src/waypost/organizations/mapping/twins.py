"""The same site through two connections: it may have two decisions, but never two organizations."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from waypost import errors
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key, Ruling, Scope
from waypost.organizations.mapping.wishes import Choice, label

_TOLD: Final = 3


class Conflict(msgspec.Struct, frozen=True):
    """A site that would be one organization's by one connection, and another's by a second one."""

    site: Scope
    organization_id: int
    twin: Scope
    twins_organization_id: int


def conflicts(estate: Estate, rulings: Mapping[Key, Ruling], sites: Iterable[Scope]) -> Iterator[Conflict]:
    """Which of these sites would be two organizations', if things were decided so."""
    for site in sites:
        owner = estate.effective(site, rulings).organization_id
        if owner is not None:
            for twin in estate.twins(site):
                others = estate.effective(twin, rulings).organization_id
                if others not in (None, owner):
                    yield Conflict(site, owner, twin, others)


def refuse(estate: Estate, directory: Directory, changes: Iterable[Choice]) -> None:
    """A save is refused that would give a site to two organizations. Conflicts that it does not touch may stay.

    Raises:
        TwoOrganizationsError: It would.
    """
    rulings = {choice.scope.key: choice.ruling for choice in changes}
    found = list(conflicts(estate, rulings, _touched(estate, rulings)))
    if not found:
        return
    told = "; ".join(_told(estate, directory, conflict) for conflict in found[:_TOLD])
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    raise errors.TwoOrganizationsError(f"{told}{more}. Nothing was saved.")


def _touched(estate: Estate, rulings: Mapping[Key, Ruling]) -> Iterator[Scope]:
    """The sites that are decided about, and those of accounts that get another owner by it."""
    for key in rulings:
        for site in estate.below(estate.scopes[key]):
            before, after = estate.effective(site), estate.effective(site, rulings)
            if site.key in rulings or before.organization_id != after.organization_id:
                yield site


def _told(estate: Estate, directory: Directory, conflict: Conflict) -> str:
    owner, other = (
        directory.path(directory.by_id[organization_id])
        for organization_id in (conflict.organization_id, conflict.twins_organization_id)
    )
    return (
        f"{label(estate, conflict.site)} would be {owner!r}'s, "
        f"and {other!r}'s through {estate.console(conflict.twin).name!r}"
    )
