"""Rows of /agents, null where recorded ones are null (API notes 4)."""

from sentinelone_simulator import clock, dice, machines, names
from sentinelone_simulator.estate import Agent, Estate
from sentinelone_simulator.machines import trait

Row = dict[str, object]


def row(estate: Estate, agent: Agent) -> Row:
    site, group = estate.sites[agent.site], estate.groups[agent.group]
    account = estate.accounts[site.account]
    scan_end = clock.precise(agent.created + 3 * 3600 * clock.SECOND)
    installers = machines.INSTALLERS[agent.platform]
    never_scanned = trait(agent, 1, 9) == 0
    outside = f"203.0.{trait(agent, 2, 256)}.{trait(agent, 3, 254) + 1}"
    return {
        "id": str(agent.id),
        "createdAt": clock.precise(agent.created),
        "updatedAt": clock.precise(agent.updated),
        "groupUpdatedAt": None,
        "policyUpdatedAt": None,
        "accountId": str(account.id),
        "accountName": account.name,
        "siteId": str(site.id),
        "siteName": site.name,
        "groupId": str(group.id),
        "groupName": group.name,
        "licenseKey": "",
        "uuid": agent.uuid,
        "agentVersion": machines.agent_version(agent),
        **_network(agent),
        "domain": machines.domain(agent),
        "computerName": agent.name,
        **_hardware(estate, agent),
        "externalIp": outside,
        "groupIp": f"{outside.rsplit('.', 1)[0]}.x",
        "activeThreats": int(agent.infected),
        "infected": agent.infected,
        "threatRebootRequired": False,
        "lastActiveDate": clock.precise(agent.last_active),
        "isActive": agent.connected,
        "isUpToDate": trait(agent, 4, 4) > 0,
        "networkStatus": machines.network_status(agent),
        "registeredAt": clock.precise(agent.created - 4_647),
        "isPendingUninstall": False,
        "isUninstalled": agent.state == "uninstalled",
        "isDecommissioned": agent.state == "decommissioned",
        "encryptedApplications": agent.platform == "M",
        "lastLoggedInUserName": "" if agent.platform == "U" else _person(agent),
        "activeDirectory": _directory(agent),
        "scanStatus": "none" if never_scanned else "finished",
        "scanStartedAt": None if never_scanned else clock.precise(agent.created + 46_079_268),
        "scanFinishedAt": None if never_scanned else scan_end,
        "scanAbortedAt": None,
        "fullDiskScanLastUpdatedAt": None if never_scanned else scan_end,
        "mitigationMode": "protect" if trait(agent, 5, 9) else "detect",
        "mitigationModeSuspicious": "detect",
        "userActionsNeeded": ["reboot_needed"] if trait(agent, 6, 30) == 0 else [],
        "missingPermissions": ["user_action_needed_fda"] if agent.platform == "M" else [],
        "consoleMigrationStatus": "N/A",
        "appsVulnerabilityStatus": "patch_required" if estate.sites[agent.site].scanned else "not_applicable",
        "inRemoteShellSession": False,
        "allowRemoteShell": trait(agent, 7, 2) == 0,
        "locations": None if trait(agent, 8, 2) else [_location(site.id)],
        "locationType": "not_supported" if trait(agent, 8, 2) else "fallback",
        "externalId": "",
        "machineSid": _sid(agent),
        "installerType": installers[trait(agent, 9, len(installers))],
        "rangerVersion": None if agent.platform in "UM" else "23.4.0.9",
        "rangerStatus": "NotApplicable" if agent.platform in "UM" else "Enabled",
        "operationalState": "na",
        "operationalStateExpiration": None,
        "remoteProfilingState": "disabled",
        "remoteProfilingStateExpiration": None,
        "networkQuarantineEnabled": False,
        "firewallEnabled": trait(agent, 10, 3) > 0,
        "locationEnabled": trait(agent, 8, 2) == 0,
        "cloudProviders": _cloud(agent),
        "storageType": None,
        "storageName": None,
        "detectionState": None if agent.platform == "U" else "full_mode",
        "firstFullModeTime": None,
        "tags": _tags(agent),
        "showAlertIcon": False,
        "lastSuccessfulScanDate": None if never_scanned else scan_end,
        "proxyStates": None if trait(agent, 11, 6) else _PROXY,
        "containerizedWorkloadCounts": None,
        "hasContainerizedWorkload": False,
        "isAdConnector": False,
        "isHyperAutomate": False,
        "activeProtection": ["edr"],
    }


_INTERFACES = ("Ethernet", "Wi-Fi", "vEthernet (WSL)")
_PROXY: Row = {
    "console": True,
    "deepVisibility": False,
    "pacFileUsage": False,
    "proxyMethod": "manual",
    "consoleProxyAddress": "10.0.0.3:8080",
    "deepVisibilityProxyAddress": None,
}


def _location(site: int) -> Row:
    return {"id": str(site + 1), "name": "Fallback", "scope": "global"}


