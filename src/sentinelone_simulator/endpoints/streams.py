"""/threats, /cloud-detection/alerts and /activities: what happened, as lists (API notes 4).

Facts are found once for each generation of the estate; one list is cut out of them as any other. A threat or an
alert is where its agent is now.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import msgspec

from sentinelone_simulator import happenings, incidents, machines, pages, queries, reach, refusals
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.estate import Agent
from sentinelone_simulator.happenings import Happening
from sentinelone_simulator.incidents import Incident
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import activities as activity_wire
from sentinelone_simulator.wire import alerts as alert_wire
from sentinelone_simulator.wire import threats as threat_wire
from sentinelone_simulator.wire.agents import Row

Fact = TypeVar("Fact", Incident, Happening)
UNLICENSED = "This scope does not have Custom Rules enabled."
COUNTED = 50_000  # more activities than this are not counted
ACTIVITIES_OF = {"agentIds": "agentId", "threatIds": "threatId", "userIds": "userId"}
INCIDENT_SCOPES = (*reach.SCOPE_NAMES, "ids")


class Reading(NamedTuple):
    """How a list reads its facts: the words of its filters, its times, what its sorts compare."""

    words: dict[str, Callable[[Incident], str]]
    times: dict[str, Callable[[Incident], int]]
    sorts: dict[str, Callable[[Incident], pages.Raw]]

    @property
    def filters(self) -> tuple[str, ...]:
        endings = (name for field in self.times for name in queries.time_names(field))
        return (*INCIDENT_SCOPES, *self.words, *(name for name in endings if not name.endswith("between")))


THREATS = Reading(
    words={
        "incidentStatuses": lambda threat: threat_wire.STATUSES[threat.status],
        "analystVerdicts": lambda threat: threat_wire.VERDICTS[threat.verdict],
        "mitigationStatuses": threat_wire.mitigation_status,
        "classifications": lambda threat: threat_wire.file_of(threat)[2],
        "confidenceLevels": lambda threat: threat_wire.file_of(threat)[5],
        "contentHashes": lambda threat: threat_wire.digest("sha1", threat),
        "agentIds": lambda threat: str(threat.agent.id),
        "osTypes": lambda threat: machines.os_type(threat.agent),
    },
    times={"createdAt": lambda threat: threat.at, "updatedAt": lambda threat: threat.updated},
    sorts={
        "createdAt": lambda threat: threat.at,
        "createdDate": lambda threat: threat.at,
        "updatedAt": lambda threat: threat.updated,
        "classification": lambda threat: threat_wire.file_of(threat)[2],
        "mitigationStatus": threat_wire.mitigation_status,
        "agentComputerName": lambda threat: threat.agent.name,
        "contentHash": lambda threat: threat_wire.digest("sha1", threat),
    },
)
ALERTS = Reading(
    words={
        "incidentStatus": lambda alert: alert_wire.STATUSES[alert.status].upper().replace(" ", "_"),
        "analystVerdict": lambda alert: alert_wire.VERDICTS[alert.verdict].upper().replace(" ", "_"),
        "severity": lambda alert: alert_wire.rule_of(alert)[1],
        "osType": lambda alert: machines.os_type(alert.agent),
        "machineType": lambda alert: machines.machine_type(alert.agent),
    },
    times={"createdAt": lambda alert: alert.at, "reportedAt": lambda alert: alert.at + 2_117_338},
    sorts={
        "alertInfoCreatedAt": lambda alert: alert.at,
        "alertInfoReportedAt": lambda alert: alert.at,
        "severity": lambda alert: alert_wire.rule_of(alert)[1],
        "incidentStatus": lambda alert: alert_wire.STATUSES[alert.status],
    },
)
ACTIVITY_FILTERS = (
    *reach.SCOPE_NAMES, "ids", "activityTypes", "includeHidden", *ACTIVITIES_OF, *queries.time_names("createdAt"),
)  # fmt: skip


def threats(console: Console, token: Token, query: Query) -> bytes:
    chosen = _incidents(console, token, query, incidents.THREAT, THREATS)
    return _page(query, chosen, THREATS.sorts, lambda each: threat_wire.row(console.estate, each))


def alerts(console: Console, token: Token, query: Query) -> bytes:
    """A scope without the STAR module has no rules, and says so."""
    if "star" in console.estate.without:
        raise refusals.forbidden(UNLICENSED)
    chosen = _incidents(console, token, query, incidents.ALERT, ALERTS)
    return _page(query, chosen, ALERTS.sorts, lambda each: alert_wire.row(console.estate, each))


def activities(console: Console, token: Token, query: Query) -> bytes:
    """Activities without a site are told to those who see the whole tenant, and asked for no scope."""
    seen = reach.of(console.estate, token, query)
    everything = token.scope == "tenant" and not any(query.words(name) for name in reach.SCOPE_NAMES)
    kinds, ids = set(query.words("activityTypes")), set(query.words("ids"))
    low, high = queries.window(query.values, "createdAt") or (-queries.FOREVER, queries.FOREVER)
    chosen = [
        each
        for each in _happenings(console)
        if low <= each.at <= high
        and (everything if each.site is None else _inside(seen, each.site, each.agent))
        and (not kinds or str(each.kind) in kinds)
        and (not ids or str(each.id) in ids)
    ]
    for name, field in ACTIVITIES_OF.items():
        if wanted := query.words(name):
            chosen = [each for each in chosen if activity_wire.row(console.estate, each)[field] in wanted]
    sorts: dict[str, Callable[[Happening], pages.Raw]] = {
        "activityType": lambda each: each.kind,
        "createdAt": lambda each: each.at,
    }
    show: Callable[[Happening], Row] = lambda each: activity_wire.row(console.estate, each)  # noqa: E731
    return _page(query, chosen, sorts, show, most=COUNTED)


def activity_types(_console: Console, _token: Token, _query: Query) -> bytes:
    return msgspec.json.encode({"data": [activity_wire.kind(number) for number in sorted(happenings.KINDS)]})


def found(console: Console, kind: int) -> list[Incident]:
    """The console's threats or alerts, kept until the estate changes."""
    world = console.estate
    kept = console.selections.get(world.generation, ("incidents", kind), lambda: incidents.found(world, kind))
    return list(kept)  # type: ignore[arg-type]


