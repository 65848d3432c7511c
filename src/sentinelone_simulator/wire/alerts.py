"""Rows of /cloud-detection/alerts: mostly nulls, numbers as texts, 1970 for a time that is none (API notes 4)."""

import hashlib

from sentinelone_simulator import clock, machines
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.incidents import Incident
from sentinelone_simulator.wire.agents import Row

STATUSES = ("Unresolved", "In progress", "Resolved")
VERDICTS = ("Undefined", "True positive", "False positive", "Suspicious")
NEVER = "1970-01-01T00:00:00Z"
# name, severity, query, event, process
RULES = (
    ("Suspicious download", "High", 'CmdLine ContainsCIS "DownloadString"', "PROCESSCREATION", "powershell.exe"),
    ("New local administrator", "Medium", 'CmdLine ContainsCIS "net localgroup"', "PROCESSCREATION", "net.exe"),
    ("Connection to a known bad address", "Critical", 'DstIP In ("198.51.100.7")', "TCPV4", "svchost.exe"),
    ("Remote access tool", "Low", 'SrcProcName In ("anydesk.exe")', "PROCESSCREATION", "anydesk.exe"),
    ("Cron job changed", "Info", 'TgtFilePath ContainsCIS "/etc/cron"', "FILEMODIFICATION", "crontab"),
)  # fmt: skip
Rule = tuple[str, str, str, str, str]


def rule_of(alert: Incident) -> Rule:
    return RULES[alert.trait(1, len(RULES))]


def row(world: Estate, alert: Incident) -> Row:
    return {
        "alertInfo": _info(alert),
        "ruleInfo": _rule(alert),
        "agentDetectionInfo": _agent(world, alert),
        "sourceProcessInfo": _process(alert, rule_of(alert)[4], 2),
        "sourceParentProcessInfo": _process(alert, "explorer.exe", 3),
        "targetProcessInfo": {
            **dict.fromkeys(_TARGET),
            "tgtFileCreatedAt": NEVER,
            "tgtFileModifiedAt": NEVER,
            "tgtProcessStartTime": NEVER,
            "tgtProcIntegrityLevel": "unknown",
            "tgtFileIsSigned": "unsigned",
        },
        "containerInfo": dict.fromkeys(("id", "name", "image", "labels")),
        "kubernetesInfo": dict.fromkeys(_KUBERNETES),
    }


def _info(alert: Incident) -> Row:
    outgoing = rule_of(alert)[3] == "TCPV4"
    return {
        **dict.fromkeys(_INFO),
        "alertId": str(alert.id),
        "analystVerdict": VERDICTS[alert.verdict],
        "incidentStatus": STATUSES[alert.status],
        "hitType": "Events",
        "eventType": rule_of(alert)[3],
        "source": machines.OS_TYPES[alert.agent.platform].upper(),
        "isEdr": True,
        "dvEventId": f"01{alert.noise & 0xFFFFFFFFFFFF:024X}",
        "createdAt": clock.precise(alert.at),
        "reportedAt": clock.precise(alert.at + 2_117_338),
        "updatedAt": clock.precise(alert.updated + 2_117_338),
        "netEventDirection": "OUTGOING" if outgoing else None,
        "dstIp": "198.51.100.7" if outgoing else None,
        "dstPort": "443" if outgoing else None,
        "srcIp": "10.0.0.4" if outgoing else None,
        "srcPort": str(49_152 + alert.trait(4, 16_000)) if outgoing else None,
    }


def _rule(alert: Incident) -> Row:
    name, severity, query, _, _ = rule_of(alert)
    return {
        "id": str(433_241_117_337_590_000 + RULES.index(rule_of(alert))),
        "name": name,
        "severity": severity,
        "description": None,
        "s1ql": query,
        "queryLang": "1.0",
        "queryType": "events",
        "scopeLevel": "account",
        "treatAsThreat": "UNDEFINED",
    }


def _agent(world: Estate, alert: Incident) -> Row:
    agent = alert.agent
    site = world.sites[agent.site]
    return {
        "uuid": agent.uuid,
        "name": agent.name,
        "siteId": str(site.id),
        "accountId": str(world.accounts[site.account].id),
        "osFamily": machines.os_type(agent),
        "osName": machines.OS_NAMES.get(agent.platform, "Windows"),
        "osRevision": world.catalogue.versions[agent.operating_system].version,
        "machineType": machines.machine_type(agent),
        "version": machines.agent_version(agent),
    }


def _process(alert: Incident, name: str, salt: int) -> Row:
    plain = f"{name} {alert.trait(salt, 5)}".encode()
    return {
        "name": name,
        "pid": str(400 + alert.trait(10 + salt, 9_000)),
        "pidStarttime": clock.precise(alert.at - 731_000),
        "uniqueId": f"{alert.trait(20 + salt, 1 << 62):016X}",
        "storyline": f"{alert.trait(30 + salt, 1 << 62):016X}",
        "user": "NT AUTHORITY\\SYSTEM",
        "effectiveUser": None,
        "realUser": None,
        "loginUser": None,
        "commandline": f'"{name}"',
        "filePath": f"C:\\Windows\\System32\\{name}",
        "fileHashSha1": hashlib.sha1(plain, usedforsecurity=False).hexdigest(),
        "fileHashSha256": hashlib.sha256(plain).hexdigest(),
        "fileHashMd5": hashlib.md5(plain, usedforsecurity=False).hexdigest(),
        "fileSignerIdentity": "MICROSOFT WINDOWS",
        "integrityLevel": "high",
        "subsystem": "sys_win32",
    }


_INFO = (
    "dnsRequest", "dnsResponse", "indicatorCategory", "indicatorDescription", "indicatorName", "loginAccountDomain",
    "loginAccountSid", "loginIsAdministratorEquivalent", "loginIsSuccessful", "loginType", "loginsUserName",
    "modulePath", "moduleSha1", "registryKeyPath", "registryOldValue", "registryOldValueType", "registryPath",
    "registryValue", "srcMachineIp", "tiIndicatorComparisonMethod", "tiIndicatorSource", "tiIndicatorType",
    "tiIndicatorValue",
)  # fmt: skip
_TARGET = (
    "tgtFileHashSha1", "tgtFileHashSha256", "tgtFileId", "tgtFileOldPath", "tgtFilePath", "tgtProcCmdLine",
    "tgtProcImagePath", "tgtProcName", "tgtProcPid", "tgtProcSignedStatus", "tgtProcStorylineId", "tgtProcUid",
)  # fmt: skip
_KUBERNETES = (
    "cluster", "controllerKind", "controllerLabels", "controllerName", "namespace", "namespaceLabels", "node", "pod",
    "podLabels",
)  # fmt: skip
