"""The live test of a console and a token."""

from datetime import UTC, datetime
from typing import Any

import pytest

from waypost import errors
from waypost.connections import credentials, probe
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter

ALLOWED = Allowed.parse("127.0.0.1")


async def identify(console: Any, token: str) -> probe.Identity:
    async with credentials.client(console.url, token, ALLOWED, Limiter.unlimited()) as client:
        return await probe.identify(client)


async def test_a_console_and_its_token(console: Any, token: str) -> None:
    """What the console tells of itself and of the token's owner is kept; everything a pull needs was tried."""
    identity = await identify(console, token)
    assert identity == probe.Identity(
        version="Venus 25.1.3",
        user_id="5",
        user="Ada",
        scope="account",
        scopes=({"id": "9", "name": "ACME", "role": "Viewer"},),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert set(console.asked) == {
        "/system/info",
        "/sites",
        "/agents",
        "/application-management/risks",
        "/user",
    }


async def test_a_wrong_token(console: Any, token: str) -> None:
    """A token that the console does not know is told as such at the first call; the right one is taken."""
    with pytest.raises(errors.TokenRefusedError) as refusal:
        await identify(console, token + "x")
    assert console.asked == ["/system/info"]
    assert token not in str(refusal.value)
    console.answers["/system/info"] = {"data": {}}
    assert (await identify(console, token)).user == "Ada"


async def test_a_web_site(console: Any, token: str) -> None:
    """A page for people is told from a console."""
    console.answers["/system/info"] = "<html>Welcome</html>"
    with pytest.raises(errors.NotAConsoleError):
        await identify(console, token)


@pytest.mark.parametrize("path", ["/sites", "/agents", "/application-management/risks"])
async def test_a_token_with_too_little_permission(console: Any, token: str, path: str) -> None:
    """A token that may not read what a pull needs is refused before anything is stored."""
    before = console.answers[path]
    console.refuse(path, 403, 4030010)
    with pytest.raises((errors.ForbiddenRoleError, errors.ForbiddenScopeError)) as refusal:
        await identify(console, token)
    assert refusal.value.path == path
    assert refusal.value.remedy
    console.answers[path] = before
    await identify(console, token)


async def test_a_console_without_vulnerabilities(console: Any, token: str) -> None:
    """A console that has no licence for risks is still a console; the warning says what is missing."""
    console.refuse("/application-management/risks", 403, 4030010, "Feature X is not available for the scope")
    identity = await identify(console, token)
    assert len(identity.warnings) == 1
    assert "application-management/risks" in identity.warnings[0]


@pytest.mark.parametrize(
    ("status", "code"), [(403, 4030010), (404, 4040010), (401, 4010010), (501, 5010010), (400, 4000010)]
)
async def test_facts_that_only_help(console: Any, token: str, status: int, code: int) -> None:
    """Who the token belongs to is good to know, and nothing hangs on it."""
    console.refuse("/user", status, code)
    identity = await identify(console, token)
    assert (identity.user, identity.scope, identity.expires_at) == ("", "", None)
    assert identity.version == "Venus 25.1.3"


async def test_a_console_without_system_info(console: Any, token: str) -> None:
    """A console that does not route the first call is judged by its lists."""
    console.refuse("/system/info", 404, 4040010)
    assert (await identify(console, token)).version == ""
    for path in ("/sites", "/agents", "/application-management/risks"):
        console.answers[path] = 404, "<html>not found</html>"
    with pytest.raises(errors.ConsoleError):
        await identify(console, token)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"fullName": 5, "scope": ["x"]}},
        {"data": {"scopeRoles": None, "apiToken": None}},
        {"data": []},
        {"data": None},
        {"data": {"apiToken": {"expiresAt": "never"}}},
        {"data": {"scopeRoles": [{"id": None, "name": None}]}},
    ],
)
async def test_odd_facts(console: Any, token: str, answer: object) -> None:
    """A user of another shape than expected is one of whom less is known."""
    console.answers["/user"] = answer
    identity = await identify(console, token)
    assert identity.expires_at is None
    assert token not in repr(identity)
