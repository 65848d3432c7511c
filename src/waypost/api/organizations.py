"""`/organizations`: the clients of whoever runs Waypost."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, patch, post
from litestar.params import JSONBody, Parameter
from msgspec import UNSET, Meta, UnsetType

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import guard, organization_files, pages
from waypost.api.bodies import Body, Name, Short
from waypost.api.calls import Call, Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.organizations import fields, registry
from waypost.organizations.organization import Organization, described
from waypost.unified import cursors

PATH: Final = "/organizations/{organization_id:uuid}"

Above = Annotated[
    str,
    Meta(max_length=2_000, description="Name, path (`Parent / Child`) or id of the organization above it."),
]
ExternalId = Annotated[
    Short, Meta(description="Its id in your own systems; no two organizations have the same.")
]
Aliases = Annotated[
    tuple[Annotated[str, Meta(max_length=fields.LONGEST_ALIAS)], ...],
    Meta(max_length=fields.MOST_VALUES, description="Other names that its sites go by."),
]
Domains = Annotated[
    tuple[Annotated[str, Meta(max_length=fields.LONGEST_DOMAIN)], ...],
    Meta(max_length=fields.MOST_VALUES, description="Of its Active Directory or its email."),
]
Tags = Annotated[
    tuple[Annotated[str, Meta(max_length=fields.LONGEST_TAG)], ...], Meta(max_length=fields.MOST_VALUES)
]


class Parent(msgspec.Struct, frozen=True):
    """The organization that another is a part of."""

    id: UUID
    name: str


class OrganizationItem(msgspec.Struct, frozen=True):
    """One client or customer of the user."""

    id: UUID
    name: str
    external_id: Annotated[str | None, Meta(description="Its id in the user's own systems.")]
    domains: list[str]
    aliases: Annotated[
        list[str], Meta(description="Other names of it; a person's choice of a site adds to them.")
    ]
    parent: Parent | None
    tags: list[str]
    archived_at: Annotated[datetime | None, Meta(description="Since when it is kept for its history alone.")]
    created_at: datetime
    changed_at: datetime


class NewOrganization(Body, frozen=True):
    """An organization to add."""

    name: Name
    parent: Above | None = None
    external_id: ExternalId | None = None
    aliases: Aliases = ()
    domains: Domains = ()
    tags: Tags = ()


class OrganizationChange(Body, frozen=True):
    """What is to be otherwise; what is not given stays, lists are replaced as a whole, null takes away."""

    name: Name | UnsetType = UNSET
    parent: Above | UnsetType | None = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    aliases: Aliases | UnsetType = UNSET
    domains: Domains | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET


@get(
    "/organizations",
    operation_id="listOrganizations",
    tags=["organizations"],
    summary="List the organizations",
    description="By name, those that are not archived unless asked otherwise. A key that is bound to an organization "
    "sees that one.",
    opt=guard.needs(Scope.READ),
)
async def list_organizations(
    call: Called,
    limit: Limit = 100,
    cursor: Cursor = "",
    search: Annotated[
        str, Parameter(max_length=200, description="Part of a name, an alias, a domain or an external id.")
    ] = "",
    tag: Annotated[str, Parameter(max_length=200, description="Only those that have this tag.")] = "",
    archived: Annotated[bool, Parameter(description="Those that are archived instead.")] = False,
) -> Page[OrganizationItem]:
    filters = [search, tag, archived]
    name, organization_id = cursors.read(cursor, "organizations", filters, 2)
    rows = await registry.after(
        call.db,
        (name, organization_id) if cursor else None,
        limit=limit + 1,
        organization_id=call.organization_id,
        search=search,
        tag=tag,
        archived=archived,
    )
    return pages.page(
        rows,
        limit,
        kind="organizations",
        filters=filters,
        key=lambda row: [row.name, row.organization_uuid],
        item=item,
    )


@post(
    "/organizations",
    operation_id="addOrganization",
    tags=["organizations"],
    summary="Add an organization",
    description="Names may repeat below different parents.",
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(409,)),
)
async def add_organization(call: Called, data: JSONBody[NewOrganization]) -> OrganizationItem:
    added = await registry.add(
        call.db,
        call.actor,
        data.name,
        parent=data.parent,
        external_id=data.external_id,
        aliases=data.aliases,
        domains=data.domains,
        tags=data.tags,
    )
    return item(added)


@get(
    PATH,
    operation_id="getOrganization",
    tags=["organizations"],
    summary="Show an organization",
    description="An archived one too.",
    opt=guard.needs(Scope.READ),
)
async def get_organization(call: Called, organization_id: UUID) -> OrganizationItem:
    return item(await _known(call, organization_id))


@patch(
    PATH,
    operation_id="changeOrganization",
    tags=["organizations"],
    summary="Rename an organization, move it, or say something else of it",
    description="All of what is given, or nothing of it. Sites that are mapped to it stay so.",
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(409,)),
)
async def change_organization(
    call: Called, organization_id: UUID, data: JSONBody[OrganizationChange]
) -> OrganizationItem:
    given = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    changed = await registry.change(call.db, call.actor, await _known(call, organization_id), **given)
    return item(changed)


@post(
    f"{PATH}/archive",
    operation_id="archiveOrganization",
    tags=["organizations"],
    summary="Archive an organization",
    description="It is kept for its history: nothing can be mapped to it any more, and its keys and connect links open "
    "nothing. What is mapped to it stays so, and is told as drift.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(409,)),
)
async def archive_organization(call: Called, organization_id: UUID) -> OrganizationItem:
    return item(await registry.archive(call.db, call.actor, await _known(call, organization_id)))


@post(
    f"{PATH}/restore",
    operation_id="restoreOrganization",
    tags=["organizations"],
    summary="Restore an archived organization",
    description="With all that it had; its keys and those of its links that have not expired work again.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, whole=True, problems=(409,)),
)
async def restore_organization(call: Called, organization_id: UUID) -> OrganizationItem:
    return item(await registry.restore(call.db, call.actor, await _known(call, organization_id)))


async def _known(call: Call, organization_id: UUID) -> Organization:
    """An organization that the caller may see.

    Raises:
        NotFoundError: There is none, or not for this caller.
    """
    try:
        found = await registry.get(call.db, str(organization_id))
    except errors.NoSuchOrganizationError:
        found = None
    if found is None or call.organization_id not in (None, found.organization_id):
        raise errors.NotFoundError("There is no organization with this id.")
    return found


def item(row: Organization) -> OrganizationItem:
    """An organization as it is answered."""
    return msgspec.convert(described(row), OrganizationItem)


ROUTES = (
    list_organizations,
    add_organization,
    get_organization,
    change_organization,
    archive_organization,
    restore_organization,
    *organization_files.ROUTES,
)
