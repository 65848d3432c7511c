"""Mapping through the API: suggested, shown beforehand, saved by several people, taken back, and kept up with."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support import simulator
from support.simulator import Simulator

Document = dict[str, Any]
PATH = "/api/v1/mapping"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def own_console() -> Iterator[Simulator]:
    """A console with two accounts; one is a single client, the other has sites of several."""
    options = simulator.arguments(accounts=1, sites=1, agents=6, risks_per_agent=4, seed=11)
    with simulator.running(options) as console:
        group = console.change("add_account", name="Nordwind Group")["id"]
        msp = console.change("add_account", name="Managed clients")["id"]
        for account, name in (
            (group, "Nordwind Logistics - HQ"),
            (group, "Nordwind Logistics, Lager"),
            (msp, "PROD_Initech Ltd"),
            (msp, "Globex"),
            (msp, "Servers"),
            (msp, "Umbrella"),
        ):
            console.change("add_site", account=account, name=name, agents=2)
        yield console


@pytest.fixture(scope="module")
def api(serve: Any, own_console: Simulator) -> Any:
    """A service of the module's own, with that console pulled and some organizations."""
    made, _ = serve()
    for name in ("Nordwind Logistics GmbH", "Initech", "Globex Corporation", "Umbrella", "Umbrella Inc"):
        made("POST", "/api/v1/organizations", {"name": name}).done(201)
    connection = made.add("msp", own_console)
    pull(made, connection["id"])
    return made


def pull(api: Any, connection_id: str) -> None:
    asked = api("POST", f"/api/v1/connections/{connection_id}/sync").done(202).document
    while api.get(f"/api/v1/syncs/{asked['pull_id']}")["state"] in ("queued", "running"):
        time.sleep(0.1)


def site(api: Any, name: str) -> Document:
    """A site as the mapping shows it."""
    found: list[Document] = api.get(f"{PATH}?kind=site&limit=1000")["items"]
    return next(item for item in found if item["name"] == name)


def decided(item: Document, organization: str | None = None, **more: Any) -> Document:
    """A decision about what the mapping shows, as it was shown."""
    facts = {
        "connection": item["connection"],
        "kind": item["kind"],
        "id": item["id"],
        "version": item["version"],
    }
    return (
        facts | {"decision": "mapped" if organization else "undecided", "organization": organization} | more
    )


@pytest.fixture
def saved(api: Any) -> Iterator[list[str]]:
    """Ids of saves that are taken back at the end, the last one first."""
    ids: list[str] = []
    yield ids
    for one in reversed(ids):
        api("POST", f"{PATH}/history/{one}/undo").done()


def put(api: Any, saved: list[str], *items: Document, **more: Any) -> Document:
    """Save decisions, until the test's end."""
    answer: Document = api("PUT", PATH, {"items": list(items), **more}).done().document
    saved.append(answer["id"])
    return answer


def test_suggestions(api: Any) -> None:
    """Each undecided site has its candidates with grade, confidence and reasons, and says why it is not sure."""
    items = {item["name"]: item for item in api("POST", f"{PATH}/suggest").done().document["items"]}
    initech = items["PROD_Initech Ltd"]
    assert (initech["connection"], initech["kind"], initech["version"]) == ("msp", "site", 0)
    best = initech["candidates"][0]
    assert (best["organization"]["name"], best["grade"]) == ("Initech", "sure")
    assert 0.9 < best["confidence"] <= 1
    assert best["reasons"]
    assert not [one for one in items["Servers"]["candidates"] if one["grade"] == "sure"]
    twice = items["Umbrella"]["candidates"]
    assert {one["organization"]["name"] for one in twice} >= {"Umbrella", "Umbrella Inc"}
    assert not [one for one in twice if one["grade"] == "sure"]
    assert any("Umbrella Inc" in reason for one in twice for reason in one["reasons"])
    assert all(len(item["candidates"]) <= 5 for item in items.values())
    sure = api("POST", f"{PATH}/suggest", {"grade": "sure"}).done().document["items"]
    assert {item["id"] for item in sure} == {
        item["id"]
        for item in items.values()
        if item["candidates"] and item["candidates"][0]["grade"] == "sure"
    }


def test_pages(api: Any) -> None:
    """Every list of the mapping is the same in pages of one as at once."""
    for path in (PATH, f"{PATH}/organizations", f"{PATH}/drift", f"{PATH}/history"):
        whole, cursor, parts = api.get(f"{path}?limit=1000")["items"], "", []
        while cursor is not None:
            page = api.get(f"{path}?limit=1&cursor={cursor}")
            parts += page["items"]
            cursor = page["next_cursor"]
        assert parts == whole
    whole, cursor, parts = api("POST", f"{PATH}/suggest").done().document["items"], "", []
    while cursor is not None:
        page = api("POST", f"{PATH}/suggest", {"limit": 2, "cursor": cursor}).done().document
        parts += page["items"]
        cursor = page["next_cursor"]
    assert parts == whole


