"""`waypost connection link`: make, list, revoke."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from waypost.storage import embedded


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    made("org", "add", "ACME GmbH").done()
    return made


def link(waypost: Any, *arguments: str, **environ: str) -> Any:
    return waypost("connection", "link", *arguments, **environ)


def test_a_link_is_told_once(waypost: Any) -> None:
    """The address alone is on standard output, so that it can be piped; nothing stored holds its secret."""
    ended = link(waypost, "--organization", "ACME GmbH", "--expires", "2h").done()
    (url,) = ended.out.splitlines()
    assert url.startswith("http://127.0.0.1:8630/connect/")
    assert "ACME GmbH" in ended.err
    assert "not shown again" in ended.err
    stored = "\n".join(row for rows in waypost.stored().values() for row in rows)
    assert url.rpartition("/")[2] not in stored
    assert url.rpartition("/")[2] not in link(waypost, "list", "--json").done().out


def test_a_link_under_the_public_address(waypost: Any) -> None:
    """Links lead to where others reach the service."""
    made = link(
        waypost, "--organization", "ACME GmbH", "--json", WAYPOST_PUBLIC_URL="https://waypost.example.com/"
    )
    assert made.done().document["url"].startswith("https://waypost.example.com/connect/")
    before = waypost.stored()["connect_link"]
    link(waypost, "--organization", "ACME GmbH", WAYPOST_PUBLIC_URL="http://waypost.example.com").refused(
        2, "WAYPOST_PUBLIC_URL"
    )
    assert waypost.stored()["connect_link"] == before


def test_links_are_listed_and_taken_back(waypost: Any) -> None:
    """A link that was taken back says so in the list; one that does not exist is refused."""
    made = link(waypost, "--organization", "ACME GmbH", "--json").done().document
    (newest, *_) = link(waypost, "list", "--json").done().document["items"]
    assert newest == {key: value for key, value in made.items() if key != "url"}
    narrow = link(waypost, "list", COLUMNS="80").done().out
    assert re.search(rf"^{newest['id']} .+ open +20\d\d-\d\d-\d\d \d\d:\d\d", narrow, re.MULTILINE)
    assert "ACME GmbH" in link(waypost, "revoke", newest["id"]).done().out
    assert link(waypost, "list", "--json").document["items"][0]["state"] == "revoked"
    link(waypost, "revoke", "0b7c7a54-64c6-4a3c-9f2e-2f7a5f1d7c11").refused(2, "no connect link")


def test_pages_of_links(waypost: Any) -> None:
    """The list goes on where its page ended."""
    for _ in range(3):
        link(waypost, "--organization", "ACME GmbH").done()
    first = link(waypost, "list", "--limit", "2", "--json").done().document
    second = link(waypost, "list", "--limit", "2", "--cursor", first["next_cursor"], "--json").done().document
    assert len({item["id"] for item in first["items"] + second["items"]}) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "none is named"),
        (["--organization", "nobody"], "'nobody'"),
        (["--organization", "ACME GmbH", "--connection", "nobody"], "'nobody'"),
        (["--organization", "ACME GmbH", "--expires", "8d"], "seven days"),
        (["--organization", "ACME GmbH", "--expires", "soon"], "'soon'"),
        (["list", "--limit", "0"], "1 to 1,000"),
        (["list", "--cursor", "x"], "cursor"),
    ],
)
def test_wrong_use(waypost: Any, arguments: list[str], words: str) -> None:
    """What cannot be is refused with the next step, and makes no link."""
    before = waypost.stored()["connect_link"]
    link(waypost, *arguments).refused(2, words)
    assert waypost.stored()["connect_link"] == before
