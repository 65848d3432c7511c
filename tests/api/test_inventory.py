"""`/accounts`, `/groups`, `/cves`, `/software`: the consoles' truth, and each organization its own."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from support.clients import ACME, GLOBEX, INITECH, NAMES, OWN, SHARED, Clients

Document = dict[str, Any]  # Any: straight from JSON
LISTS = ("accounts", "groups", "software", "cves")


def everything(api: Any, path: str, limit: int = 1000) -> list[Document]:
    """A whole list, page by page."""
    items: list[Document] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/api/v1/{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


@pytest.mark.parametrize("name", [*NAMES, "everybody"])
def test_each_its_own(of: Callable[[str], Any], clients: Clients, name: str) -> None:
    """A bound key reads the accounts, groups and CVEs of its sites, with the numbers of those alone."""
    keys = [key for key in clients.sites if name in ("everybody", clients.owner.get(key))]
    sites = [clients.sites[key] for key in keys]
    findings = [finding for site in sites for finding in site["findings"]]
    api = of(name)
    accounts = everything(api, "accounts", 1)
    assert {(item["connection"], item["id"]) for item in accounts} == {
        (connection, site["accountId"]) for (connection, _), site in zip(keys, sites, strict=True)
    }
    assert sum(item["sites"] for item in accounts) == len(sites)
    assert sum(item["open_findings"] for item in accounts) == len(findings)
    groups = everything(api, "groups", 2)
    there = {item["site_id"] for item in groups}
    assert there <= {site["id"] for site in sites}
    assert there >= {site["id"] for site in sites if site["devices"]}
    cves = everything(api, "cves", 3)
    assert {item["id"] for item in cves} == {finding["cve"] for finding in findings}
    for item in cves:
        mine = [finding for finding in findings if finding["cve"] == item["id"]]
        assert item["findings"] == len(mine)
        assert item["devices"] == len({finding["deviceId"] for finding in mine})
    assert bool(cves) == (name != INITECH)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", LISTS)
def test_nothing_of_others(of: Callable[[str], Any], clients: Clients, name: str, path: str) -> None:
    """No name, id or CVE that is another's alone is anywhere in an answer, whatever filters ask for it."""
    secret = clients.secrets_from(name)
    text = of(name)("GET", f"/api/v1/{path}?limit=1000").done().text
    assert not [one for one in secret if f'"{one}"' in text]
    other = next(
        site for key, site in clients.sites.items() if clients.owner.get(key) != name and site["findings"]
    )
    asked = {"cves": f"cve={min(other['cves'] & {*secret}, default='CVE-0')}"}
    asked |= {"software": f"site={other['id']}", "groups": f"site={other['id']}"}
    asked |= {"accounts": "account=0" if name == GLOBEX else f"connection={quote(OWN)}"}
    assert of(name).get(f"/api/v1/{path}?{asked[path]}")["items"] == []


@pytest.mark.parametrize("path", LISTS)
def test_narrowed_to_an_organization(of: Callable[[str], Any], clients: Clients, path: str) -> None:
    """The parameter `organization` narrows to what a key that is bound to it reads."""
    for name in NAMES:
        narrowed = everything(of("everybody"), f"{path}?organization={name}")
        own = everything(of(name), path)
        if path == "accounts":  # whose an account is as a whole is told to him alone who sees all
            narrowed = [item | {"organization": None} for item in narrowed]
            own = [item | {"organization": None} for item in own]
        assert own == narrowed
        assert everything(of(name), f"{path}?organization={clients.ids[name]}") == everything(of(name), path)
    assert everything(of("everybody"), f"{path}?organization=none")


@pytest.mark.parametrize("path", LISTS)
def test_others_do_not_exist(of: Callable[[str], Any], clients: Clients, path: str) -> None:
    """To a bound key another organization is like one that does not exist, letter by letter."""
    told = set()
    for name in (GLOBEX, clients.ids[GLOBEX], "no such name", "none"):
        address = f"/api/v1/{path}?organization={quote(name)}"
        problem = of(ACME)("GET", address).refused(422, "organization.unknown")
        del problem["request_id"]
        told.add(json.dumps(problem).replace(name, "…"))
    assert len(told) == 1


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("cves?severity=severe", 400, "severity"),
        ("cves?score_min=11", 422, "score_min"),
        ("cves?score_min=9&score_max=8", 400, "score_max"),
        ("cves?published_since=yesterday", 400, "published_since"),
        ("cves?published_since=2026-01-01T00:00:00", 400, "published_since"),
        ("cves?exploited=perhaps", 422, "exploited"),
        ("cves?sort=findings", 400, "sort"),
        ("cves?cursor=abc", 400, "cursor"),
        ("software?sort=devices", 400, "sort"),
        ("software?vendr=x", 422, "vendr"),
        ("accounts?limit=0", 422, "limit"),
        ("accounts?sort=sites", 400, "sort"),
        ("groups?grup=x", 422, "grup"),
        ("groups?limit=1001", 422, "limit"),
    ],
)
def test_what_makes_no_sense(of: Callable[[str], Any], query: str, status: int, field: str) -> None:
    """A filter, an order, a limit or a cursor that means nothing is named."""
    answer = of("everybody")("GET", f"/api/v1/{query}")
    answer.refused(status, "filter" if status == 400 else "request.field", field)


def test_orders_and_filters(of: Callable[[str], Any]) -> None:
    """CVEs come in each order from either end; filters of the CVE itself are those of its row."""
    whole = everything(of("everybody"), "cves")
    for sort in ("severity", "score", "published"):
        there, back = (everything(of("everybody"), f"cves?sort={sign}{sort}", 5) for sign in ("", "-"))
        assert there == back[::-1]
        assert sorted(item["id"] for item in there) == sorted(item["id"] for item in whole)
    exploited = everything(of("everybody"), "cves?exploited=true&has_fix=true&severity=critical,high")
    assert exploited == [
        item for item in whole
        if item["exploited"] and item["has_fix"] and item["severity"] in ("critical", "high")
    ]  # fmt: skip
    software = everything(of("everybody"), "software?sort=-vendor")
    assert [item["vendor"] for item in software] == sorted(
        (item["vendor"] for item in software), reverse=True
    ) or len({item["vendor"] for item in software}) > 1


def test_accounts_and_their_owners(of: Callable[[str], Any], clients: Clients) -> None:
    """An account that is mapped as a whole names its organization, to that one and to everybody else."""
    by_id = {
        item["id"]: item for item in everything(of("everybody"), "accounts") if item["connection"] == SHARED
    }
    whole = [item["id"] for item in by_id.values() if item["organization"]]
    assert [by_id[account]["organization"] for account in whole] == [{"id": clients.ids[ACME], "name": ACME}]
    mine = {item["id"]: item["organization"] for item in everything(of(ACME), "accounts")}
    assert [account for account, owner in mine.items() if owner] == whole
    theirs = {item["id"]: item["organization"] for item in everything(of(GLOBEX), "accounts")}
    assert theirs[whole[0]] is None
