"""Webhooks as tests use them: added with a secret, told of changes that a test makes up, delivered on request."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from support.hub import Hub
from support.receiver import Receiver
from waypost.access import audit
from waypost.changes.webhooks import registry
from waypost.changes.webhooks.sending import Sender
from waypost.changes.webhooks.webhook import Webhook
from waypost.connections.connection import Connection
from waypost.jobs.delivery import Deliverer
from waypost.jobs.gauges import Gauges
from waypost.unified.words import ChangeKind


async def add(hub: Hub, receiver: Receiver, name: str = "hook", **options: Any) -> tuple[Webhook, str]:
    """A webhook to this receiver, and its secret."""
    facts: dict[str, Any] = {"url": receiver.url, "allowed": hub.means.allowed, **options}
    return await registry.add(hub.db, hub.means.vault, audit.SERVICE, name=name, **facts)


async def again(hub: Hub, webhook: Webhook) -> Webhook:
    """The webhook as it is now."""
    return await registry.get(hub.db, webhook.webhook_uuid)


async def happen(
    hub: Hub,
    connection: Connection,
    count: int,
    *,
    kind: ChangeKind = ChangeKind.FINDING_OPENED,
    site_id: int | None = None,
    detail: str | None = None,
) -> list[str]:
    """So many changes, each committed for itself; what they are about."""
    subjects = [uuid.uuid4() for _ in range(count)]
    for subject in subjects:
        await hub.db.execute(
            "INSERT INTO change (connection_id, kind, subject_id, site_id, detail) VALUES (%s, %s, %s, %s, %s)",
            [connection.connection_id, kind.value, subject, site_id, detail],
        )
    return [str(subject) for subject in subjects]


async def due(hub: Hub) -> None:
    """Whatever waits to be tried again waits no longer."""
    await hub.db.execute("UPDATE webhook SET next_at = now() - interval '1 second'")


@asynccontextmanager
async def deliverer(hub: Hub, *, places: int = 200, **timeouts: float) -> AsyncIterator[Deliverer]:
    """Takes turns when it is told to look."""
    async with Sender(hub.means.allowed, **timeouts) as sender:
        made = Deliverer(hub.means, sender, Gauges(), places)
        try:
            yield made
        finally:
            await made.stop()


async def deliver(hub: Hub, *, whole: float = 15) -> None:
    """Deliver what there is to be delivered now."""
    async with deliverer(hub, whole=whole) as made:
        await made.look()
        await made.idle()


def subjects(found: Sequence[Any]) -> list[str]:
    return [item["subject_id"] for item in found]
