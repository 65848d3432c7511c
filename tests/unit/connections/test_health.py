"""How connections and their streams fare, and that each outage is told once when it begins and once when it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.hub import Hub
from support.simulator import Simulator
from waypost import errors
from waypost.access.audit import SERVICE
from waypost.connections import credentials, health, lifecycle
from waypost.connections.connection import Connection, Health
from waypost.unified.words import ChangeKind

UNREACHABLE = errors.UnreachableError("Nobody answers.")
FORBIDDEN = errors.ForbiddenRoleError("Not for this role.", remedy="Give it the Viewer role.")


async def fares(hub: Hub, connection: Connection) -> Health:
    return (await health.of(hub.db, [connection.connection_id]))[connection.connection_id]


async def ran(hub: Hub, connection: Connection, *streams: str, state: str = "done") -> None:
    """Runs of these streams that ended."""
    for stream in streams:
        await hub.db.execute(
            "INSERT INTO sync_run (connection_id, pull_id, stream, kind, state, fence, lease_until, worker,"
            " finished_at) VALUES (%s, gen_random_uuid(), %s, 'delta', %s, 0, now(), 'w', now())",
            [connection.connection_id, stream, state],
        )


def told(logs: list[Any]) -> list[tuple[str, str, str]]:
    return [(line["event"], line["connection"], line["stream"]) for line in logs]


async def test_an_outage_is_told_once(hub: Hub) -> None:
    """However often a stream fails, its outage is one row and two lines of the log: when it begins and when it ends."""
    connection = await hub.store("ACME")
    with capture_logs() as logs:
        began = [await health.failed(hub.db, connection.connection_id, "risks", FORBIDDEN) for _ in range(5)]
        ended = [await health.recovered(hub.db, connection.connection_id, "risks") for _ in range(5)]
    assert (began, ended) == ([True] + [False] * 4, [True] + [False] * 4)
    assert told(logs) == [("outage began", "ACME", "risks"), ("outage ended", "ACME", "risks")]
    assert (logs[0]["code"], logs[0]["owner"]) == (FORBIDDEN.code, "customer")
    assert {line["log_level"] for line in logs} == {"warning"}
    assert await hub.rows("SELECT count(*), count(ended_at) FROM outage") == [(1, 1)]


async def test_the_next_outage_is_another(hub: Hub) -> None:
    """What fails again after it was well is told again; streams and connections are told apart."""
    one, other = await hub.store("one"), await hub.store("other")
    with capture_logs() as logs:
        for connection, stream in ((one, "risks"), (one, "agents"), (other, "risks"), (other, health.WHOLE)):
            for _ in range(2):
                await health.failed(hub.db, connection.connection_id, stream, UNREACHABLE)
                await health.recovered(hub.db, connection.connection_id, stream)
    assert len(told(logs)) == 16
    assert ("outage began", "other", "all") in told(logs)
    assert await hub.rows("SELECT count(*), count(ended_at) FROM outage") == [(8, 8)]


async def test_many_workers_tell_it_once(hub: Hub) -> None:
    """Of many workers that fail at the same moment one tells it, and of many that recover one does."""
    connection = await hub.store("ACME")

    async def at_once(change: Callable[..., Any], *facts: object) -> int:
        async def one() -> bool:
            async with hub.means.database.connect() as db:
                return bool(await change(db, connection.connection_id, "risks", *facts))

        return sum(await asyncio.gather(*(one() for _ in range(8))))

    with capture_logs() as logs:
        for _ in range(3):
            assert await at_once(health.failed, UNREACHABLE) == 1
            assert await at_once(health.recovered) == 1
    assert told(logs) == [("outage began", "ACME", "risks"), ("outage ended", "ACME", "risks")] * 3
    assert await hub.rows("SELECT count(*), count(ended_at) FROM outage") == [(3, 3)]


async def test_an_outage_in_the_change_log(hub: Hub) -> None:
    """That a stream, or all of them, began to fail and came back is told once each, with the cause."""
    connection = await hub.store("ACME")
    for stream in ("risks", health.WHOLE):
        for _ in range(2):
            await health.failed(hub.db, connection.connection_id, stream, UNREACHABLE)
        for _ in range(2):
            await health.recovered(hub.db, connection.connection_id, stream)
    told = await hub.rows(
        "SELECT detail ->> 'stream', detail ->> 'state', detail ->> 'code' FROM change WHERE kind = %s"
        " ORDER BY change_id",
        ChangeKind.CONNECTION_HEALTH_CHANGED.value,
    )
    assert told == [
        ("risks", "failing", UNREACHABLE.code),
        ("risks", "ok", None),
        (None, "failing", UNREACHABLE.code),
        (None, "ok", None),
    ]


async def test_a_cause_that_changes(hub: Hub) -> None:
    """An outage whose cause becomes another goes on since it began, with whom must act now."""
    connection = await hub.store()
    await ran(hub, connection, "risks", "agents")
    await health.failed(hub.db, connection.connection_id, "risks", UNREACHABLE)
    first = await fares(hub, connection)
    with capture_logs() as logs:
        assert not await health.failed(hub.db, connection.connection_id, "risks", FORBIDDEN)
    second = await fares(hub, connection)
    assert (first.code, second.code, second.owner) == (UNREACHABLE.code, FORBIDDEN.code, "customer")
    assert first.since == second.since
    assert logs == []


async def test_health_of_a_connection(hub: Hub) -> None:
    """A connection is as well as its streams: unknown, ok, degraded by one, failing by all or by what stops all."""
    connection = await hub.store()
    new = await fares(hub, connection)
    assert (new.state, new.owner, new.since) == ("unknown", "nobody", connection.created_at)

    await ran(hub, connection, "risks", "agents")
    well = await fares(hub, connection)
    assert (well.state, well.owner, well.since) == ("ok", "nobody", connection.created_at)
    assert [(one.stream, one.state) for one in well.streams] == [("agents", "ok"), ("risks", "ok")]

    await health.failed(hub.db, connection.connection_id, "risks", FORBIDDEN)
    worse = await fares(hub, connection)
    assert (worse.state, worse.owner, worse.remedy) == ("degraded", "customer", FORBIDDEN.remedy)
    assert [(one.stream, one.state) for one in worse.streams] == [("agents", "ok"), ("risks", "failing")]
    assert worse.since == worse.streams[1].since > connection.created_at

    await health.failed(hub.db, connection.connection_id, "agents", UNREACHABLE)
    bad = await fares(hub, connection)
    assert (bad.state, bad.owner, bad.since) == ("failing", "customer", worse.since)

    await health.failed(hub.db, connection.connection_id, health.WHOLE, UNREACHABLE)
    worst = await fares(hub, connection)
    assert (worst.state, worst.owner, worst.code) == ("failing", "operator", UNREACHABLE.code)

    for stream in ("risks", "agents", health.WHOLE):
        await health.recovered(hub.db, connection.connection_id, stream)
    mended = await fares(hub, connection)
    assert (mended.state, mended.owner) == ("ok", "nobody")
    assert mended.since > worst.since
    assert (await hub.again(connection)).health == mended


async def test_health_of_many(hub: Hub) -> None:
    """The health of many connections is asked for at once, and each has its own."""
    connections = [await hub.store(f"number {number}") for number in range(4)]
    await health.failed(hub.db, connections[2].connection_id, health.WHOLE, UNREACHABLE)
    found = await health.of(hub.db, [one.connection_id for one in connections])
    assert [found[one.connection_id].state for one in connections] == [
        "unknown",
        "unknown",
        "failing",
        "unknown",
    ]
    assert await health.of(hub.db, []) == {}


async def test_a_refused_token_needs_attention(hub: Hub) -> None:
    """State, reason, outage, change log and audit log tell of a refused token together, and once."""
    connection = await hub.store("ACME")
    with capture_logs() as logs:
        marked = [
            await health.needs_attention(hub.db, connection, errors.TokenRefusedError("No."))
            for _ in range(3)
        ]
    assert marked == [True, False, False]
    assert told(logs) == [("outage began", "ACME", "all")]
    now = await hub.again(connection)
    assert (now.state, now.next_at, now.health.state) == ("needs_attention", None, "failing")
    assert now.reason is not None
    assert now.reason.keys() == {"code", "message", "owner", "remedy"}
    assert now.state_since > connection.state_since
    entries = "SELECT kind, detail ->> 'code' FROM change ORDER BY change_id"
    assert await hub.rows(entries) == [(25, None), (21, "console.token_refused")]
    action = "SELECT action, after ->> 'state' FROM audit ORDER BY audit_id DESC LIMIT 1"
    assert await hub.rows(action) == [("connection.needs_attention", "needs_attention")]

    with capture_logs() as logs:
        for _ in range(2):
            await health.pulled(hub.db, now)
    again = await hub.again(connection)
    assert (again.state, again.reason, again.health.state) == ("active", None, "unknown")
    assert told(logs) == [("outage ended", "ACME", "all")]
    assert await hub.rows("SELECT kind FROM change ORDER BY change_id") == [(25,), (21,), (22,)]
    assert await hub.rows(action) == [("connection.recovered", "active")]


async def test_workers_that_are_refused_at_once(hub: Hub) -> None:
    """Of several workers whose token is refused at the same moment, one marks the connection."""
    connection = await hub.store()

    async def refused() -> bool:
        async with hub.means.database.connect() as db:
            return await health.needs_attention(db, connection, errors.TokenRefusedError())

    assert sum(await asyncio.gather(*(refused() for _ in range(6)))) == 1
    assert await hub.rows("SELECT count(*) FROM change WHERE kind = 21") == [(1,)]
    assert await hub.rows("SELECT count(*) FROM outage") == [(1,)]


async def test_a_token_that_was_replaced_meanwhile(hub: Hub) -> None:
    """That an old token is refused says nothing about the new one that was stored while the pull was under way."""
    connection = await hub.store()
    ((began,),) = await hub.rows("SELECT now()")
    uuid, identity = connection.connection_uuid, credentials.stored_identity(connection)
    await credentials.store(hub.db, hub.means.vault, connection.connection_id, uuid, "new", identity)
    refused = errors.TokenRefusedError()
    assert not await health.needs_attention(hub.db, connection, refused, began=began)
    assert await hub.state(connection) == "pending"
    ((began,),) = await hub.rows("SELECT now()")
    assert await health.needs_attention(hub.db, connection, refused, began=began)


async def test_a_pause_outlasts_what_pulls_say(hub: Hub) -> None:
    """Neither a refusal nor a success of a pull that was under way changes a paused connection."""
    connection = await hub.store()
    await lifecycle.pause(hub.db, SERVICE, connection)
    assert not await health.needs_attention(hub.db, connection, errors.TokenRefusedError())
    await health.pulled(hub.db, connection)
    assert await hub.state(connection) == "paused"
    assert await hub.rows("SELECT FROM outage") == []


async def test_pulls_tell_their_health(hub: Hub, start_simulator: Callable[..., Simulator]) -> None:
    """What a console refuses, does not answer or gives again is told by the pulls themselves, stream by stream."""
    console = start_simulator(accounts=1, sites=2, agents=4, risks_per_agent=4)
    connection = await hub.add(console.url, console.token, "ACME")
    with capture_logs() as logs:
        await hub.pull(connection)
        well = await fares(hub, connection)
        console.fault({"kind": "forbidden", "path": "/agents"})
        for _ in range(3):
            await hub.pull(await hub.again(connection))
        refused = await fares(hub, connection)
        console.heal()
        await hub.pull(await hub.again(connection), full=True)
        mended = await fares(hub, connection)
    outages = [line for line in told(logs) if line[0].startswith("outage")]
    assert outages == [("outage began", "ACME", "agents"), ("outage ended", "ACME", "agents")]
    assert (well.state, refused.state, refused.owner, mended.state) == ("ok", "degraded", "customer", "ok")
    assert [one.stream for one in well.streams] == ["accounts", "sites", "groups", "agents", "risks"]
    assert [one.stream for one in refused.streams if one.state == "failing"] == ["agents"]


async def test_a_console_that_refuses_the_token(hub: Hub, start_simulator: Callable[..., Simulator]) -> None:
    """401 makes the connection need attention; a pull by hand that goes through makes it active again."""
    console = start_simulator(accounts=1, sites=2, agents=3, risks_per_agent=3)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    console.change_token(console.token, state="revoked")
    with pytest.raises(errors.TokenRefusedError):
        await hub.pull(await hub.again(connection))
    marked = await hub.again(connection)
    assert (marked.state, marked.health.state, marked.health.owner) == (
        "needs_attention",
        "failing",
        "customer",
    )
    console.change_token(console.token, state="valid")
    await hub.pull(marked)
    assert (await hub.again(connection)).health.state == "ok"
    assert await hub.state(connection) == "active"
    changes = await hub.rows("SELECT kind FROM change WHERE kind BETWEEN 21 AND 29 ORDER BY change_id")
    assert changes == [(25,), (26,), (21,), (22,)]
