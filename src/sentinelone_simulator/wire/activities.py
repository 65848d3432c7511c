"""Rows of /activities: ids are texts, but numbers inside `data` (API notes 4)."""

import uuid

from sentinelone_simulator import clock, dice, happenings, incidents, machines
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.happenings import Happening
from sentinelone_simulator.users import FOUNDER
from sentinelone_simulator.wire import threats
from sentinelone_simulator.wire.agents import Row


def row(world: Estate, what: Happening) -> Row:
    agent, incident = what.agent, what.incident
    threat = incident if incident and incident.kind == incidents.THREAT else None
    by_user = what.kind in (happenings.SITE_MADE, happenings.LOGIN, happenings.THREAT_STATUS)
    when = clock.precise(what.at)
    return {
        "id": str(what.id),
        "activityUuid": str(uuid.UUID(int=dice.mix(what.id) << 64 | dice.mix(what.id, 1), version=4)),
        "activityType": what.kind,
        "createdAt": when,
        "updatedAt": when,
        "primaryDescription": what.text(world),
        "secondaryDescription": agent.uuid if agent else None,
        "description": None,
        "comments": None,
        "hash": threats.digest("sha1", threat) if threat else None,
        "osFamily": machines.os_type(agent) if agent else None,
        "agentUpdatedVersion": None,
        "userId": FOUNDER[0] if by_user else None,
        "agentId": str(agent.id) if agent else None,
        "threatId": str(threat.id) if threat else None,
        **_scope(world, what),
        "data": _data(world, what),
    }


def _scope(world: Estate, what: Happening) -> Row:
    if what.site is None:
        return dict.fromkeys(("accountId", "accountName", "siteId", "siteName", "groupId", "groupName"))
    site = world.sites[what.site]
    account = world.accounts[site.account]
    group = world.groups[what.agent.group] if what.agent else None
    return {
        "accountId": str(account.id),
        "accountName": account.name,
        "siteId": str(site.id),
        "siteName": site.name,
        "groupId": str(group.id) if group else None,
        "groupName": group.name if group else None,
    }


def _data(world: Estate, what: Happening) -> Row:
    data: Row = {"userScope": "tenant", "fullScopeDetails": "Global"}
    if what.site is not None:
        site = world.sites[what.site]
        account = world.accounts[site.account]
        data |= {
            "accountId": account.id,
            "accountName": account.name,
            "siteName": site.name,
            "scopeId": site.id,
            "scopeLevel": "Site",
            "fullScopeDetails": f"Site {site.name} of Account {account.name}",
        }
    if what.agent:
        data["computerName"] = what.agent.name
    return data


def kind(number: int) -> Row:
    action, text = happenings.KINDS[number]
    return {"id": number, "action": action, "descriptionTemplate": text}
