"""`waypost connection`: add, list, show, rename, default, pause, resume, rhythm, health, remove."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from waypost.storage import embedded

KEYS = {
    "id", "name", "url", "base_url", "state", "state_since", "reason", "is_default", "organization", "identity",
    "created_at", "expires_at", "days_left", "auto_renew", "pulled_at", "rhythm", "next_at", "health",
}  # fmt: skip


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    return made


@pytest.fixture(autouse=True)
def _none_left(waypost: Any) -> Iterator[None]:
    yield
    for item in waypost("connection", "list", "--json").document["items"]:
        waypost("connection", "remove", item["name"], "--yes", "--purge", "--no-default").done()


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
    assert "waypost sync 'ACME GmbH & Co'" in added.out
    document = waypost("connection", "list", "--json").done().document
    (item,) = document["items"]
    assert document["next_cursor"] is None
    assert item.keys() == KEYS
    assert (item["name"], item["base_url"], item["state"]) == ("ACME GmbH & Co", console.url, "pending")
    assert item["expires_at"].startswith("2027-06-01")
    assert item["days_left"] > 30
    assert (item["is_default"], item["organization"], item["health"]["state"]) == (False, None, "unknown")
    assert item["identity"]["scope"] == "tenant"
    listed = waypost("connection", "list").done().out
    assert "ACME GmbH & Co" in listed
    assert f"{item['days_left']:,} days" in listed


def test_add_as_json(waypost: Any, console: Any) -> None:
    """Adding can answer with the connection as one document."""
    ended = waypost("connection", "add", "ACME", "--url", console.url, "--json", stdin=console.token).done()
    assert ended.document.keys() == KEYS | {"check"}
    assert ended.document["check"].keys() == {"state", "results"}
    assert "token.accepted" in {line["name"] for line in ended.document["check"]["results"]}


def test_show(waypost: Any, console: Any) -> None:
    """A connection shows whose token it is, what it sees and how much it holds."""
    waypost.add("ACME", console.url, console.token).done()
    document = waypost("connection", "show", "ACME", "--json").done().document
    assert document.keys() == KEYS | {"devices", "findings"}
    shown = waypost("connection", "show", "ACME").done().out
    assert console.url in shown
    assert "2027-06-01" in shown


@pytest.mark.parametrize("form", ["  {}\r\n", "ApiToken {}", "Bearer {}\n", '"{}"'])
def test_tokens_as_people_paste_them(waypost: Any, console: Any, form: str) -> None:
    """White space, quotes and the header's own word around a token do not matter, wherever it is read from."""
    first, second = form.format(console.token), form.format(console.of_scope("account"))
    waypost("connection", "add", "ACME", "--url", console.url, stdin=first).done()
    waypost("connection", "add", "ACME 2", "--url", console.url, WAYPOST_TOKEN=second).done()


def test_without_a_token(waypost: Any, console: Any) -> None:
    """Without a token nothing is called; the error says where it is read from."""
    before = console.requests()["total"] if "total" in console.requests() else console.requests()
    for stdin in ("", " \n"):
        waypost("connection", "add", "ACME", "--url", console.url, stdin=stdin).refused(2, "WAYPOST_TOKEN")
    after = console.requests()["total"] if "total" in console.requests() else console.requests()
    assert after == before
    waypost.add("ACME", console.url, console.token).done()


def test_a_second_of_the_same_name(waypost: Any, console: Any) -> None:
    """A name is taken once, and so is a console with one user; the error names the connection that has it."""
    waypost.add("ACME", console.url, console.token).done()
    other = console.of_scope("account")
    waypost.add("ACME", console.url, other).refused(2, "'ACME' already", console.url, "connection.exists")
    waypost.add("ACME 2", console.url, console.token).refused(
        2, "'ACME' has this console and user", "connection.same_identity"
    )
    waypost.add("ACME 2", console.url, other).done()


def test_what_only_warns(waypost: Any, console: Any) -> None:
    """A token that may not read everything is stored; what it may not read is told with its remedy."""
    ended = waypost.add("ACME", console.url, console.holder("Without risks")).done()
    assert "Failed: Risks" in ended.err
    assert "Next: " in ended.err
    assert "Added ACME" in ended.out


