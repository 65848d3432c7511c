"""Service users at the console: writes are sent once, and a token is in the one answer that makes it."""

import json
from typing import Any

import pytest

from waypost import errors
from waypost.sentinelone import address, limits, service_users
from waypost.sentinelone.client import Backoff, Client
from waypost.sentinelone.service_users import Plan, ScopeRole, ServiceUser

ALLOWED = address.Allowed.parse("127.0.0.1")
SECRET = "new-token-4c9d2e"
PLAN = Plan(
    "Reader", "made", "2027-01-01T00:00:00.000000Z", "site", (ScopeRole("7", "9"), ScopeRole(role_id="9"))
)


def client(console: Any) -> Client:
    return Client(
        address.normalise(console.url, ALLOWED),
        "old-token",
        allowed=ALLOWED,
        limiter=limits.Limiter.unlimited(),
        backoff=Backoff(0.001, 0.002),
        deadline=5,
    )


@pytest.mark.parametrize("status", [429, 500, 502, 504])
async def test_writes_are_sent_once(console: Any, status: int) -> None:
    """What was not answered may have been done, so neither making nor removing is tried again."""
    console.say("gone", status=status, content_type="text/plain")
    async with client(console) as opened:
        with pytest.raises(errors.ConsoleError):
            await service_users.make(opened, PLAN)
        with pytest.raises(errors.ConsoleError):
            await service_users.remove(opened, "5")
    assert [request.method for request in console.requests] == ["POST", "DELETE"]
    assert console.requests[1].path == "/web/api/v2.1/service-users/5"


async def test_making_one(console: Any) -> None:
    """It is asked for as the vendor's definition says, and its token shows in no representation."""
    console.say(json.dumps({"data": {"id": "5", "scope": "site", "apiToken": {"value": SECRET}}}))
    async with client(console) as opened:
        made = await service_users.make(opened, PLAN)
    assert made.api_token is not None
    assert made.api_token.value == SECRET
    assert SECRET not in repr(made)
    asked = {
        "name": "Reader",
        "description": "made",
        "expirationDate": "2027-01-01T00:00:00.000000Z",
        "scope": "site",
        "scopeRoles": [{"id": "7", "roleId": "9"}, {"roleId": "9"}],
    }
    assert [json.loads(body) for body in console.bodies] == [{"data": asked}]


@pytest.mark.parametrize(
    "body", ['{"data":{"id":5,"apiToken":{"value":"%s"}}}', '{"data":["%s"]}', '{"data":"%s']
)
async def test_answers_of_another_shape(console: Any, body: str) -> None:
    """An answer that cannot be read is told without what it holds."""
    console.say(body % SECRET)
    async with client(console) as opened:
        with pytest.raises(errors.UnreadableAnswerError) as refusal:
            await service_users.make(opened, PLAN)
    assert SECRET not in f"{refusal.value} {refusal.value!r} {refusal.value.__context__!r}"


async def test_listing_all(console: Any) -> None:
    """All pages are read; the last one's cursor is an empty text (API notes, section 1)."""
    console.say('{"data":[{"id":"1","scope":"site"}],"pagination":{"nextCursor":"abc","totalItems":2}}')
    console.say('{"data":[{"id":"2","scope":"site"}],"pagination":{"nextCursor":"","totalItems":2}}')
    async with client(console) as opened:
        assert [user.id for user in await service_users.listed(opened)] == ["1", "2"]


async def test_a_console_that_does_not_filter(console: Any) -> None:
    """Only who was asked for counts as found."""
    console.say('{"data":[{"id":"1","scope":"site"},{"id":"2","scope":"site"}],"pagination":{}}')
    async with client(console) as opened:
        assert await service_users.find(opened, ["2", "3"]) == [ServiceUser("2", scope="site")]
