"""An organization as it is stored: a client of whoever runs Waypost, or a part of one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

SEPARATOR: Final = " / "
"""Between the names of a path, from the topmost parent down."""


class Organization(msgspec.Struct, frozen=True):
    """One client or customer of the user.

    Attributes:
        parent_id: The organization that it is a part of; names are unique below one parent.
        external_id: Its id in the user's own systems; no two that are not archived have the same.
        aliases: Other names of it, the ones that a person's choice of a site has added among them.
        domains: Of its Active Directory or its email, lower case.
        archived_at: Since when it is kept for its history alone.
    """

    organization_id: int
    organization_uuid: UUID
    name: str
    parent_id: int | None
    parent_uuid: UUID | None
    parent_name: str | None
    external_id: str | None
    aliases: list[str]
    domains: list[str]
    tags: list[str]
    archived_at: datetime | None
    created_at: datetime
    changed_at: datetime


def described(organization: Organization) -> dict[str, Any]:  # Any: whatever JSON holds
    """An organization as users read it."""
    parent = {"id": organization.parent_uuid, "name": organization.parent_name}
    return {
        "id": organization.organization_uuid,
        "name": organization.name,
        "external_id": organization.external_id,
        "domains": organization.domains,
        "aliases": organization.aliases,
        "parent": parent if organization.parent_id is not None else None,
        "tags": organization.tags,
        "archived_at": organization.archived_at,
        "created_at": organization.created_at,
        "changed_at": organization.changed_at,
    }


def paths(organizations: Iterable[Organization]) -> Mapping[int, str]:
    """The path of each, like `Holding / Branch`, by its id; all that are above one are among them."""
    by_id = {one.organization_id: one for one in organizations}
    found: dict[int, str] = {}
    for one in by_id.values():
        upward = [one]
        while (parent := upward[-1].parent_id) is not None and parent not in found:
            upward.append(by_id[parent])
        above = found.get(upward[-1].parent_id or 0)
        for part in reversed(upward):
            above = f"{above}{SEPARATOR}{part.name}" if above is not None else part.name
            found[part.organization_id] = above
    return found
