"""`/organizations` as a stranger uses it: added, changed, archived, from a file and back."""

import contextlib
import http.client
from typing import Any

import pytest

from support.simulator import Simulator

Document = dict[str, Any]
ORGANIZATIONS = "/api/v1/organizations"
HEADER = "name,external_id,domains,aliases,parent,tags"
CSV = {"Content-Type": "text/csv"}


def added(service: Any, name: str, **more: Any) -> Document:
    document: Document = service("POST", ORGANIZATIONS, {"name": name, **more}).done(201).document
    return document


def sent(service: Any, *lines: str, query: str = "", **headers: str) -> Any:
    raw = "\n".join([HEADER, *lines]).encode()
    return service("POST", f"{ORGANIZATIONS}/import{query}", raw=raw, **(headers or CSV))


def test_all_that_is_said(service: Any) -> None:
    """An organization is answered with everything that was said of it, and found by any of its names."""
    parent = added(service, "O holding")
    made = added(
        service, "O acme", parent="O holding", external_id="O-1", aliases=["Wile O"], domains=["@O.example"],
        tags=["o-gold"],
    )  # fmt: skip
    assert made == service.get(f"{ORGANIZATIONS}/{made['id']}")
    assert (made["parent"], made["archived_at"]) == ({"id": parent["id"], "name": "O holding"}, None)
    assert (made["external_id"], made["domains"], made["tags"]) == ("O-1", ["o.example"], ["o-gold"])
    for query in ("search=wile%20o", "search=o-1", "tag=o-gold", "search=o.example&limit=1"):
        assert service.get(f"{ORGANIZATIONS}?{query}")["items"] == [made], query
    assert service.get(f"{ORGANIZATIONS}?search=wile%20o&archived=true")["items"] == []


def test_changing(service: Any) -> None:
    """What is given changes, null takes away, and the rest stays."""
    made = added(service, "P acme", external_id="P-1", tags=["a", "b"])
    path = f"{ORGANIZATIONS}/{made['id']}"
    added(service, "P holding")
    changed = (
        service("PATCH", path, {"name": "P other", "parent": "P holding", "tags": ["b"]}).done().document
    )
    assert (changed["name"], changed["parent"]["name"]) == ("P other", "P holding")
    assert (changed["external_id"], changed["tags"]) == ("P-1", ["b"])
    changed = service("PATCH", path, {"parent": None, "external_id": None}).done().document
    assert (changed["parent"], changed["external_id"], changed["tags"]) == (None, None, ["b"])
    assert service("PATCH", path, {}).done().document == changed
    actions = [entry["action"] for entry in service.get(f"/api/v1/audit?subject_id={made['id']}")["items"]]
    assert actions == ["organization.changed", "organization.changed", "organization.added"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"name": "Q there"}, 422, "organization.name", "name"),
        ({"name": "-x"}, 422, "organization.name", "name"),
        ({"name": "Q new", "external_id": "Q-1"}, 409, "organization.external_id", "external_id"),
        ({"name": "Q new", "parent": "nobody at all"}, 422, "organization.parent", "parent"),
        ({"name": "Q new", "parent": "Q archived"}, 422, "organization.parent", "parent"),
        ({"name": "Q new", "domains": ["a b"]}, 422, "request.field", "domains"),
        ({"name": "Q new", "aliases": ["a\0b"]}, 422, "request.field", "aliases"),
        ({"name": "Q new", "aliases": ["a"] * 201}, 422, "request.field", "aliases"),
        ({"name": "Q new", "tags": [5]}, 422, "request.field", "tags"),
    ],
)
def test_what_cannot_be(service: Any, body: Document, status: int, code: str, field: str) -> None:
    """Each thing that cannot be is an error of its own at its field, and nothing is stored."""
    if not service.get(f"{ORGANIZATIONS}?search=Q%20there")["items"]:
        added(service, "Q there", external_id="Q-1")
        made = added(service, "Q archived")
        service("POST", f"{ORGANIZATIONS}/{made['id']}/archive").done()
    service("POST", ORGANIZATIONS, body).refused(status, code, field)
    assert len(service.get(f"{ORGANIZATIONS}?search=Q%20")["items"]) == 1


def test_circles(service: Any) -> None:
    """No organization is put below itself."""
    top = added(service, "R top")
    added(service, "R low", parent="R top")
    answer = service("PATCH", f"{ORGANIZATIONS}/{top['id']}", {"parent": "R low"})
    answer.refused(422, "organization.parent", "parent")


def test_archiving_closes_keys_and_links(service: Any) -> None:
    """Keys and links of an archived organization open nothing, and nothing new is made for it, until it is restored."""
    made = added(service, "S acme")
    path = f"{ORGANIZATIONS}/{made['id']}"
    key = service.make_key("read", "manage", organization="S acme")
    link = service("POST", "/api/v1/connect-links", {"organization": "S acme"}).done(201).document
    page = "/connect/" + link["url"].rpartition("/")[2]
    assert key.get(path)["name"] == "S acme"
    service("GET", page).done()

    archived = service("POST", f"{path}/archive").done().document
    assert archived["archived_at"]
    problem = key("GET", path).refused(401, "access.key")
    assert "archived" in problem["detail"]
    assert service("GET", page).status == 404
    (listed,) = [
        one for one in service.get("/api/v1/connect-links")["items"] if one["id"] == link["link"]["id"]
    ]
    assert listed["state"] == "archived"
    assert made["id"] in [
        one["id"] for one in service.get(f"{ORGANIZATIONS}?archived=true&limit=1000")["items"]
    ]
    for method, target, body in (
        ("POST", "/api/v1/keys", {"name": "k", "scopes": ["read"], "organization": "S acme"}),
        ("POST", "/api/v1/connect-links", {"organization": "S acme"}),
        ("PATCH", path, {"name": "S new"}),
    ):
        service(method, target, body).refused(409, "organization.state")

    assert service("POST", f"{path}/restore").done().document["archived_at"] is None
    assert key.get(path)["name"] == "S acme"
    service("GET", page).done()


