"""Rows of /threats: nested, never flat (API notes 4)."""

import hashlib

from sentinelone_simulator import clock, estate, incidents, machines
from sentinelone_simulator.estate import Agent, Estate
from sentinelone_simulator.incidents import Incident
from sentinelone_simulator.wire import agents

Row = dict[str, object]
STATUSES = ("unresolved", "in_progress", "resolved")
VERDICTS = ("undefined", "true_positive", "false_positive", "suspicious")
OLD = 600 * clock.DAY
# name, folder, classification, engine, static or dynamic, confidence; by operating system
FILES = {
    "windows": (
        ("invoice_2026-04.exe", "\\Users\\anna.berg\\Downloads", "Trojan", "On-Write Static AI", "static", "malicious"),
        ("mimikatz.exe", "\\Temp", "Infostealer", "Behavioral AI", "dynamic", "malicious"),
        ("PDFConverterPro.msi", "\\Users\\j.smith\\Desktop", "PUA", "On-Write Static AI", "static", "suspicious"),
        ("decrypt_me.exe", "\\ProgramData", "Ransomware", "Anti Exploitation / Fileless", "dynamic", "malicious"),
        ("eicar.com", "\\Users\\m.garcia\\Downloads", "Malware", "SentinelOne Cloud", "static", "malicious"),
    ),
    "linux": (
        ("xmrig", "/srv/.x", "Cryptominer", "Behavioral AI", "dynamic", "malicious"),
        ("kdevtmpfsi", "/opt/.cache", "Malware", "SentinelOne Cloud", "static", "malicious"),
    ),
    "macos": (
        ("Player Installer.app", "/Users/li.wei/Downloads", "Adware", "On-Write Static AI", "static", "suspicious"),
        ("updater.dylib", "/Library/Caches", "Backdoor", "Behavioral AI", "dynamic", "malicious"),
    ),
}  # fmt: skip
File = tuple[str, str, str, str, str, str]


def file_of(threat: Incident) -> File:
    files = FILES[machines.os_type(threat.agent)]
    return files[threat.trait(1, len(files))]


def digest(kind: str, threat: Incident) -> str:
    return hashlib.new(
        kind, f"{file_of(threat)[0]} {threat.trait(2, 9)}".encode(), usedforsecurity=False
    ).hexdigest()


def mitigation_status(threat: Incident) -> str:
    if threat.open:
        return "not_mitigated"
    return "marked_as_benign" if threat.verdict == incidents.FALSE_POSITIVE else "mitigated"


def row(world: Estate, threat: Incident) -> Row:
    return {
        "id": str(threat.id),
        "threatInfo": _info(threat),
        "agentDetectionInfo": _then(world, threat),
        "agentRealtimeInfo": _now(world, threat.agent),
        "mitigationStatus": []
        if threat.open
        else [_mitigation(threat, "kill"), _mitigation(threat, "quarantine")],
        "indicators": _indicators(threat),
        "containerInfo": dict.fromkeys(("id", "name", "image", "labels", "isContainerQuarantine")),
        "kubernetesInfo": dict.fromkeys(_KUBERNETES),
        "ecsInfo": dict.fromkeys(_ECS),
        "whiteningOptions": ["hash", "path"],
    }


def _info(threat: Incident) -> Row:
    name, folder, classification, engine, way, confidence = file_of(threat)
    windows = machines.os_type(threat.agent) == "windows"
    path = f"\\Device\\HarddiskVolume3{folder}\\{name}" if windows else f"{folder}/{name}"
    found, last = clock.precise(threat.at), clock.precise(threat.updated)
    return {
        "threatId": str(threat.id),
        "threatName": name,
        "analystVerdict": VERDICTS[threat.verdict],
        "analystVerdictDescription": VERDICTS[threat.verdict].replace("_", " ").capitalize(),
        "incidentStatus": STATUSES[threat.status],
        "incidentStatusDescription": STATUSES[threat.status].replace("_", " ").capitalize(),
        "mitigationStatus": mitigation_status(threat),
        "mitigationStatusDescription": mitigation_status(threat).replace("_", " ").capitalize(),
        "mitigatedPreemptively": False,
        "confidenceLevel": confidence,
        "classification": classification,
        "classificationSource": "Static" if way == "static" else "Behavioral",
        "detectionType": way,
        "engines": [engine],
        "detectionEngines": [{"key": engine.lower().replace(" ", "_"), "title": engine}],
        "initiatedBy": "agent_policy",
        "initiatedByDescription": "Agent Policy",
        "initiatingUserId": None,
        "initiatingUsername": None,
        "createdAt": found,
        "identifiedAt": found,
        "updatedAt": last,
        "filePath": path,
        "fileSize": 20_480 + threat.trait(3, 4_000_000),
        "fileExtension": name.rpartition(".")[2].upper() if "." in name else "",
        "fileExtensionType": "Executable",
        "fileVerificationType": "NotSigned",
        "isFileless": False,
        "isValidCertificate": False,
        "certificateId": "",
        "publisherName": "",
        "sha1": digest("sha1", threat),
        "sha256": None if threat.trait(4, 3) else digest("sha256", threat),
        "md5": None if threat.trait(4, 3) else digest("md5", threat),
        "collectionId": str(threat.id - 1_024),
        "storyline": f"{threat.noise & 0xFFFFFFFFFFFF:016X}",
        "originatorProcess": "explorer.exe" if windows else "bash",
        "processUser": f"CORP\\{name[:5]}" if windows else "root",
        "maliciousProcessArguments": None,
        "rootProcessUpn": None,
        "browserType": None,
        "macroModules": [],
        "reachedEventsLimit": False,
        "externalTicketId": None,
        "externalTicketExists": False,
        "automaticallyResolved": False,
        "cloudFilesHashVerdict": "black" if confidence == "malicious" else "suspicious",
        "failedActions": False,
        "rebootRequired": False,
        "pendingActions": False,
    }


