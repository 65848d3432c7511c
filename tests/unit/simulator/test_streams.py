"""Threats, alerts and activities: believable, stable, in scope, and found by their deltas."""

from typing import Any

import pytest

from sentinelone_simulator import clock, happenings

THREATS, ALERTS, ACTIVITIES = "/threats", "/cloud-detection/alerts", "/activities"
LISTS = (THREATS, ALERTS, ACTIVITIES)
EVERYTHING = {"isDecommissioned": "true,false", "isUninstalled": "true,false"}


def ident(path: str, row: Any) -> str:
    return str(row["alertInfo"]["alertId"] if path == ALERTS else row["id"])


def site(path: str, row: Any) -> str:
    places = {THREATS: "agentRealtimeInfo", ALERTS: "agentDetectionInfo"}
    return str((row[places[path]] if path in places else row)["siteId"])


@pytest.fixture
async def later(desk: Any) -> Any:
    """The small console after ten days, in which enough happens."""
    await desk.control("POST", "/advance", {"days": 10})
    return desk


@pytest.mark.parametrize("path", LISTS)
async def test_pages_have_every_row_once(later: Any, path: str) -> None:
    """However long the pages, a chain has the same rows, each once, in the order of their ids."""
    whole = await later.drain(path)
    assert len(whole) > 5
    ids = [int(ident(path, row)) for row in whole]
    assert ids == sorted(set(ids))
    assert await later.drain(path, limit="3") == whole
    backwards = await later.drain(path, limit="4", sortBy="id", sortOrder="desc")
    assert backwards == whole[::-1]
    assert (await later.get(path, countOnly="true"))[1]["pagination"]["totalItems"] == len(whole)


@pytest.mark.parametrize("path", LISTS)
async def test_sites_partition_what_happened(later: Any, path: str) -> None:
    """What each site's token sees is what a tenant asks of that site; together they leave only the tenant's own."""
    whole = {ident(path, row): row for row in await later.drain(path)}
    parts: dict[str, Any] = {}
    for place in later.console.estate.sites:
        rows = await later.drain(path, siteIds=str(place.id))
        assert {site(path, row) for row in rows} <= {str(place.id)}
        parts |= {ident(path, row): row for row in rows}
    rest = [row for key, row in whole.items() if key not in parts]
    assert {row["activityType"] for row in rest} <= {happenings.LOGIN}
    holder = later.first("site")
    own = await later.drain(path, holder.token)
    assert own == await later.drain(path, siteIds=holder.scope_ids[0])
    assert (await later.get(path, holder.token, siteIds=str(later.console.estate.sites[1].id)))[0] == 403


@pytest.mark.parametrize(
    ("path", "parameter", "moment"),
    [
        (THREATS, "updatedAt__gte", lambda row: row["threatInfo"]["updatedAt"]),
        (THREATS, "createdAt__gte", lambda row: row["threatInfo"]["createdAt"]),
        (ALERTS, "createdAt__gte", lambda row: row["alertInfo"]["createdAt"]),
        (ACTIVITIES, "createdAt__gte", lambda row: row["createdAt"]),
    ],
)
async def test_a_delta_has_what_is_newer(later: Any, path: str, parameter: str, moment: Any) -> None:
    """A delta from each of the last days has just the rows whose time is not before it."""
    for back in (0, 1, 3, 20):
        since = clock.precise(later.console.estate.now - back * clock.DAY)
        whole = await later.drain(path)
        assert await later.drain(path, **{parameter: since}) == [row for row in whole if moment(row) >= since]


async def test_deltas_follow_every_change(desk: Any) -> None:
    """Day after day, what differs from yesterday is what the delta of threats brings, and nothing vanishes."""
    # What a threat says of its agent changes with the agent, as on a real console.
    know: dict[str, Any] = {row["id"]: row["threatInfo"] for row in await desk.drain(THREATS)}
    changed = 0
    for _ in range(12):
        since = clock.precise(desk.console.estate.now)
        await desk.control("POST", "/advance")
        for row in await desk.drain(THREATS, updatedAt__gte=since):
            changed += know.get(row["id"]) != row["threatInfo"]
            know[row["id"]] = row["threatInfo"]
        assert know == {row["id"]: row["threatInfo"] for row in await desk.drain(THREATS)}
    assert changed > 5


