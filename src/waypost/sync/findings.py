"""Loading risks as findings: the hot path.

Of a batch, only the rows that are not stored as they are go further (rule 2); their software and CVE facts
are interned, endpoints that no agent list named are asked for by id, and the rest is one COPY and one upsert.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from waypost.sentinelone import wire
from waypost.sentinelone.client import Client
from waypost.sentinelone.pages import Unreadable
from waypost.sentinelone.wire import Risk
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import devices, staging, streams
from waypost.sync.runs import Run
from waypost.sync.walks import Fetched
from waypost.unified import findings, identity
from waypost.unified.findings import Dimensions, Finding
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
_SCANS_REMEMBERED: Final = 50_000


class Loader:
    """Stores risks."""

    def __init__(self, client: Client, connection: uuid.UUID, connection_id: int, *, empty: bool) -> None:
        """`empty`: the connection holds no finding yet, so there is nothing to compare the first rows with."""
        self._client = client
        self._connection = connection
        self._connection_id = connection_id
        self._empty = empty
        self._dimensions = Dimensions()
        self._agents = devices.Loader(connection)
        self._scanned: dict[int, object] = {}
        self._findings: dict[bytes, Finding] = {}
        self._scans: dict[int, dict[str, Any]] = {}
        self._unknown: list[dict[str, Any]] = []
        self._placed: dict[int, list[int]] = {}

    async def prepare(self, db: Connection, pages: Sequence[Fetched]) -> list[Unreadable]:
        self._findings, self._scans, self._unknown, self._placed = {}, {}, [], {}
        for fetched in pages:
            self._note_scans(fetched.page.rows)
        rows = [(row, fetched.walk.partition) for fetched in pages for row in fetched.page.rows]
        hashes = [findings.fingerprint(row) for row, _ in rows]
        places = (
            range(len(rows)) if self._empty else await self._differing(db, [row for row, _ in rows], hashes)
        )
        self._empty = False
        senseless = []
        sites: dict[int, int | None] = {}
        examples: dict[int, Risk] = {}
        for place in places:
            row, partition = rows[place]
            try:
                finding = findings.from_risk(self._connection.bytes, row, hashes[place], self._dimensions)
            except ValueError as problem:
                senseless.append(Unreadable(msgspec.json.encode(wire.as_sent(row)), str(problem)))
                continue
            self._keep(finding)
            examples[row.endpointId] = row
            sites[row.endpointId] = partition.scope_id if partition.scope == "site" else None
        await self._find_devices(db, examples, sites)
        return senseless

    async def store(self, db: Connection, run: Run) -> Counter[str]:
        counts = await self._agents.store(db, run)
        counts = Counter({name: count for name, count in counts.items() if name != "written"})
        facts: dict[str, Any] = {"connection_id": run.connection_id, "run_id": run.run_id}
        if self._unknown:
            rows = msgspec.json.encode(self._unknown).decode()
            await db.execute(
                queries.devices.insert_unknown,
                {**facts, "rows": rows, "added": ChangeKind.DEVICE_ADDED.value},
            )
            counts["unknown_devices"] += len(self._unknown)
        for site_id, device_ids in self._placed.items():
            await db.execute(
                queries.devices.place_unknown, {**facts, "site_id": site_id, "device_ids": device_ids}
            )
        if self._findings:
            try:
                counts.update(await self._upsert(db, run, facts))
            except BaseException:
                self._dimensions.forget()
                raise
        await self._store_scans(db, facts)
        return counts

    async def _differing(self, db: Connection, rows: Sequence[Risk], hashes: list[int]) -> list[int]:
        if not rows:
            return []
        async with db.transaction():
            # A hash join would read all findings of the connection for every batch.
            await db.execute("SET LOCAL enable_hashjoin TO off")
            await db.execute("SET LOCAL enable_mergejoin TO off")
            cursor = await db.execute(
                queries.findings.differing,
                {
                    "connection_id": self._connection_id,
                    "vendor_ids": [row.id for row in rows],
                    "row_hashes": hashes,
                },
                binary=True,
            )
            return [place - 1 for (place,) in await cursor.fetchall()]

    def _keep(self, finding: Finding) -> None:
        """Of two rows that are the same finding, the one that is still there counts, then the newer."""
        other = self._findings.get(finding.finding_id)
        if other is None or _weight(finding) > _weight(other):
            self._findings[finding.finding_id] = finding

    async def _find_devices(
        self, db: Connection, examples: dict[int, Risk], sites: dict[int, int | None]
    ) -> None:
        """See to it that every endpoint is a device: asked for by id, or else unknown."""
        if not examples:
            return
        facts = {"connection_id": self._connection_id, "device_ids": list(examples)}
        cursor = await db.execute(queries.devices.unlisted, facts)
        unlisted = [device_id for (device_id,) in await cursor.fetchall()]
        found: set[int] = set()
        for start in range(0, len(unlisted), _IDS_A_REQUEST):
            found |= await self._ask_for(unlisted[start : start + _IDS_A_REQUEST])
        self._unknown = [self._unknown_device(examples[i], sites[i]) for i in unlisted if i not in found]
        for device_id, site_id in sites.items():
            if site_id is not None and device_id not in found:
                self._placed.setdefault(site_id, []).append(device_id)

    async def _ask_for(self, device_ids: list[int]) -> set[int]:
        params = {
            **streams.AGENTS.params,
            "ids": ",".join(map(str, device_ids)),
            "limit": str(_IDS_A_REQUEST),
        }
        answer = await self._client.get(streams.AGENTS.path, params, check=wire.agents)
        self._agents.take(answer.content.rows)
        return {row.value.id for row in answer.content.rows}

    def _unknown_device(self, row: Risk, site_id: int | None) -> dict[str, Any]:
        return {
            "device_id": row.endpointId,
            "device_uuid": str(identity.device(self._connection, row.endpointId)),
            "site_id": site_id,
            "name": row.endpointName or None,
            "os_type": row.osType or None,
            "machine_type": row.endpointType or None,
        }

    async def _upsert(self, db: Connection, run: Run, facts: dict[str, Any]) -> Counter[str]:
        software, cves = self._dimensions.take_new()
        await _add(db, queries.findings.add_software, facts, software)
        await _add(db, queries.findings.add_facts, facts, cves)
        await db.execute(queries.findings.make_stage)
        await db.execute(queries.findings.clear_stage)
        async with db.cursor().copy(queries.findings.copy_stage) as copy:
            await copy.write(staging.findings(self._findings.values()))
        cursor = await db.execute(
            queries.findings.upsert, {**facts, **KINDS, **STATES, "console_time": run.console_time}
        )
        return devices.counted(await cursor.fetchall())

    def _note_scans(self, rows: Iterable[Risk]) -> None:
        """Remember what rows say of their endpoints, where it is not what was stored last."""
        for row in rows:
            if self._scanned.get(row.endpointId) != row.lastScanDate:
                self._scans[row.endpointId] = findings.scan_of(row)
                if len(self._scanned) >= _SCANS_REMEMBERED:
                    self._scanned.clear()
                self._scanned[row.endpointId] = row.lastScanDate

    async def _store_scans(self, db: Connection, facts: dict[str, Any]) -> None:
        rows = []
        for device_id, scan in self._scans.items():
            try:
                scanned_at = instant(scan.get("lastScanDate"))
            except ValueError:  # kept as sent in `scan`
                scanned_at = None
            rows.append({"device_id": device_id, "scanned_at": scanned_at, "scan": scan})
        if rows:
            await db.execute(queries.devices.scanned, {**facts, "rows": msgspec.json.encode(rows).decode()})


def _weight(finding: Finding) -> tuple[bool, int]:
    return finding.state != FindingState.RESOLVED, finding.vendor_id


async def _add(db: Connection, statement: Any, facts: dict[str, Any], rows: Sequence[msgspec.Struct]) -> None:
    if rows:
        await db.execute(statement, {**facts, "rows": msgspec.json.encode(rows).decode()})
