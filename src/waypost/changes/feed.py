"""The change log as a feed: whoever goes on from the place where he ended misses nothing and gets nothing twice.

Transactions do not commit in the order in which they began. So the entries of one are a batch, and a batch gets its
position in the feed once it is committed, by one numbering at a time (migration 0004). Every read numbers first, and
then reads what has a position; a reader's place is a position and how far he is in its batch. How much one read looks
at is bounded: where little fits it ends early, says where, and that there is more.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec
import psycopg

from waypost import errors
from waypost.changes import choosing
from waypost.changes.choosing import Choice, Reader
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.items import ChangeItem
from waypost.unified.words import ChangeKind

Row = dict[str, Any]  # Any: columns of different types

NUMBERED: Final = 10_000
"""Batches that get their position in one go."""
_FIRST_LOOK: Final = 200
_WIDER: Final = 4
"""Each further look of a read takes in so many times the entries, as long as little fits."""
_LAST: Final = 2**63 - 1


class Place(msgspec.Struct, frozen=True, order=True):
    """How far a reader is: batches before this position, and of its own batch the entries up to this one."""

    position: int
    change_id: int


class Bounds(msgspec.Struct, frozen=True):
    """What one read looks at, at most."""

    entries: int
    batches: int


EVERYWHERE: Final = Bounds(entries=20_000, batches=2_000)
AT_SITES: Final = Bounds(entries=200_000, batches=10_000)
"""Entries of some sites are found by them, so others' entries in between cost nothing."""

START: Final = Place(-1, 0)
"""Instead of a place: from the oldest entry that is kept."""


class Window(msgspec.Struct, frozen=True):
    """Entries in the order of the feed.

    Attributes:
        items: The entries.
        places: After each of them, where to go on.
        end: Where to go on after all, also if there were none.
        has_more: Whether there is more right now.
    """

    items: list[ChangeItem]
    places: list[Place]
    end: Place
    has_more: bool


class _Group(msgspec.Struct, frozen=True):
    """Batches that are read at once, in the order of their positions."""

    batch_ids: list[int]
    positions: list[int]
    entries: list[int]


async def read(
    db: Connection,
    after: Place,
    *,
    limit: int,
    kinds: Collection[ChangeKind] = (),
    organization_id: int | None = None,
    connection_ids: Collection[int] | None = None,
    choice: Choice | None = None,
) -> Window:
    """Entries after a place.

    Args:
        db: Outside of a transaction.
        after: The place, or `START`.
        limit: Entries, at most.
        kinds: Of these kinds.
        organization_id: Held to this organization: what its own key may read, and no more.
        connection_ids: Of these connections.
        choice: Instead of `kinds` and `connection_ids`.

    Raises:
        FeedForgottenError: Entries after it have been deleted, or it lies beyond the feed's end.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    choice = choice or Choice(kinds=kinds, connection_ids=connection_ids)
    all_numbered = await number(db)
    if after == START:
        after = await oldest(db)
    async with choosing.opened(db, choice, organization_id) as reader:
        rows, end = await _rows(db, reader, after, limit)
        # Asked last: had entries been deleted while they were read, it would show here.
        newest_position, forgotten = await _ends(db)
        if not forgotten < after.position <= newest_position + 1:
            raise errors.FeedForgottenError
        shown = rows[:limit]
        items = await reader.items(shown)
    places = [Place(row["position"], row["change_id"]) for row in shown]
    if len(rows) > limit:
        end = places[-1]
    kept = [(item, place) for item, place in zip(items, places, strict=True) if item is not None]
    has_more = end.position <= newest_position or not all_numbered
    return Window([item for item, _ in kept], [place for _, place in kept], end, has_more)


async def newest(db: Connection) -> Place:
    """The place after everything that is committed."""
    while not await number(db):
        pass
    position, _ = await _ends(db)
    return Place(position + 1, 0)


async def oldest(db: Connection) -> Place:
    """The place before everything that is kept."""
    _, forgotten = await _ends(db)
    return Place(forgotten + 1, 0)


async def goes_on(db: Connection, place: Place) -> bool:
    """Whether there is anything after a place, whatever it is: much less work than reading."""
    all_numbered = await number(db)
    position, _ = await _ends(db)
    return place.position <= position or not all_numbered


async def number(db: Connection) -> bool:
    """Give positions to batches that are committed; whether all have theirs, as far as can be told.

    Whoever finds another at it waits for that one; should it take long, he goes on with what has been numbered.
    """
    ((some,),) = await (await db.execute(queries.feed.unnumbered)).fetchall()
    if not some:  # nearly always, where readers ask often: so they write nothing
        return True
    try:
        ((done,),) = await (await db.execute(queries.feed.number, {"most": NUMBERED})).fetchall()
    except psycopg.errors.LockNotAvailable:
        return True
    return bool(done)


async def _rows(db: Connection, reader: Reader, after: Place, limit: int) -> tuple[list[Row], Place]:
    """One entry more than asked for, if there are so many, and where the looking ended."""
    bounds = EVERYWHERE if reader.sites is None else AT_SITES
    rows: list[Row] = []
    place, entries, batches, width = after, bounds.entries, bounds.batches, max(_FIRST_LOOK, limit + 1)
    while entries > 0 and batches > 0 and len(rows) <= limit:
        width = min(width, entries)
        group, newest_position = await _ahead(db, place.position, entries=width, batches=min(width, batches))
        if group is None:
            return rows, max(place, Place(newest_position + 1, 0))
        upto = await _cut(db, place, group, bounds.entries)
        facts = {
            **msgspec.structs.asdict(group),
            **msgspec.structs.asdict(place),
            "lowest": min(group.batch_ids),
            "highest": max(group.batch_ids),
            "upto": upto or _LAST,
            "limit": limit + 1 - len(rows),
        }
        del facts["entries"]
        rows += await reader.rows(queries.feed.entries, queries.feed.entries_at_sites, facts)
        last = group.positions[-1]
        place = Place(last, upto) if upto else Place(last + 1, 0)
        entries -= sum(group.entries)
        batches -= len(group.positions)
        width *= _WIDER
    return rows, place


async def _ahead(db: Connection, position: int, *, entries: int, batches: int) -> tuple[_Group | None, int]:
    facts = {"position": position, "entries": entries, "batches": batches}
    ((*found, newest_position),) = await (await db.execute(queries.feed.ahead, facts)).fetchall()
    return _Group(*found) if found[0] else None, newest_position


async def _cut(db: Connection, place: Place, group: _Group, most: int) -> int | None:
    """Up to which entry a batch is read that has too many for one read."""
    if group.entries[0] <= most:
        return None
    change_id = place.change_id if group.positions[0] == place.position else 0
    facts = {"batch_id": group.batch_ids[0], "change_id": change_id, "entries": most}
    row = await (await db.execute(queries.feed.cut, facts)).fetchone()
    return int(row[0]) if row else None


async def _ends(db: Connection) -> tuple[int, int]:
    ((newest_position, forgotten),) = await (await db.execute(queries.feed.ends)).fetchall()
    return newest_position, forgotten
