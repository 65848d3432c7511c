"""`/findings`, `/devices`, `/software`, `/sites`, `/changes`: the console's truth, and each organization its own."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from support import clients as estates
from support import hub as hubs
from support.clients import ACME, GLOBEX, INITECH, NAMES, OWN, SHARED, Clients
from waypost.access import audit
from waypost.organizations.mapping import saving

Document = dict[str, Any]  # Any: straight from JSON
LISTS = ("findings", "devices", "software", "sites", "changes")


def everything(api: Any, path: str, limit: int = 1000) -> list[Document]:
    """A whole list, page by page."""
    items: list[Document] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/api/v1/{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


def test_everybody_reads_everything(of: Callable[[str], Any], clients: Clients) -> None:
    """Who is bound to no organization reads all that the consoles have, and whose each site is."""
    findings = [item for item in everything(of("everybody"), "findings") if item["state"] != "resolved"]
    truth = [finding["id"] for site in clients.sites.values() for finding in site["findings"]]
    assert sorted(item["vendor_id"] for item in findings) == sorted(truth)
    for site in everything(of("everybody"), "sites"):
        owner = clients.owner.get((site["connection"], site["id"]))
        assert site["organization"] == ({"id": clients.ids[owner], "name": owner} if owner else None)
        expected = clients.sites[site["connection"], site["id"]]
        assert (site["name"], site["open_findings"]) == (expected["name"], len(expected["findings"]))


@pytest.mark.parametrize("name", NAMES)
def test_each_its_own(of: Callable[[str], Any], clients: Clients, name: str) -> None:
    """A bound key reads its sites' devices, software, findings and changes, all of them, and nothing else."""
    api, sites = of(name), clients.of(name)
    findings = everything(api, "findings", 7)
    open_ = [item for item in findings if item["state"] != "resolved"]
    truth = [finding for site in sites for finding in site["findings"]]
    assert sorted(item["vendor_id"] for item in open_) == sorted(finding["id"] for finding in truth)
    assert sorted(site["id"] for site in everything(api, "sites", 1)) == sorted(site["id"] for site in sites)
    software = everything(api, "software", 3)
    names = {tuple(finding["application"].values()) for finding in truth}
    assert {(item["name"], item["vendor"], item["version"]) for item in software} == names
    assert sum(item["findings"] for item in software) == len(truth)
    devices = everything(api, "devices", 4)
    assert {item["site_id"] for item in devices} <= {site["id"] for site in sites}
    assert {item["agent_id"] for item in devices} >= {d["id"] for site in sites for d in site["devices"]}
    known = {item["id"] for item in findings + devices}
    changes = everything(api, "changes", 11)
    assert {item["subject_id"] for item in changes} <= known
    assert {item["subject_id"] for item in changes} >= {item["id"] for item in open_}
    assert bool(truth) == (name != INITECH)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", LISTS)
def test_nothing_of_others(of: Callable[[str], Any], clients: Clients, name: str, path: str) -> None:
    """No name, id or CVE that is another's alone is anywhere in an answer, whatever filters ask for it."""
    shared = {"limit": 1000}
    secret = clients.secrets_from(name)
    assert len(secret) > 30
    text = of(name)("GET", f"/api/v1/{path}?limit={shared['limit']}").done().text
    assert not [one for one in secret if f'"{one}"' in text]
    other = next(
        site for key, site in clients.sites.items() if clients.owner.get(key) != name and site["findings"]
    )
    for query in (
        f"site={other['id']}",
        f"connection={OWN}".replace(" ", "%20") if name != GLOBEX else "site=-",
    ):
        assert of(name).get(f"/api/v1/{path}?{query}")["items"] == []


@pytest.mark.parametrize("path", LISTS)
def test_narrowed_to_an_organization(of: Callable[[str], Any], clients: Clients, path: str) -> None:
    """The parameter `organization` narrows by name or id, also to what is nobody's; together they are everything."""
    together = 0
    for name in NAMES:
        narrowed = everything(of("everybody"), f"{path}?organization={name}")
        assert everything(of("everybody"), f"{path}?organization={clients.ids[name]}") == narrowed
        assert everything(of(name), f"{path}?organization={name}") == everything(of(name), path)
        if path != "changes":
            assert everything(of(name), path) == narrowed
        together += len(narrowed)
    together += len(everything(of("everybody"), f"{path}?organization=none"))
    if path != "software":
        assert together == len(everything(of("everybody"), path))


