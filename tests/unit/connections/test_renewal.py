"""Automatic renewal: a second service user takes over from the first, and nothing else is left."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hub import Hub
from support.service_users import Administrator
from support.simulator import Simulator
from waypost import errors
from waypost.access import audit
from waypost.connections import credentials, lifecycle, registry, renewal, successor
from waypost.connections.connection import Connection
from waypost.connections.renewal import State

Start = Callable[..., Simulator]
SMALL = {"accounts": 1, "sites": 2, "agents": 3, "risks_per_agent": 2}


@pytest.fixture
def console(start_simulator: Start) -> Simulator:
    return start_simulator(**SMALL)


@pytest.fixture
def people(console: Simulator) -> Administrator:
    return Administrator(console)


async def renewed(hub: Hub, connection: Connection) -> State:
    means = hub.means
    connection = await again(hub, connection)
    return await renewal.renew(hub.db, means.vault, connection, means.allowed, means.limiter)


async def again(hub: Hub, connection: Connection) -> Connection:
    return await registry.by_uuid(hub.db, connection.connection_uuid)


async def audited(hub: Hub) -> list[str]:
    rows = await hub.rows("SELECT action FROM audit WHERE action LIKE '%%renew%%' ORDER BY audit_id")
    return [action for (action,) in rows]


async def works(hub: Hub, connection: Connection) -> bool:
    """Whether a pull with the token in use succeeds."""
    return all(run.state == "done" for run in (await hub.pull(await again(hub, connection))).runs)


async def test_a_renewal(hub: Hub, console: Simulator, people: Administrator) -> None:
    """A second service user like the first takes over, the first goes after a pull, and the audit log has each step."""
    old = people.make("ACME reader")
    before = set(people.names())
    connection = await hub.add(console.url, old["apiToken"]["value"])
    await hub.pull(connection)

    assert await renewed(hub, connection) is State.WAITING

    (new,) = people.ours()
    assert new["name"] == "ACME reader (Waypost 2)"
    assert (new["scope"], new["scopeRoles"]) == (old["scope"], old["scopeRoles"])
    ends, ended = (datetime.fromisoformat(one["apiToken"]["expiresAt"]) for one in (new, old))
    assert abs(ends - ended) < timedelta(minutes=15)  # as long a life, counted from a little later
    assert "console" in new["description"]
    assert set(people.names()) == before | {"ACME reader (Waypost 2)"}
    assert (await again(hub, connection)).identity["user_id"] == new["id"]
    assert await renewed(hub, connection) is State.WAITING  # nothing more to do yet
    assert await works(hub, connection)

    assert await renewed(hub, connection) is State.DONE

    assert set(people.names()) == before - {"ACME reader"} | {"ACME reader (Waypost 2)"}
    assert await works(hub, connection)
    assert await audited(hub) == [
        "renewal.began",
        "renewal.made",
        "credential.renewed",
        "renewal.old_user_removed",
        "renewal.done",
    ]
    assert await hub.rows("SELECT FROM renewal") == []


async def test_the_next_renewal(hub: Hub, console: Simulator, people: Administrator) -> None:
    """Renewed again and again, names do not grow, and there is one service user at the end of each."""
    connection = await hub.add(console.url, people.token_of(name="Reader"))
    names = []
    for _ in range(3):
        while await renewed(hub, connection) is not State.DONE:
            assert await works(hub, connection)
        names.append([row["name"] for row in people.ours()])
    assert names == [["Reader (Waypost 2)"], ["Reader (Waypost 1)"], ["Reader (Waypost 2)"]]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_names_take_turns(name: str) -> None:
    """Of any name the second and the third successor's differ by a digit, and none is longer than the console takes."""
    one = successor.named(name)
    two = successor.named(one)
    assert one != name
    assert one != two
    assert successor.named(two) == one
    assert max(len(one), len(two)) <= 255


@pytest.mark.parametrize("scope", ["tenant", "account", "site"])
async def test_every_scope(hub: Hub, console: Simulator, people: Administrator, scope: str) -> None:
    """A successor sees exactly what the first one saw, whatever that is."""
    held = next(t["scopeIds"] for t in console.tokens() if t["scope"] == scope and len(t["scopeIds"]) < 2)
    connection = await hub.add(console.url, people.token_of(scope=scope, scope_ids=tuple(held)))
    await hub.pull(connection)
    assert await renewed(hub, connection) is State.WAITING
    assert await works(hub, connection)
    assert await renewed(hub, connection) is State.DONE
    assert (await again(hub, connection)).identity["scope"] == scope


@pytest.mark.parametrize(
    ("holder", "words"),
    [("Tenant viewer", "Service Users"), ("Tenant admin", "service user")],
)
async def test_tokens_that_cannot_be_renewed(
    hub: Hub, console: Simulator, people: Administrator, holder: str, words: str
) -> None:
    """A person's token, or a role that may not, is told once, with what to do about it; nothing is made."""
    connection = await hub.add(console.url, console.holder(holder))
    before = people.names()
    for _ in range(2):
        with pytest.raises(errors.RenewalError, match=words) as refusal:
            await renewed(hub, connection)
        assert "rotate" in refusal.value.remedy
    assert people.names() == before
    assert await works(hub, connection)
    told = await hub.rows("SELECT code, remedy <> '' FROM outage WHERE stream = 'renewal'")
    assert told == [("connection.renewal", True)]
    assert (await again(hub, connection)).health.state == "degraded"
    await renewal.set_auto(hub.db, audit.SERVICE, connection, on=False)
    assert (await again(hub, connection)).health.state == "ok"


