"""Truth is what a naive client sees, for every token, on every day."""

import html
import json
from typing import Any

import pytest

Row = dict[str, Any]

EVERYBODY = {"isDecommissioned": "True,False", "isUninstalled": "True,False"}
STATES = {"states": "active,expired,deleted"}
RISKS = "/application-management/risks"


def as_finding(row: Row, site: str) -> Row:
    score = row.get("baseScore", row.get("nvdBaseScore"))
    return {
        "id": row["id"],
        "deviceId": row["endpointId"],
        "siteId": site,
        "cve": row["cveId"],
        "application": {
            "name": row["applicationName"],
            "vendor": html.unescape(row["applicationVendor"]),
            "version": row["applicationVersion"],
        },
        "severity": row["severity"],
        "score": None if score is None else float(score),
        "detectedAt": row["detectionDate"],
        "status": row["status"],
        "mitigationStatus": row.get("mitigationStatus"),
        "falsePositive": row["markType"] == "False Positive",
    }


def as_device(row: Row) -> Row:
    gone = "decommissioned" if row["isDecommissioned"] else "uninstalled"
    return {
        "id": row["id"],
        "uuid": row["uuid"],
        "name": row["computerName"],
        "siteId": row["siteId"],
        "groupId": row["groupId"],
        "state": gone if row["isDecommissioned"] or row["isUninstalled"] else "active",
        "agentVersion": row["agentVersion"],
        "osType": row["osType"],
    }


def by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["id"])


async def compare(desk: Any, token: Any) -> None:
    truth = await desk.truth(token.token)
    sites = await desk.drain("/sites", token.token, **STATES)
    named = [
        {
            "id": site["id"],
            "name": site["name"],
            "accountId": site["accountId"],
            "state": site["state"],
            "vulnerabilityManagement": "vulnerability_management"
            in {module["name"] for module in site["licenses"]["modules"]},
        }
        for site in sites
    ]
    assert by_id(named) == by_id(truth["sites"])
    groups = await desk.drain("/groups", token.token)
    assert {(g["id"], g["name"], g["siteId"]) for g in groups} == {
        (g["id"], g["name"], g["siteId"]) for g in truth["groups"]
    }
    devices = [as_device(row) for row in await desk.drain("/agents", token.token, **EVERYBODY)]
    assert by_id(devices) == by_id(truth["devices"])
    if token.scope == "site":
        assert {account["id"] for account in truth["accounts"]} == {site["accountId"] for site in sites}
    else:
        accounts = await desk.drain("/accounts", token.token, **STATES)
        assert {(a["id"], a["name"], a["state"]) for a in accounts} == {
            (a["id"], a["name"], a["state"]) for a in truth["accounts"]
        }
    await compare_findings(desk, token, sites, truth)


async def compare_findings(desk: Any, token: Any, sites: Any, truth: Any) -> None:
    found, gone = [], []
    for site in sites:
        rows = await desk.drain(RISKS, token.token, siteIds=site["id"], includeRemovals="true")
        findings = [as_finding(row, site["id"]) for row in rows]
        found += [finding for finding in findings if finding["status"] == "Detected"]
        gone += [finding for finding in findings if finding["status"] == "Removed"]
    assert by_id(found) == by_id(truth["findings"])
    assert by_id(gone) == by_id([{k: v for k, v in r.items() if k != "removedAt"} for r in truth["removed"]])
    whole = await desk.drain(RISKS, token.token)
    assert {row["id"] for row in whole} == {finding["id"] for finding in found}


READS = {"Sites.view", "Groups.view", "Endpoints.view", "Applications Page.viewRisks"}


@pytest.mark.parametrize("passed", [0, 1, 4])
async def test_truth_is_what_every_token_sees(desk: Any, passed: int) -> None:
    """A drain of everything equals the truth, for each token that may see risks."""
    await desk.control("POST", "/advance", {"days": passed})
    now = desk.console.estate.now
    tokens = [
        t
        for t in desk.console.tokens.values()
        if t.state(now) == "valid" and READS <= t.user.role.permissions
    ]
    for token in tokens:
        await compare(desk, token)


async def test_truth_tells_the_day(desk: Any) -> None:
    """Truth carries the clock and the day, and defaults to the tenant."""
    await desk.control("POST", "/advance", {"days": 2})
    answer = await desk.client.get("/_simulator/truth")
    document = await answer.json()
    assert document["now"] == "2026-06-03T08:00:00.000000Z"
    assert document["day"] == 2
    assert document["findings"]


async def test_ndjson_has_the_same_facts(desk: Any) -> None:
    """Lines with a kind hold what the document holds."""
    document = await desk.truth()
    answer = await desk.client.get("/_simulator/truth", params={"format": "ndjson"})
    lines = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert lines[0] == {"kind": "clock", "now": document["now"], "day": 0}
    kinds = {
        "account": "accounts",
        "site": "sites",
        "group": "groups",
        "device": "devices",
        "finding": "findings",
        "removed": "removed",
    }
    for kind, section in kinds.items():
        facts = [{k: v for k, v in line.items() if k != "kind"} for line in lines if line["kind"] == kind]
        assert facts == document[section]


async def test_wrong_questions(desk: Any) -> None:
    """An unknown token is a 404 and an unknown format a 400."""
    assert (await desk.client.get("/_simulator/truth", params={"token": "x"})).status == 404
    assert (await desk.client.get("/_simulator/truth", params={"format": "xml"})).status == 400
