"""The console's activities: what happened to sites, agents and threats, in the order in which it happened.

They follow from the estate and its incidents, as those do from the seed. What number a kind of activity has on a
real console is not published beyond the list of numbers; names and texts here are close to recorded ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sentinelone_simulator import clock, dice, estate, incidents
from sentinelone_simulator.estate import Agent, Estate
from sentinelone_simulator.incidents import Incident
from sentinelone_simulator.wire import alerts, threats

SITE_MADE, REGISTERED, DECOMMISSIONED, UNINSTALLED = 5020, 17, 47, 51
THREAT_FOUND, THREAT_MITIGATED, THREAT_STATUS, RULE_HIT, LOGIN = 19, 2004, 3018, 3608, 27
# number: action, text
KINDS = {
    SITE_MADE: ("Site Created", "The management user {user} created {site}."),
    REGISTERED: ("Agent Subscribed", "The Agent {computer} registered to {site}."),
    DECOMMISSIONED: ("Agent Decommissioned", "The Agent {computer} was decommissioned."),
    UNINSTALLED: ("Agent Uninstalled", "The Agent was uninstalled from {computer}."),
    THREAT_FOUND: ("New Threat", "Threat {threat} was detected on {computer}."),
    THREAT_MITIGATED: ("Threat Quarantined", "The Agent {computer} quarantined the threat {threat}."),
    THREAT_STATUS: ("Incident Status Changed", "The incident status of {threat} on {computer} was changed."),
    RULE_HIT: ("New Alert", "An alert was created by the rule {threat} on {computer}."),
    LOGIN: ("User Logged In", "The management user {user} logged in to the management console."),
}
USER = "Steven Example"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the activity log; without a site it is about the console as a whole."""

    id: int
    kind: int
    at: int
    site: int | None = None
    agent: Agent | None = None
    incident: Incident | None = None

    def text(self, world: Estate) -> str:
        return KINDS[self.kind][1].format(
            user=USER,
            site=None if self.site is None else world.sites[self.site].name,
            computer=self.agent.name if self.agent else None,
            threat=self._cause(),
        )

    def _cause(self) -> str | None:
        if self.incident is None:
            return None
        if self.incident.kind == incidents.THREAT:
            return threats.file_of(self.incident)[0]
        return alerts.rule_of(self.incident)[0]


def found(world: Estate, threat_list: list[Incident], alert_list: list[Incident]) -> list[Happening]:
    """All that happened until now, oldest first."""
    past = [
        *_of_sites(world),
        *_of_agents(world),
        *(each for threat in threat_list for each in _of_threat(threat)),
        *(_of_incident(RULE_HIT, alert, alert.at + 2_117_338) for alert in alert_list),
        *_of_users(world),
    ]
    return sorted((each for each in past if each.at <= world.now), key=lambda each: each.id)


def _happening(kind: int, at: int, low: int, site: int | None, agent: Agent | None = None) -> Happening:
    return Happening(clock.snowflake(at, low), kind, at, site, agent)


def _of_sites(world: Estate) -> Iterator[Happening]:
    for site in world.sites:
        yield _happening(SITE_MADE, site.created + 1, site.index, site.index)


def _of_agents(world: Estate) -> Iterator[Happening]:
    for agent in world.listed_agents():
        yield _happening(REGISTERED, agent.created, agent.index, agent.site, agent)
        if agent.state != estate.ACTIVE and agent.decommissioned:
            kind = UNINSTALLED if agent.state == estate.UNINSTALLED else DECOMMISSIONED
            yield _happening(kind, agent.decommissioned, agent.index, agent.site, agent)


def _of_threat(threat: Incident) -> Iterator[Happening]:
    yield _of_incident(THREAT_FOUND, threat, threat.at)
    if not threat.open:
        yield _of_incident(THREAT_MITIGATED, threat, threat.at + 2_750_000)
    if threat.updated > threat.at:
        yield _of_incident(THREAT_STATUS, threat, threat.updated)


def _of_incident(kind: int, incident: Incident, at: int) -> Happening:
    agent = incident.agent
    return Happening(clock.snowflake(at, incident.noise + kind), kind, at, agent.site, agent, incident)


def _of_users(world: Estate) -> Iterator[Happening]:
    """Somebody logs in every morning; the console remembers a month of it."""
    for day in range(-30, world.day + 1):
        at = clock.START + day * clock.DAY - dice.mix(world.seed, 9, day + 30) % (4 * 3600 * clock.SECOND)
        yield _happening(LOGIN, at, day & 0xFFF, None)