async def test_a_role_that_cannot_delete(hub: Hub, console: Simulator, people: Administrator) -> None:
    """A role that may make service users and not delete them would leave two: nothing is made."""
    connection = await hub.add(console.url, people.token_of(role="IT"))
    before = people.names()
    with pytest.raises(errors.RenewalError):
        await renewed(hub, connection)
    assert people.names() == before


async def test_somebody_rotates_meanwhile(hub: Hub, console: Simulator, people: Administrator) -> None:
    """A person's token wins over a renewal that waits: what the renewal made goes, what a person made stays."""
    connection = await hub.add(console.url, people.token_of(name="first"))
    assert await renewed(hub, connection) is State.WAITING
    await rotated(hub, connection, people.token_of(name="by hand"))

    assert await renewed(hub, connection) is State.GIVEN_UP

    assert people.ours() == []
    assert {"first", "by hand"} <= set(people.names())
    assert await works(hub, connection)
    assert (await again(hub, connection)).identity["user"] == "by hand"
    assert await hub.rows("SELECT FROM renewal") == []


async def test_the_successor_is_deleted_by_hand(hub: Hub, console: Simulator, people: Administrator) -> None:
    """A successor that does not do as well as the first one is not used: the first one stays, and it is told."""
    connection = await hub.add(console.url, people.token_of(name="first"))
    console.fault({"kind": "forbidden", "path": "/service-users", "method": "GET", "at": [3]})
    with pytest.raises(errors.ForbiddenRoleError):
        await renewed(hub, connection)
    console.heal()
    (made,) = people.ours()
    people.delete(made["id"])

    with pytest.raises(errors.RenewalError, match="second service user"):
        await renewed(hub, connection)

    assert (await again(hub, connection)).identity["user"] == "first"
    assert people.ours() == []
    assert await works(hub, connection)
    while await renewed(hub, connection) is not State.DONE:
        assert await works(hub, connection)
    assert len(people.ours()) == 1


async def test_one_at_a_time(hub: Hub, console: Simulator, people: Administrator) -> None:
    """Two workers that renew at once make one service user."""
    connection = await hub.add(console.url, people.token_of())

    async def run() -> State:
        async with hub.means.database.connect() as db:
            means = hub.means
            return await renewal.renew(db, means.vault, connection, means.allowed, means.limiter)

    states = await asyncio.gather(*(run() for _ in range(4)))
    assert sorted(set(states)) == [State.BUSY, State.WAITING]
    assert len(people.ours()) == 1


@pytest.mark.parametrize(
    ("auto", "lifetime", "left", "state", "expected"),
    [
        (True, 365, 14.1, "active", False),
        (True, 365, 13.9, "active", True),
        (True, 365, 13.9, "paused", False),
        (True, 365, 13.9, "needs_attention", False),
        (False, 365, 1, "active", False),
        (True, 365, -0.1, "active", False),
        (True, 10, 9, "active", False),
        (True, 10, 4.9, "active", True),
    ],
)
async def test_when_a_renewal_is_due(
    hub: Hub, console: Simulator, auto: bool, lifetime: int, left: float, state: str, expected: bool
) -> None:
    """14 days before the end, but not before half the time is over: a token of a week is not renewed for ever."""
    connection = await hub.add(console.url, console.token)
    await hub.db.execute(
        "UPDATE connection SET auto_renew = %s, state = %s, identity = identity || jsonb_build_object("
        "'token_created_at', now() + make_interval(secs => 86400 * %s::float))",
        [auto, state, left - lifetime],
    )
    await hub.db.execute(
        "UPDATE credential SET expires_at = now() + make_interval(secs => 86400 * %s::float)", [left]
    )
    assert [one.name for one in await renewal.due(hub.db)] == ([connection.name] if expected else [])


async def test_what_is_under_way_is_due(hub: Hub, console: Simulator, people: Administrator) -> None:
    """What waits for a pull is due after it, what failed later; switched off, it is still brought to its end."""
    connection = await hub.add(console.url, people.token_of())
    await renewed(hub, connection)
    assert await renewal.due(hub.db) == []
    assert await works(hub, connection)
    await renewal.set_auto(hub.db, audit.SERVICE, connection, on=False)
    assert [one.name for one in await renewal.due(hub.db)] == [connection.name]
    console.fault({"kind": "status", "status": 500, "path": "/service-users", "method": "DELETE", "times": 1})
    with pytest.raises(errors.VendorFailureError):
        await renewed(hub, connection)
    assert await renewal.due(hub.db) == []
    await hub.db.execute("UPDATE renewal SET next_at = now()")
    assert [one.name for one in await renewal.due(hub.db)] == [connection.name]
    assert await renewed(hub, connection) is State.DONE


async def test_switching_it_on_and_off(hub: Hub, console: Simulator) -> None:
    """It is off at first; who switched it is in the audit log, once for each time."""
    connection = await hub.add(console.url, console.token)
    assert not connection.auto_renew
    for on in (True, True, False):
        await renewal.set_auto(hub.db, audit.SERVICE, connection, on=on)
        assert (await again(hub, connection)).auto_renew is on
    assert await audited(hub) == ["connection.auto_renew_set"] * 2


async def test_a_removed_connection_keeps_no_token(
    hub: Hub, console: Simulator, people: Administrator
) -> None:
    """Removing a connection in the midst of a renewal destroys both tokens."""
    connection = await hub.add(console.url, people.token_of())
    await renewed(hub, connection)
    await lifecycle.remove(hub.db, audit.SERVICE, await again(hub, connection))
    assert await hub.rows("SELECT FROM renewal") == []
    assert await hub.rows("SELECT FROM credential") == []


async def rotated(hub: Hub, connection: Connection, token: str) -> None:
    means = hub.means
    await credentials.rotate(
        hub.db, means.vault, audit.SERVICE, await again(hub, connection),
        token=token, allowed=means.allowed, limiter=means.limiter,
    )  # fmt: skip
