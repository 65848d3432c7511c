"""What the console sent comes back, in the flat shape and in documents of OCSF, as the console tells it itself."""

import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import msgspec

from support import rows
from support.hub import Hub
from support.simulator import Simulator
from waypost.unified import ocsf, reading
from waypost.unified.filters import Filters

Row = dict[str, Any]  # Any: straight from JSON
SILENT = ("markType", "markedBy", "markedDate", "reason")
"""Fields of which null, empty and absent say the same."""


EVERY_AGENT = "&isDecommissioned=True,False&isUninstalled=True,False"


def told(console: Simulator, path: str, more: str = "") -> dict[str, Row]:
    """A list of the console by the ids of its rows, secrets apart."""
    found: dict[str, Row] = {}
    cursor: str | None = ""
    while cursor is not None:
        url = f"{console.url}/web/api/v2.1{path}?limit=100{more}{f'&cursor={cursor}' if cursor else ''}"
        request = Request(url, headers={"Authorization": f"ApiToken {console.token}"})  # noqa: S310  # loopback
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            page = json.load(answer)
        found |= {row["id"]: {name: row[name] for name in row.keys() - rows.SECRETS} for row in page["data"]}
        cursor = page["pagination"]["nextCursor"] or None
    return found


def kept(risk: Row) -> Row:
    """What of a risk is to come back."""
    return {
        name: value
        for name, value in risk.items()
        if name != "daysDetected" and (value or name not in SILENT)
    }


async def test_the_consoles_own_rows(hub: Hub, start_simulator: Callable[..., Simulator]) -> None:
    """Each risk and each agent is given back as the console sends it, at sites of either tier."""
    console = start_simulator(accounts=2, sites=6, agents=30, risks_per_agent=8, seed=5)
    await hub.pull(await hub.add(console.url, console.token))
    risks = told(console, "/application-management/risks")
    agents = told(console, "/agents", EVERY_AGENT)
    assert {"baseScore", "nvdBaseScore"} <= {name for row in risks.values() for name in row}
    expected = {risk: kept(row) for risk, row in risks.items()}

    findings = (await reading.findings(hub.db, Filters(), limit=1000, include=("vendor",))).items
    flat = [msgspec.to_builtins(item)["included"]["vendor"] for item in findings]
    assert {row["id"]: kept(row) for row in flat} == expected
    devices = (await reading.devices(hub.db, Filters(), limit=1000, include=("vendor",))).items
    flat = [msgspec.to_builtins(item)["included"]["vendor"] for item in devices]
    assert {row["id"]: row for row in flat if row} == agents

    wide = (await reading.wide_findings(hub.db, Filters(), limit=1000)).items
    raw = [json.loads(ocsf.finding(row, with_vendor=True)["raw_data"]) for row in wide]
    assert {row["id"]: kept(row) for row in raw} == expected
    wide_devices = (await reading.wide_devices(hub.db, Filters(), limit=1000)).items
    documents = [ocsf.device(row, with_vendor=True) for row in wide_devices]
    raw = [json.loads(document["raw_data"]) for document in documents if "raw_data" in document]
    assert {row["id"]: row for row in raw} == agents
