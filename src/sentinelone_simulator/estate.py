"""The estate behind the console: accounts, sites, groups, agents and their risks.

Plain state and look-ups only: `founding` fills it, `days` changes it, `wire` shows it.
Indexes are positions in the lists here and never change; ids are what the API shows.
"""

from array import array
from dataclasses import dataclass, field
from random import Random

from sentinelone_simulator import clock
from sentinelone_simulator.catalogue import Catalogue
from sentinelone_simulator.risks import Risks

ACTIVE = "active"
DECOMMISSIONED = "decommissioned"
UNINSTALLED = "uninstalled"
EXPIRED = "expired"
DELETED = "deleted"
PURGED = "purged"  # unknown to /agents, while its risks are still listed


@dataclass(slots=True)
class Account:
    index: int
    id: int
    name: str
    created: int
    updated: int
    state: str = ACTIVE
    external_id: str | None = None


@dataclass(slots=True)
class Site:
    index: int
    id: int
    name: str
    account: int
    created: int
    updated: int
    state: str = ACTIVE
    vulnerability_management: bool = True
    scanned: bool = True  # settings' vulnerabilitiesScanEnabled
    external_id: str | None = None
    ended: int | None = None  # when somebody let it expire, or deleted it
    with_account: bool = False  # it expired because its account did


@dataclass(slots=True)
class Group:
    index: int
    id: int
    name: str
    site: int
    created: int
    updated: int
    is_default: bool = True


@dataclass(slots=True)
class Agent:
    """An installation of the agent; `noise` decides everything about it that never changes."""

    index: int
    id: int
    noise: int
    platform: str
    name: str
    uuid: str
    site: int
    group: int
    created: int
    updated: int
    last_active: int
    last_scan: int
    state: str = ACTIVE
    connected: bool = True
    infected: bool = False
    caught: bool = False  # was infected when it was installed: it has a threat that lasts
    operating_system: int = 0  # a version of the catalogue
    decommissioned: int = 0
    applications: "array[int]" = field(default_factory=lambda: array("H"))
    domain: str = ""  # that it was made to join; otherwise it follows from the noise


@dataclass(slots=True, repr=False)
class Estate:
    seed: int
    random: Random
    catalogue: Catalogue
    risks_per_agent: int
    without: frozenset[str] = frozenset()  # licence modules that nothing here has
    accounts: list[Account] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    risks: Risks = field(default_factory=Risks)
    day: int = 0
    now: int = clock.START
    generation: int = 0  # grows with every change; what is cached belongs to one generation

    def account_of(self, site: int) -> Account:
        return self.accounts[self.sites[site].account]

    def groups_of(self, site: int) -> list[Group]:
        return [group for group in self.groups if group.site == site]

    def listed_agents(self) -> list[Agent]:
        """All that /agents knows, whatever their state."""
        return [agent for agent in self.agents if agent.state != PURGED]

    def peopled_sites(self) -> list[Site]:
        """Sites in which agents live and are scanned."""
        return [site for site in self.sites if site.state != DELETED and site.scanned]
