"""Rows of the application inventory (API notes 3.3)."""

import html

from sentinelone_simulator import clock, machines
from sentinelone_simulator.catalogue import Version
from sentinelone_simulator.estate import Agent, Estate

Row = dict[str, object]


def escaped(vendor: str) -> str:
    return html.escape(vendor, quote=False)


def aggregate(name: str, vendor: str, versions: int, endpoints: int) -> Row:
    return {
        "applicationName": name,
        "applicationVendor": escaped(vendor),
        "applicationVersionsCount": versions,
        "endpointsCount": endpoints,
        "estimate": False,
    }


def installed_at(agent: Agent, version: Version) -> int:
    return agent.created + (version.index * 7919 % 30) * clock.DAY


def installation(estate: Estate, agent: Agent, version: Version) -> Row:
    site = estate.sites[agent.site]
    system = estate.catalogue.versions[agent.operating_system]
    product = version.name.split(" ")[0].lower()
    return {
        "id": str(agent.id + version.index + 1),
        "endpointId": str(agent.id),
        "endpointUuid": agent.uuid,
        "endpointName": agent.name,
        "endpointType": machines.machine_type(agent),
        "osType": machines.os_type(agent),
        "osName": machines.OS_NAMES.get(agent.platform, system.name),
        "osVersion": system.version,
        "osArch": "64 bit",
        "accountName": estate.accounts[site.account].name,
        "siteName": site.name,
        "groupName": estate.groups[agent.group].name,
        "applicationName": version.name,
        "version": version.version,
        "detectionDate": clock.precise(installed_at(agent, version) + 710_569),
        "applicationInstallationDate": clock.coarse(installed_at(agent, version)),
        "applicationInstallationPath": None,
        "fileSize": None if machines.trait(agent, 90 + version.index, 3) else 5_632_000,
        "coreCount": (2, 4, 8, 10)[machines.trait(agent, 16, 4)],
        "cpuCount": 1,
        "cpe": f"cpe:2.3:a:{product}:{product}:{version.version.replace(':', chr(92) + ':')}:*:*:*:*:*:*:*",
    }


def application(agent: Agent, version: Version) -> Row:
    return {
        "name": version.application,
        "version": version.version,
        "publisher": version.vendor,
        "size": 0 if agent.platform == "U" else 5_632 + version.index,
        "installedDate": clock.coarse(installed_at(agent, version)),
    }
