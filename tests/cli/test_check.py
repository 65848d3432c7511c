"""`waypost connection check`: the table, the document, and what it ends with."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support import simulator
from support.simulator import Simulator
from waypost.storage import embedded

KEYS = {"name", "state", "found", "remedy", "owner", "seconds", "group", "details"}


@pytest.fixture(scope="module")
def console() -> Iterator[Simulator]:
    """A console whose tokens the tests end."""
    with simulator.running(simulator.arguments(accounts=2, sites=6, agents=15, risks_per_agent=5)) as running:
        yield running


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any], console: Simulator) -> Any:
    """A home with three connections: a good one, one of a narrow role, and one whose token will end."""
    made = make_waypost()
    embedded.start(made.home)
    made.add("ACME GmbH", console.url, console.token).done()
    made.add("narrow", console.url, console.holder("Without risks")).done()
    made.add("ending", console.url, console.holder("Tenant C-Level")).done()
    return made


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def test_the_table(waypost: Any, console: Simulator) -> None:
    """At 80 columns each group is under its name, each line has a word for its state, and nothing is cut off."""
    ended = waypost("connection", "check", "ACME GmbH", COLUMNS="80").done()
    lines = ended.out.splitlines()
    assert lines[0] == f"ACME GmbH, {console.url}"
    assert max(map(width, lines)) <= 80
    for heading in ("Address", "Token", "Scope", "Privilege", "Data", "Vulnerability Management", "Estimate"):
        assert heading in lines
    assert any(line.startswith("✓ pass Accepted") for line in lines)
    assert "…" not in ended.out
    assert console.token not in ended.out + ended.err


def test_the_document(waypost: Any, console: Simulator) -> None:
    """With --json the same is one document, with the keys that programs read, and it costs what it says."""
    console.forget_requests()
    document = waypost("connection", "check", "ACME GmbH", "--json").done().document
    assert document.keys() == {"connection", "state", "results", "requests", "seconds"}
    assert document["connection"] == "ACME GmbH"
    assert document["state"] in ("pass", "warn")
    assert all(line.keys() == KEYS for line in document["results"])
    assert document["requests"] == console.requests()["total"] <= 25
    assert "scope.narrower" in [line["name"] for line in document["results"]]
    assert console.token not in str(document)


def test_something_failed(waypost: Any) -> None:
    """A failure ends with 1, and says what to switch on."""
    ended = waypost("connection", "check", "narrow")
    assert ended.code == 1
    assert "Applications Page.viewRisks" in ended.out
    assert "Next, customer" in ended.out
    assert waypost("connection", "check", "narrow", "--json").code == 1


def test_a_token_that_ended(waypost: Any, console: Simulator) -> None:
    """A token that is refused ends with 3; what was not tried for that reason is told in one line."""
    token = console.holder("Tenant C-Level")
    console.change_token(token, state="revoked")
    ended = waypost("connection", "check", "ending", COLUMNS="80")
    assert ended.code == 3
    assert "✗ fail Accepted" in ended.out
    assert ended.out.count("Not tried: the console did not accept the token.") == 1
    console.change_token(token, state="valid")
    waypost("connection", "check", "ending").done()


def test_a_console_that_is_gone(waypost: Any) -> None:
    """A console that no longer answers is a failed line, not an error."""
    with simulator.running(simulator.arguments(agents=3)) as other:
        waypost.add("gone", other.url, other.token).done()
    ended = waypost("connection", "check", "gone")
    assert ended.code == 1
    assert "✗ fail Connection" in ended.out
    assert "Traceback" not in ended.err


def test_no_such_connection(waypost: Any) -> None:
    """A name that is none is wrong use."""
    waypost("connection", "check", "nobody").refused(2, "nobody")


def test_another_master_key(waypost: Any) -> None:
    """A token that cannot be opened is a failed line that names the key, and the console is not asked."""
    ended = waypost("connection", "check", "ACME GmbH", WAYPOST_MASTER_KEY="A" * 43 + "=")
    assert ended.code == 1
    assert "WAYPOST_MASTER_KEY" in ended.out