def _then(world: Estate, threat: Incident) -> Row:
    """The agent when it caught this; nothing of it is known of old threats."""
    agent = threat.agent
    site = world.sites[agent.site]
    account = world.accounts[site.account]
    known: Row = {
        "accountId": str(account.id),
        "accountName": account.name,
        "siteId": str(site.id),
        "siteName": site.name,
        "groupId": str(world.groups[agent.group].id),
        "groupName": world.groups[agent.group].name,
        "agentDomain": machines.domain(agent),
        "agentUuid": agent.uuid,
        "agentVersion": machines.agent_version(agent),
        "assetVersion": machines.agent_version(agent),
        "agentOsName": machines.OS_NAMES.get(agent.platform, "Windows"),
        "agentOsRevision": world.catalogue.versions[agent.operating_system].version,
        "agentRegisteredAt": clock.precise(agent.created - 4_647),
        "agentMitigationMode": "protect",
        "agentDetectionState": "full_mode",
        "agentIpV4": "10.0.0.4",
        "agentIpV6": "",
        "externalIp": f"203.0.113.{threat.trait(5, 254) + 1}",
        "agentLastLoggedInUserName": "",
        "agentLastLoggedInUserMail": None,
        "agentLastLoggedInUpn": None,
        "cloudProviders": {},
    }
    return dict.fromkeys(known) if threat.at < clock.START - OLD else known


def _now(world: Estate, agent: Agent) -> Row:
    """The agent as /agents has it now, under the names that threats use."""
    row = agents.row(world, agent)
    gone = agent.state != estate.ACTIVE
    same = {key: row[key] for key in _SAME}
    renamed = {name: row[key] for name, key in _RENAMED.items()}
    return {
        **same,
        **renamed,
        "networkInterfaces": [
            {key: value for key, value in interface.items() if not key.startswith("gateway")}
            for interface in agents.interfaces(agent)
        ],
        "agentIsDecommissioned": gone,
        "agentDecommissionedAt": True if gone else None,
        "rebootRequired": False,
    }


_SAME = (
    "accountId", "accountName", "siteId", "siteName", "groupId", "groupName", "activeThreats", "scanStatus",
    "scanStartedAt", "scanFinishedAt", "scanAbortedAt", "userActionsNeeded", "operationalState", "storageType",
    "storageName",
)  # fmt: skip
_RENAMED = {
    "agentId": "id",
    "agentUuid": "uuid",
    "agentComputerName": "computerName",
    "agentDomain": "domain",
    "agentIsActive": "isActive",
    "agentMachineType": "machineType",
    "agentNetworkStatus": "networkStatus",
    "agentOsName": "osName",
    "agentOsType": "osType",
    "agentOsRevision": "osRevision",
    "agentVersion": "agentVersion",
    "agentMitigationMode": "mitigationMode",
    "agentInfected": "infected",
}
_KUBERNETES = (
    "cluster", "namespace", "pod", "node", "nodeLabels", "namespaceLabels", "podLabels", "controllerKind",
    "controllerName", "controllerLabels", "isContainerQuarantine",
)  # fmt: skip
_ECS = (
    "type", "version", "clusterName", "taskArn", "taskAvailabilityZone", "serviceName", "serviceArn",
    "taskDefinitionFamily", "taskDefinitionRevision", "taskDefinitionArn",
)  # fmt: skip


def _mitigation(threat: Incident, action: str) -> Row:
    begun = clock.precise(threat.at + 1_500_000)
    return {
        "action": action,
        "status": "success",
        "reportId": str(threat.id + 2_048),
        "lastUpdate": begun,
        "latestReport": None,
        "groupNotFound": False,
        "agentSupportsReport": True,
        "actionsCounters": {"total": 1, "success": 1, "failed": 0, "pendingReboot": 0, "notFound": 0},
        "mitigationStartedAt": begun,
        "mitigationEndedAt": clock.precise(threat.at + 2_750_000),
    }


def _indicators(threat: Incident) -> list[Row]:
    if file_of(threat)[4] == "static":
        return []
    technique = {"name": "T1003.001", "link": "https://attack.mitre.org/techniques/T1003/001/"}
    return [
        {
            "ids": [417],
            "category": "InfoStealer",
            "categoryId": 11,
            "description": "Read the memory of a process that holds credentials",
            "tactics": [{"name": "Credential Access", "source": "MITRE", "techniques": [technique]}],
        }
    ]
