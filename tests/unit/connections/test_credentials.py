"""A new token takes over from the old one: checked first, of the same console, and without a gap."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support import truth as truths
from support.hub import Hub
from support.service_users import Administrator
from support.simulator import Simulator
from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import credentials, custody, health, lifecycle, registry
from waypost.connections.connection import Connection

Start = Callable[..., Simulator]
ESTATE = {"accounts": 2, "sites": 4, "agents": 12, "risks_per_agent": 6}


@pytest.fixture
def console(start_simulator: Start) -> Simulator:
    return start_simulator(**ESTATE, seed=4)


@pytest.fixture
def people(console: Simulator) -> Administrator:
    return Administrator(console)


async def rotate(
    hub: Hub, connection: Connection, token: str, actor: Actor = audit.SERVICE, **options: Any
) -> None:
    means = hub.means
    await credentials.rotate(
        hub.db, means.vault, actor, await again(hub, connection),
        token=token, allowed=means.allowed, limiter=means.limiter, **options,
    )  # fmt: skip


async def again(hub: Hub, connection: Connection) -> Connection:
    return await registry.by_uuid(hub.db, connection.connection_uuid)


async def in_use(hub: Hub, connection: Connection) -> str:
    return await custody.token(hub.db, hub.means.vault, connection)


async def stored(hub: Hub) -> list[Any]:
    return await hub.rows(
        "SELECT connection::text, credential::text FROM connection LEFT JOIN credential USING (connection_id)"
    )


async def states(hub: Hub) -> list[Any]:
    return await hub.rows("SELECT finding_id, state, resolved_at FROM finding ORDER BY 1")


async def test_a_new_token(hub: Hub, console: Simulator, people: Administrator) -> None:
    """The new token is in use at once; the old one is kept, sealed, until a pull has succeeded, and then destroyed."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    token = people.token_of(name="second", role="Viewer", days=100)

    await rotate(hub, connection, f" ApiToken {token}\n")

    after = await again(hub, connection)
    assert await in_use(hub, connection) == token
    assert (after.identity["user"], after.state) == ("second", "active")
    assert after.days_left in (99, 100)
    assert await hub.rows("SELECT count(*) FROM credential") == [(2,)]
    await hub.pull(after)
    assert await hub.rows("SELECT count(*) FROM credential") == [(1,)]
    assert await in_use(hub, connection) == token
    ((actor, before, facts),) = await hub.rows(
        "SELECT actor_kind, before, after FROM audit WHERE action = 'credential.rotated'"
    )
    assert (actor, before["user"], facts["user"]) == ("service", "Tenant viewer", "second")


@pytest.mark.parametrize("bad", ["wrong", "revoked", "expired", "of another role"])
async def test_a_token_that_is_of_no_use(
    hub: Hub, console: Simulator, people: Administrator, bad: str
) -> None:
    """A token that the console does not accept changes nothing; a good one does afterwards."""
    tokens = {
        "wrong": "wrong-token",
        "revoked": console.holder("Taken back"),
        "expired": console.holder("Ended last week"),
        "of another role": "x" * 80,
    }
    connection = await hub.add(console.url, console.token)
    before = await stored(hub)
    with pytest.raises(errors.CheckFailedError) as refusal:
        await rotate(hub, connection, tokens[bad])
    assert refusal.value.field == "token"
    assert tokens[bad] not in str(refusal.value) + repr(refusal.value.results)
    assert await stored(hub) == before
    await rotate(hub, connection, people.token_of())


