"""Storing: what the walks bring, batch by batch, each batch one transaction (rule 4).

The stream's own part is a `Loader`; here is what is the same for all: fence, quarantine, what was seen,
how far each walk is.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from waypost import errors
from waypost.sentinelone import wire
from waypost.sentinelone.pages import Unreadable
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import runs
from waypost.sync.runs import Run
from waypost.sync.walks import Fetched, Item, Refused, Restarted, Walk, row_id
from waypost.unified import identity

BATCH_PAGES: Final = 10
"""Pages that may share a transaction, so about 10,000 rows."""


class Loader(Protocol):
    """A stream's part of storing."""

    async def prepare(self, db: Connection, pages: Sequence[Fetched]) -> list[Unreadable]:
        """Everything that needs no transaction, or must not wait inside one.

        Returns:
            Rows that were decoded but make no sense.
        """

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        """Write what was prepared; inside the batch's transaction.

        Returns:
            Counts to add to the run's.
        """


class Batch(msgspec.Struct):
    """What one transaction stores: pages, restarts and refusals, in the order in which they came."""

    items: list[Item]

    @property
    def pages(self) -> list[Fetched]:
        """The pages that count: not those of a chain that began again within the batch."""
        pages: list[Fetched] = []
        for item in self.items:
            if isinstance(item, Restarted):
                pages = [page for page in pages if page.walk is not item.walk]
            elif isinstance(item, Fetched):
                pages.append(item)
        return pages


async def store(db: Connection, run: Run, loader: Loader, batch: Batch) -> None:
    """Store a batch, or nothing of it.

    Raises:
        LeaseLostError: Another worker has the run.
    """
    pages = batch.pages
    if run.console_time is None and pages:
        run.console_time = pages[0].page.date or datetime.now(UTC)
    senseless = await loader.prepare(db, pages)
    before = run.counts.copy()
    try:
        async with db.transaction():
            # Losing the last transactions in a crash loses their cursors too, so waiting for the disk buys nothing.
            await db.execute("SET LOCAL synchronous_commit TO off")
            run.counts.update(await loader.store(db, run))
            await _follow(db, run, batch, pages, senseless)
            await runs.renew(db, run)
    except BaseException:
        run.counts = before
        raise


async def _follow(
    db: Connection, run: Run, batch: Batch, pages: Sequence[Fetched], senseless: Sequence[Unreadable]
) -> None:
    walks = {item.walk.number: item.walk for item in batch.items}
    for item in batch.items:
        if isinstance(item, Restarted):
            await _restart(db, run, item.walk)
        elif isinstance(item, Refused):
            item.walk.state = "refused"
            run.warn(f"{_covers(item.walk)}: {item.error} {item.error.remedy}")
    for number, walk in walks.items():
        mine = [item.page for item in pages if item.walk.number == number]
        unreadable = [row for page in mine for row in page.unreadable]
        seen = [row_id(row) for page in mine for row in page.rows]
        for row in unreadable:
            known = wire.vendor_id(row.raw)
            walk.whole &= known is not None
            seen += [known] if known is not None else []
        if mine:
            walk.cursor = mine[-1].next_cursor
            walk.state = "pending" if walk.cursor else "complete"
            run.counts.update(
                pages=len(mine),
                rows=sum(len(page.rows) for page in mine),
                duplicates=sum(page.duplicates for page in mine),
            )
        await _quarantine(db, run, unreadable)
        if run.full and seen:
            await _see(db, run, walk, seen)
        await _advance(db, run, walk)
    await _quarantine(db, run, senseless)


async def _restart(db: Connection, run: Run, walk: Walk) -> None:
    walk.cursor, walk.whole, walk.batches = None, True, 0
    run.counts["restarts"] += 1
    await db.execute(queries.runs.unsee, _names(run, walk))


async def _see(db: Connection, run: Run, walk: Walk, vendor_ids: list[int]) -> None:
    await db.execute(
        queries.runs.seen, {**_names(run, walk), "batch": walk.batches, "vendor_ids": vendor_ids}
    )


async def _advance(db: Connection, run: Run, walk: Walk) -> None:
    walk.batches += 1
    facts = {"state": walk.state, "whole": walk.whole, "cursor": walk.cursor, "batches": walk.batches}
    await db.execute(queries.runs.advance, {**_names(run, walk), **facts})


async def _quarantine(db: Connection, run: Run, rows: Sequence[Unreadable]) -> None:
    for row in rows:
        content = row.raw.decode(errors="replace")
        facts = {
            "connection_id": run.connection_id,
            "run_id": run.run_id,
            "stream": run.stream,
            "content_hash": identity.content((content,)),
            "vendor_id": wire.vendor_id(row.raw),
            "reason": row.reason,
            "content": content,
        }
        await db.execute(queries.runs.quarantine, facts)
    if rows:
        run.counts["quarantined"] += len(rows)


def _names(run: Run, walk: Walk) -> dict[str, Any]:  # Any: parameters of a query
    return {"connection_id": run.connection_id, "run_id": run.run_id, "walk": walk.number}


def _covers(walk: Walk) -> str:
    if walk.partition.scope_id is None:
        return "All of the connection"
    return f"{walk.partition.scope.capitalize()} {walk.partition.scope_id}"


def refusal_of(batch: Batch) -> errors.ConsoleError | None:
    """The first refusal in a batch."""
    return next((item.error for item in batch.items if isinstance(item, Refused)), None)
