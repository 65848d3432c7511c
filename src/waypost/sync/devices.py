"""Loading agents as devices."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from waypost.sentinelone.pages import Unreadable
from waypost.sentinelone.wire import Agent, Sent
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync.runs import Reader, Run
from waypost.sync.walks import Fetched
from waypost.unified import devices
from waypost.unified.devices import Device
from waypost.unified.words import RETIRED, ChangeKind, word

KINDS: Final = {
    "added": ChangeKind.DEVICE_ADDED.value,
    "changed": ChangeKind.DEVICE_CHANGED.value,
    "moved": ChangeKind.DEVICE_MOVED.value,
    "retired": ChangeKind.DEVICE_RETIRED.value,
}


class Loader:
    """Stores agents."""

    def __init__(self, connection: uuid.UUID) -> None:
        self._connection = connection

    async def prepare(self, reader: Reader, pages: Sequence[Fetched]) -> "Prepared":
        del reader
        prepared = Prepared(self._connection)
        for fetched in pages:
            prepared.take(fetched.page.rows)
        return prepared


class Prepared:
    """Devices to be stored."""

    def __init__(self, connection: uuid.UUID) -> None:
        self.senseless: list[Unreadable] = []
        self._connection = connection
        self._devices: dict[int, Device] = {}

    def take(self, rows: Sequence[Sent[Agent]]) -> None:
        """Make devices of agents; those whose times are none make no sense."""
        for row in rows:
            try:
                self._devices[row.value.id] = devices.from_agent(self._connection, row)
            except ValueError as problem:
                self.senseless.append(Unreadable(msgspec.json.encode(row.vendor), str(problem)))

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        if not self._devices:
            return Counter()
        facts = {
            "connection_id": run.connection_id,
            "run_id": run.run_id,
            "rows": msgspec.json.encode(list(self._devices.values())).decode(),
            "retired_states": [state.value for state in RETIRED],
            **KINDS,
        }
        cursor = await db.execute(queries.devices.upsert, facts)
        return counted(await cursor.fetchall())


def counted(rows: Sequence[tuple[int, int]]) -> Counter[str]:
    """Counts by kind of change, as a run keeps them: `device_added`, `finding_opened`; and rows written."""
    counts: Counter[str] = Counter()
    for kind, count in rows:
        counts["written"] += count
        if kind:
            counts[word(ChangeKind(kind))] += count
    return counts
