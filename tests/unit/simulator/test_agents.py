"""/agents: who is listed, what filters select, how rows look."""

import re
from typing import Any

import pytest

from sentinelone_simulator import founding

EVERYBODY = {"isDecommissioned": "True,False", "isUninstalled": "true,false"}


async def test_gone_agents_hide_unless_asked_for(desk: Any) -> None:
    """Decommissioned and uninstalled agents are listed only when the flags say so."""
    living = [agent for agent in desk.console.estate.agents if agent.state == "active"]
    assert len(await desk.drain("/agents")) == len(living)
    gone = await desk.drain("/agents", isDecommissioned="true")
    assert gone
    assert all(agent["isDecommissioned"] for agent in gone)
    everybody = await desk.drain("/agents", **EVERYBODY)
    assert {a["isUninstalled"] for a in everybody} == {True, False}


async def test_lingering_and_purged_endpoints(desk: Any) -> None:
    """Some risks belong to endpoints that /agents hides, some to ones it does not know at all."""
    risks = await desk.drain("/application-management/risks")
    endpoints = {risk["endpointId"] for risk in risks}
    listed = {agent["id"] for agent in await desk.drain("/agents")}
    hidden = endpoints - listed
    known = {a["id"] for a in await desk.drain("/agents", ids=",".join(hidden), **EVERYBODY)}
    assert known
    assert hidden - known
    purged = next(iter(hidden - known))
    site = next(a.site for a in desk.console.estate.agents if str(a.id) == purged)
    in_site = await desk.drain(
        "/application-management/risks", siteIds=str(desk.console.estate.sites[site].id)
    )
    assert purged in {risk["endpointId"] for risk in in_site}


async def test_count_agrees(desk: Any) -> None:
    """/agents/count counts what /agents lists."""
    for filters in ({}, {"osTypes": "linux"}, EVERYBODY):
        _, page = await desk.get("/agents/count", **filters)
        assert page["data"]["total"] == len(await desk.drain("/agents", **filters))


@pytest.mark.parametrize("field", ["updatedAt", "createdAt"])
async def test_time_filters(desk: Any, field: str) -> None:
    """gt, gte, lt and lte cut at the microsecond; between takes milliseconds."""
    rows = await desk.drain("/agents")
    middle = sorted(row[field] for row in rows)[len(rows) // 2]
    for ending, holds in {
        "gt": lambda t: t > middle,
        "gte": lambda t: t >= middle,
        "lt": lambda t: t < middle,
        "lte": lambda t: t <= middle,
    }.items():
        got = await desk.drain("/agents", **{f"{field}__{ending}": middle})
        assert {row["id"] for row in got} == {row["id"] for row in rows if holds(row[field])}
    assert len(await desk.drain("/agents", **{f"{field}__between": "0-9999999999999"})) == len(rows)
    assert (await desk.get("/agents", **{f"{field}__gt": "yesterday"}))[0] == 400


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("osTypes", "osType"),
        ("networkStatuses", "networkStatus"),
        ("uuid", "uuid"),
        ("uuids", "uuid"),
        ("computerName", "computerName"),
        ("computerName__contains", "computerName"),
        ("ids", "id"),
        ("machineTypes", "machineType"),
        ("query", "computerName"),
    ],
)
async def test_value_filters(desk: Any, parameter: str, field: str) -> None:
    """A filter by a row's own value finds that row and only its equals."""
    rows = await desk.drain("/agents")
    value = rows[3][field]
    got = await desk.drain("/agents", **{parameter: value})
    expected = [row for row in rows if row[field] == value]
    assert got == expected or {row["id"] for row in expected} < {row["id"] for row in got}
    assert all(value.lower() in row[field].lower() for row in got)


async def test_flags(desk: Any) -> None:
    """IsActive and infected select by their flag; nonsense is a 400."""
    rows = await desk.drain("/agents")
    assert len(await desk.drain("/agents", isActive="true")) == sum(row["isActive"] for row in rows)
    assert len(await desk.drain("/agents", isActive="true,false")) == len(rows)
    assert len(await desk.drain("/agents", infected="false")) == sum(not row["infected"] for row in rows)
    assert (await desk.get("/agents", isActive="perhaps"))[0] == 400


async def test_rows_look_recorded(desk: Any) -> None:
    """Ids are texts, uuids dashed but on Windows, secrets blank, nulls where recordings have them."""
    rows = await desk.drain("/agents")
    for row in rows:
        assert re.fullmatch(r"\d{18,19}", row["id"])
        dashed = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        assert re.fullmatch(r"[0-9a-f]{32}" if row["osType"] == "windows" else dashed, row["uuid"])
        assert row["licenseKey"] == row["externalId"] == ""
        assert row["storageName"] is row["firstFullModeTime"] is None
    assert {"windows", "linux", "macos"} == {row["osType"] for row in rows}
    assert any(len(row["networkInterfaces"]) > 1 for row in rows)
    assert any("AWS" in row["cloudProviders"] for row in rows)
    assert any(row["activeDirectory"]["computerDistinguishedName"] for row in rows)
    assert all(row["activeDirectory"]["mail"] is None for row in rows if row["osType"] == "linux")


def test_names_are_shared_and_not_only_ascii() -> None:
    """In an estate of some size names repeat, and some are not ASCII."""
    names = [agent.name for agent in founding.found(founding.Size(1, 5, 800, 1), 1).agents]
    assert len(set(names)) < len(names)
    assert any(not name.isascii() for name in names)