@pytest.mark.parametrize("path", LISTS)
def test_others_do_not_exist(of: Callable[[str], Any], clients: Clients, path: str) -> None:
    """To a bound key another organization is like one that does not exist, letter by letter."""
    told = set()
    for name in (GLOBEX, clients.ids[GLOBEX], "no such name", "none", GLOBEX.upper()):
        problem = of(ACME)("GET", f"/api/v1/{path}?organization={quote(name)}").refused(
            422, "organization.unknown"
        )
        told.add(
            json.dumps({key: value for key, value in problem.items() if key != "request_id"}).replace(
                name, "…"
            )
        )
    assert len(told) == 1


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_does_not_open(of: Callable[[str], Any], path: str) -> None:
    """A cursor of everybody's list goes on with the own alone, and holds no name of anything."""
    page = of("everybody").get(f"/api/v1/{path}?limit=1")
    on = everything(of(ACME), f"{path}?limit=1000".partition("?")[0])
    answer = of(ACME).get(f"/api/v1/{path}?limit=1000&cursor={page['next_cursor']}")
    assert all(item in on for item in answer["items"])


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("findings?severity=severe", 400, "severity"),
        ("findings?state=active", 400, "state"),
        ("findings?detected_since=yesterday", 400, "detected_since"),
        ("findings?detected_since=2026-11-21T08:30:00", 400, "detected_since"),
        ("findings?detected_since=2026-11-21&detected_until=2026-11-20", 400, "detected_until"),
        ("findings?score_min=5&score_max=4", 400, "score_max"),
        ("findings?score_min=11", 422, "score_min"),
        ("findings?sort=severty", 400, "sort"),
        ("findings?include=devices", 400, "include"),
        ("findings?format=xml", 422, "format"),
        ("findings?format=ocsf&fields=id", 400, "fields"),
        ("findings?severty=high", 422, "severty"),
        ("devices?state=open", 400, "state"),
        ("devices?changed_since=x", 400, "changed_since"),
        ("changes?kind=opened", 400, "kind"),
        ("sites?limit=0", 422, "limit"),
        ("software?limit=1001", 422, "limit"),
        ("sites?severity=high", 422, "severity"),
        ("findings?organization=nobody", 422, "organization"),
        ("findings?site=a&site=b", 422, "site"),
        ("changes?cursor=abc", 400, "cursor"),
    ],
)
def test_filters_that_are_none(of: Callable[[str], Any], query: str, status: int, field: str) -> None:
    """A filter, a limit or a cursor that means nothing is named."""
    answer = of("everybody")("GET", f"/api/v1/{query}")
    code = {400: "filter", 422: "organization.unknown" if field == "organization" else "request.field"}[
        status
    ]
    answer.refused(status, code, field)


def test_words_separated_by_commas(of: Callable[[str], Any]) -> None:
    """Several words of one filter are alternatives."""
    both = everything(of("everybody"), "findings?severity=critical,%20HIGH&state=open,resolved")
    assert {item["severity"] for item in both} == {"critical", "high"}


def test_rerouted_at_once(of: Callable[[str], Any], clients: Clients) -> None:
    """From the moment of a save on a site's past findings are the other organization's, and only its."""
    key = next(key for key, owner in clients.owner.items() if owner == GLOBEX and key[0] == SHARED)
    paths = [f"{path}?site={key[1]}" for path in ("findings", "devices", "changes", "software")]
    before = {path: everything(of(GLOBEX), path) for path in paths}
    assert all(before.values())
    _save(clients, key[1], INITECH)
    for entry in before[paths[2]]:
        entry["organization"] = {"id": clients.ids[INITECH], "name": INITECH}
    for path in paths:
        assert everything(of(INITECH), path) == before[path]
        assert everything(of(GLOBEX), path) == []
    _save(clients, key[1], GLOBEX)
    assert everything(of(GLOBEX), paths[0]) == before[paths[0]]


def _save(clients: Clients, site: str, organization: str) -> None:
    async def work() -> None:
        async with hubs.opened(clients.url) as hub:
            ((version,),) = await hub.rows("SELECT save_id FROM mapping WHERE scope_id = %s", int(site))
            await saving.save(hub.db, audit.SERVICE, [clients.wish(site, organization, version)])

    estates.apart(work)


