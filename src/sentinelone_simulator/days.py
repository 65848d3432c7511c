"""One day in the estate: what appears, what is patched away, who moves, who comes and goes.

Every change of a day has a time inside that day. What has to be noticed by a client that asks for
changes only is bumped (`riskUpdatedDate`, an agent's `updatedAt`); what drifts daily is not.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sentinelone_simulator import clock, dice, estate, founding, installing, names, risks
from sentinelone_simulator.estate import Agent, Estate

RISK_CHANGE = 0.01
# Shares of the agents that these things happen to on one day; each happens to at least one.
APPEARING, MOVING, RENAMED, DECOMMISSIONED, RETURNING = 0.002, 0.003, 0.002, 0.002, 0.001
ACTIVE_SHARE = 0.3
# Shares of what `risk_change` leaves after the agents that came and went; the rest is changed in place.
REMOVED_SHARE, ADDED_SHARE, AGAIN_SHARE = 0.4, 0.3, 0.1
PER_AGENT = 6
KINDS = (
    "risks_added", "risks_removed", "risks_changed", "risks_redetected", "agents_added", "agents_returned",
    "agents_moved", "agents_renamed", "agents_decommissioned", "agents_uninstalled", "agents_active",
    "sites_added", "sites_renamed",
)  # fmt: skip


@dataclass(slots=True)
class Day:
    """A day under way: the changes collected so far, applied in time order at its end."""

    world: Estate
    begin: int
    counts: Counter[str] = field(default_factory=Counter)
    added: list[tuple[int, int, int]] = field(default_factory=list)  # time, agent, pair
    found: dict[int, set[int]] = field(default_factory=dict)  # agent, its pairs in `added`
    changed: dict[int, int] = field(default_factory=dict)  # row, time

    def detect(self, time: int, agent: int, pair: int) -> None:
        self.added.append((time, agent, pair))
        self.found.setdefault(agent, set()).add(pair)

    def time(self) -> int:
        return self.begin + 1 + self.world.random.randrange(clock.DAY - 2)

    def some(self, share: float) -> int:
        """How many that share of the living agents is; at least one."""
        return max(1, round(share * sum(agent.state == estate.ACTIVE for agent in self.world.agents)))


def advance(world: Estate, days: int = 1, risk_change: float = RISK_CHANGE) -> dict[str, int]:
    """Let days pass; answers how much of each kind happened."""
    total: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for _ in range(days):
        total.update(_one_day(world, risk_change))
    return dict(total)


def _one_day(world: Estate, risk_change: float) -> Counter[str]:
    today = Day(world, world.now)
    world.now += clock.DAY
    world.day += 1
    world.generation += 1
    _sites(today)
    if any(agent.state == estate.ACTIVE for agent in world.agents):
        _activity(today)
        _moves(today)
        leaving = _departures(today)
        chosen = _scanned_sample(today, risk_change)
        held = _rows_of(world, {agent.index for agent in (*leaving, *chosen)})
        _empty(today, leaving, held)
        _arrivals(today)
        _risk_changes(today, chosen, held, risk_change)
    _settle(today)
    return today.counts


def _living(world: Estate) -> list[Agent]:
    return [agent for agent in world.agents if agent.state == estate.ACTIVE]


def _touch(agent: Agent, time: int) -> None:
    agent.updated = max(agent.updated, time)


def _sites(today: Day) -> None:
    world = today.world
    if world.day % 3 == 0 and world.sites:
        site = world.random.choice([s for s in world.sites if s.state == estate.ACTIVE] or world.sites)
        site.name = f"{site.name.removesuffix(' (renamed)')} (renamed)"
        site.updated = today.time()
        today.counts["sites_renamed"] += 1
    if world.day % 5 == 0:
        account = world.random.randrange(len(world.accounts))
        index = len(world.sites)
        name = names.site(index, dice.mix(world.seed, 7, index))
        founding.add_site(world, account, name, today.time())
        today.counts["sites_added"] += 1


def _activity(today: Day) -> None:
    living = _living(today.world)
    for agent in today.world.random.sample(living, round(ACTIVE_SHARE * len(living))):
        time = today.time()
        agent.last_active = agent.last_scan = time
        _touch(agent, time)
        agent.connected = today.world.random.random() < 0.95
        today.counts["agents_active"] += 1


def _moves(today: Day) -> None:
    world = today.world
    living, chance = _living(world), world.random
    sites = [site.index for site in world.peopled_sites()]
    movable = [agent for agent in living if world.sites[agent.site].scanned] if len(sites) > 1 else []
    for agent in chance.sample(movable, min(len(movable), today.some(MOVING))):
        elsewhere = [site for site in sites if site != agent.site]
        agent.site = chance.choice(elsewhere)
        agent.group = chance.choice(world.groups_of(agent.site)).index
        _touch(agent, today.time())
        today.counts["agents_moved"] += 1
    for agent in chance.sample(living, min(len(living), today.some(RENAMED))):
        agent.name = names.computer(agent.platform, chance.getrandbits(62) | 1)
        _touch(agent, today.time())
        today.counts["agents_renamed"] += 1


def _departures(today: Day) -> list[Agent]:
    """Agents that leave today; those that return leave as well, under their old id."""
    world, chance = today.world, today.world.random
    returning, gone = today.some(RETURNING), today.some(DECOMMISSIONED)
    living = _living(world)
    leaving = chance.sample(living, min(len(living) // 2, returning + gone + 1))
    for number, agent in enumerate(leaving):
        time = today.time()
        uninstalled = number == returning + gone
        agent.state = estate.UNINSTALLED if uninstalled else estate.DECOMMISSIONED
        agent.connected = agent.infected = False
        agent.decommissioned = time
        _touch(agent, time)
        today.counts["agents_uninstalled" if uninstalled else "agents_decommissioned"] += 1
    for agent in leaving[:returning]:
        created = today.begin + clock.DAY // 2 + chance.randrange(clock.DAY // 2 - clock.SECOND)
        again = installing.agent(world, agent.site, created, like=agent)
        _first_scan(today, again)
        today.counts["agents_returned"] += 1
    return leaving


def _arrivals(today: Day) -> None:
    world, chance = today.world, today.world.random
    sites = [site.index for site in world.peopled_sites() if site.state == estate.ACTIVE]
    if not sites:
        return
    wanted = [chance.choice(sites) for _ in range(today.some(APPEARING))]
    if world.day % 5 == 0:
        wanted += [len(world.sites) - 1] * 2
    for site in wanted:
        created = today.begin + 1 + chance.randrange(clock.DAY - 10 * clock.SECOND)
        _first_scan(today, installing.agent(world, site, created))
        today.counts["agents_added"] += 1


def _first_scan(today: Day, agent: Agent) -> None:
    world = today.world
    end = today.begin + clock.DAY - 1
    agent.updated = agent.last_active = agent.last_scan = agent.created + (end - agent.created) // 2
    if world.sites[agent.site].scanned:
        for pair in installing.risks(world, agent, world.risks_per_agent):
            time = agent.created + 1 + world.random.randrange(end - agent.created)
            today.detect(time, agent.index, pair)
            today.counts["risks_added"] += 1


def _scanned_sample(today: Day, risk_change: float) -> list[Agent]:
    """The agents whose risks change today, enough for the wanted number at a few each."""
    world = today.world
    living = [agent for agent in _living(world) if world.sites[agent.site].scanned]
    wanted = round(len(world.risks) * risk_change / PER_AGENT) + 1
    return world.random.sample(living, min(len(living), wanted))


def _rows_of(world: Estate, agents: set[int]) -> dict[int, list[int]]:
    held: dict[int, list[int]] = {agent: [] for agent in agents}
    for row, agent in enumerate(world.risks.agent):
        if agent in held:
            held[agent].append(row)
    return held


def _empty(today: Day, leaving: Iterable[Agent], held: dict[int, list[int]]) -> None:
    """An agent that leaves takes its risks with it: they become Removed."""
    flags = today.world.risks.flags
    for agent in leaving:
        for row in held[agent.index]:
            if not flags[row] & risks.REMOVED:
                flags[row] |= risks.REMOVED
                today.changed[row] = min(agent.decommissioned + 1, today.begin + clock.DAY - 1)
                today.counts["risks_removed"] += 1


def _risk_changes(today: Day, chosen: list[Agent], held: dict[int, list[int]], risk_change: float) -> None:
    world, chance = today.world, today.world.random
    if not chosen or not len(world.risks):
        return
    driven = today.counts["risks_added"] + today.counts["risks_removed"]
    wanted = max(len(KINDS), round(len(world.risks) * risk_change) - driven)
    actions = chance.choices(
        ("remove", "add", "again", "change"),
        (REMOVED_SHARE, ADDED_SHARE, AGAIN_SHARE, 1 - REMOVED_SHARE - ADDED_SHARE - AGAIN_SHARE),
        k=wanted,
    )
    actions[:4] = ["remove", "add", "again", "change"]
    for number, action in enumerate(actions):
        agent = chosen[number % len(chosen)]
        if action in ("add", "again"):
            _detect(today, agent, held[agent.index], again=action == "again")
        else:
            _alter(today, agent, held[agent.index], remove=action == "remove")


def _alter(today: Day, agent: Agent, rows: list[int], *, remove: bool) -> None:
    world, chance = today.world, today.world.random
    flags = world.risks.flags
    open_rows = [row for row in rows if not flags[row] & risks.REMOVED and row not in today.changed]
    if not open_rows:
        return
    row = chance.choice(open_rows)
    today.changed[row] = today.time()
    if remove:
        flags[row] |= risks.REMOVED
        today.counts["risks_removed"] += 1
        return
    today.counts["risks_changed"] += 1
    kind = chance.random()
    if kind < 0.4:
        flags[row] ^= risks.RESCORED
    elif kind < 0.6 or not world.sites[agent.site].vulnerability_management:
        flags[row] ^= risks.FALSE_POSITIVE
    else:
        other = [
            state
            for state in (0, risks.TO_BE_PATCHED, risks.ON_HOLD)
            if state != flags[row] & risks.MITIGATION
        ]
        flags[row] = flags[row] & ~risks.MITIGATION | chance.choice(other)


def _detect(today: Day, agent: Agent, rows: list[int], *, again: bool) -> None:
    """Detect a risk: one removed before today under a new id (`again`), or one never seen there."""
    world, chance = today.world, today.world.random
    table, catalogue = world.risks, world.catalogue
    pending = today.found.get(agent.index, set())
    present = {table.pair[row] for row in rows if not table.flags[row] & risks.REMOVED}
    past = {table.pair[row] for row in rows if row not in today.changed and table.pair[row] not in present}
    if again:
        choices = sorted(past - pending)
    else:
        seen = {table.pair[row] for row in rows} | pending
        choices = [
            pair
            for index in agent.applications
            for pair in range(catalogue.versions[index].first, catalogue.versions[index].last)
            if pair not in seen
        ]
    if not choices:
        return
    today.detect(today.time(), agent.index, chance.choice(choices))
    today.counts["risks_redetected" if again else "risks_added"] += 1


def _settle(today: Day) -> None:
    """Write the day's detections and changes in time order; no two detections share a time."""
    table = today.world.risks
    latest = table.detected[-1] if len(table) else 0
    for time, agent, pair in sorted(today.added):
        latest = max(latest + 1, time)
        table.append(latest, agent, pair)
    table.record([(time, row) for row, time in today.changed.items()])
