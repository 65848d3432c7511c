"""Who a token belongs to, put together from several places."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from waypost.connections.examination import holder, token
from waypost.connections.examination.holder import Lifetime
from waypost.connections.examination.questions import Answer
from waypost.sentinelone.claims import Claims

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, tzinfo=UTC)


def told(question: Any, data: Any) -> Answer[Any]:
    return Answer(content=question.read(json.dumps({"data": data}).encode()))


def user(**data: Any) -> Answer[Any]:
    return told(holder.who(), data)


NOBODY: Answer[Any] = Answer(unasked="Not asked.")


@pytest.mark.parametrize(
    ("who", "listed", "claims", "kind"),
    [
        (user(id="5"), [{"id": "5"}], Claims("person"), "service_user"),
        (user(id="5", email="ada@example.org"), [], Claims(), "person"),
        (user(id="5", email="serviceuser-5@mgmt.sentinelone.net"), None, Claims(), "service_user"),
        (user(id="5"), None, Claims("person"), "person"),
        (user(id="5"), [], Claims(), "person"),
        (user(id="5"), None, Claims(), "service_user"),
        (user(), None, Claims("service_user"), "service_user"),
        (user(), None, Claims(), ""),
        (NOBODY, None, Claims(), ""),
        (user(id=["odd"]), None, Claims(), ""),
    ],
)
def test_the_kind(who: Answer[Any], listed: Any, claims: Claims, kind: str) -> None:
    """The console's list of service users is proof; without it signs are taken, and without those nothing is said."""
    rows = NOBODY if listed is None else told(holder.listed("5"), listed)
    assert holder.known(claims, who, rows, NOBODY).kind == kind


def test_the_lifetime() -> None:
    """What the console tells of this very token counts before what it tells of the user, and that before the token."""
    details = told(holder.lifetime("t"), {"createdAt": "2026-05-01T00:00:00.000001Z", "expiresAt": None})
    who = user(id="5", apiToken={"createdAt": None, "expiresAt": "2026-12-01T00:00:00Z"})
    found = holder.known(Claims(expires_at=NOW), who, NOBODY, details).lifetime
    assert found == Lifetime(datetime(2026, 5, 1, 0, 0, 0, 1, tzinfo=UTC), ENDS)
    assert holder.known(Claims(expires_at=NOW), NOBODY, NOBODY, NOBODY).lifetime.expires_at == NOW


@pytest.mark.parametrize("text", ["never", "", None, "9999-99-99", "0000-01-01T00:00:00Z"])
def test_an_odd_end(text: str | None) -> None:
    """An end that is no time is not known, which is no failure."""
    details = told(holder.lifetime("t"), {"createdAt": text, "expiresAt": text})
    found = token.lifetime(holder.known(Claims(), NOBODY, NOBODY, details).lifetime, NOW, 0.0)
    assert (found.state, found.remedy) == ("pass", "")


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (400, "pass", "in 400 days"),
        (31, "pass", "in 31 days"),
        (30, "warn", "in 30 days"),
        (1, "warn", "in 1 day."),
        (0.5, "warn", "within a day"),
        (0, "fail", "ended on"),
        (-3, "fail", "ended on"),
    ],
)
def test_days_left(days: float, state: str, words: str) -> None:
    """A month is a warning, and past the end is a failure."""
    ends = datetime.fromtimestamp(NOW.timestamp() + days * 86_400, UTC)
    found = token.lifetime(Lifetime(None, ends), NOW, 0.0)
    assert found.state == state
    assert words in found.found
    assert bool(found.remedy) == (state != "pass")


def test_the_identity() -> None:
    """What is stored with a connection is what the console told, and a role without a scope is one of the tenant."""
    roles = [{"id": "9", "name": "ACME", "roleId": "3", "roleName": "Viewer"}, {"roles": ["Admin"]}]
    found = holder.known(
        Claims(), user(id="5", fullName="Ada", scope="account", scopeRoles=roles), NOBODY, NOBODY
    )
    identity = holder.identity(found, "Venus 1")
    assert (identity.user, identity.scope, identity.version) == ("Ada", "account", "Venus 1")
    assert identity.scopes == (
        {"id": "9", "name": "ACME", "role": "Viewer"},
        {"id": "", "name": "", "role": "Admin"},
    )
