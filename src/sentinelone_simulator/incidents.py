"""What the agents caught: threats, and alerts of detection rules, years back and new ones every day.

All follows from an agent's noise and the console's time, so it costs nothing until somebody asks, and the same
incident is always the same. An infected agent has one threat that stays open for as long as the agent does; the
others are mitigated at once and worked off by analysts within days, each step moving `updated`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sentinelone_simulator import clock, dice, estate
from sentinelone_simulator.estate import Agent, Estate

THREAT, ALERT = 1, 2
# In how many agents one has a past, and on how many of an agent's days something new happens: one in so many.
PAST = {THREAT: 6, ALERT: 4}
DAILY = {THREAT: 90, ALERT: 40}
UNRESOLVED, IN_PROGRESS, RESOLVED = range(3)
UNDEFINED, TRUE_POSITIVE, FALSE_POSITIVE, SUSPICIOUS = range(4)


@dataclass(frozen=True, slots=True)
class Incident:
    """`status` and `verdict` are as of the moment for which it was made."""

    id: int
    kind: int
    agent: Agent
    noise: int
    at: int
    updated: int
    status: int
    verdict: int
    open: bool

    def trait(self, salt: int, choices: int) -> int:
        """A number below `choices` that this incident always has for this salt."""
        return dice.mix(self.noise, salt) % choices


def found(world: Estate, kind: int) -> list[Incident]:
    """All threats or all alerts of agents that the console knows, oldest first."""
    everything = (each for agent in world.listed_agents() for each in _of(world, agent, kind))
    return sorted((each for each in everything if each.at <= world.now), key=lambda incident: incident.id)


def _of(world: Estate, agent: Agent, kind: int) -> Iterator[Incident]:
    if kind == THREAT and agent.caught:
        yield _incident(world, agent, kind, agent.created + 3600 * clock.SECOND, 0, lasting=True)
    if dice.mix(agent.noise, kind, 1) % PAST[kind] == 0 and agent.created < clock.START - clock.DAY:
        life = clock.START - clock.DAY - agent.created
        for number in range(1 + dice.mix(agent.noise, kind, 2) % 3):
            offset = dice.mix(agent.noise, kind, 3, number) % life
            yield _incident(world, agent, kind, agent.created + offset, 1 + number)
    for day in range(world.day):
        noise = dice.mix(agent.noise, kind, 4, day)
        at = clock.START + day * clock.DAY + 1 + (noise >> 8) % (clock.DAY - 2)
        lives = agent.created < at and not (agent.decommissioned and agent.decommissioned < at)
        if lives and noise % DAILY[kind] == 0:
            yield _incident(world, agent, kind, at, 10 + day)


def _incident(
    world: Estate, agent: Agent, kind: int, at: int, number: int, *, lasting: bool = False
) -> Incident:
    noise = dice.mix(agent.noise, kind, 5, number)
    status, updated = _progress(world.now, agent, noise, at, lasting=lasting)
    verdicts = {
        UNRESOLVED: (UNDEFINED,),
        IN_PROGRESS: (UNDEFINED, SUSPICIOUS),
        RESOLVED: (TRUE_POSITIVE, TRUE_POSITIVE, FALSE_POSITIVE),
    }[status]
    verdict = verdicts[noise % len(verdicts)]
    return Incident(
        clock.snowflake(at, noise), kind, agent, noise, at, updated, status, verdict, lasting and not status
    )


def _progress(now: int, agent: Agent, noise: int, at: int, *, lasting: bool) -> tuple[int, int]:
    """How far analysts are, and when they got there; some never look."""
    if lasting:
        ended = agent.decommissioned if agent.state != estate.ACTIVE else 0
        return (RESOLVED, ended) if ended else (UNRESOLVED, at)
    if noise % 5 == 0:
        return UNRESOLVED, at
    begun = at + 1 + (noise >> 4) % (2 * clock.DAY)
    done = begun + 1 + (noise >> 12) % (4 * clock.DAY)
    if done <= now:
        return RESOLVED, done
    return (IN_PROGRESS, begun) if begun <= now else (UNRESOLVED, at)
