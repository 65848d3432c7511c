"""Changing accounts and sites as somebody at the console would: what is added, renamed, moved, ended, brought back.

Ids never change. Sites that inherit the expiration of their account expire and come back with it; all of its sites are
deleted with it. The agents of a deleted site are decommissioned, and their risks become Removed. All this is belief.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from sentinelone_simulator import clock, estate, founding, installing, risks
from sentinelone_simulator.console import Console
from sentinelone_simulator.estate import Account, Site
from sentinelone_simulator.wire import scopes as wire

Node = Account | Site
Name = Annotated[str, Meta(min_length=1, max_length=255)]


class ImpossibleError(Exception):
    """Something that this console cannot do; the text says why."""


class Step(msgspec.Struct, forbid_unknown_fields=True, rename="camel", tag_field="do"):
    """One thing that is done to the tree; `take` does it, and answers the account or site that it was done to."""


class AddAccount(Step, tag="add_account"):
    name: Name
    external_id: str | None = None

    def take(self, console: Console) -> Node:
        world, at = console.estate, console.moment()
        index = len(world.accounts)
        added = Account(index, clock.snowflake(at, index), self.name, at, at, external_id=self.external_id)
        world.accounts.append(added)
        return added


class AddSite(Step, tag="add_site"):
    name: Name
    account: str
    external_id: str | None = None
    agents: Annotated[int, Meta(ge=0, le=1000)] = 0

    def take(self, console: Console) -> Node:
        world, at = console.estate, console.moment()
        owner = _account(console, self.account)
        if owner.state != estate.ACTIVE:
            raise ImpossibleError(f"the account {owner.name!r} is {owner.state}")
        added = founding.add_site(world, owner.index, self.name, at)
        added.external_id = self.external_id
        for _ in range(self.agents):
            agent = installing.agent(world, added.index, console.moment())
            agent.updated = agent.created
        return added


class Rename(Step, tag="rename"):
    id: str
    name: Name

    def take(self, console: Console) -> Node:
        node = _node(console, self.id)
        node.name = self.name
        return node


class Move(Step, tag="move"):
    id: str
    account: str

    def take(self, console: Console) -> Node:
        site, owner = _site(console, self.id), _account(console, self.account)
        if estate.DELETED in (site.state, owner.state):
            raise ImpossibleError("neither a deleted site nor one to a deleted account is moved")
        site.account = owner.index
        return site


class SetExternalId(Step, tag="set_external_id"):
    id: str
    external_id: str | None

    def take(self, console: Console) -> Node:
        node = _node(console, self.id)
        node.external_id = self.external_id
        return node


class SetDomain(Step, tag="set_domain"):
    """Every computer of a site joins a domain."""

    id: str
    domain: str

    def take(self, console: Console) -> Node:
        site = _site(console, self.id)
        for agent in console.estate.agents:
            if agent.site == site.index and agent.state == estate.ACTIVE:
                agent.domain = self.domain
                agent.updated = console.moment()
        return site


class Expire(Step, tag="expire"):
    id: str

    def take(self, console: Console) -> Node:
        node = _node(console, self.id)
        _refuse_unless(node, estate.ACTIVE)
        for site in _sites(console, node):
            if site.state == estate.ACTIVE and wire.inherits_expiration(site):
                _end(console, site, estate.EXPIRED)
                site.with_account = True
        _end(console, node, estate.EXPIRED)
        return node


class Delete(Step, tag="delete"):
    id: str

    def take(self, console: Console) -> Node:
        node = _node(console, self.id)
        _refuse_unless(node, estate.ACTIVE, estate.EXPIRED)
        sites = [node] if isinstance(node, Site) else _sites(console, node)
        for each in (*sites, node):
            if each.state != estate.DELETED:
                _end(console, each, estate.DELETED)
        _empty(console, {site.index for site in sites})
        return node


class Reactivate(Step, tag="reactivate"):
    id: str

    def take(self, console: Console) -> Node:
        node = _node(console, self.id)
        _refuse_unless(node, estate.EXPIRED, estate.DELETED)
        if isinstance(node, Site):
            _refuse_unless(console.estate.accounts[node.account], estate.ACTIVE)
        back = [site for site in _sites(console, node) if site.state == estate.EXPIRED and site.with_account]
        for each in (node, *back):
            each.state, each.updated = estate.ACTIVE, console.moment()
            if isinstance(each, Site):
                each.ended, each.with_account = None, False
        return node


AnyStep = AddAccount | AddSite | Rename | Move | SetExternalId | SetDomain | Expire | Delete | Reactivate


def take(console: Console, step: AnyStep) -> dict[str, object]:
    """Take a step; answers the account or site that it was done to, as it is now.

    Raises:
        ImpossibleError: This console cannot do that; nothing was done.
    """
    node = step.take(console)
    node.updated = console.moment()
    console.estate.generation += 1
    return described(console, node)


def described(console: Console, node: Node) -> dict[str, object]:
    """An account or site in the words of truth, with its external id."""
    row: dict[str, object] = {
        "kind": "site" if isinstance(node, Site) else "account",
        "id": str(node.id),
        "name": node.name,
        "state": node.state,
        "externalId": node.external_id,
    }
    if isinstance(node, Site):
        row["accountId"] = str(console.estate.accounts[node.account].id)
    return row


def _node(console: Console, identifier: str) -> Node:
    world = console.estate
    nodes: tuple[Node, ...] = (*world.accounts, *world.sites)
    for node in nodes:
        if str(node.id) == identifier:
            return node
    raise ImpossibleError(f"there is no account or site {identifier!r}")


def _account(console: Console, identifier: str) -> Account:
    node = _node(console, identifier)
    if isinstance(node, Account):
        return node
    raise ImpossibleError(f"{identifier!r} is a site, not an account")


def _site(console: Console, identifier: str) -> Site:
    node = _node(console, identifier)
    if isinstance(node, Site):
        return node
    raise ImpossibleError(f"{identifier!r} is an account, not a site")


def _sites(console: Console, node: Node) -> list[Site]:
    """Of an account; a site has none."""
    if isinstance(node, Site):
        return []
    return [site for site in console.estate.sites if site.account == node.index]


def _refuse_unless(node: Node, *states: str) -> None:
    if node.state not in states:
        raise ImpossibleError(f"{node.name!r} is {node.state}")


def _end(console: Console, node: Node, state: str) -> None:
    node.state, node.updated = state, console.moment()
    if isinstance(node, Site):
        node.ended, node.with_account = node.updated, False


def _empty(console: Console, sites: set[int]) -> None:
    """Decommission the agents of these sites, and remove their risks."""
    world = console.estate
    leaving = set()
    for agent in world.agents:
        if agent.site in sites and agent.state == estate.ACTIVE:
            agent.state, agent.connected, agent.infected = estate.DECOMMISSIONED, False, False
            agent.updated = agent.decommissioned = console.moment()
            leaving.add(agent.index)
    table = world.risks
    changes = []
    for row, agent_index in enumerate(table.agent):
        if agent_index in leaving and not table.flags[row] & risks.REMOVED:
            table.flags[row] |= risks.REMOVED
            changes.append((console.moment(), row))
    table.record(changes)
