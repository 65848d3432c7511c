"""Which applications are on which devices, page by page, whichever way a page is found."""

from collections.abc import Callable

import pytest

from support.hub import Hub
from support.simulator import Simulator
from waypost.unified import installed
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.rows import SoftwareRow

PAIRS = """
SELECT d.device_uuid::text, w.name, w.vendor, w.version, count(*)
FROM finding f JOIN device d USING (connection_id, device_id) JOIN software w USING (connection_id, software_id)
WHERE f.state <> 6 AND {where} GROUP BY f.connection_id, f.device_id, f.software_id, 1, 2, 3, 4
ORDER BY f.connection_id, f.device_id, f.software_id
"""


async def walked(hub: Hub, filters: Filters, limit: int) -> list[SoftwareRow]:
    """All pairs, page by page."""
    found: list[SoftwareRow] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await installed.listed(hub.db, filters, limit=limit, cursor=cursor)
        assert len(page.items) == limit or page.next_cursor is None
        found += page.items
        cursor = page.next_cursor
    return found


FILTERS = {
    "true": (Filters(), Filters(organization=NOBODY)),
    "f.severity >= 4": (Filters(severity=("critical", "high")),),
    "f.score >= 8.5": (Filters(score_min=8.5),),
    "strpos(lower(w.name), 'a') > 0": (Filters(application="a"),),
    "false": (Filters(vendor="no such vendor"),),
}


async def test_pages_of_pairs(
    hub: Hub, start_simulator: Callable[..., Simulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk has each pair once and in order, however large its pages are and wherever one ends."""
    monkeypatch.setattr(installed, "_DEVICES", 2)
    monkeypatch.setattr(installed, "_PAIRS", 1_000)
    for seed in (1, 2):
        console = start_simulator(accounts=1, sites=2, agents=9, risks_per_agent=5, seed=seed)
        await hub.pull(await hub.add(console.url, console.token, f"console {seed}"))
    for where, several in FILTERS.items():
        expected = await hub.rows(PAIRS.format(where=where))
        assert expected or where == "false"
        for filters in several:
            for limit in (1, 4, 1000):
                told = [
                    (row.device_id, row.software, row.software_vendor, row.software_version, row.findings)
                    for row in await walked(hub, filters, limit)
                ]
                assert told == expected
