"""/application-management/inventory and its two drill-downs (API notes 3.3)."""

import msgspec

from sentinelone_simulator import estate as states
from sentinelone_simulator import machines, pages, reach, refusals
from sentinelone_simulator.catalogue import Version
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.estate import Agent
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import software as wire

INVENTORY_FILTERS = (*reach.SCOPE_NAMES, "name__contains", "vendor__contains", "vendors", "osTypes")
ENDPOINT_FILTERS = (
    *reach.SCOPE_NAMES, "applicationName", "applicationVendor", "versions", "osTypes",
    "endpointName__contains",
)  # fmt: skip
Row = dict[str, object]


def inventory(console: Console, token: Token, query: Query) -> bytes:
    wanted = pages.paging(query, "applicationName")
    seen = reach.of(console.estate, token, query, single=True)
    field = wanted.sort_by

    def raw(row: Row) -> pages.Raw:
        value = row[field]
        return value if isinstance(value, str | int) else None

    def make() -> list[Row]:
        return pages.arrange(_aggregates(console, seen, query), raw, _name)

    question = ("inventory", seen, tuple(sorted(query.filters().items())), field)
    rows: list[Row] = console.selections.get(console.estate.generation, question, make)  # type: ignore[assignment]
    page, cursor = pages.cut(rows, raw, _name, wanted, "applicationName")
    return envelopes.rows(page, len(rows), wanted, cursor)


def _name(row: Row) -> str:
    return f"{row['applicationName']}\n{row['applicationVendor']}"


def _installations(
    console: Console, seen: reach.Reach, query: Query, wanted: set[int] | None = None
) -> list[tuple[Agent, Version]]:
    systems = set(query.words("osTypes"))
    names = [word.lower() for word in query.words("endpointName__contains")]
    versions = console.estate.catalogue.versions
    return [
        (agent, versions[index])
        for agent in console.estate.agents
        if agent.state == states.ACTIVE
        and agent.site in seen.sites
        and (seen.groups is None or agent.group in seen.groups)
        and (not systems or machines.os_type(agent) in systems)
        and (not names or any(name in agent.name.lower() for name in names))
        for index in agent.applications
        if wanted is None or index in wanted
    ]


def _aggregates(console: Console, seen: reach.Reach, query: Query) -> list[Row]:
    names = [word.lower() for word in query.words("name__contains")]
    parts = [word.lower() for word in query.words("vendor__contains")]
    vendors = set(query.words("vendors"))
    found: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
    for agent, version in _installations(console, seen, query):
        versions, endpoints = found.setdefault((version.name, version.vendor), (set(), set()))
        versions.add(version.index)
        endpoints.add(agent.index)
    return [
        wire.aggregate(name, vendor, len(versions), len(endpoints))
        for (name, vendor), (versions, endpoints) in found.items()
        if (not names or any(word in name.lower() for word in names))
        and (not parts or any(word in vendor.lower() for word in parts))
        and (not vendors or vendor in vendors or wire.escaped(vendor) in vendors)
    ]


def inventory_endpoints(console: Console, token: Token, query: Query) -> bytes:
    for name in ("applicationName", "applicationVendor"):
        if not query.values.get(name):
            raise refusals.invalid(f"{name}: Missing data for required field.")
    name, vendor = query.values["applicationName"], query.values["applicationVendor"]
    asked = set(query.words("versions"))
    chosen = {
        version.index
        for version in console.estate.catalogue.versions
        if version.name == name
        and vendor in (version.vendor, wire.escaped(version.vendor))
        and (not asked or version.version in asked)
    }
    seen = reach.of(console.estate, token, query, single=True)
    wanted = pages.paging(query)
    field = wanted.sort_by
    rows = [
        wire.installation(console.estate, agent, version)
        for agent, version in _installations(console, seen, query, chosen)
    ]

    def raw(row: Row) -> pages.Raw:
        value = row[field]
        return value if isinstance(value, str | int) else None

    def ident(row: Row) -> int:
        return int(str(row["id"]))

    key = None if field == "id" else raw
    page, cursor = pages.cut(pages.arrange(rows, key, ident), key, ident, wanted)
    return envelopes.rows(page, len(rows), wanted, cursor)


def agent_applications(console: Console, token: Token, query: Query) -> bytes:
    """/inventory/applications: what the agents named by `ids` have installed; has no pages."""
    if not query.values.get("ids"):
        raise refusals.invalid("ids: Missing data for required field.")
    ids, sites = set(query.ids("ids")), token.sites(console.estate)
    versions = console.estate.catalogue.versions
    rows = [
        wire.application(agent, versions[index])
        for agent in console.estate.agents
        if agent.id in ids and agent.site in sites and agent.state != states.PURGED
        for index in agent.applications
    ]
    return msgspec.json.encode({"data": rows})
