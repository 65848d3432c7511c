"""Many consoles behind one address."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sentinelone_simulator import console, founding, server, tenants
from sentinelone_simulator.faults import Faults

SIZE = founding.Size(accounts=1, sites=2, agents=6, risks_per_agent=8)
RISKS = "/web/api/v2.1/application-management/risks"


class Hall:
    """Asks a console by token."""

    def __init__(self, built: tenants.Tenants, client: TestClient[Any, Any]) -> None:
        self.tenants = built
        self.client = client
        self.viewers = [next(iter(each.tokens)) for each in built.consoles]

    async def get(self, token: str, path: str = RISKS, **parameters: str) -> tuple[int, Any]:
        headers = {"Authorization": f"ApiToken {token}"}
        answer = await self.client.get(path, params=parameters, headers=headers)
        return answer.status, await answer.json()

    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.client.request(method, f"/_simulator{path}", json=body)
        return await answer.json()


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    built = tenants.build(SIZE, 1, 5)
    async with TestClient(TestServer(server.application(built, Faults(1)))) as client:
        yield Hall(built, client)


async def test_each_token_opens_its_own(hall: Hall) -> None:
    """What a token sees is its own console's truth, and nothing of another's."""
    ids: set[str] = set()
    for token in hall.viewers:
        _, page = await hall.get(token, limit="1000")
        seen = {row["id"] for row in page["data"]}
        truth = await hall.control("GET", f"/truth?token={token}")
        assert seen == {fact["id"] for fact in truth["findings"]}
        assert not ids & seen
        ids |= seen
    assert (await hall.get("nobody's"))[0] == 401


async def test_the_first_is_the_single_one(hall: Hall) -> None:
    """The first console is byte for byte what its seed gives alone, tokens included; `--token` is the first's."""
    alone = console.build(SIZE, 1)
    async with TestClient(TestServer(server.application(tenants.Tenants([alone]), Faults(1)))) as client:
        single = Hall(tenants.Tenants([alone]), client)
        assert list(alone.tokens) == list(hall.tenants.first.tokens)
        assert await single.get(single.viewers[0]) == await hall.get(hall.viewers[0])
    named = tenants.build(SIZE, 1, 2, "mine")
    assert [next(iter(each.tokens)) == "mine" for each in named.consoles] == [True, False]


async def test_nobody_is_two_people(hall: Hall) -> None:
    """Tokens, users, accounts and sites are each of one console only."""
    for of in (
        lambda each: list(each.tokens),
        lambda each: list(each.users),
        lambda each: [account.id for account in each.estate.accounts],
        lambda each: [site.id for site in each.estate.sites],
    ):
        everything = [key for each in hall.tenants.consoles for key in of(each)]
        assert len(everything) == len(set(everything))
    moments = [token.created for each in hall.tenants.consoles for token in each.tokens.values()]
    assert len(moments) == len(set(moments))


async def test_the_control_plane_takes_a_tenant(hall: Hall) -> None:
    """Days, truth and tokens are of the console that is named, by number or by token, else of the first."""
    await hall.control("POST", "/advance?tenant=3", {"days": 2})
    await hall.control("POST", f"/advance?token={hall.viewers[4]}", {"days": 4})
    days = [(await hall.control("GET", f"/truth?tenant={number}"))["day"] for number in range(5)]
    assert days == [0, 0, 0, 2, 4]
    assert (await hall.control("POST", "/advance"))["day"] == 1
    listed = await hall.control("GET", "/tokens")
    assert {token["tenant"] for token in listed} == {0, 1, 2, 3, 4}
    assert {token["tenant"] for token in await hall.control("GET", "/tokens?tenant=2")} == {2}
    for wrong in ("tenant=5", "tenant=x", "token=x"):
        assert (await hall.client.get(f"/_simulator/truth?{wrong}")).status == 404


async def test_each_console_has_its_own_time(hall: Hall) -> None:
    """The Date header is that of the token's console."""
    await hall.control("POST", "/advance?tenant=1")
    headers = [
        (await hall.client.get(RISKS, headers={"Authorization": f"ApiToken {token}"})).headers["Date"]
        for token in hall.viewers[:2]
    ]
    assert headers == ["Mon, 01 Jun 2026 08:00:00 GMT", "Tue, 02 Jun 2026 08:00:00 GMT"]


async def test_one_console_may_fail(hall: Hall) -> None:
    """A fault with a tenant's number leaves the others alone."""
    fault = {"kind": "token_expired", "tenant": 2}
    await hall.control("PUT", "/faults", {"faults": [fault]})
    assert [(await hall.get(token))[0] for token in hall.viewers] == [200, 200, 401, 200, 200]
    await hall.control("DELETE", "/faults")
    assert (await hall.get(hall.viewers[2]))[0] == 200


async def test_details_are_told_of_any_console(hall: Hall) -> None:
    """The call that needs no authentication finds the token in the body whichever console it opens."""
    url = "/web/api/v2.1/users/api-token-details"
    for token, each in zip(hall.viewers, hall.tenants.consoles, strict=True):
        answer = await hall.client.post(url, json={"data": {"apiToken": token}})
        expected = each.tokens[token].describe(0)["createdAt"]
        assert (await answer.json())["data"]["createdAt"] == expected
