"""`/organizations`: the clients of whoever runs Waypost."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import JSONBody

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import guard, pages
from waypost.api.bodies import Body, Name
from waypost.api.calls import Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.organizations import registry
from waypost.organizations.registry import Organization
from waypost.unified import cursors


class OrganizationItem(msgspec.Struct, frozen=True):
    """One client or customer of the user."""

    id: UUID
    name: str
    created_at: datetime


class NewOrganization(Body, frozen=True):
    """An organization to add."""

    name: Name


@get(
    "/organizations",
    operation_id="listOrganizations",
    tags=["organizations"],
    summary="List the organizations",
    description="By name. A key that is bound to an organization sees that one.",
    opt=guard.needs(Scope.READ),
)
async def list_organizations(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[OrganizationItem]:
    (after,) = cursors.read(cursor, "organizations", None, 1)
    rows = await registry.after(call.db, after, limit=limit + 1, organization_id=call.organization_id)
    return pages.page(rows, limit, kind="organizations", filters=None, key=lambda row: [row.name], item=_item)


@post(
    "/organizations",
    operation_id="addOrganization",
    tags=["organizations"],
    summary="Add an organization",
    opt=guard.needs(Scope.MANAGE, whole=True),
)
async def add_organization(call: Called, data: JSONBody[NewOrganization]) -> OrganizationItem:
    return _item(await registry.add(call.db, call.actor, data.name))


@get(
    "/organizations/{organization_id:uuid}",
    operation_id="getOrganization",
    tags=["organizations"],
    summary="Show an organization",
    opt=guard.needs(Scope.READ),
)
async def get_organization(call: Called, organization_id: UUID) -> OrganizationItem:
    try:
        found = await registry.get(call.db, str(organization_id))
    except errors.NoSuchOrganizationError:
        found = None
    if found is None or call.organization_id not in (None, found.organization_id):
        raise errors.NotFoundError("There is no organization with this id.")
    return _item(found)


def _item(row: Organization) -> OrganizationItem:
    return OrganizationItem(row.organization_uuid, row.name, row.created_at)


ROUTES = (list_organizations, add_organization, get_organization)