def test_what_is_told_beforehand_comes_true(api: Any, saved: list[str]) -> None:
    """A dry run changes nothing and tells what the save then does: devices, findings, whose they are."""
    item = site(api, "Globex")
    wish = decided(item, "Globex Corporation")
    before = api("PUT", PATH, {"items": [wish], "dry_run": True}).done().document
    assert (before["id"], before["version"], before["dry_run"]) == (None, 0, True)
    assert site(api, "Globex") == item
    after = put(api, saved, wish)
    assert (after["devices"], after["open_findings"]) == (before["devices"], before["open_findings"])
    (step,) = after["items"]
    assert step["before"]["decision"] == "undecided"
    assert step["after"]["organization"]["name"] == "Globex Corporation"
    devices = api.get("/api/v1/devices?organization=Globex%20Corporation")["items"]
    assert len(devices) == after["devices"] == item["devices"] > 0
    assert {device["site"] for device in devices} == {"Globex"}
    assert site(api, "Globex")["version"] == after["version"]
    same = api("PUT", PATH, {"items": [decided(site(api, "Globex"), "Globex Corporation")]}).done().document
    assert (same["id"], same["items"], same["unchanged"]) == (None, [], 1)


def test_sure_ones_together(api: Any, saved: list[str]) -> None:
    """What is sure is accepted in one go, together with decisions of one's own; nothing else is."""
    sure = api("POST", f"{PATH}/suggest", {"grade": "sure", "kind": "site"}).done().document["items"]
    answer = put(api, saved, decided(site(api, "Servers"), reason="ours", decision="ignored"), accept="sure")
    by_name = {step["name"]: step["after"] for step in answer["items"]}
    assert by_name["Servers"]["decision"] == "ignored"
    assert by_name["PROD_Initech Ltd"]["organization"]["name"] == "Initech"
    assert "Umbrella" not in by_name
    assert len(sure) >= 2
    assert site(api, "Umbrella")["effective"]["decision"] == "undecided"
    for item in sure:
        shown = site(api, item["name"])["effective"]
        assert shown["organization"] == item["candidates"][0]["organization"], item
    body = {"items": [], "accept": "likely"}
    api("PUT", PATH, body).refused(422, "request.field", "accept")


def test_an_account_and_its_sites(api: Any, saved: list[str]) -> None:
    """An account's decision covers its sites but those with one of their own, and each says which holds."""
    account = api.get(f"{PATH}?kind=account&search=Nordwind%20Group")["items"][0]
    put(api, saved, decided(site(api, "Nordwind Logistics, Lager"), "Globex Corporation"))
    answer = put(api, saved, decided(account, "Nordwind Logistics GmbH"))
    assert [step["sites"] for step in answer["items"]] == [1]
    shown = {
        name: site(api, name)["effective"]
        for name in ("Nordwind Logistics - HQ", "Nordwind Logistics, Lager")
    }
    assert {name: (one["origin"], one["organization"]["name"]) for name, one in shown.items()} == {
        "Nordwind Logistics - HQ": ("account", "Nordwind Logistics GmbH"),
        "Nordwind Logistics, Lager": ("site", "Globex Corporation"),
    }
    listed = api.get(f"{PATH}?organization=Nordwind%20Logistics%20GmbH")["items"]
    assert {item["name"] for item in listed} == {"Nordwind Group", "Nordwind Logistics - HQ"}


def test_two_people(api: Any, saved: list[str]) -> None:
    """Who decides by an older view is told who decided what meanwhile, and nothing of his is saved."""
    mine, other = site(api, "Globex"), site(api, "Servers")
    other_person = api.make_key("read", "manage")
    put(other_person, saved, decided(mine, "Globex Corporation"))
    wishes = [decided(other, "Initech"), decided(mine, "Initech")]
    problem = api("PUT", PATH, {"items": wishes}).refused(409, "mapping.outdated", "items.1.version")
    assert "Globex Corporation" in problem["detail"]
    assert "made by a test" in problem["detail"]
    assert site(api, "Servers") == other
    careless = decided(mine, "Initech")
    del careless["version"]
    api("PUT", PATH, {"items": [careless]}).refused(409, "mapping.outdated", "items.0.version")
    put(api, saved, decided(site(api, "Globex"), "Initech"))
    assert site(api, "Globex")["effective"]["organization"]["name"] == "Initech"