def test_a_bound_key(service: Any) -> None:
    """A key of an organization sees that one alone, and changes nothing of it nor anything by the dozen."""
    own, other = added(service, "T own"), added(service, "T other")
    key = service.make_key("read", "manage", organization="T own")
    assert key.get(ORGANIZATIONS)["items"] == [own]
    assert key.get(f"{ORGANIZATIONS}?search=other")["items"] == []
    key("GET", f"{ORGANIZATIONS}/{other['id']}").refused(404, "request.not_found")
    for place in (own, other):
        path = f"{ORGANIZATIONS}/{place['id']}"
        key("PATCH", path, {"name": "T mine"}).refused(403, "access.scope")
        key("POST", f"{path}/archive").refused(403, "access.scope")
        key("POST", f"{path}/restore").refused(403, "access.scope")
    key("GET", f"{ORGANIZATIONS}/export").refused(403, "access.scope")
    key("POST", f"{ORGANIZATIONS}/from-console", {"dry_run": True}).refused(403, "access.scope")
    sent(key, "x,,,,,").refused(403, "access.scope")


def test_from_a_file_and_back(service: Any) -> None:
    """A dry run says what would come, the import does just that, and the export imports as no change."""
    lines = ("U one,U-1,u.example,=cmd;U eins,U top,gold", "U top,,,,,")
    foreseen = sent(service, *lines, query="?dry_run=true").done().document
    assert service.get(f"{ORGANIZATIONS}?search=U%20top")["items"] == []
    done = sent(service, *lines).done().document
    assert done == foreseen | {"dry_run": False}
    assert (done["added"], done["items"][0]["path"]) == (2, "U top / U one")
    assert done["items"][0]["after"]["aliases"] == ["=cmd", "U eins"]
    exported = service("GET", f"{ORGANIZATIONS}/export").done()
    assert exported.headers["Content-Type"].startswith("text/csv")
    assert "organizations.csv" in exported.headers["Content-Disposition"]
    assert exported.text.startswith(HEADER + "\r\n")
    assert "'=cmd;U eins" in exported.text
    again = service("POST", f"{ORGANIZATIONS}/import", raw=exported.text.encode(), **CSV).done().document
    assert (again["added"], again["changed"]) == (0, 0)


def test_files_that_are_refused(service: Any) -> None:
    """What is wrong with a file is named line by line; one of another kind, or too long, is refused as that."""
    before = service("GET", f"{ORGANIZATIONS}/export").text
    problem = sent(service, "-x,,,,,", "V fine,,,,,", "V bad,,no domain,,,").refused(422, "sheet")
    assert [error["field"] for error in problem["errors"]] == ["line 2", "line 4"]
    assert "Nothing was stored" in problem["detail"]
    sent(service, "V fine,,,,,", **{"Content-Type": "application/json"}).refused(415, "request.media_type")
    for raw in (
        b"",
        "name\nx".encode("utf-16"),
        b"nmae\nx",
        b"name|tags\nx|y",
        b"name\n" + b"x\n" * 1_000_000,
    ):
        service("POST", f"{ORGANIZATIONS}/import", raw=raw, **CSV).refused(422, "sheet")
    assert _announced(service, 21_000_000) == 413
    assert service("GET", f"{ORGANIZATIONS}/export").text == before


def _announced(service: Any, length: int) -> int:
    """The status of a file that is announced to be so long, of which nothing is sent."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=30)
    headers = {**CSV, "Authorization": f"Bearer {service.key}", "Content-Length": str(length)}
    with contextlib.closing(connection):
        connection.putrequest("POST", f"{ORGANIZATIONS}/import")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status


def test_from_the_console(service: Any, console: Simulator) -> None:
    """Each site that is nobody's makes an organization, previewed first; those that there are make none again."""
    connection = service.add("W console", console, console.of_scope("account", 2))
    pull = service("POST", f"/api/v1/connections/{connection['id']}/sync").done(202).document
    service("GET", f"/api/v1/syncs/{pull['pull_id']}/events").done()
    body = {"connection": "W console", "dry_run": True}
    foreseen = service("POST", f"{ORGANIZATIONS}/from-console", body).done().document
    assert foreseen["added"] + foreseen["skipped"] == len(foreseen["items"])
    assert foreseen["items"]
    names = {item["name"] for item in foreseen["items"] if item["action"] == "add"}
    made = service("POST", f"{ORGANIZATIONS}/from-console", body | {"dry_run": False}).done().document
    assert made == foreseen | {"dry_run": False}
    there = {item["name"] for item in service.get(f"{ORGANIZATIONS}?limit=1000")["items"]}
    assert names <= there
    again = service("POST", f"{ORGANIZATIONS}/from-console", body).done().document
    assert again["added"] == 0
    body = {"connection": "nobody's"}
    service("POST", f"{ORGANIZATIONS}/from-console", body).refused(404, "connection.unknown")
    service("DELETE", f"/api/v1/connections/{connection['id']}?purge=true").done(204)
