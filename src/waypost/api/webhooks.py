"""`/webhooks`: receivers that are told what changed, signed as Standard Webhooks asks, and what was sent to them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import calls, guard
from waypost.api.bodies import Address, Body, Short, text
from waypost.api.calls import Call, Called
from waypost.api.pages import Cursor, Limit, Page
from waypost.changes.webhooks import deliveries, pinging, registry, secret
from waypost.changes.webhooks.items import DeliveryItem, Pinged, WebhookItem, webhook_item
from waypost.changes.webhooks.webhook import Webhook

PATH: Final = "/webhooks/{webhook_id:uuid}"
_NAMES: Final = 100
T = TypeVar("T")

Title = Annotated[str, text(registry.LONGEST_NAME), Meta(min_length=1)]
Url = Annotated[Address, Meta(examples=["https://hooks.example.com/waypost"])]
Kinds = Annotated[
    list[Annotated[Short, Meta(examples=["finding_opened"])]],
    Meta(max_length=_NAMES, description="Kinds of changes, as GET /changes has them; none means all."),
]
Connections = Annotated[
    list[Annotated[Short, Meta(examples=["ACME console"])]],
    Meta(max_length=_NAMES, description="Names of connections whose changes it is told of; none means all."),
]
States = Annotated[
    Literal["", "pending", "accepted", "failed", "dropped"],
    QueryParameter(name="state", description="Only those in this state."),
]
Most = Annotated[int, Meta(ge=1, le=registry.MOST, description="Entries of one delivery, at most.")]


class MadeWebhook(msgspec.Struct, frozen=True):
    """A new webhook with its secret, which is told this once."""

    webhook: WebhookItem
    secret: Annotated[str, Meta(description="What the receiver verifies deliveries with; never shown again.")]


class NewSecret(msgspec.Struct, frozen=True):
    """A new secret, which is told this once."""

    secret: Annotated[str, Meta(description="Never shown again.")]
    old_ends_at: Annotated[
        datetime | None, Meta(description="Until then deliveries are signed with the one before it as well.")
    ]


class WholeDelivery(msgspec.Struct, frozen=True):
    """A delivery with what was sent."""

    delivery: DeliveryItem
    body: Annotated[
        str | None,
        Meta(
            description="As it was sent and signed, byte by byte. Null to a key that is bound to an organization, if "
            "other sites belonged to that one when it was put together."
        ),
    ]


class NewWebhook(Body, frozen=True):
    """A webhook to add."""

    name: Title
    url: Url
    kinds: Kinds = msgspec.field(default_factory=list)
    connections: Connections = msgspec.field(default_factory=list)
    organization: Annotated[
        Short | None, Meta(description="Name or id: it is told what a key of that organization could read.")
    ] = None
    most: Most = registry.USUAL


class WebhookChange(Body, frozen=True):
    """What to change of a webhook; what is not given stays."""

    name: Title | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    connections: Connections | UnsetType = UNSET
    most: Most | UnsetType = UNSET


class Enabling(Body, frozen=True):
    """How to enable a webhook."""

    skip: Annotated[bool, Meta(description="Leave out what changed meanwhile.")] = False


class Rotation(Body, frozen=True):
    """How one secret takes over from another."""

    overlap_hours: Annotated[
        int,
        Meta(
            ge=0,
            le=int(secret.LONGEST_OVERLAP.total_seconds()) // 3600,
            description="So long deliveries are signed with the old one as well.",
        ),
    ] = int(secret.OVERLAP.total_seconds()) // 3600


class Replay(Body, frozen=True):
    """From where a webhook is to be told again; one of the two."""

    since: (
        Annotated[datetime, Meta(tz=True, description="What was logged from this time on.")] | UnsetType
    ) = UNSET
    after: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=2_000,
                description="What comes after this cursor: the `data.cursor` of a delivery, or a `next_cursor` of "
                "GET /changes?after=… without filters.",
            ),
        ]
        | UnsetType
    ) = UNSET


@get(
    "/webhooks",
    operation_id="listWebhooks",
    tags=["webhooks"],
    summary="List the webhooks",
    description="By name. A key that is bound to an organization sees those of that one.",
    opt=guard.needs(Scope.READ),
)
async def list_webhooks(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Page[WebhookItem]:
    found, following = await registry.page(
        call.db, organization_id=call.organization_id, limit=limit, cursor=cursor
    )
    return Page([webhook_item(one) for one in found], following)


@post(
    "/webhooks",
    operation_id="addWebhook",
    tags=["webhooks"],
    summary="Add a webhook",
    description="From now on it is told what changes, in the order of the feed. The answer holds the secret that its "
    "deliveries are signed with, this once. What a key makes that is bound to an organization belongs to that one.",
    opt=guard.needs(Scope.MANAGE, problems=(409,)),
)
async def add_webhook(call: Called, data: JSONBody[NewWebhook]) -> Response[MadeWebhook]:
    added, key = await registry.add(
        call.db,
        call.means.vault,
        call.actor,
        name=data.name,
        url=data.url,
        allowed=call.means.allowed,
        kinds=data.kinds,
        connections=data.connections,
        organization_id=await call.organization(data.organization),
        most=data.most,
    )
    return Response(
        MadeWebhook(webhook_item(added), key), headers={"Location": f"/api/v1/webhooks/{added.webhook_uuid}"}
    )


@get(
    PATH, operation_id="getWebhook", tags=["webhooks"], summary="Show a webhook", opt=guard.needs(Scope.READ)
)
async def get_webhook(call: Called, webhook_id: UUID) -> WebhookItem:
    return webhook_item(await _found(call, webhook_id))


@patch(
    PATH,
    operation_id="changeWebhook",
    tags=["webhooks"],
    summary="Change a webhook",
    description="All of what is given, or nothing of it. Another address is tried at once. With another filter a batch "
    "that was not accepted yet is put together anew.",
    opt=guard.needs(Scope.MANAGE, problems=(409,)),
)
async def change_webhook(call: Called, webhook_id: UUID, data: JSONBody[WebhookChange]) -> WebhookItem:
    found = await _found(call, webhook_id)
    return webhook_item(
        await registry.change(
            call.db,
            call.actor,
            found,
            allowed=call.means.allowed,
            name=_given(data.name),
            url=_given(data.url),
            kinds=_given(data.kinds),
            connections=_given(data.connections),
            most=_given(data.most),
        )
    )


@delete(
    PATH,
    operation_id="removeWebhook",
    tags=["webhooks"],
    summary="Remove a webhook",
    description="With its secrets and its log. A delivery that is under way may still arrive.",
    opt=guard.needs(Scope.MANAGE),
)
async def remove_webhook(call: Called, webhook_id: UUID) -> None:
    await registry.remove(call.db, call.actor, await _found(call, webhook_id))


@post(
    f"{PATH}/ping",
    operation_id="pingWebhook",
    tags=["webhooks"],
    summary="Send a webhook a ping",
    description="Now and once, also to one that is disabled, signed like every delivery: "
    '`{"type": "ping", "timestamp": …, "data": {"endpoint": …}}`.',
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
)
async def ping_webhook(request: Request[Any, Any, Any], webhook_id: UUID) -> Pinged:
    async with calls.opened(request) as call:  # given back at once: a receiver may be slow
        found, means = await _found(call, webhook_id), call.means
    return await pinging.ping(means.database, means.vault, means.allowed, found)


@post(
    f"{PATH}/enable",
    operation_id="enableWebhook",
    tags=["webhooks"],
    summary="Try a webhook again, at once",
    description="Whether it is disabled or waits for its next try. It is told all that changed meanwhile; with `skip` "
    "only what changes from now on.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
)
async def enable_webhook(
    call: Called,
    webhook_id: UUID,
    data: JSONBody[Enabling] = Enabling(),  # noqa: B008  # frozen
) -> WebhookItem:
    found = await _found(call, webhook_id)
    return webhook_item(await registry.enable(call.db, call.actor, found, skip=data.skip))


@post(
    f"{PATH}/rotate-secret",
    operation_id="rotateWebhookSecret",
    tags=["webhooks"],
    summary="Give a webhook a new secret",
    description="The answer holds it, this once. Until the overlap ends deliveries carry a signature by each.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
)
async def rotate_secret(
    call: Called,
    webhook_id: UUID,
    data: JSONBody[Rotation] = Rotation(),  # noqa: B008  # frozen
) -> NewSecret:
    found = await _found(call, webhook_id)
    overlap = timedelta(hours=data.overlap_hours)
    key = await registry.rotate(call.db, call.means.vault, call.actor, found, overlap=overlap)
    ends = [one.ends_at for one in (await _found(call, webhook_id)).secrets if one.ends_at]
    return NewSecret(key, max(ends, default=None))


@post(
    f"{PATH}/replay",
    operation_id="replayWebhook",
    tags=["webhooks"],
    summary="Tell a webhook again",
    description="It goes on from another place in the feed, earlier or later, and gets everything from there, in new "
    "deliveries. A time before the oldest entry that is kept means that entry.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE, problems=(410,)),
)
async def replay_webhook(call: Called, webhook_id: UUID, data: JSONBody[Replay]) -> WebhookItem:
    found = await _found(call, webhook_id)
    since, after = _given(data.since), _given(data.after)
    if (since is None) == (after is None):
        raise errors.InvalidFieldError("Give either `since` or `after`.", field="since")
    return webhook_item(await registry.replay(call.db, call.actor, found, since=since, after=after or ""))


@get(
    f"{PATH}/deliveries",
    operation_id="listDeliveries",
    tags=["webhooks"],
    summary="List what was sent to a webhook",
    description="The newest first, with each try and how the receiver answered. They are kept for 30 days, the newest "
    "thousand of each webhook.",
    opt=guard.needs(Scope.READ),
)
async def list_deliveries(
    call: Called,
    webhook_id: UUID,
    delivery_state: States = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[DeliveryItem]:
    found, following = await deliveries.page(
        call.db, await _found(call, webhook_id), state=delivery_state, limit=limit, cursor=cursor
    )
    return Page(found, following)


@get(
    f"{PATH}/deliveries/{{delivery_id:uuid}}",
    operation_id="getDelivery",
    tags=["webhooks"],
    summary="Show a delivery with what was sent",
    opt=guard.needs(Scope.READ),
)
async def get_delivery(call: Called, webhook_id: UUID, delivery_id: UUID) -> WholeDelivery:
    found, body = await deliveries.get(
        call.db, await _found(call, webhook_id), delivery_id, organization_id=call.organization_id
    )
    return WholeDelivery(found, body)


async def _found(call: Call, webhook_id: UUID) -> Webhook:
    return await registry.get(call.db, webhook_id, organization_id=call.organization_id)


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


ROUTES = (
    list_webhooks,
    add_webhook,
    get_webhook,
    change_webhook,
    remove_webhook,
    ping_webhook,
    enable_webhook,
    rotate_secret,
    replay_webhook,
    list_deliveries,
    get_delivery,
)
