"""One turn of a webhook: batches are sent in the order of the feed until there are no more, one fails or time is up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog

from waypost import errors
from waypost.changes.feed import Place
from waypost.changes.webhooks import batches, deliveries, lease, secret, signing
from waypost.changes.webhooks.lease import Pending, Taken
from waypost.changes.webhooks.sending import Sender
from waypost.changes.webhooks.webhook import Reason
from waypost.connections.vault import Vault
from waypost.storage import queries
from waypost.storage.database import Connection, Database

LENGTH: Final = 20.0
"""Seconds of one turn; then those who wait are served."""

_log: Final = structlog.get_logger()


class Turn:
    """One turn of a webhook that was just taken.

    Args:
        database: Of which a session is held only while there is something to read or write.
        gate: How many turns may hold one at a time.
        vault: Opens the secrets.
        sender: Makes the requests.
        taken: The webhook.

    Attributes:
        accepted: Deliveries so far.
        failed: The same.
    """

    def __init__(
        self,
        database: Database,
        gate: asyncio.Semaphore,
        vault: Vault,
        sender: Sender,
        taken: Taken,
    ) -> None:
        self._database = database
        self._gate = gate
        self._vault = vault
        self._sender = sender
        self._taken = taken
        self.accepted = 0
        self.failed = 0
        self._place = Place(taken.position, taken.change_id)
        self._ends = time.monotonic() + LENGTH

    async def serve(self) -> None:
        """Deliver, and give the webhook back; what goes wrong is told in the log."""
        try:
            while await self._step() and time.monotonic() < self._ends:
                pass
        except errors.LeaseLostError:
            _log.info("webhook changed or taken over while it was delivered", webhook=self._taken.name)
        except errors.FeedForgottenError as problem:
            async with self._session() as db, db.transaction():
                await lease.disable(db, self._taken, Reason(problem.code, problem.message, _GO_ON))
        except (psycopg.OperationalError, errors.DatabaseUnreachableError) as problem:
            _log.warning("webhook not delivered", webhook=self._taken.name, error=type(problem).__name__)
        except Exception as problem:  # noqa: BLE001  # a mistake with one webhook must not end the others
            _log.error("webhook not delivered", webhook=self._taken.name, exc_info=problem)
            async with self._session() as db:
                await lease.rest(db, self._taken)
        finally:
            with contextlib.suppress(psycopg.Error, errors.StorageError):  # then the lease runs out
                async with self._session() as db:
                    await lease.release(db, self._taken)

    async def _step(self) -> bool:
        """One batch; whether there is another to be sent at once."""
        held_until = time.monotonic() + lease.LEASE.total_seconds()
        async with self._session() as db:
            pending = await self._pending(db)
            if pending is None:
                return False
            keys = await secret.current(db, self._vault, self._taken.webhook_id)
        if time.monotonic() > held_until - self._sender.whole:  # frozen meanwhile: another may have it
            raise errors.LeaseLostError
        body = pending.body.encode()
        headers = signing.headers(str(pending.delivery_id), datetime.now(UTC), body, keys)
        outcome = await self._sender.post(self._taken.url, headers, body)
        async with self._session() as db:
            await lease.settle(db, self._taken, pending, outcome)
        self._place = Place(pending.position, pending.change_id)
        self.accepted += outcome.accepted
        self.failed += not outcome.accepted
        return outcome.accepted and pending.is_behind

    async def _pending(self, db: Connection) -> Pending | None:
        """What is to be sent: what was begun, or the next batch; None if there is nothing."""
        sites = await deliveries.sites(db, self._taken.organization_id)
        begun = await lease.begun(db, self._taken)
        if begun is not None and begun.sites == sites:
            await lease.hold(db, self._taken)
            return begun
        if begun is not None:  # its entries may be another organization's by now
            await db.execute(queries.webhooks.drop_pending, {"webhook_id": self._taken.webhook_id})
        while True:
            batch = await batches.next_of(db, self._taken, self._place)
            if batch.entries:
                return await lease.compose(db, self._taken, batch, sites)
            await lease.advance(db, self._taken, batch.end, is_behind=batch.is_behind)
            self._place = batch.end
            if not batch.is_behind or time.monotonic() >= self._ends:
                return None

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Connection]:
        async with self._gate, self._database.connect() as db:
            yield db


_GO_ON: Final = (
    "What it was to be told is no longer kept. `waypost webhook enable NAME --skip` goes on from now; let the receiver "
    "read the lists anew."
)
