"""Webhooks: who is told what changed, and what was sent. What a receiver does with that is in `signatures.py`."""

from typing import Final, TypedDict, Unpack

from waypost.client.answers import NewSecret, NewWebhook, Ping, Sent, Webhook, WholeSent
from waypost.client.lists import LIMIT, listing
from waypost.client.parameters import Id, When, Words, body, path
from waypost.client.walking import AsyncListing, Page
from waypost.client.wire import Wire

_LISTS: Final = ("kinds",)


class WebhookChange(TypedDict, total=False):
    """What to change of a webhook; what is not given stays."""

    name: str
    url: str
    kinds: Words
    connections: list[str]
    most: int


def webhooks(wire: Wire, *, limit: int = LIMIT) -> AsyncListing[Webhook]:
    """The webhooks, by name."""
    return listing(wire, "/webhooks", Page[Webhook], {"limit": limit})


async def webhook(wire: Wire, webhook_id: Id) -> Webhook:
    """A webhook, and how it fares."""
    return await wire.get(path("webhooks", webhook_id), Webhook)


async def add_webhook(
    wire: Wire,
    name: str,
    url: str,
    *,
    kinds: Words = (),
    connections: list[str] | None = None,
    organization: Id | None = None,
    most: int | None = None,
) -> NewWebhook:
    """Add a webhook. The answer holds its secret, this once."""
    given = {
        "name": name, "url": url, "kinds": kinds, "connections": connections or [], "organization": organization,
        "most": most,
    }  # fmt: skip
    return await wire.send("POST", "/webhooks", NewWebhook, body(given, _LISTS))


async def change_webhook(wire: Wire, webhook_id: Id, /, **changes: Unpack[WebhookChange]) -> Webhook:
    """Change a webhook: all of what is given, or nothing of it."""
    return await wire.send("PATCH", path("webhooks", webhook_id), Webhook, body(dict(changes), _LISTS))


async def remove_webhook(wire: Wire, webhook_id: Id) -> None:
    """Remove a webhook with its secrets and its log."""
    await wire.remove(path("webhooks", webhook_id))


async def ping_webhook(wire: Wire, webhook_id: Id) -> Ping:
    """Send a webhook a ping, now and once."""
    return await wire.send("POST", path("webhooks", webhook_id, "ping"), Ping)


async def enable_webhook(wire: Wire, webhook_id: Id, *, skip: bool = False) -> Webhook:
    """Try a webhook again, at once; with `skip` without what changed meanwhile."""
    return await wire.send("POST", path("webhooks", webhook_id, "enable"), Webhook, {"skip": skip})


async def rotate_webhook_secret(wire: Wire, webhook_id: Id, *, overlap_hours: int | None = None) -> NewSecret:
    """Give a webhook a new secret, told this once; until the overlap ends the one before it signs as well."""
    given = body({"overlap_hours": overlap_hours})
    return await wire.send("POST", path("webhooks", webhook_id, "rotate-secret"), NewSecret, given)


async def replay_webhook(
    wire: Wire, webhook_id: Id, *, since: When | None = None, after: str | None = None
) -> Webhook:
    """Tell a webhook again what changed since a time, or after a cursor."""
    given = body({"since": since, "after": after})
    return await wire.send("POST", path("webhooks", webhook_id, "replay"), Webhook, given)


def deliveries(wire: Wire, webhook_id: Id, *, state: str = "", limit: int = LIMIT) -> AsyncListing[Sent]:
    """What was sent to a webhook, the newest first."""
    where = path("webhooks", webhook_id, "deliveries")
    return listing(wire, where, Page[Sent], {"state": state, "limit": limit})


async def delivery(wire: Wire, webhook_id: Id, delivery_id: Id) -> WholeSent:
    """What was sent to a webhook once, byte by byte."""
    return await wire.get(path("webhooks", webhook_id, "deliveries", delivery_id), WholeSent)