async def test_a_connection_that_waited_for_a_token(
    hub: Hub, console: Simulator, people: Administrator
) -> None:
    """With a new token a connection that needed attention is active and due at once, and its outage is over."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    await health.needs_attention(hub.db, connection, errors.TokenRefusedError())
    assert (await again(hub, connection)).state == "needs_attention"
    await hub.db.execute("UPDATE schedule SET next_at = now() + interval '1 hour', failures = 9")

    await rotate(hub, connection, people.token_of())

    assert (await again(hub, connection)).state == "active"
    assert await hub.rows("SELECT FROM outage WHERE ended_at IS NULL") == []
    assert await hub.rows("SELECT failures, next_at <= now() FROM schedule") == [(0, True)]


# The same console


async def test_a_token_of_another_customer(hub: Hub, console: Simulator, people: Administrator) -> None:
    """At the same address, a token that sees no known site and none in a known account is another customer's."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    # What the connection knows is another customer's: as if the address served both.
    await hub.db.execute("UPDATE site SET site_id = -site_id, account_id = -account_id")
    before = await stored(hub)
    with pytest.raises(errors.OtherConsoleError, match="none of the"):
        await rotate(hub, connection, people.token_of(), narrower=True)
    assert await stored(hub) == before
    await hub.db.execute(
        "UPDATE site SET account_id = -account_id"
    )  # other sites, in an account that it knows
    await rotate(hub, connection, people.token_of(), narrower=True)


async def test_two_customers_behind_one_address(hub: Hub, start_simulator: Start) -> None:
    """The token of another customer of the same partner's console is refused."""
    console = start_simulator(**ESTATE, tenants=2)
    ours, theirs = (
        next(t["token"] for t in console.tokens() if t["tenant"] == tenant and t["scope"] == "tenant")
        for tenant in (0, 1)
    )
    connection = await hub.add(console.url, ours)
    await hub.pull(connection)
    with pytest.raises(errors.OtherConsoleError):
        await rotate(hub, connection, theirs)
    assert await in_use(hub, connection) == ours


async def test_a_connection_that_knows_nothing_yet(
    hub: Hub, console: Simulator, people: Administrator
) -> None:
    """Before the first pull there is nothing to mix up."""
    connection = await hub.add(console.url, console.token)
    await rotate(hub, connection, people.token_of())


async def test_the_token_of_another_connection(hub: Hub, console: Simulator, people: Administrator) -> None:
    """One service user's token in two connections is refused with the first one's name, to who may know it."""
    token = people.token_of()
    await hub.add(console.url, token, "first")
    connection = await hub.add(console.url, console.token, "second")
    with pytest.raises(errors.SameIdentityError, match="'first'"):
        await rotate(hub, connection, token)
    stranger = Actor("link", "somebody", organization_id=7)
    with pytest.raises(errors.SameIdentityError) as refusal:
        await rotate(hub, connection, token, stranger)
    assert "first" not in str(refusal.value)
    assert await in_use(hub, connection) == console.token


async def test_a_connection_that_is_removed_meanwhile(
    hub: Hub, console: Simulator, people: Administrator
) -> None:
    """No token is kept for a connection that was removed while its new token was checked."""
    connection = await hub.add(console.url, console.token)

    async def remove() -> None:
        async with hub.means.database.connect() as db:
            await lifecycle.remove(db, audit.SERVICE, connection)

    with pytest.raises(errors.NoSuchConnectionError, match="removed meanwhile"):
        await rotate(hub, connection, people.token_of(), along=remove)
    assert await hub.rows("SELECT FROM credential") == []


# Less, and more


@pytest.mark.parametrize("scope", ["account", "site"])
async def test_less_must_be_meant(hub: Hub, console: Simulator, scope: str) -> None:
    """A narrower token is refused with what it does not see; confirmed, what it does not see stays as it was."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    held = await states(hub)
    narrow = console.of_scope(scope)
    with pytest.raises(errors.NarrowerScopeError, match="sites that the old one saw"):
        await rotate(hub, connection, narrow)
    assert await in_use(hub, connection) == console.token

    await rotate(hub, connection, narrow, narrower=True)
    await hub.pull(await again(hub, connection), full=True)

    assert await states(hub) == held


async def test_findings_of_no_known_site(hub: Hub, console: Simulator) -> None:
    """A finding whose site nobody knows may be of a site that a narrower token does not see: it is not resolved."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    narrow = console.of_scope("site")
    (site,) = next(t["scopeIds"] for t in console.tokens() if t["token"] == narrow)
    await hub.db.execute("UPDATE finding SET site_id = NULL WHERE site_id <> %s", [int(site)])
    await hub.db.execute("UPDATE device SET site_id = NULL WHERE site_id <> %s", [int(site)])
    held = await states(hub)
    await rotate(hub, connection, narrow, narrower=True)
    for _ in range(2):
        await hub.pull(await again(hub, connection), full=True)
    assert await states(hub) == held


