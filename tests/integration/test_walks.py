"""Walks over the pages of lists while pulls are running: what stood throughout is met exactly once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.hub import Hub
from support.simulator import Simulator
from waypost.connections.connection import Connection
from waypost.sync import history
from waypost.sync.history import RunFilters
from waypost.unified import cves, reading, scopes, software
from waypost.unified.filters import Filters

Item = Any  # of whatever list is read
Read = Callable[[Hub, int, str], Awaitable[Any]]  # Any: the pages of the lists have their own types
ALL = Filters()
PULLS = 4


def _of(read: Callable[..., Awaitable[Any]], **more: Any) -> Read:
    return lambda hub, limit, cursor: read(hub.db, ALL, limit=limit, cursor=cursor, **more)


LISTS: dict[str, tuple[Read, Callable[[Item], object], Callable[[Item], object]]] = {
    "findings": (
        _of(reading.findings),
        lambda item: item.id,
        lambda item: (item.severity, item.score),
    ),
    "findings by change": (
        _of(reading.findings, sort="-changed"),
        lambda item: item.id,
        lambda item: item.changed_at,
    ),
    "findings by detection": (
        _of(reading.findings, sort="detected"),
        lambda item: item.id,
        lambda item: item.detected_at,
    ),
    "devices": (_of(reading.devices), lambda item: item.id, lambda item: item.name),
    "devices by change": (
        _of(reading.devices, sort="-changed"),
        lambda item: item.id,
        lambda item: item.changed_at,
    ),
    "sites": (_of(reading.sites), lambda item: item.id, lambda item: item.name),
    "accounts": (_of(scopes.accounts), lambda item: item.id, lambda item: item.name),
    "groups": (_of(scopes.groups), lambda item: item.id, lambda item: item.name),
    "software": (
        _of(software.listed),
        lambda item: (item.name, item.vendor, item.version),
        lambda _: None,
    ),
    "cves": (_of(cves.listed), lambda item: item.id, lambda item: (item.severity, item.score)),
    "cves by publication": (
        _of(cves.listed, sort="-published"),
        lambda item: item.id,
        lambda item: item.published_at,
    ),
    "runs": (
        lambda hub, limit, cursor: history.newest(hub.db, RunFilters(), limit=limit, cursor=cursor),
        lambda item: item.id,
        lambda item: item.started_at,
    ),
}
"""How each is read, what a row of it is known by, and by what of it the list is ordered."""

SINCE = "SELECT pg_current_snapshot()::text"
TOUCHED = """
SELECT h.subject_id::text, t.cve, w.name, w.vendor, w.version FROM change h
LEFT JOIN finding f ON f.connection_id = h.connection_id AND f.finding_id = h.subject_id
LEFT JOIN cve_facts t ON t.connection_id = f.connection_id AND t.facts_id = f.facts_id
LEFT JOIN software w ON w.connection_id = f.connection_id AND w.software_id = f.software_id
WHERE NOT pg_visible_in_snapshot(h.xmin::text::xid8, %s::pg_snapshot)
"""
"""Entries of the log that were not there at that moment. What changed and changed back did not stand either."""


async def _walked(hub: Hub, read: Read, limit: int) -> list[Item]:
    items: list[Item] = []
    cursor = ""
    while cursor is not None:
        page = await read(hub, limit, cursor)
        items += page.items
        cursor = page.next_cursor
        await asyncio.sleep(0)
    return items


async def _touched(hub: Hub, since: str) -> set[object]:
    """Whatever changed since: findings and devices, and the CVEs and software of findings."""
    rows = await hub.rows(TOUCHED, since)
    return {key for subject, cve, *version in rows for key in (subject, cve, tuple(version))}


async def _pull(hub: Hub, console: Simulator, connection: Connection) -> None:
    for _ in range(PULLS):
        await asyncio.to_thread(console.advance, 3, risk_change=0.3)
        await hub.pull(connection, full=True)


@pytest.mark.parametrize("name", LISTS)
async def test_what_stood_is_met_once(hub: Hub, start_simulator: Callable[..., Simulator], name: str) -> None:
    """However much comes, goes and changes meanwhile, every row that stood as it was is on exactly one page."""
    read, id_of, place_of = LISTS[name]
    console = start_simulator(accounts=3, sites=9, agents=50, risks_per_agent=8, seed=31)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    pulls = asyncio.create_task(_pull(hub, console, connection))
    walks = changed = all_stood = 0
    while not pulls.done():
        ((since,),) = await hub.rows(SINCE)
        before = {id_of(item): place_of(item) for item in await _walked(hub, read, 100_000)}
        times = Counter(id_of(item) for item in await _walked(hub, read, 1 + len(before) // 12))
        after = {id_of(item): place_of(item) for item in await _walked(hub, read, 100_000)}
        touched = await _touched(hub, since)
        stood = [
            key for key, place in before.items() if after.get(key, before) == place and key not in touched
        ]
        missed = [key for key in stood if times[key] != 1]
        assert not missed, f"{len(missed)} of {len(stood)} were not met exactly once: {missed[:3]}"
        walks += 1
        all_stood += len(stood)
        changed += before != after
    await pulls
    assert walks > 1
    assert all_stood
    assert changed or name in ("sites", "accounts", "groups", "devices")