async def test_truth_is_what_the_lists_say(later: Any) -> None:
    """The truth of threats and alerts is what the lists of the same token show."""
    for holder in (later.holder("Tenant viewer"), later.first("account"), later.first("site")):
        truth = await later.truth(holder.token)
        threats = {row["id"]: row for row in await later.drain(THREATS, holder.token)}
        assert {fact["id"] for fact in truth["threats"]} == threats.keys()
        for fact in truth["threats"]:
            row = threats[fact["id"]]
            info = row["threatInfo"]
            told = (info["threatName"], info["incidentStatus"], info["analystVerdict"], info["updatedAt"])
            assert told == (fact["name"], fact["status"], fact["verdict"], fact["updatedAt"])
            assert (row["agentRealtimeInfo"]["agentId"], fact["siteId"]) == (
                fact["deviceId"],
                site(THREATS, row),
            )
        alerts = await later.drain(ALERTS, holder.token)
        assert [fact["id"] for fact in truth["alerts"]] == [row["alertInfo"]["alertId"] for row in alerts]


async def test_infected_agents_have_an_open_threat(later: Any) -> None:
    """An agent is infected if and only if one of its threats is not mitigated."""
    open_threats = await later.drain(THREATS, mitigationStatuses="not_mitigated")
    caught = {row["agentRealtimeInfo"]["agentId"] for row in open_threats}
    infected = {row["id"] for row in await later.drain("/agents", infected="true", **EVERYTHING)}
    assert caught == infected


async def test_filters_choose(later: Any) -> None:
    """Filters by word leave just the rows that say it; a sort that is not built says so."""
    resolved = await later.drain(THREATS, incidentStatuses="resolved")
    assert resolved
    assert {row["threatInfo"]["incidentStatus"] for row in resolved} == {"resolved"}
    severe = await later.drain(ALERTS, severity="High,Critical")
    assert {row["ruleInfo"]["severity"] for row in severe} <= {"High", "Critical"}
    logins = await later.drain(ACTIVITIES, activityTypes=str(happenings.LOGIN))
    assert {row["siteId"] for row in logins} == {None}
    agent = (await later.drain(THREATS))[0]["agentRealtimeInfo"]["agentId"]
    assert {row["agentId"] for row in await later.drain(ACTIVITIES, agentIds=agent)} == {agent}
    assert (await later.get(THREATS, sortBy="filePath"))[0] == 501


async def test_every_activity_has_its_type(later: Any) -> None:
    """The types list each number that activities have, and ids inside `data` are numbers."""
    _, page = await later.get("/activities/types")
    known = {kind["id"] for kind in page["data"]}
    rows = await later.drain(ACTIVITIES)
    assert {row["activityType"] for row in rows} <= known
    placed = next(row for row in rows if row["siteId"])
    assert placed["data"]["accountId"] == int(placed["accountId"])


async def test_a_scope_without_rules_says_so(open_desk: Any) -> None:
    """Without the STAR module alerts are a 403 in the recorded words, and the licences lack it."""
    desk = await open_desk(without=["star"])
    status, page = await desk.get(ALERTS)
    assert (status, page["errors"][0]["detail"]) == (403, "This scope does not have Custom Rules enabled.")
    for row in await desk.drain("/sites"):
        assert "star" not in {module["name"] for module in row["licenses"]["modules"]}
    assert (await desk.get(THREATS))[0] == 200


async def test_what_is_not_deployed_is_not_there(open_desk: Any) -> None:
    """A path that the console lacks is a 404 in plain text, with everything below it; others are there."""
    desk = await open_desk(undeployed=["/cloud-detection"])
    answer = await desk.send(ALERTS)
    assert (answer.status, answer.content_type) == (404, "text/plain")
    assert await answer.text() == "404 page not found\n"
    assert (await desk.get(THREATS))[0] == 200


async def test_no_console_with_vulnerability_management(open_desk: Any) -> None:
    """Without that module every site's risks are of the base tier."""
    desk = await open_desk(without=["vulnerability_management"])
    await desk.control("POST", "/advance", {"days": 5})
    for row in await desk.drain("/sites"):
        assert "vulnerability_management" not in {module["name"] for module in row["licenses"]["modules"]}
    assert all("baseScore" in row for row in await desk.drain("/application-management/risks"))
