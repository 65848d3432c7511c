"""The estate on its first day, built from a seed: scopes, agents, and years of detected risks."""

from array import array
from collections import defaultdict
from dataclasses import dataclass
from random import Random

from sentinelone_simulator import catalogue, clock, dice, estate, installing, names, risks
from sentinelone_simulator.estate import Estate

HISTORY_DAYS = 1250
HISTORY = clock.START - HISTORY_DAYS * clock.DAY
REMOVED_SHARE = 0.04
MANAGEMENT = "vulnerability_management"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything, and the licence modules that are missing everywhere."""

    accounts: int = 3
    sites: int = 12
    agents: int = 400
    risks_per_agent: int = 140
    without: frozenset[str] = frozenset()


def found(size: Size, seed: int, tenant: int = 0) -> Estate:
    """Build the estate; the same size and seed give the same estate. `tenant` keeps account ids apart."""
    world = Estate(seed, Random(seed), catalogue.load(), size.risks_per_agent, size.without)
    _scopes(world, size, tenant)
    lingering = _agents(world, size)
    _risks(world, lingering)
    return world


def _scopes(world: Estate, size: Size, tenant: int) -> None:
    begin = HISTORY - 400 * clock.DAY
    for index in range(size.accounts):
        created = begin + index * clock.DAY + 475_617 + tenant * 1_009
        world.accounts.append(
            estate.Account(
                index,
                clock.snowflake(created, index),
                names.account(index),
                created,
                created,
                external_id=f"MSP-{index:04d}",
            )
        )
    for index in range(size.sites):
        noise = dice.mix(world.seed, 7, index)
        created = begin + (30 + index) * clock.DAY + noise % clock.DAY
        add_site(world, index % size.accounts, names.site(index, noise), created)
    for site in world.sites:
        site.vulnerability_management = site.index % 4 != 2 and MANAGEMENT not in world.without
        site.scanned = site.index % 12 != 7
        if size.sites > 4 and site.index in (3, 4):
            site.state = "expired" if site.index == 3 else "deleted"


def add_site(world: Estate, account: int, name: str, created: int) -> estate.Site:
    """Add a site with its groups."""
    index = len(world.sites)
    site = estate.Site(index, clock.snowflake(created, index), name, account, created, created)
    site.vulnerability_management = MANAGEMENT not in world.without
    site.external_id = None if index % 2 else f"CRM-{dice.mix(site.id) % 100_000:05d}"
    world.sites.append(site)
    for number, group_name in enumerate(("Default Group", "Servers")[: 1 + index % 2]):
        made = created + (number + 1) * 1_753_351
        at = len(world.groups)
        world.groups.append(
            estate.Group(at, clock.snowflake(made, at), group_name, index, made, made, number == 0)
        )
    return site


def _agents(world: Estate, size: Size) -> set[int]:
    """Add the agents; answers those that are gone from the listing while their risks are still Detected."""
    chance = world.random
    sites = [site.index for site in world.sites if site.state != "deleted"]
    weights = [1 + dice.mix(world.seed, 8, site) % 9 for site in sites]
    some = size.agents > 0
    few = max(1, round(size.agents * 0.0015)) if some else 0
    states = (
        [estate.ACTIVE] * size.agents
        + [estate.DECOMMISSIONED] * (some + size.agents // 100)
        + [estate.UNINSTALLED] * (some + size.agents // 200)
    )
    lingering_from = len(states)
    states += [estate.DECOMMISSIONED] * few + [estate.PURGED] * few
    where = chance.choices(sites, weights, k=len(states))
    scanned = [site for site in sites if world.sites[site].scanned]
    for index in range(lingering_from, len(states)):
        where[index] = chance.choice(scanned or sites)
    for state, site in zip(states, where, strict=True):
        created = HISTORY + chance.randrange((HISTORY_DAYS - 7) * clock.DAY)
        added = installing.agent(world, site, created)
        added.state = state
        added.last_scan = world.now - chance.randrange(clock.DAY)
        added.last_active = world.now - chance.randrange(clock.DAY)
        added.updated = max(created, added.last_active - chance.randrange(20 * clock.DAY))
        if state != estate.ACTIVE:
            added.connected, added.infected = False, False
            added.decommissioned = added.last_active = added.last_scan = added.updated
    return set(range(lingering_from, len(states)))


def _risks(world: Estate, lingering: set[int]) -> None:
    """Find each agent's risks, in the order of the days on which a scan would have seen them first."""
    chance = world.random
    days: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
    peopled = sum(agent.state == estate.ACTIVE for agent in world.agents)
    scanned = sum(agent.state == estate.ACTIVE and world.sites[agent.site].scanned for agent in world.agents)
    mean = world.risks_per_agent / (1 - REMOVED_SHARE) * peopled / max(1, scanned)
    if scanned == 0:
        return
    published = world.catalogue.pair_published
    for agent in world.agents:
        if not world.sites[agent.site].scanned:
            continue
        wanted = max(1, round(mean * (0.6 + 0.8 * chance.random())))
        tag = agent.index << 20
        patience = 1 + agent.noise % 20
        for pair in installing.risks(world, agent, wanted):
            day = (max(agent.created, published[pair]) - HISTORY) // clock.DAY + 1 + pair % patience
            days[min(day, HISTORY_DAYS - 1)].append(tag | pair)
    gone = bytearray(len(world.agents))
    for agent in world.agents:
        gone[agent.index] = agent.state != estate.ACTIVE and agent.index not in lingering
    _append(world, days, gone)


def _append(world: Estate, days: "dict[int, array[int]]", gone: bytearray) -> None:
    table, chance = world.risks, world.random
    managed = bytearray(world.sites[agent.site].vulnerability_management for agent in world.agents)
    changes: list[tuple[int, int]] = []
    mask = (1 << 20) - 1
    for number, found_that_day in sorted(days.items()):
        begin = HISTORY + number * clock.DAY
        step = clock.DAY // len(found_that_day)
        for position, packed in enumerate(found_that_day):
            agent, draw = packed >> 20, chance.random()
            row = table.append(begin + position * step + int(draw * step), agent, packed & mask)
            if draw < REMOVED_SHARE or gone[agent]:
                table.flags[row] = risks.REMOVED
            elif draw > 0.94:
                table.flags[row] = _oddity(draw, bool(managed[agent]))
            if table.flags[row] & (risks.REMOVED | risks.MITIGATION | risks.FALSE_POSITIVE):
                since = table.detected[row] + 1
                latest = world.agents[agent].updated if gone[agent] else world.now - 1
                changes.append((since + int(chance.random() * max(0, latest - since)), row))
    table.record(changes)


def _oddity(draw: float, managed: bool) -> int:
    """The few rows that are not plain, by the shares that recordings and integrators report."""
    shares = (
        (0.005, risks.FALSE_POSITIVE),
        (0.001, risks.NO_SCORE),
        (0.001, risks.NO_SEVERITY),
        (0.001, risks.UNKNOWN_SEVERITY),
        (0.03 if managed else 0.0, risks.TO_BE_PATCHED),
        (0.01 if managed else 0.0, risks.ON_HOLD),
    )
    at = 0.94
    for share, flag in shares:
        at += share
        if draw < at:
            return flag
    return 0
