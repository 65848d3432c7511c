"""`/connect-links`: made for an organization, told once, listed without secrets, taken back."""

from typing import Any
from urllib.request import urlopen

import pytest

from support.simulator import Simulator

Document = dict[str, Any]
LINKS = "/api/v1/connect-links"


@pytest.fixture(scope="module")
def organization(service: Any) -> Document:
    made: Document = service("POST", "/api/v1/organizations", {"name": "Links Ltd"}).done(201).document
    return made


def test_a_link_is_made_listed_and_taken_back(service: Any, organization: Document) -> None:
    """The address opens the page until the link is taken back; only its first answer tells it."""
    made = service("POST", LINKS, {"organization": "Links Ltd", "lifetime": "2h"}).done(201).document
    link, url = made["link"], made["url"]
    assert url.startswith(f"{service.url}/connect/")
    assert (link["state"], link["organization"], link["connection"], link["checks"]) == (
        "open",
        {"id": organization["id"], "name": "Links Ltd"},
        None,
        0,
    )
    with urlopen(url, timeout=60) as page:  # noqa: S310  # loopback
        assert "Links Ltd" in page.read().decode()
    answer = service("GET", LINKS).done()
    assert answer.document["items"][0] == link
    assert url.rpartition("/")[2] not in answer.text
    service("DELETE", f"{LINKS}/{link['id']}").done(204)
    assert service.get(LINKS)["items"][0]["state"] == "revoked"
    service("DELETE", f"{LINKS}/{link['id']}").done(204)


def test_both_ends_are_in_the_audit_log(service: Any, organization: Document) -> None:
    """Who made a link and who took it back is written down, without its secret."""
    made = service("POST", LINKS, {"organization": organization["id"]}).done(201).document
    service("DELETE", f"{LINKS}/{made['link']['id']}").done(204)
    entries = service("GET", "/api/v1/audit?limit=2").done()
    assert [entry["action"] for entry in entries.document["items"]] == ["link.revoked", "link.created"]
    assert all(entry["subject_id"] == made["link"]["id"] for entry in entries.document["items"])
    assert made["url"].rpartition("/")[2] not in entries.text


def test_pages_of_links(service: Any, organization: Document) -> None:
    """The list comes in pages, the newest first."""
    ids = [
        service("POST", LINKS, {"organization": organization["id"]}).done(201).document["link"]["id"]
        for _ in range(3)
    ]
    first = service.get(f"{LINKS}?limit=2")
    second = service.get(f"{LINKS}?limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in first["items"] + second["items"]][:3] == ids[::-1]


@pytest.mark.usefixtures("organization")
@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "organization.unknown", "organization"),
        ({"organization": "nobody"}, 422, "organization.unknown", "organization"),
        ({"organization": "Links Ltd", "lifetime": "8d"}, 422, "request.field", "lifetime"),
        ({"organization": "Links Ltd", "lifetime": "30s"}, 422, "request.field", "lifetime"),
        ({"organization": "Links Ltd", "lifetime": 30}, 422, "request.field", "lifetime"),
        ({"organization": 7}, 422, "request.field", "organization"),
        ({"organization": "Links Ltd", "connection": "x"}, 422, "request.field", "connection"),
        ({"organization": "Links Ltd", "expires": "1d"}, 422, "request.field", "expires"),
    ],
)
def test_what_makes_no_link(service: Any, body: Document, status: int, code: str, field: str) -> None:
    """Each field names its own fault."""
    service("POST", LINKS, body).refused(status, code, field)


def test_a_link_for_a_connection(service: Any, console: Simulator) -> None:
    """A link for a connection belongs to the connection's organization, and to no other."""
    for name in ("Links One", "Links Two"):
        service("POST", "/api/v1/organizations", {"name": name}).done(201)
    connection = service.add("links-one", console, console.of_scope("site", 3), organization="Links One")
    made = service("POST", LINKS, {"connection": connection["id"]}).done(201).document["link"]
    assert (made["organization"]["name"], made["connection"]["name"]) == ("Links One", "links-one")
    body = {"connection": connection["id"], "organization": "Links Two"}
    service("POST", LINKS, body).refused(422, "request.field", "connection")
    service("POST", LINKS, {"connection": made["id"]}).refused(404, "request.not_found")


def test_links_need_the_scope_to_manage(service: Any, organization: Document) -> None:
    """A key that only reads neither makes links nor sees them."""
    reader = service.make_key("read")
    reader("POST", LINKS, {"organization": organization["id"]}).refused(403, "access.scope")
    reader("GET", LINKS).refused(403, "access.scope")
