"""`waypost key`: keys to the API at the command line."""

import re
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def home(make_waypost: Callable[[], Any]) -> Any:
    """A home of its own, whose database keeps running."""
    from waypost.storage import embedded  # noqa: PLC0415  # as the shared fixtures do

    waypost = make_waypost()
    embedded.start(waypost.home)
    return waypost


def test_a_key_is_shown_once(home: Any) -> None:
    """A key is made and shown, listed without its secret, and revoked; the audit log knows who did it."""
    home("org", "add", "ACME").done()
    made = home(
        "key", "create", "tickets", "--scope", "read", "--scope", "manage", "--organization", "ACME",
        "--expires", "90d", "--json",
    ).done().document  # fmt: skip
    assert re.fullmatch(rf"wp_{made['id']}_[0-9A-Za-z]{{43}}", made["key"])
    narrow = home("key", "list", COLUMNS="80").done().out
    assert re.search(rf"^{made['id']} .+ read, manage .+ active +20\d\d-\d\d-\d\d ", narrow, re.MULTILINE)
    assert (made["scopes"], made["organization"]["name"]) == (["read", "manage"], "ACME")
    listed = home("key", "list", "--json").done()
    assert [(key["id"], key["state"]) for key in listed.document["items"]] == [(made["id"], "active")]
    assert made["key"].rpartition("_")[2] not in listed.out
    assert "tickets" in home("key", "list").done().out
    home("key", "revoke", made["id"]).done()
    assert home("key", "list", "--json").done().document["items"][0]["state"] == "revoked"
    stored = home.stored()
    assert made["key"].rpartition("_")[2] not in str(stored)
    assert [row.count("key.") for row in stored["audit"] if "key." in row] == [1, 1]


def test_the_text_alone_goes_to_standard_output(home: Any) -> None:
    """A script can take the key as it is."""
    made = home("key", "create", "script", "--scope", "read").done()
    assert re.fullmatch(r"wp_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}\n", made.out)
    assert "shown this once" in made.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scope", "read", "--expires", "soon"], "no length of time"),
        (["--scope", "read", "--expires", "0d"], "no length of time"),
        (["--scope", "read", "--expires", "9999y"], "a hundred years at most"),
        (["--scope", "read", "--organization", "nobody"], "no organization 'nobody'"),
    ],
)
def test_keys_that_cannot_be(home: Any, arguments: list[str], words: str) -> None:
    """What cannot be is refused with the next step."""
    home("key", "create", "never", *arguments).refused(2, words)
    home("key", "revoke", "none").refused(2, "no key 'none'")