async def test_more_is_walked_whole(hub: Hub, console: Simulator) -> None:
    """What changed at sites that the old token did not see is found at once: the next pull is whole."""
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    await rotate(hub, connection, console.of_scope("site"), narrower=True)
    await hub.pull(await again(hub, connection))
    console.advance(risk_change=0.3)
    await hub.pull(await again(hub, connection))

    await rotate(hub, connection, console.token)
    await hub.pull(await again(hub, connection))

    await truths.assert_equal(hub, connection, console.truth())


# While a pull is under way


async def under_way(hub: Hub) -> None:
    while not await hub.rows("SELECT FROM sync_run WHERE state = 'running'"):  # noqa: ASYNC110  # another session's
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("scope", ["tenant", "site"])
async def test_a_pull_under_way_does_not_notice(hub: Hub, start_simulator: Start, scope: str) -> None:
    """A pull that began with the old token ends with it, by its view; it does not prove the new one."""
    console = start_simulator(**ESTATE, seed=4, latency=30)
    people = Administrator(console)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    held = await states(hub)
    new = console.of_scope("site") if scope == "site" else people.token_of()
    pull = asyncio.create_task(hub.pull(await again(hub, connection), full=True))
    await under_way(hub)

    await rotate(hub, connection, new, narrower=True)

    assert not pull.done()
    assert all(run.state == "done" for run in (await pull).runs)
    assert await states(hub) == held
    assert await hub.rows("SELECT count(*) FROM credential") == [
        (2,)
    ]  # the old one is not destroyed by its own pull
    await hub.pull(await again(hub, connection), full=True)
    assert await hub.rows("SELECT count(*) FROM credential") == [(1,)]
    assert await states(hub) == held


async def test_the_old_token_ends_during_a_pull(
    hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """Revoked as soon as it was replaced, the old token stops no pull: it goes on with the new one, unnoticed."""
    page_rows(2)
    console = start_simulator(**ESTATE, seed=4, latency=30)
    people = Administrator(console)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    held = await states(hub)
    pull = asyncio.create_task(hub.pull(await again(hub, connection), full=True))
    await under_way(hub)
    await rotate(hub, connection, people.token_of())
    console.change_token(console.token, state="revoked")
    assert not pull.done()

    assert all(run.state == "done" for run in (await pull).runs)

    assert (await again(hub, connection)).state == "active"
    assert await hub.rows("SELECT FROM outage WHERE stream = '' AND ended_at IS NULL") == []
    await hub.pull(await again(hub, connection))
    assert await states(hub) == held


async def test_two_rotations_at_once(hub: Hub, console: Simulator, people: Administrator) -> None:
    """Of two tokens that come at the same time one is in use, and identity and token are the same one's."""
    connection = await hub.add(console.url, console.token)
    tokens = {name: people.token_of(name=name) for name in ("one", "other")}

    async def run(token: str) -> None:
        async with hub.means.database.connect() as db:
            means = hub.means
            await credentials.rotate(
                db, means.vault, audit.SERVICE, connection,
                token=token, allowed=means.allowed, limiter=means.limiter,
            )  # fmt: skip

    await asyncio.gather(*map(run, tokens.values()))
    user = (await again(hub, connection)).identity["user"]
    assert await in_use(hub, connection) == tokens[user]
