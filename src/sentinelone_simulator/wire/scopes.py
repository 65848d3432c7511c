"""Rows of /accounts, /sites and /groups."""

import base64

import msgspec

from sentinelone_simulator import clock, dice
from sentinelone_simulator.estate import Account, Estate, Group, Site
from sentinelone_simulator.users import FOUNDER

MODULES = {
    "vulnerability_management": "Vulnerability Management",
    "rso": "Remote Script Orchestration",
    "star": "STAR",
}
EXPIRATION = clock.START + 400 * clock.DAY


def living(estate: Estate) -> list[int]:
    """How many agents each site has, the gone ones apart."""
    counts = [0] * len(estate.sites)
    for agent in estate.agents:
        counts[agent.site] += agent.state == "active"
    return counts


def modules(estate: Estate, *, managed: bool) -> list[str]:
    """The licence modules of a scope; only Vulnerability Management differs between sites."""
    names = (name for name in MODULES if name not in estate.without)
    return [name for name in names if managed or name != "vulnerability_management"]


def licenses(names: list[str], count: int) -> dict[str, object]:
    return {
        "bundles": [
            {
                "name": "complete",
                "displayName": "Complete",
                "majorVersion": 1,
                "minorVersion": 7,
                "totalSurfaces": count,
                "surfaces": [{"name": "Total Agents", "count": count}],
            }
        ],
        "modules": [{"name": name, "displayName": MODULES[name], "majorVersion": 1} for name in names],
        "settings": [
            {
                "groupName": "malicious_data_retention",
                "setting": "365 Days",
                "settingGroup": "malicious_data_retention",
                "settingGroupDisplayName": "Malicious Data Retention",
                "displayName": "365 Days",
            }
        ],
    }


def account(estate: Estate, row: Account, counts: list[int]) -> dict[str, object]:
    own = [site for site in estate.sites if site.account == row.index]
    agents = sum(counts[site.index] for site in own)
    managed = any(site.vulnerability_management for site in own)
    return {
        "id": str(row.id),
        "name": row.name,
        "isDefault": row.index == 0,
        "accountType": "Paid",
        "expiration": None,
        "salesforceId": None,
        "externalId": row.external_id,
        "state": row.state,
        "createdAt": clock.precise(row.created),
        "updatedAt": clock.precise(row.updated),
        "unlimitedExpiration": True,
        "activeAgents": agents,
        "skus": [{"type": "Complete", "totalLicenses": 0, "unlimited": True, "agentsInSku": agents}],
        "licenses": licenses(modules(estate, managed=managed), -1),
        "totalLicenses": 0,
        "usageType": "mssp" if row.index == 0 else "customer",
        "billingMode": "subscription",
        "irFields": None,
        "makeSocDefaultUi": False,
        "creator": FOUNDER[1],
        "creatorId": FOUNDER[0],
        "numberOfSites": sum(site.state == "active" for site in own),
        "coreSites": 0,
        "controlSites": 0,
        "completeSites": len(own),
        "totalCore": 0,
        "totalControl": 0,
        "totalComplete": 0,
        "unlimitedCore": False,
        "unlimitedControl": False,
        "unlimitedComplete": True,
        "agentsInCoreSku": 0,
        "agentsInControlSku": 0,
        "agentsInCompleteSku": agents,
    }


def site(estate: Estate, row: Site, counts: list[int]) -> dict[str, object]:
    total = total_licenses(row, counts)
    limited, follows = bool(total), inherits_expiration(row)
    return {
        "id": str(row.id),
        "name": row.name,
        "registrationToken": secret("site", row.id),
        "isDefault": row.index < 2,
        "healthStatus": True,
        "totalLicenses": total,
        "siteType": "Trial" if row.index % 7 == 6 else "Paid",
        "expiration": _expiration(row),
        "externalId": row.external_id,
        "description": None,
        "state": row.state,
        "suite": "Complete",
        "sku": "Complete",
        "createdAt": clock.precise(row.created),
        "updatedAt": clock.precise(row.updated),
        "accountId": str(estate.accounts[row.account].id),
        "accountName": estate.accounts[row.account].name,
        "activeLicenses": counts[row.index],
        "licenses": licenses(modules(estate, managed=row.vulnerability_management), total if limited else -1),
        "usageType": "customer",
        "irFields": None,
        "inheritAccountExpiration": follows,
        "creator": FOUNDER[1],
        "creatorId": FOUNDER[0],
        "unlimitedExpiration": follows,
        "unlimitedLicenses": not limited,
    }


def total_licenses(row: Site, counts: list[int]) -> int:
    """One site in three has a limit; the others say 0 and are unlimited."""
    return 10 + counts[row.index] if _limited(row) else 0


def inherits_expiration(row: Site) -> bool:
    """Whether a site ends when its account does. One that expired by itself has an end of its own."""
    return not _limited(row) and (row.state != "expired" or row.with_account)


def _limited(row: Site) -> bool:
    return row.index % 3 == 1


def _expiration(row: Site) -> str | None:
    if row.state == "expired":
        return clock.coarse(clock.START - 40 * clock.DAY if row.ended is None else row.ended)
    return clock.coarse(EXPIRATION) if _limited(row) else None


def group(estate: Estate, row: Group, members: dict[int, int]) -> dict[str, object]:
    return {
        "id": str(row.id),
        "createdAt": clock.precise(row.created),
        "updatedAt": clock.precise(row.updated),
        "name": row.name,
        "description": None,
        "siteId": str(estate.sites[row.site].id),
        "isDefault": row.is_default,
        "creator": FOUNDER[1],
        "creatorId": FOUNDER[0],
        "type": "static" if row.is_default else "dynamic",
        "filterId": None if row.is_default else str(row.id + 77_824),
        "rank": None if row.is_default else 1,
        "registrationToken": secret("group", row.id),
        "totalAgents": members.get(row.index, 0),
        "filterName": None if row.is_default else "All servers",
        "inherits": True,
    }


def secret(kind: str, identifier: int) -> str:
    """A join token: base64 of JSON, made up, to be treated as a secret by who reads it."""
    key = f"{dice.mix(identifier, 5):016x}"
    plain = {"url": "https://simulator.sentinelone.net", f"{kind}_key": key}
    return base64.b64encode(msgspec.json.encode(plain)).decode()
