"""What one request may see: the token's scope, narrowed by the scope ids in its query, all ANDed."""

from dataclasses import dataclass

from sentinelone_simulator import refusals
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token

SCOPE_NAMES = ("accountIds", "siteIds", "groupIds")


@dataclass(frozen=True, slots=True)
class Reach:
    """Site indexes, and group indexes where groups were asked for."""

    sites: frozenset[int]
    groups: frozenset[int] | None


def of(estate: Estate, token: Token, query: Query, *, single: bool = False) -> Reach:
    """Refuses ids outside the token's scope; `single` is application-management's one-id rule."""
    if single:
        for name in SCOPE_NAMES:
            if len(query.words(name)) > 1:
                raise refusals.invalid(f"{name}: Longer than maximum length 1.")
    sites = token.sites(estate)
    visible = {estate.sites[index].id: index for index in sites}
    if query.words("siteIds"):
        sites &= _chosen(query.ids("siteIds"), visible)
    if query.words("accountIds"):
        if token.scope == "site":
            raise refusals.forbidden()
        held = {estate.accounts[index].id: index for index in token.accounts(estate)}
        accounts = _chosen(query.ids("accountIds"), held)
        sites = frozenset(index for index in sites if estate.sites[index].account in accounts)
    groups = None
    if query.words("groupIds"):
        open_groups = {group.id: group.index for group in estate.groups if group.site in visible.values()}
        groups = _chosen(query.ids("groupIds"), open_groups)
        sites &= {estate.groups[index].site for index in groups}
    return Reach(sites, groups)


def _chosen(ids: list[int], known: dict[int, int]) -> frozenset[int]:
    if any(identifier not in known for identifier in ids):
        raise refusals.forbidden()
    return frozenset(known[identifier] for identifier in ids)
