"""/accounts, /sites and /groups."""

from collections import Counter
from collections.abc import Callable

import msgspec

from sentinelone_simulator import pages, queries, reach, refusals
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import envelopes
from sentinelone_simulator.estate import Account, Estate, Group, Site
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.wire import scopes as wire

STATES = ("active", "expired", "deleted")
STATE_FILTERS = ("state", "states", "statesNin")
ACCOUNT_FILTERS = ("ids", "accountIds", "name", "name__contains", "query", "isDefault", *STATE_FILTERS)
SITE_FILTERS = (
    "siteIds", "accountIds", "accountId", "name", "name__contains", "accountName__contains", "query",
    "isDefault", "module", *STATE_FILTERS,
)  # fmt: skip
GROUP_FILTERS = (
    "siteIds", "accountIds", "groupIds", "id", "name", "query", "isDefault", "type", "types",
    *(name for name in queries.time_names("updatedAt") if not name.endswith("between")),
)  # fmt: skip


def accounts(console: Console, token: Token, query: Query) -> bytes:
    if token.scope == "site":
        raise refusals.forbidden("Action is not allowed to site users")
    estate, states = console.estate, _states(query)
    held = {estate.accounts[index].id: estate.accounts[index] for index in token.accounts(estate)}
    chosen = list(held.values())
    for name in ("ids", "accountIds"):
        wanted = query.ids(name)
        if any(identifier not in held for identifier in wanted):
            raise refusals.forbidden()
        chosen = [row for row in chosen if not wanted or row.id in wanted]
    chosen = [
        row
        for row in chosen
        if row.state in states
        and _named(query, row.name)
        and ("isDefault" not in query.values or query.flag("isDefault") == (row.index == 0))
    ]
    counts = wire.living(estate)

    def show(row: Account) -> dict[str, object]:
        return wire.account(estate, row, counts)

    return _listing(query, chosen, show, lambda row: row.id)


def sites(console: Console, token: Token, query: Query) -> bytes:
    estate, states = console.estate, _states(query)
    seen = reach.of(estate, token, query).sites
    if "accountId" in query.values:
        owners = set(query.ids("accountId"))
        seen = frozenset(index for index in seen if estate.account_of(index).id in owners)
    chosen = [
        row
        for row in (estate.sites[index] for index in seen)
        if row.state in states
        and _named(query, row.name)
        and ("isDefault" not in query.values or query.flag("isDefault") == (row.index < 2))
        and _contains(query, "accountName__contains", estate.accounts[row.account].name)
        and _licensed(estate, query, row)
    ]
    counts = wire.living(estate)

    def show(row: Site) -> dict[str, object]:
        return wire.site(estate, row, counts)

    wanted, page, cursor = _page(query, chosen, show, lambda row: row.id)
    everything = {
        "activeLicenses": sum(counts[row.index] for row in chosen),
        "totalLicenses": sum(wire.total_licenses(row, counts) for row in chosen),
    }
    body = msgspec.json.encode({"allSites": everything, "sites": [show(row) for row in page]})
    tail = envelopes.pagination(wanted.total(len(chosen)), cursor)
    return b'{"data":%b,%b}' % (body, tail)


def groups(console: Console, token: Token, query: Query) -> bytes:
    estate = console.estate
    seen = reach.of(estate, token, query)
    updated = queries.window(query.values, "updatedAt")
    kinds = {*query.words("type"), *query.words("types")}
    chosen = [
        row
        for row in estate.groups
        if row.site in seen.sites
        and (seen.groups is None or row.index in seen.groups)
        and estate.sites[row.site].state != "deleted"
        and ("id" not in query.values or str(row.id) in query.words("id"))
        and (not kinds or ("static" if row.is_default else "dynamic") in kinds)
        and (updated is None or updated[0] <= row.updated <= updated[1])
        and _named(query, row.name)
        and ("isDefault" not in query.values or query.flag("isDefault") == row.is_default)
    ]
    members = Counter(agent.group for agent in estate.agents if agent.state == "active")

    def show(row: Group) -> dict[str, object]:
        return wire.group(estate, row, members)

    return _listing(query, chosen, show, lambda row: row.id)


def settings(console: Console, token: Token, query: Query) -> bytes:
    """/application-management/settings of the scope asked for, or of the token's own.

    A site decides for itself or inherits; what is above sites is on, and says whether a site below differs.
    """
    estate = console.estate
    seen = reach.of(estate, token, query, single=True).sites
    single = bool(query.words("siteIds") or query.words("groupIds")) or (
        token.scope == "site" and len(token.scope_ids) == 1
    )
    site = estate.sites[min(seen)] if single and seen else None
    own = site is not None and not site.scanned
    content = {
        "vulnerabilitiesScanEnabled": site is None or site.scanned,
        "extensiveScanEnabled": False,
        "extensiveLinuxScanEnabled": False,
        "isDefaultPolicy": not own,
        "hasBreakingInheritance": site is None and not all(estate.sites[index].scanned for index in seen),
        "inheritedFrom": None if own else estate.accounts[site.account].name if site else "Global",
        "scanSchedule": {"scanEvery": 1, "repeatOn": "Tuesday", "timezone": "Europe/Berlin", "time": "20:15"},
    }
    return envelopes.data(content)


def _states(query: Query) -> set[str]:
    """States asked for; without a word about states the deleted ones stay hidden (a belief)."""
    asked = {*query.words("state"), *query.words("states")}
    hidden = set(query.words("statesNin"))
    for state in asked | hidden:
        if state not in STATES:
            raise refusals.invalid(f"states: '{state}' is not a valid choice.")
    if asked:
        return asked - hidden
    return set(STATES) - (hidden or {"deleted"})


def _named(query: Query, name: str) -> bool:
    wanted = query.values.get("name")
    text = query.values.get("query")
    return (
        (wanted is None or wanted == name)
        and (text is None or text.lower() in name.lower())
        and _contains(query, "name__contains", name)
    )


def _contains(query: Query, parameter: str, value: str) -> bool:
    words = query.words(parameter)
    return not words or any(word.lower() in value.lower() for word in words)


def _licensed(estate: Estate, query: Query, row: Site) -> bool:
    return all(
        module in wire.modules(estate, managed=row.vulnerability_management)
        for module in query.words("module")
    )


def _page(
    query: Query,
    chosen: "list[pages.Row]",
    show: "Callable[[pages.Row], dict[str, object]]",
    ident: "Callable[[pages.Row], int]",
) -> "tuple[pages.Paging, list[pages.Row], str | None]":
    wanted = pages.paging(query)
    field = wanted.sort_by

    def raw(row: "pages.Row") -> pages.Raw:
        value = show(row).get(field)
        return value if value is None or isinstance(value, str | int) else str(value)

    key = None if field == "id" else raw
    page, cursor = pages.cut(pages.arrange(chosen, key, ident), key, ident, wanted)
    return wanted, list(page), cursor


def _listing(
    query: Query,
    chosen: "list[pages.Row]",
    show: "Callable[[pages.Row], dict[str, object]]",
    ident: "Callable[[pages.Row], int]",
) -> bytes:
    wanted, page, cursor = _page(query, chosen, show, ident)
    return envelopes.rows((show(row) for row in page), len(chosen), wanted, cursor)
