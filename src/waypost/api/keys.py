"""`/keys`: who may call the API. No key can give away more than it has."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody, Parameter
from msgspec import Meta

from waypost.access import keys
from waypost.access.keys import Key, Scope
from waypost.api import guard, pages
from waypost.api.bodies import Body, Name, Short
from waypost.api.calls import Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.unified import cursors


class KeyOrganization(msgspec.Struct, frozen=True):
    """The organization that a key is bound to."""

    id: UUID
    name: str


class KeyItem(msgspec.Struct, frozen=True):
    """A key, without its secret, which is stored nowhere."""

    id: str
    name: str
    scopes: list[Scope]
    organization: KeyOrganization | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class MadeKey(msgspec.Struct, frozen=True):
    """A new key with its text, which is told this once."""

    key: KeyItem
    text: Annotated[str, Meta(description="`wp_<id>_<secret>`; store it now, it is never shown again.")]


class NewKey(Body, frozen=True):
    """A key to make."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=3)]
    organization: Annotated[Short | None, Meta(description="Name or id of the one that it is bound to.")] = (
        None
    )
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


@get(
    "/keys",
    operation_id="listKeys",
    tags=["keys"],
    summary="List the API keys",
    description="The oldest first, revoked and expired ones too. A key that is bound to an organization sees the "
    "keys of that one.",
    opt=guard.needs(Scope.MANAGE),
)
async def list_keys(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[KeyItem]:
    time, key_id = cursors.read(cursor, "keys", None, 2)
    after = (datetime.fromisoformat(time), key_id) if time else None
    rows = await keys.listed(call.db, organization_id=call.organization_id, after=after, limit=limit + 1)
    return pages.page(
        rows,
        limit,
        kind="keys",
        filters=None,
        key=lambda row: [row.created_at.isoformat(), row.id],
        item=_item,
    )


@post(
    "/keys",
    operation_id="createKey",
    tags=["keys"],
    summary="Make an API key",
    description="The answer holds the key's text, this once. A key gives away no scope that it has not, lives no "
    "longer than itself, and stays within its own organization.",
    opt=guard.needs(Scope.MANAGE, problems=(403,)),
)
async def create_key(call: Called, data: JSONBody[NewKey]) -> MadeKey:
    expires_at = keys.within(call.principal, data.scopes, data.expires_at)
    key, text = await keys.create(
        call.db,
        call.actor,
        name=data.name,
        scopes=data.scopes,
        organization_id=await call.organization(data.organization),
        expires_at=expires_at,
    )
    return MadeKey(_item(key), text)


@delete(
    "/keys/{key_id:str}",
    operation_id="revokeKey",
    tags=["keys"],
    summary="Revoke an API key",
    description="It opens nothing from this moment on.",
    opt=guard.needs(Scope.MANAGE),
)
async def revoke_key(call: Called, key_id: Annotated[str, Parameter(max_length=40)]) -> None:
    await keys.revoke(call.db, call.actor, key_id)


def _item(key: Key) -> KeyItem:
    bound = key.organization_id
    return KeyItem(
        id=key.id,
        name=key.name,
        scopes=[Scope(scope) for scope in key.scopes],
        organization=KeyOrganization(bound, key.organization_name or "") if bound else None,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


ROUTES = (list_keys, create_key, revoke_key)