def _hardware(estate: Estate, agent: Agent) -> Row:
    system = estate.catalogue.versions[agent.operating_system]
    models = machines.MODELS[agent.platform]
    if agent.platform == "U":
        name, revision = "Linux", f"Ubuntu 22.04.4 LTS {system.version}"
    elif agent.platform == "M":
        name, revision = "macOS", f"{system.version} (2{trait(agent, 12, 5)}G{trait(agent, 13, 90) + 10})"
    else:
        name, revision = system.name, system.version.split(".")[2]
    return {
        "osName": name,
        "osRevision": revision,
        "osArch": "ARM64" if agent.platform == "M" and trait(agent, 14, 3) else "64 bit",
        "osUsername": "root" if agent.platform == "U" else None,
        "osStartTime": clock.coarse(agent.last_active - trait(agent, 15, 40) * clock.DAY),
        "osType": machines.os_type(agent),
        "totalMemory": (3904, 8192, 16_070, 32_768)[trait(agent, 16, 4)],
        "modelName": models[trait(agent, 17, len(models))],
        "machineType": machines.machine_type(agent),
        "cpuId": machines.PROCESSORS[3 if agent.platform == "M" else trait(agent, 18, 3)],
        "cpuCount": 1,
        "coreCount": (2, 4, 8, 10)[trait(agent, 16, 4)],
        "serialNumber": None if trait(agent, 19, 2) else f"{dice.mix(agent.noise, 19):X}"[:10],
    }


def _address(agent: Agent) -> str:
    return f"10.{trait(agent, 30, 256)}.{trait(agent, 31, 256)}.{trait(agent, 32, 254) + 1}"


def _network(agent: Agent) -> Row:
    last = _address(agent) if agent.connected else None
    return {"networkInterfaces": interfaces(agent), "lastIpToMgmt": last}


def interfaces(agent: Agent) -> list[Row]:
    address = _address(agent)
    gateway = address.rsplit(".", 1)[0] + ".1"
    found: list[Row] = []
    for number in range(1 + trait(agent, 33, 3)):
        digits = f"{dice.mix(agent.noise, 40 + number):012X}"[:12]
        link = (
            f"fe80::{digits[:4].lower()}:{digits[4:6].lower()}ff:fe{digits[6:8].lower()}:{digits[8:].lower()}"
        )
        found.append(
            {
                "id": str(agent.id + 8_388_609 + number),
                "name": _INTERFACES[number] if agent.platform in "WS" else f"eth{number}",
                "physical": ":".join(digits[i : i + 2] for i in range(0, 12, 2)),
                "inet": [address if number == 0 else f"192.168.{number}.{trait(agent, 34, 254) + 1}"],
                "inet6": [link] if trait(agent, 35 + number, 3) else [],
                "gatewayMacAddress": "0a:ca:40:31:81:d5" if number == 0 else None,
                "gatewayIp": gateway if number == 0 else None,
            }
        )
    return found


def _person(agent: Agent) -> str:
    return names.PEOPLE[trait(agent, 50, len(names.PEOPLE))]


def _directory(agent: Agent) -> Row:
    domain = machines.domain(agent)
    if agent.platform not in "WS" or domain == "WORKGROUP":
        return {
            "lastUserDistinguishedName": None,
            "lastUserMemberOf": [],
            "computerDistinguishedName": None,
            "computerMemberOf": [],
            "userPrincipalName": None,
            "mail": None,
        }
    base = f"DC={domain.lower()},DC=example,DC=com"
    person = _person(agent)
    return {
        "lastUserDistinguishedName": f"CN={person},OU=Users,{base}",
        "lastUserMemberOf": [f"CN=Domain Users,CN=Users,{base}"],
        "computerDistinguishedName": f"CN={agent.name},OU=Computers,{base}",
        "computerMemberOf": [f"CN=Domain Computers,CN=Users,{base}"],
        "userPrincipalName": f"{person}@{domain.lower()}.example.com",
        "mail": None if trait(agent, 51, 2) else f"{person}@example.com",
    }


def _sid(agent: Agent) -> str | None:
    if agent.platform not in "WS":
        return None
    parts = (dice.mix(agent.noise, 60 + part) % 4_000_000_000 for part in range(3))
    return "S-1-5-21-" + "-".join(map(str, parts))


def _cloud(agent: Agent) -> Row:
    if not machines.in_cloud(agent):
        return {}
    return {
        "AWS": {
            "awsRole": None,
            "awsSecurityGroups": ["launch-wizard-5"],
            "awsSubnetIds": [f"subnet-{dice.mix(agent.noise, 70):017x}"[:24]],
            "cloudAccount": "193468595165",
            "cloudImage": "ami-0075013580f6322a1",
            "cloudInstanceId": f"i-0{dice.mix(agent.noise, 71):016x}",
            "cloudInstanceSize": "t2.medium",
            "cloudLocation": "us-west-2",
            "cloudNetwork": "vpc-01c8106aefd58d6ee",
            "cloudTags": ["Endpoint does not have sufficient permissions to fetch tags"],
        }
    }


def _tags(agent: Agent) -> Row:
    if trait(agent, 80, 8):
        return {"sentinelone": []}
    tag = {
        "id": str(agent.id + 4_194_305),
        "key": "owner",
        "value": _person(agent),
        "assignedAt": clock.precise(agent.created + clock.DAY),
        "assignedBy": "Steven Example",
        "assignedById": "433241117337583618",
    }
    return {"sentinelone": [tag]}
