"""Sending a webhook a ping now, to see whether its receiver answers and knows the secret."""

import uuid
from datetime import UTC, datetime

from waypost.changes.webhooks import batches, deliveries, items, secret, signing
from waypost.changes.webhooks.items import Pinged
from waypost.changes.webhooks.sending import Sender
from waypost.changes.webhooks.webhook import Webhook
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.storage.database import Database


async def ping(database: Database, vault: Vault, allowed: Allowed, webhook: Webhook) -> Pinged:
    """What comes of a ping, which is noted in the log. No session of the database is held while the receiver thinks.

    Raises:
        VaultError: The secret cannot be opened.
    """
    delivery_id, body = uuid.uuid4(), batches.ping(webhook.webhook_uuid)
    async with database.connect() as db:
        keys = await secret.current(db, vault, webhook.webhook_id)
    headers = signing.headers(str(delivery_id), datetime.now(UTC), body, keys)
    async with Sender(allowed) as sender:
        outcome = await sender.post(webhook.url, headers, body)
    async with database.connect() as db:
        await deliveries.log_ping(db, webhook, delivery_id, body, outcome)
    return items.pinged(delivery_id, outcome)