def test_at_the_same_moment(api: Any, saved: list[str]) -> None:
    """Of many who decide about one site at once exactly one succeeds, and the others are told."""
    item = site(api, "Globex")
    wishes = [decided(item, name) for name in ("Initech", "Globex Corporation", "Umbrella", "Umbrella Inc")]
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda wish=wish: answers.append(api("PUT", PATH, {"items": [wish]})))
        for wish in wishes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    (won,) = [answer.document for answer in answers if answer.status == 200]
    saved.append(won["id"])
    assert site(api, "Globex")["effective"]["organization"] == won["items"][0]["after"]["organization"]


def test_the_history(api: Any) -> None:
    """A save tells who, what and by what evidence; it is undone as a whole, once, and the undo is in the history."""
    item = site(api, "PROD_Initech Ltd")
    done = api("PUT", PATH, {"items": [decided(item, "Initech")]}).done().document
    newest = api.get(f"{PATH}/history")["items"][0]
    assert (newest["id"], newest["source"], newest["mapped"]) == (done["id"], "save", 1)
    one = api.get(f"{PATH}/history/{done['id']}")
    assert "administrator" in one["actor"]
    (change,) = one["items"]
    assert (change["before"]["decision"], change["after"]["decision"]) == ("undecided", "mapped")
    assert change["evidence"]["grade"] == "sure"
    assert change["evidence"]["reasons"]
    told = api("POST", f"{PATH}/history/{done['id']}/undo", {"dry_run": True}).done().document
    assert (told["id"], told["items"][0]["after"]["decision"]) == (None, "undecided")
    undone = api("POST", f"{PATH}/history/{done['id']}/undo").done().document
    assert site(api, "PROD_Initech Ltd")["own"] == item["own"]
    assert api.get(f"{PATH}/history")["items"][0]["undoes"] == done["id"]
    assert api.get(f"{PATH}/history/{done['id']}")["undone_by"] == undone["id"]
    api("POST", f"{PATH}/history/{done['id']}/undo").refused(409, "mapping.undo")
    api("POST", f"{PATH}/history/{NOBODY}/undo").refused(404, "mapping.save")
    api("GET", f"{PATH}/history/{NOBODY}").refused(404, "mapping.save")


def test_each_wrong_decision_is_named(api: Any) -> None:
    """What is wrong is told of every decision, at its place and field, and none of the good ones is saved."""
    good = decided(site(api, "Globex"), "Globex Corporation")
    other = decided(site(api, "Servers"), "Initech")
    wrong = [
        good,
        {**other, "organization": "nobody of this name"},
        {**other, "id": "12345"},
        {**other, "connection": "no such console"},
        {**other, "organization": None},
        {**other, "decision": "ignored", "organization": None},
        {**other, "decision": "undecided"},
        {**other, "decision": "ignored", "organization": None, "reason": "two\u2028lines"},
        {**other, "version": 4_000_000_000},
    ]
    answer = api("PUT", PATH, {"items": wrong})
    answer.refused(
        422,
        "organization.unknown",
        "items.1.organization",
        "items.2.id",
        "items.3.connection",
        "items.4.organization",
        "items.5.reason",
        "items.6.organization",
        "items.7.reason",
        "items.8.version",
    )
    assert not [error for error in answer.document["errors"] if error["field"].startswith("items.0.")]
    assert site(api, "Globex")["version"] == good["version"]
    twice = [other, {**other, "organization": "Umbrella"}]
    api("PUT", PATH, {"items": twice}).refused(422, "mapping.decision", "items.1.decision")
    api("PUT", PATH, {}).refused(422, "request.field", "items")
    api("PUT", PATH, {"items": [{**other, "kind": "tenant"}]}).refused(422, "request.field", "items.0.kind")
    api("PUT", PATH, {"items": [{**other, "site": "x"}, 5]}).refused(
        422, "request.field", "items.0.site", "items.1"
    )


def test_an_archived_organization(api: Any, saved: list[str]) -> None:
    """Nothing is mapped to an organization that is archived, until it is restored."""
    made = api("POST", "/api/v1/organizations", {"name": "Gone Ltd"}).done(201).document
    api("POST", f"/api/v1/organizations/{made['id']}/archive").done()
    wish = decided(site(api, "Servers"), made["id"])
    problem = api("PUT", PATH, {"items": [wish]}).refused(409, "organization.state", "items.0.organization")
    assert "archived" in problem["detail"]
    api("POST", f"/api/v1/organizations/{made['id']}/restore").done()
    put(api, saved, wish)


