"""`/connect-links`: one-time addresses with which a customer connects a console."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody
from msgspec import Meta

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import guard
from waypost.api.bodies import Body, Short
from waypost.api.calls import Call, Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.connections import links, public_address
from waypost.connections.connection import Connection
from waypost.connections.links import Link


class LinkOrganization(msgspec.Struct, frozen=True):
    """The organization that a link belongs to."""

    id: UUID
    name: str


class LinkConnection(msgspec.Struct, frozen=True):
    """The connection that a link is for, or that was made with it."""

    id: UUID
    name: str


class LinkItem(msgspec.Struct, frozen=True):
    """A connect link, without its secret, which is stored nowhere."""

    id: UUID
    state: Literal["open", "used", "expired", "revoked", "archived"]
    organization: LinkOrganization
    connection: LinkConnection | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    checks: Annotated[int, Meta(description="So many tokens were tried through it.")]


class MadeLink(msgspec.Struct, frozen=True):
    """A new link with its address, which is told this once."""

    link: LinkItem
    url: Annotated[str, Meta(description="Send it to the customer; it is never shown again.")]


class NewLink(Body, frozen=True):
    """A link to make."""

    organization: Annotated[
        Short | None, Meta(description="Name or id; by default that of the connection or of the key.")
    ] = None
    connection: Annotated[
        UUID | None, Meta(description="Id of the one that gets a new token; without it a new one is made.")
    ] = None
    lifetime: Annotated[
        Short, Meta(description="Minutes, hours or days, like 30m, 2h or 1d; at most 7d.")
    ] = "30m"


@get(
    "/connect-links",
    operation_id="listConnectLinks",
    tags=["links"],
    summary="List the connect links",
    description="The newest first, used, expired and revoked ones too.",
    opt=guard.needs(Scope.MANAGE),
)
async def list_links(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[LinkItem]:
    found, following = await links.page(
        call.db, organization_id=call.organization_id, limit=limit, cursor=cursor
    )
    return Page([_item(link) for link in found], following)


@post(
    "/connect-links",
    operation_id="createConnectLink",
    tags=["links"],
    summary="Make a connect link",
    description="The answer holds the link's address, this once. Whoever opens it can connect one console for the "
    "organization, or give the named connection a new token.",
    opt=guard.needs(Scope.MANAGE, problems=(404,)),
)
async def create_link(call: Called, data: JSONBody[NewLink]) -> MadeLink:
    connection = await call.connection(data.connection) if data.connection else None
    link, secret = await links.create(
        call.db,
        call.actor,
        organization_id=await _organization(call, data.organization, connection),
        connection=connection,
        length=links.lifetime(data.lifetime),
    )
    return MadeLink(_item(link), public_address.link(call.service.public_url, secret))


@delete(
    "/connect-links/{link_id:uuid}",
    operation_id="revokeConnectLink",
    tags=["links"],
    summary="Revoke a connect link",
    description="It opens nothing from this moment on.",
    opt=guard.needs(Scope.MANAGE),
)
async def revoke_link(call: Called, link_id: UUID) -> None:
    link = await links.get(call.db, link_id, organization_id=call.organization_id)
    await links.revoke(call.db, call.actor, link)


async def _organization(call: Call, name: str | None, connection: Connection | None) -> int:
    if name is None and connection and connection.organization:
        return connection.organization.organization_id
    organization_id = await call.organization(name)
    if organization_id is None:
        raise errors.NoSuchOrganizationError("A link belongs to an organization, and none is named.")
    return organization_id


def _item(link: Link) -> LinkItem:
    return msgspec.convert(link.described(), LinkItem)


ROUTES = (list_links, create_link, revoke_link)
