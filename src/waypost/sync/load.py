"""Storing: what the walks bring, batch by batch, each batch one transaction (rule 4).

The stream's own part is a `Loader`; here is what is the same for all: fence, quarantine, what was seen,
how far each walk is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from waypost import errors
from waypost.sentinelone import wire
from waypost.sentinelone.pages import Page, Unreadable
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import runs, streams
from waypost.sync.runs import Reader, Run
from waypost.sync.walks import Fetched, Item, Refused, Restarted, Walk
from waypost.unified import identity

BATCH_PAGES: Final = 10
"""Pages that may share a transaction, so about 10,000 rows."""


class Prepared(Protocol):
    """What a loader made of a batch's pages. `senseless` are rows that were decoded but make no sense."""

    senseless: list[Unreadable]

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        """Write it; inside the batch's transaction.

        Returns:
            Counts to add to the run's.
        """


class Loader(Protocol):
    """A stream's part of storing, in two steps: one batch is prepared while the one before it is stored."""

    async def prepare(self, reader: Reader, pages: Sequence[Fetched]) -> Prepared:
        """Everything that needs no transaction, or must not wait inside one.

        Args:
            reader: For reading; not the session that stores, which is in the midst of the batch before.
            pages: Of one batch, in order.
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


async def store(db: Connection, run: Run, batch: Batch, prepared: Prepared) -> None:
    """Store a batch, or nothing of it.

    Raises:
        LeaseLostError: Another worker has the run.
    """
    pages = batch.pages
    if run.console_time is None and pages:
        run.console_time = pages[0].page.date or datetime.now(UTC)
    before = run.counts.copy()
    try:
        if _nothing_but_progress(run, batch, pages):
            await _advance(db, run, batch, pages)
            return
        async with db.transaction():
            run.counts.update(await prepared.store(db, run))
            await _quarantine(db, run, prepared.senseless)
            await _advance(db, run, batch, pages)
    except BaseException:
        run.counts.clear()
        run.counts.update(before)
        raise


def _nothing_but_progress(run: Run, batch: Batch, pages: Sequence[Fetched]) -> bool:
    """Whether one statement is all there is to store: what nearly every delta of a small estate comes to."""
    return (
        not run.full
        and not any(isinstance(item, Restarted) for item in batch.items)
        and not any(fetched.page.rows or fetched.page.unreadable for fetched in pages)
    )


async def _advance(db: Connection, run: Run, batch: Batch, pages: Sequence[Fetched]) -> None:
    """Write how far each walk of the batch is, and what it has seen."""
    names = {"connection_id": run.connection_id, "run_id": run.run_id}
    for item in batch.items:
        if isinstance(item, Restarted):
            item.walk.cursor, item.walk.whole, item.walk.batches = None, True, 0
            run.counts["restarts"] += 1
            await db.execute(queries.runs.unsee, {**names, "walk": item.walk.number})
    walks = {item.walk.number: item.walk for item in batch.items}
    seen: list[dict[str, Any]] = []
    for number, walk in walks.items():
        mine = [item.page for item in pages if item.walk.number == number]
        if mine:
            vendor_ids = await _take(db, run, walk, mine)
            seen.append({"walk": number, "batch": walk.batches, "vendor_ids": vendor_ids})
        walk.batches += 1
    for item in batch.items:
        if isinstance(item, Refused):  # after the pages that came before it
            item.walk.state = "refused"
            run.warn(f"{_covers(item.walk)}: {item.error} {item.error.remedy}")
    await runs.advance(db, run, msgspec.json.encode(list(map(_as_row, walks.values()))).decode())
    if run.full and seen:
        rows = [{**names, **row, "vendor_ids": bigints(row["vendor_ids"])} for row in seen]
        await db.cursor().executemany(queries.runs.seen, rows)


async def _take(db: Connection, run: Run, walk: Walk, pages: Sequence[Page[Any]]) -> list[int]:
    """Count a walk's pages; the ids of their rows, readable or not."""
    row_id = streams.BY_NAME[run.stream].row_id
    vendor_ids = [row_id(row) for page in pages for row in page.rows]
    unreadable = [row for page in pages for row in page.unreadable]
    for row in unreadable:
        vendor_id = wire.vendor_id(row.raw)
        if vendor_id is None:
            walk.whole = False
        else:
            vendor_ids.append(vendor_id)
    await _quarantine(db, run, unreadable)
    walk.cursor = pages[-1].next_cursor
    walk.state = "pending" if walk.cursor else "complete"
    run.counts.update(
        pages=len(pages),
        rows=sum(len(page.rows) for page in pages),
        duplicates=sum(page.duplicates for page in pages),
    )
    return vendor_ids


def _as_row(walk: Walk) -> dict[str, Any]:
    return {
        "walk": walk.number,
        "state": walk.state,
        "whole": walk.whole,
        "cursor": walk.cursor,
        "batches": walk.batches,
    }


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


def _covers(walk: Walk) -> str:
    if walk.partition.scope_id is None:
        return "All of the connection"
    return f"{walk.partition.scope.capitalize()} {walk.partition.scope_id}"


def bigints(values: Iterable[int]) -> str:
    """A PostgreSQL array of many numbers as text: the driver's own way costs as much as decoding the page."""
    return "{" + ",".join(map(str, values)) + "}"


def refusal_of(batch: Batch) -> errors.ConsoleError | None:
    """The first refusal in a batch."""
    return next((item.error for item in batch.items if isinstance(item, Refused)), None)
