"""What a correct client must end with, in plain values: the answer that tests compare with.

It follows the token's own scope, not the faults: a `scope_lost` fault lies to the client, and the
truth does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import msgspec

from sentinelone_simulator import assessments, clock, incidents, machines, risks
from sentinelone_simulator.catalogue import Cve
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import streams
from sentinelone_simulator.estate import Agent, Estate
from sentinelone_simulator.incidents import Incident
from sentinelone_simulator.roles import VIEW_RISKS
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import alerts, threats

Fact = dict[str, object]
# A token that has different roles in different sites sees of each what its role there lets it see.
_SEEN_BY = {
    "accounts": "Accounts.view",
    "sites": "Sites.view",
    "groups": "Groups.view",
    "devices": "Endpoints.view",
    "findings": VIEW_RISKS,
    "removed": VIEW_RISKS,
    "threats": "Threats.view",
    "alerts": "Custom Alerts.view",
}
Item = TypeVar("Item")
SECTIONS = (
    ("accounts", "account"),
    ("sites", "site"),
    ("groups", "group"),
    ("devices", "device"),
    ("findings", "finding"),
    ("removed", "removed"),
    ("threats", "threat"),
    ("alerts", "alert"),
)
CHUNK = 2000


def document(console: Console, token: Token) -> Iterator[bytes]:
    """One JSON document, in pieces."""
    estate = console.estate
    head = {"now": clock.precise(estate.now), "day": estate.day}
    yield msgspec.json.encode(head)[:-1]
    for section, _ in SECTIONS:
        yield b',"%b":[' % section.encode()
        first = True
        for batch in _batches(_facts(console, token, section)):
            yield (b"" if first else b",") + msgspec.json.encode(batch)[1:-1]
            first = False
        yield b"]"
    yield b"}"


def lines(console: Console, token: Token) -> Iterator[bytes]:
    """NDJSON, each line with its `kind`; the first is the clock."""
    estate = console.estate
    yield msgspec.json.encode({"kind": "clock", "now": clock.precise(estate.now), "day": estate.day}) + b"\n"
    for section, kind in SECTIONS:
        for batch in _batches(_facts(console, token, section)):
            yield b"".join(msgspec.json.encode({"kind": kind, **fact}) + b"\n" for fact in batch)


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


def _facts(console: Console, token: Token, section: str) -> Iterator[Fact]:
    estate = console.estate
    token = replace(token, acting=_SEEN_BY[section])
    sites = token.sites(estate, with_lost=True)
    if section == "findings":
        rows = console.risk_rows(sites, removed=False)
        return (_finding(estate, row) for row in rows)
    if section == "removed":
        rows = console.risk_rows(sites, removed=True)
        flags = estate.risks.flags
        return (_removed(estate, row) for row in rows if flags[row] & risks.REMOVED)
    if section in _INCIDENTS:
        kind, tell = _INCIDENTS[section]
        caught = streams.found(console, kind)
        return (tell(estate, each) for each in caught if each.agent.site in sites)
    return _scopes(estate, token, sites, section)


def _scopes(estate: Estate, token: Token, sites: frozenset[int], section: str) -> Iterator[Fact]:
    if section == "accounts":
        for index in sorted(token.accounts(estate)):
            account = estate.accounts[index]
            yield {"id": str(account.id), "name": account.name, "state": account.state}
    elif section == "sites":
        for index in sorted(sites):
            site = estate.sites[index]
            yield {
                "id": str(site.id),
                "name": site.name,
                "accountId": str(estate.accounts[site.account].id),
                "state": site.state,
                "vulnerabilityManagement": site.vulnerability_management,
            }
    elif section == "groups":
        for group in estate.groups:
            if group.site in sites and estate.sites[group.site].state != "deleted":
                yield {"id": str(group.id), "name": group.name, "siteId": str(estate.sites[group.site].id)}
    else:
        yield from (_device(estate, agent) for agent in estate.listed_agents() if agent.site in sites)


def _device(estate: Estate, agent: Agent) -> Fact:
    return {
        "id": str(agent.id),
        "uuid": agent.uuid,
        "name": agent.name,
        "siteId": str(estate.sites[agent.site].id),
        "groupId": str(estate.groups[agent.group].id),
        "state": agent.state,
        "agentVersion": machines.agent_version(agent),
        "osType": machines.os_type(agent),
    }


def _finding(estate: Estate, row: int) -> Fact:
    table, catalogue = estate.risks, estate.catalogue
    flags, pair = table.flags[row], table.pair[row]
    agent = estate.agents[table.agent[row]]
    site = estate.sites[agent.site]
    cve: Cve = catalogue.cve_of(pair)
    version = catalogue.version_of(pair)
    managed = site.vulnerability_management
    return {
        "id": str(table.id(row)),
        "deviceId": str(agent.id),
        "siteId": str(site.id),
        "cve": cve.id,
        "application": {"name": version.name, "vendor": version.vendor, "version": version.version},
        "severity": assessments.severity(cve, flags),
        "score": assessments.score(cve, flags),
        "detectedAt": clock.precise(table.detected[row]),
        "status": "Removed" if flags & risks.REMOVED else "Detected",
        "mitigationStatus": assessments.mitigation_status(flags) if managed else None,
        "falsePositive": bool(flags & risks.FALSE_POSITIVE),
    }


def _removed(estate: Estate, row: int) -> Fact:
    return {**_finding(estate, row), "removedAt": clock.precise(estate.risks.updated[row])}


def _threat(estate: Estate, threat: Incident) -> Fact:
    return {
        **_incident(estate, threat),
        "name": threats.file_of(threat)[0],
        "status": threats.STATUSES[threat.status],
        "verdict": threats.VERDICTS[threat.verdict],
        "mitigationStatus": threats.mitigation_status(threat),
    }


def _alert(estate: Estate, alert: Incident) -> Fact:
    return {
        **_incident(estate, alert),
        "name": alerts.rule_of(alert)[0],
        "status": alerts.STATUSES[alert.status],
        "verdict": alerts.VERDICTS[alert.verdict],
        "severity": alerts.rule_of(alert)[1],
    }


def _incident(estate: Estate, incident: Incident) -> Fact:
    return {
        "id": str(incident.id),
        "deviceId": str(incident.agent.id),
        "siteId": str(estate.sites[incident.agent.site].id),
        "createdAt": clock.precise(incident.at),
        "updatedAt": clock.precise(incident.updated),
    }


_INCIDENTS: dict[str, tuple[int, Callable[[Estate, Incident], Fact]]] = {
    "threats": (incidents.THREAT, _threat),
    "alerts": (incidents.ALERT, _alert),
}