def test_what_is_forced(waypost: Any, console: Any) -> None:
    """A token that the console refuses is stored only by force, and then waits for another."""
    waypost.add("ACME", console.url, "0" * 80).refused(3, "Token:", "connection.check_failed")
    forced = waypost("connection", "add", "ACME", "--url", console.url, "--force", stdin="0" * 80).done()
    assert "waypost connection rotate ACME" in forced.out
    (item,) = waypost("connection", "list", "--json").document["items"]
    assert (item["state"], item["reason"]["code"]) == ("needs_attention", "console.token_refused")
    assert (item["health"]["state"], item["health"]["owner"]) == ("failing", "customer")
    waypost("connection", "resume", "ACME").refused(2, "new token", "connection rotate")
    listed = waypost("connection", "list").done()
    assert "needs_attention" in listed.out
    assert "who must act: customer" in listed.err
    waypost("connection", "rotate", "ACME", stdin=console.token).done()
    assert waypost("connection", "show", "ACME", "--json").document["state"] == "pending"


def test_the_life_of_a_connection(waypost: Any, console: Any) -> None:
    """A connection is renamed, paced, paused and resumed, belongs to an organization, and tells of its health."""
    waypost("org", "add", "Client").done()
    arguments = ("connection", "add", "ACME", "--url", console.url, "--organization", "Client", "--default")
    waypost(*arguments, stdin=console.of_scope("site")).done()
    assert "ACME is now Łódź" in waypost("connection", "rename", "ACME", " Łódź ").done().out
    assert "every 90s" in waypost("connection", "rhythm", "Łódź", "--delta", "90s").done().out
    paced = waypost("connection", "rhythm", "Łódź", "--tree", "2h", "--json").done().document
    assert paced == {"delta_seconds": 90, "tree_seconds": 7200, "reconcile_seconds": 86400}
    waypost("connection", "rhythm", "Łódź", "--delta", "1s").refused(2, "request.field", "15")

    assert "paused" in waypost("connection", "pause", "Łódź").done().out
    waypost("sync", "Łódź").refused(2, "is paused", "connection resume")
    assert "pending" in waypost("connection", "resume", "Łódź").done().out
    waypost("sync", "Łódź").done()

    (item,) = waypost("connection", "health", "--json").done().document["items"]
    assert (item["connection"], item["state"], item["owner"]) == ("Łódź", "ok", "nobody")
    assert {stream["stream"] for stream in item["streams"]} >= {"sites", "agents", "risks"}
    assert "risks" in waypost("connection", "health", "Łódź").done().out
    shown = waypost("connection", "show", "Łódź", "--json").done().document
    assert (shown["is_default"], shown["organization"]["name"], shown["state"]) == (True, "Client", "active")
    assert "Client" in waypost("connection", "show", "Łódź").done().out


def test_the_default(waypost: Any, console: Any) -> None:
    """One connection may be the default, and is removed only with a choice of what takes its place."""
    waypost.add("one", console.url, console.token).done()
    waypost.add("other", console.url, console.of_scope("account")).done()
    assert "No connection" in waypost("connection", "default").done().out
    assert "The default is one" in waypost("connection", "default", "one").done().out
    waypost("connection", "remove", "one", "--yes").refused(
        2, "'one' is the default", "connection.is_default"
    )
    waypost("connection", "remove", "one", "--yes", "--new-default", "other").done()
    assert "The default is other" in waypost("connection", "default").done().out
    assert "No connection" in waypost("connection", "default", "--none").done().out


def test_removing_asks_first(waypost: Any, console: Any) -> None:
    """Where nobody can be asked, nothing is removed without --yes."""
    waypost.add("ACME", console.url, console.token).done()
    waypost("connection", "remove", "ACME").refused(2, "confirmation", "--yes")
    assert len(waypost("connection", "list", "--json").document["items"]) == 1
    removed = waypost("connection", "remove", "ACME", "--yes").done()
    assert "0 devices and 0 findings" in removed.out
    assert waypost("connection", "list", "--json").document["items"] == []


def test_removing_keeps_for_a_while(waypost: Any, console: Any) -> None:
    """What came through a removed connection is kept but shown nowhere, and its token and name are free at once."""
    waypost.add("goes", console.url, console.token).done()
    waypost("sync", "goes").done()
    removed = waypost("connection", "remove", "goes", "--yes").done()
    assert "kept for 30 days" in removed.out
    for listing in ("connection list", "finding list", "device list", "software list"):
        assert waypost(*listing.split(), "--json").document["items"] == []
    stored = waypost.stored()
    assert (stored["credential"], bool(stored["finding"])) == ([], True)
    waypost.add("goes", console.url, console.token).done()


def test_purging_takes_everything_along(waypost: Any, console: Any) -> None:
    """Of a connection that was purged nothing is left, and of another everything."""
    waypost.add("stays", console.url, console.of_scope("account")).done()
    waypost("sync", "stays").done()
    before = waypost.stored()
    waypost.add("goes", console.url, console.token).done()
    waypost("sync", "goes").done()
    waypost("connection", "remove", "goes", "--yes", "--purge").done()
    after = waypost.stored()
    for table in before.keys() - {"audit", "change_batch", "feed"}:
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