def _happenings(console: Console) -> Iterable[Happening]:
    world = console.estate

    def make() -> list[Happening]:
        return happenings.found(world, found(console, incidents.THREAT), found(console, incidents.ALERT))

    return console.selections.get(world.generation, "happenings", make)  # type: ignore[return-value]


def _inside(seen: reach.Reach, site: int, agent: Agent | None) -> bool:
    return site in seen.sites and (seen.groups is None or (agent is not None and agent.group in seen.groups))


def _incidents(console: Console, token: Token, query: Query, kind: int, reading: Reading) -> list[Incident]:
    seen = reach.of(console.estate, token, query)
    ids = set(query.ids("ids"))
    tests: list[Callable[[Incident], bool]] = []
    for name, read in reading.words.items():
        if wanted := set(query.words(name)):
            tests.append(lambda each, read=read, wanted=wanted: read(each) in wanted)  # type: ignore[misc]
    for field, time in reading.times.items():
        if window := queries.window(query.values, field):
            tests.append(lambda each, t=time, w=window: w[0] <= t(each) <= w[1])  # type: ignore[misc]
    return [
        each
        for each in found(console, kind)
        if _inside(seen, each.agent.site, each.agent)
        and (not ids or each.id in ids)
        and all(test(each) for test in tests)
    ]


def _page(
    query: Query,
    chosen: list[Fact],
    sorts: dict[str, Callable[[Fact], pages.Raw]],
    show: Callable[[Fact], Row],
    most: int | None = None,
) -> bytes:
    wanted = pages.paging(query)
    if wanted.sort_by != "id" and wanted.sort_by not in sorts:
        raise refusals.unsupported()
    key = sorts.get(wanted.sort_by)

    def ident(each: Fact) -> int:
        return each.id

    page, cursor = pages.cut(pages.arrange(chosen, key, ident), key, ident, wanted)
    total = len(chosen) if most is None else min(most, len(chosen))
    return envelopes.rows((show(each) for each in page), total, wanted, cursor)
