"""What a worker may write of a webhook that it holds: by a lease that others heed, and a fence that the database heeds.

A batch is stored before it is first sent, and the webhook's place moves on in the transaction that notes its
acceptance: whatever ends a worker, the same batch with the same id is sent again, and nothing is left out.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, LiteralString

import msgspec
import structlog
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.changes.feed import Place
from waypost.changes.webhooks import deliveries, patience, receiver, sending
from waypost.changes.webhooks.batches import Batch
from waypost.changes.webhooks.sending import Outcome
from waypost.changes.webhooks.webhook import Reason
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.words import ChangeKind

LEASE: Final = timedelta(seconds=60)
REST: Final = timedelta(seconds=60)
"""After something that is not the receiver's doing."""

_ENABLE: Final = (
    "Mend the receiver, then `waypost webhook enable NAME` or POST to its /enable: it is told all that changed "
    "meanwhile."
)
_log: Final = structlog.get_logger()


class Taken(msgspec.Struct, frozen=True):
    """A webhook that a worker holds."""

    webhook_id: int
    webhook_uuid: uuid.UUID
    name: str
    url: str
    kinds: Sequence[int]
    organization_id: int | None
    connection_ids: Sequence[int] | None
    most: int
    position: int
    change_id: int
    fence: int
    worker: str


class Pending(msgspec.Struct, frozen=True):
    """A batch that is stored and not accepted yet, and the place behind it."""

    delivery_id: uuid.UUID
    body: str
    sites: bytes | None
    position: int
    change_id: int
    is_behind: bool


async def take(
    db: Connection, worker: str, places: int, *, failing: bool, lease: timedelta = LEASE
) -> list[Taken]:
    """Take webhooks that nobody holds and for which there may be something.

    Args:
        db: In autocommit.
        worker: Who takes them; never the same name twice.
        places: At most so many.
        failing: Those whose last try failed, or the others.
        lease: How long others leave them alone.
    """
    facts = {"worker": worker, "places": places, "failing": failing, "lease": lease}
    async with db.cursor(row_factory=class_row(Taken)) as cursor:
        await cursor.execute(queries.webhooks.take, facts)
        return await cursor.fetchall()


async def release(db: Connection, taken: Taken) -> None:
    """Let others take it."""
    await db.execute(queries.webhooks.release, {"webhook_id": taken.webhook_id, "worker": taken.worker})


async def hold(db: Connection, taken: Taken) -> None:
    """Hold it for another lease.

    Raises:
        LeaseLostError: Somebody else has it, or it was changed.
    """
    await _fenced(db, taken, queries.webhooks.hold)


async def rest(db: Connection, taken: Taken) -> None:
    """Leave it alone for a while, without counting that as a failure."""
    facts = {"webhook_id": taken.webhook_id, "fence": taken.fence, "rest": REST}
    await db.execute(queries.webhooks.rest, facts)


async def begun(db: Connection, taken: Taken) -> Pending | None:
    """The batch that was sent and not accepted, or that was to be sent when its worker ended."""
    async with db.cursor(row_factory=class_row(Pending)) as cursor:
        await cursor.execute(queries.webhooks.pending, {"webhook_id": taken.webhook_id})
        return await cursor.fetchone()


async def compose(db: Connection, taken: Taken, batch: Batch, sites: bytes | None) -> Pending:
    """Store a batch, before it is first sent.

    Raises:
        LeaseLostError: As for `hold`.
    """
    facts = {
        "entries": batch.entries,
        "body": batch.body.decode(),
        "sites": sites,
        "position": batch.end.position,
        "change_id": batch.end.change_id,
        "is_behind": batch.is_behind,
    }
    (delivery_id,) = await _fenced(db, taken, queries.webhooks.compose, facts)
    return Pending(
        delivery_id, batch.body.decode(), sites, batch.end.position, batch.end.change_id, batch.is_behind
    )


async def advance(db: Connection, taken: Taken, place: Place, *, is_behind: bool) -> None:
    """Move on: up to here everything was accepted, or was none of it.

    Raises:
        LeaseLostError: As for `hold`.
    """
    facts = msgspec.structs.asdict(place) | {"is_behind": is_behind}
    await _fenced(db, taken, queries.webhooks.advance, facts)


async def settle(db: Connection, taken: Taken, pending: Pending, outcome: Outcome) -> None:
    """Note what came of a try, and what follows from it.

    Raises:
        LeaseLostError: As for `hold`; then nothing is noted, and whoever has the webhook sends the batch again.
    """
    async with db.transaction():
        if outcome.accepted:
            place = Place(pending.position, pending.change_id)
            await advance(db, taken, place, is_behind=pending.is_behind)
            await db.execute(queries.webhooks.succeeded, {"webhook_id": taken.webhook_id})
            await deliveries.tried(db, pending.delivery_id, outcome, state="accepted")
        else:
            failures, seconds = await _fenced(db, taken, queries.webhooks.failed)
            await deliveries.tried(db, pending.delivery_id, outcome, state="pending")
            await _after_failure(db, taken, outcome, failures, timedelta(seconds=seconds))


async def disable(db: Connection, taken: Taken, reason: Reason) -> None:
    """Tell it nothing more until somebody enables it; inside the caller's transaction."""
    told: dict[str, Any] = msgspec.to_builtins(reason)  # Any: JSON
    facts = {"webhook_id": taken.webhook_id, "reason": Jsonb(told)}
    if not (await db.execute(queries.webhooks.disable, facts)).rowcount:
        return
    entry = {
        "webhook_id": taken.webhook_id,
        "kind": ChangeKind.WEBHOOK_DISABLED.value,
        "detail": Jsonb({"webhook": taken.name, **told}),
    }
    await db.execute(queries.webhooks.tell, entry)
    await audit.record(
        db,
        audit.SERVICE,
        "webhook.disabled",
        subject_id=taken.webhook_uuid,
        subject_name=taken.name,
        organization_id=taken.organization_id,
        after={"code": reason.code, "message": reason.message},
    )
    _log.warning("webhook disabled", webhook=taken.name, code=reason.code, message=reason.message)


async def _after_failure(
    db: Connection, taken: Taken, outcome: Outcome, failures: int, failing: timedelta
) -> None:
    if outcome.status == sending.GONE:
        said = "The receiver answered 410: it is gone for good."
        await disable(db, taken, Reason("webhook.gone", said, _ENABLE))
        return
    pause = patience.rest(failures, failing, outcome.retry_after)
    if pause is None:
        hours = round(patience.WHOLE.total_seconds() / 3600)
        said = f"The receiver accepted nothing for {hours} hours; the last try: {outcome.error}"
        await disable(db, taken, Reason("webhook.given_up", said, _ENABLE))
        return
    await db.execute(queries.webhooks.retry, {"webhook_id": taken.webhook_id, "delay": pause})
    _log.info(
        "delivery failed",
        webhook=taken.name,
        host=receiver.host(taken.url),
        error=outcome.error,
        failures=failures,
        again_in=round(pause.total_seconds()),
    )


async def _fenced(
    db: Connection, taken: Taken, statement: LiteralString, facts: dict[str, Any] | None = None
) -> tuple[Any, ...]:  # Any: a row has the columns its query names
    mine = {"webhook_id": taken.webhook_id, "fence": taken.fence, "lease": LEASE}
    row = await (await db.execute(statement, mine | (facts or {}))).fetchone()
    if row is None:
        raise errors.LeaseLostError("The webhook was changed or taken over; nothing more was noted.")
    return row
