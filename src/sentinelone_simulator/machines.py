"""What an agent's computer is: facts that follow from its platform and its noise."""

from sentinelone_simulator import dice
from sentinelone_simulator.estate import Agent

OS_TYPES = {"W": "windows", "S": "windows", "U": "linux", "M": "macos"}
OS_NAMES = {"U": "Linux", "M": "OS X"}
AGENT_VERSIONS = {
    "W": ("23.4.6.347", "24.1.5.277", "24.2.3.471", "25.1.2.105"),
    "S": ("23.4.6.347", "24.1.5.277", "24.2.3.471", "25.1.2.105"),
    "U": ("23.4.2.14", "24.1.2.6", "24.3.2.8"),
    "M": ("23.4.1.7125", "24.2.2.7632", "24.4.1.7830"),
}
INSTALLERS = {"W": (".msi", ".exe"), "S": (".msi", ".exe"), "U": (".deb",), "M": (".pkg",)}
MODELS = {
    "W": ("Dell Inc. - Latitude 7440", "LENOVO - 21CBCTO1WW", "HP - HP EliteBook 840 G9"),
    "S": ("VMware, Inc. - VMware20,1", "Dell Inc. - PowerEdge R650", "Xen HVM domU"),
    "U": ("Xen HVM domU", "Amazon EC2 - t3.medium", "QEMU Standard PC"),
    "M": ("MacBookPro18,3", "Mac14,2", "Macmini9,1"),
}
PROCESSORS = (
    "Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz",
    "13th Gen Intel(R) Core(TM) i7-1355U",
    "AMD EPYC 7R13 Processor",
    "Apple M1 Pro",
)


def trait(agent: Agent, salt: int, choices: int) -> int:
    """A number below `choices` that this agent always has for this salt."""
    return dice.mix(agent.noise, salt) % choices


def os_type(agent: Agent) -> str:
    return OS_TYPES[agent.platform]


def machine_type(agent: Agent) -> str:
    if agent.platform in "SU":
        return "server"
    if agent.platform == "M":
        return "laptop" if trait(agent, 20, 4) else "desktop"
    return ("desktop", "laptop", "laptop")[trait(agent, 20, 3)]


def agent_version(agent: Agent) -> str:
    versions = AGENT_VERSIONS[agent.platform]
    return versions[trait(agent, 21, len(versions))]


def domain(agent: Agent) -> str:
    if agent.domain:
        return agent.domain
    if agent.platform == "U":
        return "us-west-2.compute.internal" if in_cloud(agent) else "unknown"
    if agent.platform == "M" or trait(agent, 22, 5) == 0:
        return "WORKGROUP" if agent.platform != "M" else "local"
    return ("CONTOSO", "CORP", "AD", "BÜRO")[trait(agent, 23, 4)]


def in_cloud(agent: Agent) -> bool:
    return agent.platform in "SU" and trait(agent, 24, 3) == 0


def network_status(agent: Agent) -> str:
    if agent.connected:
        return "connected"
    return "disconnected" if trait(agent, 25, 6) else "connecting"


def scan_failed(agent: Agent) -> bool:
    return trait(agent, 26, 50) == 0
