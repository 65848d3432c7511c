"""Webhooks and what was sent to them as users read it, at the command line and through the API alike."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from waypost.changes.webhooks.sending import Outcome
from waypost.changes.webhooks.webhook import FAILING, Reason, SecretDates, State, Webhook
from waypost.unified.items import Ref

DeliveryState = Literal["pending", "accepted", "failed", "dropped"]


class Try(msgspec.Struct, frozen=True):
    """One time that something was sent; `status` is null where there was no answer."""

    at: datetime
    status: int | None
    error: str
    seconds: float


class WebhookItem(msgspec.Struct, frozen=True):
    """A webhook, without its secret, which is shown once."""

    id: UUID
    name: str
    url: str
    kinds: Annotated[list[str], Meta(description="Kinds of changes that it is told of; none means all.")]
    organization: Annotated[
        Ref | None, Meta(description="It is told what a key of this organization could read.")
    ]
    connections: Annotated[
        list[Ref] | None, Meta(description="Those whose changes it is told of; null means all.")
    ]
    most: Annotated[int, Meta(description="Entries of one delivery, at most.")]
    state: Annotated[
        State,
        Meta(
            description="`failing` is tried again, for a day; `disabled` is told nothing until it is enabled."
        ),
    ]
    failures: Annotated[int, Meta(description="In a row.")]
    failing_since: datetime | None
    next_at: Annotated[datetime | None, Meta(description="When it is tried again, while it is failing.")]
    disabled_at: datetime | None
    reason: Annotated[Reason | None, Meta(description="Why it is disabled, and what to do about it.")]
    lag_seconds: Annotated[
        float,
        Meta(
            description="How old the first change is that was not looked at for it yet; 0 if there is none."
        ),
    ]
    secrets: Annotated[
        list[SecretDates],
        Meta(description="Since when, and until when deliveries are signed with which; the newest first."),
    ]
    created_at: datetime
    changed_at: datetime


class DeliveryItem(msgspec.Struct, frozen=True):
    """What was sent to a webhook, and what came of it."""

    id: Annotated[UUID, Meta(description="The receiver got it as `webhook-id`, the same with every try.")]
    kind: Literal["changes", "ping"]
    state: Annotated[
        DeliveryState,
        Meta(
            description="`pending` is sent, or sent again. A ping `failed`, it is sent once. A batch is `dropped` when "
            "the webhook is moved or changed before it was accepted."
        ),
    ]
    entries: int
    created_at: datetime
    last_at: Annotated[datetime | None, Meta(description="When it was last sent.")]
    tries: list[Try]
    status: Annotated[int | None, Meta(description="Of the last answer; null if there was none.")]
    error: str | None
    answer: Annotated[str | None, Meta(description="How the last answer's body begins.")]


class Pinged(msgspec.Struct, frozen=True):
    """What came of a ping."""

    id: Annotated[UUID, Meta(description="The receiver got it as `webhook-id`.")]
    accepted: bool
    status: Annotated[int | None, Meta(description="Of the answer; null if there was none.")]
    error: Annotated[str, Meta(description="Why it was not accepted; empty if it was.")]
    seconds: float
    answer: Annotated[str, Meta(description="How its body begins.")]


def webhook_item(webhook: Webhook) -> WebhookItem:
    """A webhook as it is shown."""
    owner = webhook.organization_uuid
    return WebhookItem(
        id=webhook.webhook_uuid,
        name=webhook.name,
        url=webhook.url,
        kinds=webhook.words,
        organization=Ref(str(owner), webhook.organization_name) if owner else None,
        connections=None if webhook.connection_ids is None else list(webhook.connections),
        most=webhook.most,
        state=webhook.state,
        failures=webhook.failures,
        failing_since=webhook.failing_since,
        next_at=webhook.next_at if webhook.state == FAILING else None,
        disabled_at=webhook.disabled_at,
        reason=webhook.reason,
        lag_seconds=round(webhook.lag_seconds, 3),
        secrets=list(webhook.secrets),
        created_at=webhook.created_at,
        changed_at=webhook.changed_at,
    )


def pinged(ping_id: UUID, outcome: Outcome) -> Pinged:
    """What came of a ping, as it is shown."""
    return Pinged(ping_id, outcome.accepted, outcome.status, outcome.error, outcome.seconds, outcome.answer)