def test_a_site_of_another_connection(api: Any, own_console: Simulator) -> None:
    """A site is looked for on the connection that is named; where else it is, the error says."""
    elsewhere = api.add("one account", own_console, own_console.of_scope("account"))
    wish = decided(site(api, "Servers"), "Initech") | {"connection": "one account"}
    problem = api("PUT", PATH, {"items": [wish]}).refused(422, "mapping.scope", "items.0.id")
    assert "'msp'" in problem["detail"]
    api("DELETE", f"/api/v1/connections/{elsewhere['id']}").done(204)


def test_very_many_at_once(api: Any) -> None:
    """Ten thousand decisions are taken in one request, and one more is not; nor is a body without end."""
    wish = {
        "connection": "msp",
        "kind": "site",
        "id": "1",
        "decision": "mapped",
        "organization": "Initech" + " " * 80,
    }
    problem = api("PUT", PATH, {"items": [wish] * 10_000}).refused(422, "mapping.scope", "items.0.id")
    assert len(problem["errors"]) == 100
    api("PUT", PATH, {"items": [wish] * 10_001}).refused(422, "request.field", "items")
    too_long = {"Content-Type": "application/json", "Content-Length": "10000001"}
    api("PUT", PATH, raw=b"{", **too_long).refused(413, "request.too_large")


def test_a_file_there_and_back(api: Any, saved: list[str]) -> None:
    """What is exported imports as no change; a line that is edited is saved, one that is outdated is refused."""
    put(api, saved, decided(site(api, "Servers"), decision="ignored", reason="=HYPERLINK(1)"))
    exported = api("GET", f"{PATH}/export").done()
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "'=HYPERLINK(1)" in exported.text

    def send(text: str, query: str = "") -> Any:
        kind = {"Content-Type": "text/csv"}
        return api("POST", f"{PATH}/import{query}", raw=text.encode(), **kind)

    same = send(exported.text, "?dry_run=true").done().document
    assert (same["dry_run"], same["items"]) == (True, [])
    globex = site(api, "Globex")
    line = next(line for line in exported.text.splitlines() if line.split(",")[2] == globex["id"])
    edited = exported.text.replace(line, line.replace("undecided,", "mapped,Initech"))
    assert send(edited, "?dry_run=true").done().document["items"][0]["name"] == "Globex"
    assert site(api, "Globex") == globex
    imported = send(edited).done().document
    saved.append(imported["id"])
    assert [step["name"] for step in imported["items"]] == ["Globex"]
    assert api.get(f"{PATH}/history")["items"][0]["source"] == "import"
    send(edited.replace("mapped,Initech", "mapped,Umbrella Inc")).refused(409, "mapping.outdated")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "file"),
        (b"site;client\r\nx;y\r\n", "line 1"),
        ("connection,kind,id,decision\r\nmsp,site,1,möglich\r\n".encode("utf-16"), "file"),
        (
            "connection,kind,id,decision,organization\r\nmsp,site,1,mapped,Müller\r\n".encode("latin-1"),
            "line 2",
        ),
        (b"connection,kind,id,decision\r\nmsp,site,1,perhaps\r\n", "line 2"),
        (b"connection,kind,id,decision\r\nmsp,site,1\r\n", "line 2"),
    ],
)
def test_files_that_cannot_be_taken(api: Any, content: bytes, field: str) -> None:
    """A file that is none, of another encoding or header, or wrong in a line, is refused as a whole and says where."""
    answer = api("POST", f"{PATH}/import", raw=content, **{"Content-Type": "text/csv"})
    problem = answer.refused(422, "sheet")
    told = {error["field"] for error in problem.get("errors", ())}
    assert field in told or (field == "file" and not told) or "Line" in problem["detail"], problem
    api("POST", f"{PATH}/import", raw=content, **{"Content-Type": "application/json"}).refused(
        415, "request.media_type"
    )


def test_a_console_that_changes(api: Any, own_console: Simulator, saved: list[str]) -> None:
    """What came, was renamed or went is told once; what needs a person stays told until somebody has decided."""
    put(api, saved, decided(site(api, "Globex"), "Globex Corporation"))
    globex = site(api, "Globex")["id"]
    own_console.change("rename", id=globex, name="Initech")
    (told,) = api("POST", f"{PATH}/refresh", {"connections": ["msp"]}).done().document["items"]
    assert told["state"] == "done"
    assert ("site_renamed", "Globex", "Initech") in [
        (change["kind"], change["was"], change["is"]) for change in told["changes"]
    ]
    (again,) = api("POST", f"{PATH}/refresh").done().document["items"]
    assert again["changes"] == []
    assert site(api, "Initech")["effective"]["organization"]["name"] == "Globex Corporation"
    (drift,) = api.get(f"{PATH}/drift?kind=renamed_site")["items"]
    assert (drift["name"], drift["organization"]["name"]) == ("Initech", "Globex Corporation")
    step = drift["remedies"][0]
    api(step["method"], step["path"], step["body"])
    assert api.get(f"{PATH}/drift?kind=renamed_site")["items"] == []
    own_console.change("rename", id=globex, name="Globex")
    api("POST", f"{PATH}/refresh").done()
    api("POST", f"{PATH}/drift/{NOBODY}/keep").refused(404, "request.not_found")
    api("POST", f"{PATH}/refresh", {"connections": ["no such"]}).refused(404, "connection.unknown")