def test_some_fields(of: Callable[[str], Any]) -> None:
    """`fields` leaves the others out, in the order that was asked for; one that does not exist is refused by name."""
    api = of("everybody")
    whole = api.get("/api/v1/findings?limit=5")["items"]
    some = api.get("/api/v1/findings?limit=5&fields=cve,id,device")["items"]
    assert [list(item) for item in some] == [["cve", "id", "device"]] * 5
    assert some == [{name: item[name] for name in ("cve", "id", "device")} for item in whole]
    problem = api("GET", "/api/v1/findings?fields=id,sevrity").refused(400, "filter", "fields")
    assert "Did you mean severity?" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("devices", "name,id"), ("software", "version,name"), ("cves", "id,score"), ("sites", "organization,id"),
        ("accounts", "name,sites"), ("groups", "devices,name"), ("runs", "state,stream"), ("changes", "kind,id"),
        ("changes?after=start", "kind,id"), ("quarantine", "reason"),
    ],
)  # fmt: skip
def test_some_fields_of_each_list(of: Callable[[str], Any], path: str, fields: str) -> None:
    """Every list leaves out what was not asked for, and refuses a field that it does not have."""
    api = of("everybody")
    sign = "&" if "?" in path else "?"
    whole = api.get(f"/api/v1/{path}{sign}limit=5")["items"]
    some = api.get(f"/api/v1/{path}{sign}limit=5&fields={fields}")["items"]
    assert some == [{name: item[name] for name in fields.split(",")} for item in whole]
    assert some or path == "quarantine"
    api("GET", f"/api/v1/{path}{sign}fields=nothing").refused(400, "filter", "fields")


def test_some_fields_and_what_is_included(of: Callable[[str], Any]) -> None:
    """What is included comes beside the fields; it is none of them itself."""
    for path, include in (("findings", "cve"), ("devices", "vendor")):
        items = of("everybody").get(f"/api/v1/{path}?fields=id&include={include}")["items"]
        assert {frozenset(item) for item in items} == {frozenset(("id", "included"))}
        assert all(include in item["included"] for item in items)
        of("everybody")("GET", f"/api/v1/{path}?fields=id,included").refused(400, "filter", "fields")


@pytest.mark.parametrize("query", ["severity=,", "state=%20,", "cve=,,", "fields=,", "include=,"])
def test_nothing_but_commas(of: Callable[[str], Any], query: str) -> None:
    """What is meant to limit a list does not leave it whole."""
    of("everybody")("GET", f"/api/v1/findings?{query}").refused(400, "filter")


def test_how_many_there_are(of: Callable[[str], Any]) -> None:
    """`count` tells how many there are in all, whatever the page."""
    api = of("everybody")
    findings = everything(api, "findings")
    assert api.get("/api/v1/findings?limit=1&count=true")["total"] == {"count": len(findings), "exact": True}
    assert "total" not in api.get("/api/v1/findings?limit=1")


def test_one_by_its_id(of: Callable[[str], Any]) -> None:
    """A finding and a device are read by their ids, with what was included and their history."""
    api = of("everybody")
    (item,) = api.get("/api/v1/findings?limit=1")["items"]
    found = api.get(f"/api/v1/findings/{item['id']}?include=cve,device,vendor")
    assert found["history"][-1]["kind"] == "finding_opened"
    assert found["included"]["cve"]["id"] == found["included"]["vendor"]["cveId"] == item["cve"]
    device = api.get(f"/api/v1/devices/{item['device']['id']}")
    assert device.items() >= found["included"]["device"].items()
    assert device["history"][-1]["kind"] == "device_added"
    api("GET", "/api/v1/findings/x").refused(404, "request.not_found")


def test_cursors_are_signed(of: Callable[[str], Any]) -> None:
    """A cursor that somebody made up, or that came with other filters, is refused; it goes on at another process."""
    api = of("everybody")
    cursor = api.get("/api/v1/findings?limit=1")["next_cursor"]
    made_up = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    api("GET", f"/api/v1/findings?cursor={made_up}").refused(400, "filter", "cursor")
    api("GET", f"/api/v1/findings?cursor={cursor}&severity=high").refused(400, "filter", "cursor")
    api("GET", f"/api/v1/findings?cursor={cursor}&sort=changed").refused(400, "filter", "cursor")
    assert api.get(f"/api/v1/findings?limit=3&cursor={cursor}")["items"]
