"""`waypost connection`: add, list, show, remove."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from waypost.storage import embedded

KEYS = {"id", "name", "base_url", "state", "identity", "created_at", "expires_at", "pulled_at"}


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    return made


@pytest.fixture(autouse=True)
def _none_left(waypost: Any) -> Iterator[None]:
    yield
    for item in waypost("connection", "list", "--json").document["items"]:
        waypost("connection", "remove", item["name"], "--yes").done()


def test_an_empty_start(waypost: Any) -> None:
    """Before anything was added, lists are empty and say how to begin."""
    assert waypost("connection", "list", "--json").done().document == {"items": [], "next_cursor": None}
    assert "waypost connection add" in waypost("connection", "list").done().out
    assert "waypost sync" in waypost("runs").done().out
    assert waypost("finding", "list", "--json").done().document == {"items": [], "next_cursor": None}
    assert waypost("finding", "list").done().out == "Nothing matches.\n"


def test_add_and_list(waypost: Any, console: Any) -> None:
    """A connection that was added is listed with its console, state, scope and expiry, and the next step is said."""
    added = waypost.add("ACME GmbH & Co", console.url + "/dashboard", console.token).done()
    assert console.url in added.out
    assert 'waypost sync "ACME GmbH & Co"' in added.out
    document = waypost("connection", "list", "--json").done().document
    (item,) = document["items"]
    assert document["next_cursor"] is None
    assert item.keys() == KEYS
    assert (item["name"], item["base_url"], item["state"]) == ("ACME GmbH & Co", console.url, "pending")
    assert item["expires_at"].startswith("2027-06-01")
    assert item["identity"]["scope"] == "tenant"
    assert "ACME GmbH & Co" in waypost("connection", "list").done().out


def test_add_as_json(waypost: Any, console: Any) -> None:
    """Adding can answer with the connection as one document."""
    ended = waypost("connection", "add", "ACME", "--url", console.url, "--json", stdin=console.token).done()
    assert ended.document.keys() == KEYS


def test_show(waypost: Any, console: Any) -> None:
    """A connection shows whose token it is, what it sees and how much it holds."""
    waypost.add("ACME", console.url, console.token).done()
    document = waypost("connection", "show", "ACME", "--json").done().document
    assert document.keys() == KEYS | {"devices", "findings"}
    shown = waypost("connection", "show", "ACME").done().out
    assert console.url in shown
    assert "2027-06-01" in shown


@pytest.mark.parametrize("form", ["{}", "{}\n", "  {}\r\n", "ApiToken {}", "Bearer {}\n"])
def test_tokens_as_people_paste_them(waypost: Any, console: Any, form: str) -> None:
    """White space and the header's own word around a token do not matter, on standard input or in WAYPOST_TOKEN."""
    pasted = form.format(console.token)
    waypost("connection", "add", "ACME", "--url", console.url, stdin=pasted).done()
    waypost("connection", "add", "ACME 2", "--url", console.url, WAYPOST_TOKEN=pasted).done()


def test_without_a_token(waypost: Any, console: Any) -> None:
    """Without a token nothing is called; the error says where it is read from."""
    before = console.requests()["total"] if "total" in console.requests() else console.requests()
    for stdin in ("", " \n"):
        waypost("connection", "add", "ACME", "--url", console.url, stdin=stdin).refused(2, "WAYPOST_TOKEN")
    after = console.requests()["total"] if "total" in console.requests() else console.requests()
    assert after == before
    waypost.add("ACME", console.url, console.token).done()


def test_a_second_of_the_same_name(waypost: Any, console: Any) -> None:
    """A name is taken once; the error names the console that has it."""
    waypost.add("ACME", console.url, console.token).done()
    waypost.add("ACME", console.url, console.token).refused(2, "'ACME' already", console.url)
    waypost.add("ACME 2", console.url, console.token).done()


def test_removing_asks_first(waypost: Any, console: Any) -> None:
    """Where nobody can be asked, nothing is removed without --yes."""
    waypost.add("ACME", console.url, console.token).done()
    waypost("connection", "remove", "ACME").refused(2, "confirmation", "--yes")
    assert len(waypost("connection", "list", "--json").document["items"]) == 1
    removed = waypost("connection", "remove", "ACME", "--yes").done()
    assert "0 devices and 0 findings" in removed.out
    assert waypost("connection", "list", "--json").document["items"] == []


def test_removing_takes_everything_along(waypost: Any, console: Any) -> None:
    """Of a connection that was removed nothing is left, and of another everything."""
    waypost.add("stays", console.url, console.token).done()
    waypost.add("goes", console.url, console.token).done()
    waypost("sync", "stays").done()
    before = waypost.stored()
    waypost("sync", "goes").done()
    waypost("connection", "remove", "goes", "--yes").done()
    after = waypost.stored()
    gone = [row for row in before["connection"] if row not in after["connection"]]
    assert len(gone) == 1
    for table in before.keys() - {"connection", "credential"}:
        assert after[table] == before[table], table


@pytest.mark.parametrize(
    "command",
    ["connection show", "connection rotate", "connection remove --yes", "sync", "runs", "quarantine list"],
)
def test_a_connection_that_is_not_there(waypost: Any, command: str) -> None:
    """A name that nobody knows is refused by every command that takes one."""
    first, *rest = command.split(" --")
    waypost(*first.split(), "nobody", *(f"--{flag}" for flag in rest), stdin="token").refused(
        2, "'nobody'", "waypost connection list"
    )
