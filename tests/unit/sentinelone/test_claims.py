"""What a token says of itself."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.sentinelone import claims
from waypost.sentinelone.claims import Claims


def token(payload: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJFUzI1NiJ9.{body}.c2lnbmF0dXJl"


def test_a_service_users_token() -> None:
    """The name of a service user has a form of its own."""
    read = claims.read(token({"sub": "serviceuser-7@mgmt-1.sentinelone.net", "exp": 1798761600}))
    assert read == Claims("service_user", datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"sub": "ada@example.org"}, "person"),
        ({"sub": "ServiceUser-1@x"}, "service_user"),
        ({"sub": "12345"}, ""),
        ({}, ""),
        ({"sub": None}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_other_tokens(payload: Any, kind: str) -> None:
    """What is not said is not guessed."""
    assert claims.read(token(payload)).kind == kind


@pytest.mark.parametrize("end", [-1, 0, 1e300, 253402300800, "soon", None, True])
def test_an_end_that_is_none(end: Any) -> None:
    """A time beyond all calendars is no time."""
    assert claims.read(token({"sub": "ada@example.org", "exp": end})).expires_at is None


def test_an_accepted_token_has_not_ended() -> None:
    """That a console accepts a token counts more than what the token says."""
    read = claims.read(token({"sub": "ada@example.org", "exp": 1798761600}))
    assert read.at(datetime(2026, 1, 1, tzinfo=UTC)) == read
    assert read.at(datetime(2028, 1, 1, tzinfo=UTC)) == Claims("person")


@given(st.one_of(st.text(), st.binary().map(lambda raw: f"a.{base64.b64encode(raw).decode()}.b")))
def test_anything(text: str) -> None:
    """An opaque token, or anything else, says nothing and breaks nothing."""
    assert isinstance(claims.read(text), Claims)
