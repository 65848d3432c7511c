"""Loading risks as findings: the hot path.

Of a batch, only the rows that are not stored as they are go further (rule 2); their software and CVE facts
are interned, endpoints that no agent list named are asked for by id, and the rest is one COPY and one upsert.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString

import msgspec

from waypost.sentinelone import wire
from waypost.sentinelone.client import Client
from waypost.sentinelone.pages import Unreadable
from waypost.sentinelone.wire import Risk
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import devices, load, staging, streams
from waypost.sync.runs import Reader, Run
from waypost.sync.walks import Fetched
from waypost.unified import findings
from waypost.unified.findings import CveFacts, Dimensions, Finding, Software
from waypost.unified.instants import instant
from waypost.unified.words import ChangeKind, FindingState

KINDS: Final = {
    "kind_opened": ChangeKind.FINDING_OPENED.value,
    "kind_changed": ChangeKind.FINDING_CHANGED.value,
    "kind_resolved": ChangeKind.FINDING_RESOLVED.value,
    "kind_reopened": ChangeKind.FINDING_REOPENED.value,
}
STATES: Final = {
    "open": FindingState.OPEN.value,
    "reopened": FindingState.REOPENED.value,
    "resolved": FindingState.RESOLVED.value,
}
_IDS_A_REQUEST: Final = 100
"""Agents asked for by id at once: an id is 19 digits, and an address line has its length."""
_REMEMBERED: Final = 50_000
"""Endpoints whose state in the database is known without asking."""
_TURN: Final = 200
"""Rows mapped at a stretch: the batch before is being stored meanwhile and wants to speak to the database."""

Row = dict[str, Any]  # Any: parameters of a query


class Loader:
    """Stores risks.

    Args:
        client: For agents that only risks name.
        first: The connection holds no finding yet, so there is nothing to compare with.
    """

    def __init__(self, client: Client, connection: uuid.UUID, connection_id: int, *, first: bool) -> None:
        self._client = client
        self._connection = connection
        self._connection_id = connection_id
        self._first = first
        self._dimensions = Dimensions(connection.bytes)
        self._scanned: dict[int, object] = {}
        self._listed: set[int] = set()

    async def prepare(self, reader: Reader, pages: Sequence[Fetched]) -> "Prepared":
        prepared = Prepared(self._connection)
        endpoints: dict[int, tuple[Risk, int | None]] = {}
        for fetched in pages:
            self._note_scans(fetched.page.rows, prepared)
        for rows, site_id in await self._differing(reader, pages):
            for place, row in enumerate(rows):
                if place % _TURN == 0:
                    await asyncio.sleep(0)
                try:
                    finding = findings.from_risk(row, self._dimensions)
                except ValueError as problem:
                    prepared.senseless.append(
                        Unreadable(msgspec.json.encode(wire.as_sent(row)), str(problem))
                    )
                    continue
                prepared.keep(finding)
                if row.endpointId not in endpoints:
                    endpoints[row.endpointId] = row, site_id
        prepared.software, prepared.facts = self._dimensions.take_new()
        await self._find_devices(reader, endpoints, prepared)
        return prepared

    async def _differing(
        self, reader: Reader, pages: Sequence[Fetched]
    ) -> Sequence[tuple[Sequence[Risk], int | None]]:
        """Of each page the rows that are not known to be stored as they are, with the site that the walk knows.

        Only walks of a site are compared here. What a delta brings has changed, and of larger partitions the
        upsert compares each row anyway.
        """
        listed = [(fetched.page.rows, fetched.walk.partition.site_id) for fetched in pages]
        spans = [] if self._first else [_span(rows, site_id) for rows, site_id in listed if site_id and rows]
        if not spans:
            return listed
        facts = {"connection_id": self._connection_id, "spans": msgspec.json.encode(spans).decode()}
        cursor = await (await reader.get()).execute(queries.findings.stored, facts, binary=True)
        stored: dict[int, int] = dict(await cursor.fetchall())
        return [
            ([row for row in rows if stored.get(row.id) != row.fingerprint], site_id)
            for rows, site_id in listed
        ]

    def _note_scans(self, rows: Iterable[Risk], prepared: "Prepared") -> None:
        """Take what rows say of their endpoints, where it is not what was taken last."""
        for row in rows:
            if self._scanned.get(row.endpointId) != row.lastScanDate:
                prepared.scans[row.endpointId] = findings.scan_of(row)
                if len(self._scanned) >= _REMEMBERED:
                    self._scanned.clear()
                self._scanned[row.endpointId] = row.lastScanDate

    async def _find_devices(
        self, reader: Reader, endpoints: dict[int, tuple[Risk, int | None]], prepared: "Prepared"
    ) -> None:
        """See to it that every endpoint is a device: asked for by id, or else unknown."""
        unsure = [device_id for device_id in endpoints if device_id not in self._listed]
        if not unsure:
            return
        facts = {"connection_id": self._connection_id, "device_ids": load.bigints(unsure)}
        cursor = await (await reader.get()).execute(queries.devices.unlisted, facts)
        unlisted = [device_id for (device_id,) in await cursor.fetchall()]
        found: set[int] = set()
        for start in range(0, len(unlisted), _IDS_A_REQUEST):
            found |= await self._ask_for(unlisted[start : start + _IDS_A_REQUEST], prepared)
        for device_id in unlisted:
            if device_id not in found:
                prepared.unknown.append(self._unknown_device(*endpoints[device_id]))
        for device_id in unsure:
            site_id = endpoints[device_id][1]
            if site_id is not None and device_id not in found:
                prepared.placed.append({"device_id": device_id, "site_id": site_id})
        if len(self._listed) >= _REMEMBERED:
            self._listed.clear()
        self._listed.update(unsure)

    async def _ask_for(self, device_ids: list[int], prepared: "Prepared") -> set[int]:
        params = {
            **streams.AGENTS.params,
            "ids": ",".join(map(str, device_ids)),
            "limit": str(_IDS_A_REQUEST),
        }
        answer = await self._client.get(streams.AGENTS.path, params, check=wire.agents)
        prepared.agents.take(answer.content.rows)
        return {row.value.id for row in answer.content.rows}

    def _unknown_device(self, row: Risk, site_id: int | None) -> Row:
        return {
            "device_id": row.endpointId,
            "device_uuid": str(uuid.UUID(bytes=self._dimensions.device(row.endpointId))),
            "site_id": site_id,
            "name": row.endpointName or None,
            "os_type": row.osType or None,
            "machine_type": row.endpointType or None,
        }


class Prepared:
    """Findings to be stored, and what they stand on."""

    def __init__(self, connection: uuid.UUID) -> None:
        self.senseless: list[Unreadable] = []
        self.agents = devices.Prepared(connection)
        self.software: list[Software] = []
        self.facts: list[CveFacts] = []
        self.unknown: list[Row] = []
        self.placed: list[Row] = []
        self.scans: dict[int, Row] = {}
        self._findings: dict[bytes, Finding] = {}

    def keep(self, finding: Finding) -> None:
        """Of two rows that are the same finding, the one that is still there counts, then the newer."""
        other = self._findings.setdefault(finding.finding_id, finding)
        if other is not finding and _weight(finding) > _weight(other):
            self._findings[finding.finding_id] = finding

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        facts: Row = {"connection_id": run.connection_id, "run_id": run.run_id}
        counts = await self.agents.store(db, run)
        del counts["written"]  # counts findings in this stream
        counts["unknown_devices"] += len(self.unknown)
        added = {**facts, "added": ChangeKind.DEVICE_ADDED.value}
        await _write(db, queries.devices.insert_unknown, added, self.unknown)
        await _write(db, queries.devices.place_unknown, facts, self.placed)
        if self._findings:
            counts.update(await self._upsert(db, run, facts))
        await _write(db, queries.devices.scanned, facts, [_scan(*item) for item in self.scans.items()])
        return counts

    async def _upsert(self, db: Connection, run: Run, facts: Row) -> Counter[str]:
        await db.execute(queries.findings.make_stage)
        await _write(db, queries.findings.add_software, facts, self.software)
        await _write(db, queries.findings.add_facts, facts, self.facts)
        async with db.cursor().copy(queries.findings.copy_stage) as copy:
            await copy.write(staging.findings(self._findings.values()))
        cursor = await db.execute(
            queries.findings.upsert, {**facts, **KINDS, **STATES, "console_time": run.console_time}
        )
        return devices.counted(await cursor.fetchall())


def _span(rows: Sequence[Risk], site_id: int) -> Row:
    ids = [row.id for row in rows]
    return {"site_id": site_id, "low": min(ids), "high": max(ids), "rows": len(ids)}


def _weight(finding: Finding) -> tuple[bool, int]:
    return finding.state != FindingState.RESOLVED, finding.vendor_id


def _scan(device_id: int, scan: Row) -> Row:
    try:
        scanned_at = instant(scan.get("lastScanDate"))
    except ValueError:  # kept as sent in `scan`
        scanned_at = None
    return {"device_id": device_id, "scanned_at": scanned_at, "scan": scan}


async def _write(db: Connection, statement: LiteralString, facts: Row, rows: Sequence[Any]) -> None:
    if rows:
        await db.execute(statement, {**facts, "rows": msgspec.json.encode(rows).decode()})