def test_a_console_that_cannot_be_read(api: Any, own_console: Simulator) -> None:
    """A console whose token is refused keeps no other from being read, and says what to do."""
    token = own_console.of_scope("account", 1)
    broken = api.add("broken", own_console, token)
    own_console.change_token(token, state="revoked")
    found = {one["connection"]: one for one in api("POST", f"{PATH}/refresh").done().document["items"]}
    assert (found["broken"]["state"], found["msp"]["state"]) == ("failed", "done")
    assert found["broken"]["problem"]["code"] == "console.token_refused"
    assert found["broken"]["problem"]["remedy"]
    api("DELETE", f"/api/v1/connections/{broken['id']}?purge=true").done(204)


def test_which_client_is_where(api: Any, saved: list[str]) -> None:
    """One view over all consoles: who is on which, what is nobody's, and how the others are reached."""
    put(api, saved, decided(site(api, "Globex"), "Globex Corporation"))
    items = api.get(f"{PATH}/organizations")["items"]
    assert items[0]["organization"] is None
    assert items[0]["sites"] > 0
    reached = {item["organization"]["name"]: item for item in items[1:]}
    assert reached["Globex Corporation"]["reached"] == "mapping"
    assert (reached["Globex Corporation"]["connection"], reached["Globex Corporation"]["sites"]) == ("msp", 1)
    assert reached["Initech"]["reached"] == "none"
    connection = api.get("/api/v1/connections")["items"][0]["id"]
    api("PATCH", f"/api/v1/connections/{connection}", {"default": True}).done()
    reached = {item["organization"]["name"]: item for item in api.get(f"{PATH}/organizations")["items"][1:]}
    assert (reached["Initech"]["reached"], reached["Initech"]["connection"]) == ("default", "msp")
    assert reached["Globex Corporation"]["reached"] == "mapping"


def test_filters(api: Any) -> None:
    """A filter narrows; one that names nothing is refused, and never passed over."""
    assert api.get(f"{PATH}?connection=msp&decision=undecided&kind=site")["items"]
    assert api.get(f"{PATH}?decision=ignored")["items"] == []
    assert [item["name"] for item in api.get(f"{PATH}?search=initech")["items"]] == ["PROD_Initech Ltd"]
    for path in (PATH, f"{PATH}/organizations", f"{PATH}/drift"):
        api("GET", f"{path}?connection=no%20such").refused(404, "connection.unknown", "connection")
        api("GET", f"{path}?organization=no%20such").refused(422, "organization.unknown", "organization")
        api("GET", f"{path}?cursor=abc").refused(400, "filter", "cursor")
    api("GET", f"{PATH}?kind=tenant").refused(422, "request.field", "kind")
    api("GET", f"{PATH}/drift?kind=tired").refused(422, "request.field", "kind")
    api("POST", f"{PATH}/suggest", {"connection": "no such"}).refused(404, "connection.unknown", "connection")
    api("POST", f"{PATH}/suggest", {"cursor": "abc"}).refused(400, "filter", "cursor")
    cursor = api.get(f"{PATH}?limit=1")["next_cursor"]
    api("GET", f"{PATH}?limit=1&kind=site&cursor={cursor}").refused(400, "filter", "cursor")


def test_who_may(api: Any) -> None:
    """Looking needs `read`, deciding `manage`; a key that is bound to an organization does neither."""
    reader, bound = api.make_key("read"), api.make_key("read", "manage", organization="Initech")
    assert reader.get(PATH)["items"]
    reader("PUT", PATH, {"items": [], "accept": "sure"}).refused(403, "access.scope")
    reader("POST", f"{PATH}/refresh").refused(403, "access.scope")
    for path in ("", "/organizations", "/drift", "/history", "/export", f"/history/{NOBODY}"):
        bound("GET", PATH + path).refused(403, "access.scope")
    bound("PUT", PATH, {"items": [], "accept": "sure"}).refused(403, "access.scope")
