"""`waypost connection rotate`: a new token for a connection, without losing what was pulled."""

from collections.abc import Callable
from typing import Any

import pytest

from support import simulator
from support.service_users import Administrator
from waypost.storage import embedded


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    return made


def _token(console: Any, *, scope: str, role: str = "Viewer", state: str = "valid") -> str:
    return next(
        token["token"]
        for token in console.tokens()
        if (token["scope"], token["role"], token["state"]) == (scope, role, state)
        and token["token"] != console.token
    )


def test_a_refused_token_is_replaced_and_nothing_is_lost(waypost: Any, console: Any) -> None:
    """A connection that needs attention gets a new token, goes on, and keeps the old one until a pull succeeded."""
    first, second = console.token, _token(console, scope="tenant", role="Admin")
    waypost.add("ACME", console.url, first).done()
    waypost("sync", "ACME").done()
    held = waypost("connection", "show", "ACME", "--json").document["findings"]
    console.change_token(first, state="revoked")
    waypost("sync", "ACME").refused(3, "waypost connection rotate")
    assert waypost("connection", "show", "ACME", "--json").document["state"] == "needs_attention"

    waypost("connection", "rotate", "ACME", stdin=second).done()

    shown = waypost("connection", "show", "ACME", "--json").document
    assert (shown["state"], shown["findings"]) == ("active", held)
    assert len(waypost.stored()["credential"]) == 2
    waypost("sync", "ACME").done()
    assert len(waypost.stored()["credential"]) == 1
    console.change_token(first, state="valid")
    waypost("connection", "remove", "ACME", "--yes").done()


def test_a_token_that_is_refused_replaces_nothing(waypost: Any, console: Any) -> None:
    """A new token is tested first: a wrong one leaves the connection as it was."""
    waypost.add("ACME", console.url, console.token).done()
    before = waypost.stored()
    waypost("connection", "rotate", "ACME", stdin="wrong").refused(3, "The console refuses it")
    assert waypost.stored() == before
    waypost("sync", "ACME").done()
    waypost("connection", "remove", "ACME", "--yes").done()


def test_a_token_that_sees_less_must_be_meant(waypost: Any, console: Any) -> None:
    """A narrower token is refused unless asked for; with it, what it no longer sees stays unresolved."""
    narrow = _token(console, scope="site")
    waypost.add("ACME", console.url, console.token).done()
    waypost("sync", "ACME").done()
    held = waypost("finding", "list", "--limit", "10000", "--json").document["items"]
    waypost("connection", "rotate", "ACME", stdin=narrow).refused(2, "--narrower")

    waypost("connection", "rotate", "ACME", "--narrower", stdin=narrow).done()

    assert waypost("sync", "ACME", "--full").done().code == 0
    now = waypost("finding", "list", "--limit", "10000", "--json").document["items"]
    assert {item["id"]: item["state"] for item in now} == {item["id"]: item["state"] for item in held}
    waypost("connection", "remove", "ACME", "--yes").done()


def test_a_token_that_is_renewed(make_waypost: Callable[[], Any]) -> None:
    """`connection renew` swaps service users by way of a pull; `--auto` is shown with the connection."""
    waypost = make_waypost()
    embedded.start(waypost.home)
    size = simulator.arguments(accounts=1, sites=1, agents=2, risks_per_agent=2)
    with simulator.running(size) as console:
        people = Administrator(console)
        waypost.add("ACME", console.url, people.token_of(name="Reader")).done()

        assert "waypost sync ACME" in waypost("connection", "renew", "ACME").done().out
        waypost("sync", "ACME").done()
        assert "renewed" in waypost("connection", "renew", "ACME").done().out

        assert [row["name"] for row in people.ours()] == ["Reader (Waypost 2)"]
        assert "Reader" not in people.names()
        waypost("sync", "ACME").done()
        for word, on in (("on", True), ("off", False)):
            waypost("connection", "renew", "ACME", "--auto", word).done()
            assert waypost("connection", "show", "ACME", "--json").document["auto_renew"] is on
        assert waypost("connection", "renew", "ACME", "--auto", "maybe").code == 2
        waypost.add("viewer", console.url, console.token).done()
        waypost("connection", "renew", "viewer").refused(1, "Service Users", "rotate")
