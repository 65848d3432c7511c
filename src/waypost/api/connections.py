"""`/connections`: SentinelOne consoles, and what is done with them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.params import JSONBody, Parameter
from msgspec import UNSET, Meta, UnsetType

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import calls, checks, guard, pages
from waypost.api.bodies import Address, Body, Name, Secret, Short
from waypost.api.calls import Call, Called
from waypost.api.checks import CheckAnswer, CheckReport
from waypost.api.pages import Cursor, Limit, Page
from waypost.connections import check, credentials, lifecycle, registry, renewal, rhythm
from waypost.connections.connection import Connection, Health, Rhythm
from waypost.unified import cursors

PATH = "/connections/{connection_id:uuid}"
Title = Annotated[Short, Meta(description="Name or id of the organization that it belongs to.")]

Seconds = Annotated[int, Meta(ge=1, le=max(longest for _, longest in rhythm.BOUNDS.values()))]
"""Each part has bounds of its own within these; a number of any length has none."""


class ConnectionOrganization(msgspec.Struct, frozen=True):
    """The organization that a connection belongs to."""

    id: UUID
    name: str


class ConnectionItem(msgspec.Struct, frozen=True):
    """A SentinelOne console reached with one API token, which is never shown."""

    id: UUID
    name: str
    url: str
    base_url: Annotated[str, Meta(description="The same as `url`.")]
    state: Literal["pending", "active", "paused", "needs_attention"]
    state_since: datetime
    reason: Annotated[
        dict[str, str] | None, Meta(description="Why it is not pulled: code, message, owner, remedy.")
    ]
    is_default: bool
    organization: ConnectionOrganization | None
    identity: Annotated[
        dict[str, Any],  # Any: whatever the console told
        Meta(description="What the console told of itself and of the token's owner."),
    ]
    expires_at: Annotated[datetime | None, Meta(description="When the token expires, if the console tells.")]
    days_left: Annotated[int | None, Meta(description="Whole days until then; negative when it is over.")]
    auto_renew: bool
    created_at: datetime
    pulled_at: datetime | None
    rhythm: Rhythm
    next_at: Annotated[datetime | None, Meta(description="When it is pulled next, while it is.")]
    health: Health


class AddedConnection(msgspec.Struct, frozen=True):
    """A connection that was added, and the check that came before."""

    connection: ConnectionItem
    check: CheckReport


class NewConnection(Body, frozen=True):
    """A connection to add; its token is checked first."""

    name: Name
    url: Annotated[Address, Meta(examples=["https://usea1-example.sentinelone.net"])]
    token: Secret
    organization: Title | None = None
    default: bool = False
    force: Annotated[bool, Meta(description="Save it though the check of address or token fails.")] = False


class NewRhythm(Body, frozen=True):
    """How often a connection is to be pulled, in seconds; what is not given stays."""

    delta_seconds: Seconds | None = None
    tree_seconds: Seconds | None = None
    reconcile_seconds: Seconds | None = None


class ConnectionChange(Body, frozen=True):
    """What to change of a connection; what is not given stays."""

    name: Name | UnsetType = UNSET
    default: bool | UnsetType = UNSET
    auto_renew: bool | UnsetType = UNSET
    rhythm: NewRhythm | UnsetType = UNSET


class NewCredential(Body, frozen=True):
    """A new token for a connection."""

    token: Secret
    narrower: Annotated[bool, Meta(description="It may see less than the one in use.")] = False


@get(
    "/connections",
    operation_id="listConnections",
    tags=["connections"],
    summary="List the connections",
    description="By name. A key that is bound to an organization sees those of that one.",
    opt=guard.needs(Scope.READ),
)
async def list_connections(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[ConnectionItem]:
    (after,) = cursors.read(cursor, "connections", None, 1)
    rows = await registry.after(call.db, after, limit=limit + 1, organization_id=call.organization_id)
    return pages.page(rows, limit, kind="connections", filters=None, key=lambda row: [row.name], item=item)


@post(
    "/connections",
    operation_id="addConnection",
    tags=["connections"],
    summary="Check a console and a token, and store them",
    description="Nothing is stored if the address or the token fails, unless `force` is set. The answer has the "
    "whole check: what works is pulled, what does not is named with its remedy.",
    opt=guard.needs(Scope.MANAGE, problems=(409, 503)),
)
async def add_connection(
    request: Request[Any, Any, Any], data: JSONBody[NewConnection]
) -> Response[AddedConnection]:
    async with calls.asking(request) as call:
        if data.default:
            _whole(call)
        connection, report = await registry.add(
            call.db,
            call.means.vault,
            call.actor,
            name=data.name,
            url=data.url,
            token=data.token,
            allowed=call.means.allowed,
            limiter=call.means.limiter,
            organization_id=await call.organization(data.organization),
            force=data.force,
            default=data.default,
        )
    return Response(
        AddedConnection(item(connection), checks.report(report)),
        headers={"Location": f"/api/v1/connections/{connection.connection_uuid}"},
    )


@get(
    PATH,
    operation_id="getConnection",
    tags=["connections"],
    summary="Show a connection",
    opt=guard.needs(Scope.READ),
)
async def get_connection(call: Called, connection_id: UUID) -> ConnectionItem:
    return item(await call.connection(connection_id))


@patch(
    PATH,
    operation_id="changeConnection",
    tags=["connections"],
    summary="Rename a connection, set its rhythm, its renewal, or make it the default",
    description="All of what is given, or nothing of it.",
    opt=guard.needs(Scope.MANAGE, problems=(409,)),
)
async def change_connection(
    call: Called, connection_id: UUID, data: JSONBody[ConnectionChange]
) -> ConnectionItem:
    connection = await call.connection(connection_id)
    async with call.db.transaction():
        if data.name is not UNSET:
            connection = await registry.rename(call.db, call.actor, connection, data.name)
        if data.default is not UNSET and data.default is not connection.is_default:
            _whole(call)
            await registry.set_default(call.db, call.actor, connection if data.default else None)
        if data.auto_renew is not UNSET and data.auto_renew is not connection.auto_renew:
            await renewal.set_auto(call.db, call.actor, connection, data.auto_renew)
        if data.rhythm is not UNSET:
            await registry.set_rhythm(
                call.db,
                call.actor,
                connection,
                delta=data.rhythm.delta_seconds,
                tree=data.rhythm.tree_seconds,
                reconcile=data.rhythm.reconcile_seconds,
            )
    return item(await call.connection(connection_id))


@delete(
    PATH,
    operation_id="removeConnection",
    tags=["connections"],
    summary="Remove a connection",
    description="Its token is destroyed at once. What was pulled through it is kept for a while, seen by nobody, "
    "and then removed; with `purge` at once. The default connection is removed only together with a choice: "
    "`new_default`, or `no_default`.",
    opt=guard.needs(Scope.MANAGE, problems=(409,)),
)
async def remove_connection(
    call: Called,
    connection_id: UUID,
    purge: Annotated[bool, Parameter(description="Remove what was pulled through it at once.")] = False,
    new_default: Annotated[
        str, Parameter(max_length=200, description="Name of the connection that becomes the default.")
    ] = "",
    no_default: Annotated[bool, Parameter(description="There is to be no default.")] = False,
) -> None:
    connection = await call.connection(connection_id)
    if new_default:
        _whole(call)
    await lifecycle.remove(
        call.db,
        call.actor,
        connection,
        purge=purge,
        new_default=new_default or None,
        no_default=no_default,
    )


@post(
    f"{PATH}/check",
    operation_id="checkConnection",
    tags=["checks"],
    summary="Check a connection",
    description="With the token that is stored. Nothing is changed by it.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
    responses=checks.STREAMED,
)
async def check_connection(request: Request[Any, Any, Any], connection_id: UUID) -> CheckAnswer:
    async with calls.opened(
        request
    ) as call:  # given back at once: a slow console must not hold up other calls
        connection, means = await call.connection(connection_id), call.means

    async def examine(listen: check.Listener) -> check.Report:
        async with means.database.connect() as db:
            return await check.examine_stored(
                db, means.vault, connection, means.allowed, limiter=means.limiter, listen=listen
            )

    return await checks.answer(request, examine)


@put(
    f"{PATH}/credential",
    operation_id="replaceCredential",
    tags=["connections"],
    summary="Give a connection a new token",
    description="It is checked first, and must belong to the same console. Pulls under way go on with the old one, "
    "which is kept, sealed, until the new one has completed a pull.",
    opt=guard.needs(Scope.MANAGE, problems=(409, 502, 503)),
)
async def replace_credential(
    request: Request[Any, Any, Any], connection_id: UUID, data: JSONBody[NewCredential]
) -> CheckReport:
    async with calls.asking(request) as call:
        report = await credentials.rotate(
            call.db,
            call.means.vault,
            call.actor,
            await call.connection(connection_id),
            token=data.token,
            allowed=call.means.allowed,
            limiter=call.means.limiter,
            narrower=data.narrower,
        )
    return checks.report(report)


@post(
    f"{PATH}/pause",
    operation_id="pauseConnection",
    tags=["connections"],
    summary="Stop pulling a connection",
    description="A pull under way is stopped; what it stored stays.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
)
async def pause_connection(call: Called, connection_id: UUID) -> ConnectionItem:
    await lifecycle.pause(call.db, call.actor, await call.connection(connection_id))
    return item(await call.connection(connection_id))


@post(
    f"{PATH}/resume",
    operation_id="resumeConnection",
    tags=["connections"],
    summary="Pull a paused connection again",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
)
async def resume_connection(call: Called, connection_id: UUID) -> ConnectionItem:
    await lifecycle.resume(call.db, call.actor, await call.connection(connection_id))
    return item(await call.connection(connection_id))


@get(
    f"{PATH}/health",
    operation_id="getConnectionHealth",
    tags=["connections"],
    summary="How a connection and its streams fare",
    description="From the last runs: what is wrong, who must act, and since when.",
    opt=guard.needs(Scope.READ),
)
async def get_connection_health(call: Called, connection_id: UUID) -> Health:
    return (await call.connection(connection_id)).health


def item(connection: Connection) -> ConnectionItem:
    """A connection as the API shows it."""
    organization = connection.organization
    return ConnectionItem(
        id=connection.connection_uuid,
        name=connection.name,
        url=connection.base_url,
        base_url=connection.base_url,
        state=connection.state,  # type: ignore[arg-type]  # the states that are not deleted
        state_since=connection.state_since,
        reason=connection.reason,
        is_default=connection.is_default,
        organization=ConnectionOrganization(organization.organization_uuid, organization.name)
        if organization
        else None,
        identity=connection.identity,
        expires_at=connection.expires_at,
        days_left=connection.days_left,
        auto_renew=connection.auto_renew,
        created_at=connection.created_at,
        pulled_at=connection.pulled_at,
        rhythm=connection.rhythm,
        next_at=connection.next_at,
        health=connection.health,
    )


def _whole(call: Call) -> None:
    """The default is everybody's, so a key that is bound to an organization does not choose it."""
    if call.organization_id is not None:
        raise errors.KeyScopeError(
            "The default connection is the whole service's, and the key is bound to one organization.",
            remedy="Use a key that is bound to none.",
        )


ROUTES = (
    list_connections,
    add_connection,
    get_connection,
    change_connection,
    remove_connection,
    check_connection,
    replace_credential,
    pause_connection,
    resume_connection,
    get_connection_health,
)
