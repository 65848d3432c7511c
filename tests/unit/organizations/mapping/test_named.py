"""Sites and accounts are found by whatever people call them, and never the wrong one."""

import uuid

import pytest

from waypost import errors
from waypost.organizations.mapping.decisions import Kind
from waypost.organizations.mapping.estate import OPEN, Console, Estate, Scope
from waypost.organizations.mapping.named import Named

SECOND = uuid.uuid4()


def scope(connection_id: int, scope_id: int, name: str, account_id: int | None = None) -> Scope:
    kind = Kind.ACCOUNT if account_id is None else Kind.SITE
    return Scope(connection_id, kind, scope_id, name, account_id, None, "active", False, OPEN, 0)


@pytest.fixture
def estate() -> Estate:
    consoles = [
        Console(1, uuid.uuid4(), "first", "https://one", None, True),
        Console(2, SECOND, "with/slash", "https://two", None, False),
    ]
    scopes = [
        scope(1, 10, "Managed clients"),
        scope(1, 20, "Nordwind"),
        scope(2, 10, "Managed clients"),
        scope(1, 101, "Default site", 10),
        scope(1, 102, "Default site", 20),
        scope(1, 103, "a/b", 10),
        scope(1, 104, "104th street", 10),
        scope(1, 105, "nordwind", 10),
        scope(1, 106, "Nordwind", 20),
        scope(2, 101, "Only here", 10),
        scope(2, 107, "103", 10),
    ]
    return Estate(consoles, scopes)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Only here", (2, 101)),
        ("  only HERE ", (2, 101)),
        ("with/slash/Only here", (2, 101)),
        ("with/slash/101", (2, 101)),
        (f"{SECOND}/101", (2, 101)),
        ("Nordwind/Default site", (1, 102)),
        ("first/managed clients/Default site", (1, 101)),
        ("first/10/101", (1, 101)),
        ("a/b", (1, 103)),
        ("first/a/b", (1, 103)),
        ("103", (1, 103)),  # an id before a name
        ("with/slash/103", (2, 107)),
        ("Nordwind", (1, 106)),  # the very name before one in another case
        ("nordwind", (1, 105)),
        ("104", (1, 104)),
    ],
)
def test_what_a_text_means(estate: Estate, text: str, meant: tuple[int, int]) -> None:
    """An id, the very name, the name in any case: alone, or after its connection, account or both."""
    found = Named(estate, Kind.SITE).one(text)
    assert (found.connection_id, found.scope_id) == meant


@pytest.mark.parametrize("text", ["Default site", "first/Default site", "101", "NORDWIND"])
def test_what_several_are_called(estate: Estate, text: str) -> None:
    """What can mean several is refused, and the error tells each of them by connection and id."""
    scopes = Named(estate, Kind.SITE)
    with pytest.raises(errors.NoSuchScopeError, match="can be any of 2 sites") as caught:
        scopes.one(text)
    told = str(caught.value)
    for one in scopes.matching(text):
        assert f"/{one.scope_id} ('{one.name}'" in told
    assert "CONNECTION/ID" in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["", "/", "nobody", "first/Only here", "Default", "first/", "/101", "site 101"]
)
def test_what_nobody_is_called(estate: Estate, text: str) -> None:
    """Part of a name means nothing, nor does a name at another place."""
    with pytest.raises(errors.NoSuchScopeError, match="There is no site"):
        Named(estate, Kind.SITE).one(text)


def test_of_one_connection(estate: Estate) -> None:
    """With a connection there is only what it has; accounts are apart from sites."""
    assert Named(estate, Kind.SITE, "first").one("101").connection_id == 1
    assert Named(estate, Kind.ACCOUNT, str(SECOND)).one("managed clients").connection_id == 2
    with pytest.raises(errors.NoSuchScopeError, match="any of 2 accounts"):
        Named(estate, Kind.ACCOUNT).one("Managed clients")
    with pytest.raises(errors.NoSuchConnectionError):
        Named(estate, Kind.SITE, "third")
