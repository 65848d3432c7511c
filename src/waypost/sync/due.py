"""What is due by a connection's rhythm: which streams a beat pulls, and which of them are walked whole.

Devices and findings are asked for on every beat, the tree above them less often, everything whole once a day. A
stream that the console refuses waits for that too, unless a new token gives reason to hope.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from psycopg.rows import class_row

from waypost.connections.connection import Rhythm
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import streams
from waypost.sync.streams import Stream

TREE: Final = (streams.ACCOUNTS, streams.SITES, streams.GROUPS)
BEAT: Final = (streams.AGENTS, streams.RISKS)


class Mark(msgspec.Struct, frozen=True):
    """How far one stream is.

    Attributes:
        since: Where its next delta starts, by the console's clock.
        full_at: When it was last walked whole.
        ended_at: When a run of it last came to its end.
        refused_at: When the console last refused it, if nothing was shown since.
    """

    since: datetime | None = None
    full_at: datetime | None = None
    ended_at: datetime | None = None
    refused_at: datetime | None = None


_NEVER: Final = Mark()
_USUAL: Final = Rhythm()


class Marks(msgspec.Struct, frozen=True):
    """How far all streams of a connection are, by the database's clock.

    Attributes:
        token_at: When its newest token was stored.
        tokens: How many it has; more than one until the newest has proved itself.
        troubled: Streams with an open outage; "" for the connection as a whole.
    """

    now: datetime
    rhythm: Rhythm = _USUAL
    of: Mapping[str, Mark] = {}
    token_at: datetime | None = None
    tokens: int = 1
    troubled: frozenset[str] = frozenset()

    def since(self, stream: Stream, *, full: bool) -> datetime | None:
        """From when a delta of the stream would start; None where everything must be walked."""
        if full or stream.since_param is None or self._whole(stream):
            return None
        return self.of[stream.name].since

    def due(self) -> tuple[Stream, ...]:
        """The streams that a beat pulls now, in order."""
        chosen = [stream for stream in BEAT if not self._refused(stream)]
        whole = any(self._whole(stream) for stream in chosen)
        # A beat is never quite on time: waiting for the next one would stretch the interval by a whole beat.
        enough = timedelta(seconds=self.rhythm.tree_seconds - self.rhythm.delta_seconds / 2)
        chosen += [
            stream for stream in TREE if not self._refused(stream) and (whole or self._older(stream, enough))
        ]
        return tuple(stream for stream in streams.IN_ORDER if stream in chosen)

    @property
    def _reconcile(self) -> timedelta:
        return timedelta(seconds=self.rhythm.reconcile_seconds)

    def _whole(self, stream: Stream) -> bool:
        mark = self.of.get(stream.name, _NEVER)
        if mark.since is None or mark.full_at is None:
            return True
        return self.now - mark.full_at > self._reconcile

    def _older(self, stream: Stream, age: timedelta) -> bool:
        ended_at = self.of.get(stream.name, _NEVER).ended_at
        return ended_at is None or self.now - ended_at >= age

    def _refused(self, stream: Stream) -> bool:
        refused_at = self.of.get(stream.name, _NEVER).refused_at
        if refused_at is None or self.now - refused_at >= self._reconcile:
            return False
        return self.token_at is None or self.token_at < refused_at


class _Row(msgspec.Struct):
    now: datetime
    delta: int
    tree: int
    reconcile: int
    token_at: datetime | None
    tokens: int
    troubled: list[str]
    stream: str | None
    since: datetime | None
    full_at: datetime | None
    ended_at: datetime | None
    refused_at: datetime | None


async def read(db: Connection, connection_id: int) -> Marks:
    """How far the streams of a connection are."""
    async with db.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(queries.schedule.marks, {"connection_id": connection_id})
        rows = await cursor.fetchall()
    if not rows:
        return Marks(datetime.now(UTC))
    first = rows[0]
    return Marks(
        first.now,
        Rhythm(first.delta, first.tree, first.reconcile),
        {
            row.stream: Mark(row.since, row.full_at, row.ended_at, row.refused_at)
            for row in rows
            if row.stream is not None
        },
        first.token_at,
        first.tokens,
        frozenset(first.troubled),
    )
