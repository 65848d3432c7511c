"""/agents and /agents/count."""

from collections.abc import Callable

from sentinelone_simulator import estate as states
from sentinelone_simulator import machines, pages, queries, reach
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.estate import Agent
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import agents as wire

Test = Callable[[Agent], bool]
TEXTS: dict[str, Callable[[Agent], str]] = {
    "osTypes": machines.os_type,
    "networkStatuses": machines.network_status,
    "machineTypes": machines.machine_type,
    "domains": machines.domain,
    "agentVersions": machines.agent_version,
}
TIMES: dict[str, Callable[[Agent], int]] = {
    "createdAt": lambda agent: agent.created,
    "updatedAt": lambda agent: agent.updated,
    "lastActiveDate": lambda agent: agent.last_active,
    "registeredAt": lambda agent: agent.created - 4_647,
}
FLAGS: dict[str, Callable[[Agent], bool]] = {
    "isActive": lambda agent: agent.connected,
    "infected": lambda agent: agent.infected,
    "isPendingUninstall": lambda _agent: False,
    "isDecommissioned": lambda agent: agent.state == states.DECOMMISSIONED,
    "isUninstalled": lambda agent: agent.state == states.UNINSTALLED,
}
HIDDEN = ("isDecommissioned", "isUninstalled")
FILTERS = (
    "siteIds", "accountIds", "groupIds", "ids", "idsNin", "uuid", "uuids", "computerName",
    "computerName__contains", "query", *FLAGS, *TEXTS, *(f"{name}Nin" for name in TEXTS),
    *(name for field in TIMES for name in queries.time_names(field)),
)  # fmt: skip


def count(console: Console, token: Token, query: Query) -> bytes:
    return envelopes.data({"total": len(_select(console, token, query))})


def agents(console: Console, token: Token, query: Query) -> bytes:
    wanted = pages.paging(query)
    estate, field = console.estate, wanted.sort_by

    def raw(agent: Agent) -> pages.Raw:
        value = wire.row(estate, agent).get(field)
        return value if value is None or isinstance(value, str | int | float) else str(value)

    def ident(agent: Agent) -> int:
        return agent.id

    key: Callable[[Agent], pages.Raw] | None = None if field == "id" else TIMES.get(field, raw)

    def make() -> list[Agent]:
        return pages.arrange(_select(console, token, query), key, ident)

    scope = (token.token, frozenset(token.lost), tuple(token.scope_ids))
    question = ("agents", scope, tuple(sorted(query.filters().items())), field)
    chosen: list[Agent] = console.selections.get(estate.generation, question, make)  # type: ignore[assignment]
    page, cursor = pages.cut(chosen, key, ident, wanted)
    return envelopes.rows((wire.row(estate, agent) for agent in page), len(chosen), wanted, cursor)


def _select(console: Console, token: Token, query: Query) -> list[Agent]:
    seen = reach.of(console.estate, token, query)
    tests = _tests(query)
    return [
        agent
        for agent in console.estate.agents
        if agent.state != states.PURGED
        and agent.site in seen.sites
        and (seen.groups is None or agent.group in seen.groups)
        and all(test(agent) for test in tests)
    ]


def _tests(query: Query) -> list[Test]:
    values = query.values
    tests = [_flag(query, name) for name in FLAGS if name in values or name in HIDDEN]
    tests += [_text(query, name, wanted=True) for name in TEXTS if name in values]
    tests += [_text(query, name, wanted=False) for name in TEXTS if f"{name}Nin" in values]
    tests += [_time(query, field) for field in TIMES if queries.window(values, field)]
    if "ids" in values:
        ids = frozenset(query.ids("ids"))
        tests.append(lambda agent: agent.id in ids)
    if "idsNin" in values:
        hidden = frozenset(query.ids("idsNin"))
        tests.append(lambda agent: agent.id not in hidden)
    if "uuid" in values or "uuids" in values:
        uuids = {*query.words("uuid"), *query.words("uuids")}
        tests.append(lambda agent: agent.uuid in uuids)
    return tests + _name_tests(query)


def _name_tests(query: Query) -> list[Test]:
    tests: list[Test] = []
    if "computerName" in query.values:
        name = query.values["computerName"]
        tests.append(lambda agent: agent.name == name)
    if "computerName__contains" in query.values:
        words = [word.lower() for word in query.words("computerName__contains")]
        tests.append(lambda agent: any(word in agent.name.lower() for word in words))
    if "query" in query.values:
        text = query.values["query"].lower()
        tests.append(lambda agent: text in agent.name.lower() or text in agent.uuid)
    return tests


def _flag(query: Query, name: str) -> Test:
    """A comma list of booleans; the gone ones are hidden unless the list says otherwise."""
    words = query.words(name)
    allowed = {queries.boolean(name, word) for word in words} or {False}
    read = FLAGS[name]
    return lambda agent: read(agent) in allowed


def _text(query: Query, name: str, *, wanted: bool) -> Test:
    words = set(query.words(name if wanted else f"{name}Nin"))
    read = TEXTS[name]
    return lambda agent: (read(agent) in words) is wanted


def _time(query: Query, field: str) -> Test:
    low, high = queries.window(query.values, field) or (-queries.FOREVER, queries.FOREVER)
    read = TIMES[field]
    return lambda agent: low <= read(agent) <= high
