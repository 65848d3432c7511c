"""The log of what was sent to webhooks, and what came back. It is kept for 30 days, the newest thousand of each."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.changes.webhooks.items import DeliveryItem, DeliveryState, Try
from waypost.changes.webhooks.sending import Outcome
from waypost.changes.webhooks.webhook import Webhook
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, paging

STATES: Final = get_args(DeliveryState)


async def sites(db: Connection, organization_id: int | None) -> bytes | None:
    """A digest of the organization's sites as they are mapped now: what was sent for other ones is not its own."""
    if organization_id is None:
        return None
    cursor = await db.execute(queries.webhooks.sites, {"organization_id": organization_id})
    ((digest,),) = await cursor.fetchall()
    return bytes(digest)


async def tried(db: Connection, delivery_id: uuid.UUID, outcome: Outcome, *, state: str) -> None:
    """Note a try."""
    await db.execute(queries.webhooks.tried, _facts(delivery_id, outcome, state))


async def log_ping(
    db: Connection, webhook: Webhook, delivery_id: uuid.UUID, body: bytes, outcome: Outcome
) -> None:
    """Note a ping, after it was sent."""
    state = "accepted" if outcome.accepted else "failed"
    facts = {"webhook_id": webhook.webhook_id, "body": body.decode()}
    await db.execute(queries.webhooks.log_ping, _facts(delivery_id, outcome, state) | facts)


async def page(
    db: Connection, webhook: Webhook, *, state: str = "", limit: int = 100, cursor: str = ""
) -> tuple[list[DeliveryItem], str | None]:
    """What was sent to a webhook, the newest first, and the cursor of the next page.

    Raises:
        FilterError: The state, the limit or the cursor cannot be understood.
    """
    paging.check_limit(limit)
    if state and state not in STATES:
        raise errors.FilterError(
            f"There is no state {state[:40]!r}; there are {', '.join(STATES)}.", field="state"
        )
    filters = [str(webhook.webhook_uuid), state]
    before, before_id = cursors.read(cursor, "deliveries", filters, 2)
    found = await _rows(db, webhook, state=state or None, before=before, before_id=before_id, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursors.write("deliveries", filters, [last.created_at, last.id])


async def get(
    db: Connection, webhook: Webhook, delivery_id: uuid.UUID, *, organization_id: int | None = None
) -> tuple[DeliveryItem, str | None]:
    """One of them, and its body.

    Whoever is bound to an organization gets no body that was put together when the organization had other sites: it
    may tell of what is another's now.

    Raises:
        NotFoundError: There is none, or it is no longer kept.
    """
    found = await _rows(db, webhook, delivery_id=delivery_id)
    if not found:
        raise errors.NotFoundError(
            "There is no delivery with this id.", remedy="See GET /api/v1/webhooks/{webhook_id}/deliveries."
        )
    facts = {"delivery_id": delivery_id, "sites": await sites(db, organization_id)}
    row = await (await db.execute(queries.webhooks.body, facts)).fetchone()
    return found[0], None if row is None else row[0]


async def _rows(db: Connection, webhook: Webhook, **wanted: object) -> list[DeliveryItem]:
    nothing = dict.fromkeys(("delivery_id", "state", "before", "before_id", "limit"))
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            queries.webhooks.deliveries, {**nothing, "webhook_id": webhook.webhook_id, **wanted}
        )
        return msgspec.convert(await cursor.fetchall(), list[DeliveryItem])


def _facts(delivery_id: uuid.UUID, outcome: Outcome, state: str) -> dict[str, Any]:  # Any: columns
    one = Try(datetime.now(UTC), outcome.status, outcome.error, outcome.seconds)
    return {
        "delivery_id": delivery_id,
        "state": state,
        "try_": Jsonb(msgspec.to_builtins(one)),
        "status": outcome.status,
        "error": outcome.error or None,
        "answer": outcome.answer or None,
    }
