"""Who a token is: what tells two of them apart, and which sees less."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.connections import probe
from waypost.connections.probe import Identity

MADE = datetime(2026, 5, 1, 8, 30, 0, 123456, tzinfo=UTC)
IDS = st.sets(st.sampled_from("123456"), min_size=1)
SCOPES = st.one_of(
    st.just(Identity(scope="tenant")),
    st.tuples(st.sampled_from(["account", "site"]), IDS).map(
        lambda held: Identity(
            scope=held[0], scopes=tuple({"id": one, "name": one} for one in sorted(held[1]))
        )
    ),
)


def test_the_same_user() -> None:
    """A user is the same with another token, and another on another console."""
    before, after = Identity(user_id="5", token_created_at=MADE), Identity(user_id="5")
    assert before.key("https://a.example") == after.key("https://a.example")
    assert before.key("https://a.example") != after.key("https://b.example")


def test_a_user_that_is_not_told() -> None:
    """Where the console does not tell the user, the microsecond of the token does; else nothing is known."""
    other = msgspec.structs.replace(
        Identity(token_created_at=MADE), token_created_at=MADE.replace(microsecond=1)
    )
    assert (
        Identity(token_created_at=MADE).key("https://a.example")
        == "https://a.example token of 2026-05-01T08:30:00.123456+00:00"
    )
    assert Identity(token_created_at=MADE).key("x") != other.key("x")
    assert Identity().key("https://a.example") is None


@pytest.mark.parametrize("unknown", ["", "group", "galaxy"])
def test_a_scope_that_is_not_told(unknown: str) -> None:
    """Nothing is narrower than what nobody knows."""
    assert not probe.narrower(Identity(scope=unknown), Identity(scope="tenant"))
    assert not probe.narrower(Identity(scope="site"), Identity(scope=unknown))


@given(new=SCOPES, old=SCOPES)
def test_narrower(new: Identity, old: Identity) -> None:
    """What covers all that the other does is not narrower; of two different ones, at least one is."""
    assert not probe.narrower(new, new)
    same = {one["id"] for one in new.scopes} == {one["id"] for one in old.scopes}
    if new.scope == old.scope and same:
        assert not probe.narrower(new, old)
    elif new.scope == old.scope:
        assert probe.narrower(new, old) or probe.narrower(old, new)
    else:
        assert probe.narrower(new, old) != probe.narrower(old, new)


def test_stored_by_an_older_version() -> None:
    """What an earlier version stored can still be read."""
    stored = {"user": "Ada", "scope": "tenant", "warnings": ["old"], "expires_at": "2027-01-01T00:00:00Z"}
    assert msgspec.convert(stored, Identity, strict=False).user == "Ada"
