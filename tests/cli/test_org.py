"""`waypost org`: add and list."""

from collections.abc import Callable
from typing import Any

import pytest

from waypost.storage import embedded


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    return made


def test_adding_and_listing(waypost: Any) -> None:
    """Organizations are listed by name; a name that is taken, or none, is refused with the next step."""
    assert waypost("org", "list", "--json").done().document == {"items": [], "next_cursor": None}
    assert "waypost org add" in waypost("org", "list").done().out
    added = waypost("org", "add", " Łódź  GmbH ", "--json").done().document
    assert added.keys() == {"id", "name", "created_at"}
    assert added["name"] == "Łódź GmbH"
    assert "Added ACME" in waypost("org", "add", "ACME").done().out
    waypost("org", "add", "Łódź GmbH").refused(2, "already", "Code: organization.name")
    waypost("org", "add", "a\u202eb").refused(2, "cannot be seen", "Code: organization.name")
    names = [item["name"] for item in waypost("org", "list", "--json").document["items"]]
    assert names == ["ACME", "Łódź GmbH"]
    assert "Łódź GmbH" in waypost("org", "list").done().out


def test_an_organization_that_is_not_there(waypost: Any) -> None:
    """A connection of an organization that nobody knows is not added."""
    arguments = ("connection", "add", "ACME", "--url", "https://usea1-example.sentinelone.net")
    ended = waypost(*arguments, "--organization", "nobody", stdin="token")
    ended.refused(2, "'nobody'", "waypost org add")
