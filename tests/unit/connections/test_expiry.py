"""When tokens expire: asked of the console, kept, and warned of once each time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from support.hub import Hub
from support.service_users import Administrator
from support.simulator import Simulator
from waypost.access import audit
from waypost.connections import credentials, expiry, lifecycle, registry
from waypost.connections.connection import Connection
from waypost.unified.words import ChangeKind

Start = Callable[..., Simulator]
ENDS = datetime(2027, 6, 1, 8, tzinfo=UTC)
"""When the simulated console's ordinary tokens end."""
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def console(start_simulator: Start) -> Simulator:
    return start_simulator(accounts=1, sites=1, agents=1, risks_per_agent=1)


async def read(hub: Hub, connection: Connection, *, left: float | None = None) -> datetime | None:
    """Read it when so many days are left."""
    means = hub.means
    connection = await registry.by_uuid(hub.db, connection.connection_uuid)
    now = None if left is None else ENDS - timedelta(days=left)
    return await expiry.read(hub.db, means.vault, connection, means.allowed, means.limiter, now=now)


async def warnings(hub: Hub) -> list[tuple[str, int]]:
    """What the change log tells, in its order."""
    rows = await hub.rows(
        "SELECT kind, detail FROM change WHERE kind = ANY (%s) ORDER BY change_id",
        [ChangeKind.CREDENTIAL_EXPIRING.value, ChangeKind.CREDENTIAL_EXPIRED.value],
    )
    return [(ChangeKind(kind).name, detail["days_left"]) for kind, detail in rows]


async def due(hub: Hub) -> list[str]:
    return [connection.name for connection in await expiry.due(hub.db)]


async def test_it_is_read_and_kept(hub: Hub, console: Simulator) -> None:
    """What the console says is kept where it differs, and the audit log says what was believed before."""
    connection = await hub.add(console.url, console.token)
    await hub.db.execute("UPDATE credential SET expires_at = '2030-01-01'")

    assert await read(hub, connection) == ENDS
    assert await read(hub, connection) == ENDS

    assert (await registry.by_uuid(hub.db, connection.connection_uuid)).expires_at == ENDS
    told = await hub.rows("SELECT before, after FROM audit WHERE action = 'credential.expiry_read'")
    assert [(b["expires_at"][:4], a["expires_at"][:4]) for b, a in told] == [("2030", "2027")]


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "missing", "path": "/users/api-token-details"}],
        [{"kind": "status", "status": 400, "path": "/users/api-token-details"}],
        [{"kind": "status", "status": 500, "path": "/users/api-token-details"}],
    ],
    ids=["404", "400", "500"],
)
async def test_a_console_that_tells_it_elsewhere(
    hub: Hub, console: Simulator, faults: list[dict[str, object]]
) -> None:
    """Without the call that is made for it, the token's user tells."""
    connection = await hub.add(console.url, console.token)
    await hub.db.execute("UPDATE credential SET expires_at = NULL")
    console.fault(*faults)
    assert await read(hub, connection) == ENDS


async def test_a_console_that_does_not_tell(hub: Hub, console: Simulator) -> None:
    """What was known stays, nothing is warned of, and the console is asked again within the hour."""
    connection = await hub.add(console.url, console.token)
    console.fault({"kind": "status", "status": 500, "path": "/user"})
    assert await read(hub, connection) == ENDS
    assert await due(hub) == []
    await hub.db.execute("UPDATE connection SET checked_at = checked_at - interval '61 minutes'")
    assert await due(hub) == ["console"]
    await hub.db.execute("UPDATE credential SET expires_at = NULL")
    assert await read(hub, connection, left=3) is None
    assert await warnings(hub) == []


async def test_it_is_read_daily(hub: Hub, console: Simulator) -> None:
    """Due at once, then a day later; a paused connection's console is left alone."""
    connection = await hub.add(console.url, console.token)
    assert await due(hub) == ["console"]
    await read(hub, connection)
    assert await due(hub) == []
    await hub.db.execute("UPDATE connection SET checked_at = checked_at - interval '23:59'")
    assert await due(hub) == []
    await hub.db.execute("UPDATE connection SET checked_at = checked_at - interval '2 minutes'")
    assert await due(hub) == ["console"]
    await lifecycle.pause(hub.db, audit.SERVICE, connection)
    assert await due(hub) == []
    console.forget_requests()
    assert await read(hub, connection) == ENDS
    assert console.requests()["by"] == {}


async def test_warnings(hub: Hub, console: Simulator) -> None:
    """At 30, 14, 7, 3 and 1 days and when it has expired, once each, in the change log and in the log."""
    connection = await hub.add(console.url, console.token)
    with capture_logs() as log:
        for left in (40, 31, 30, 29.5, 14, 13, 7, 6.9, 3, 2, 1, 0.5, 0, -1, -30):
            await read(hub, connection, left=left)
            await read(hub, connection, left=left)
    assert await warnings(hub) == [
        ("CREDENTIAL_EXPIRING", 30),
        ("CREDENTIAL_EXPIRING", 14),
        ("CREDENTIAL_EXPIRING", 7),
        ("CREDENTIAL_EXPIRING", 3),
        ("CREDENTIAL_EXPIRING", 1),
        ("CREDENTIAL_EXPIRED", 0),
    ]
    told = [line["days_left"] for line in log if line["event"] == "token expires"]
    assert told == [days for _, days in await warnings(hub)]


async def test_a_late_look(hub: Hub, console: Simulator) -> None:
    """Looked at for the first time when little is left, it is warned of once, not once for each missed warning."""
    connection = await hub.add(console.url, console.token)
    await read(hub, connection, left=5)
    assert await warnings(hub) == [("CREDENTIAL_EXPIRING", 5)]


async def test_a_new_token_is_warned_of_anew(hub: Hub, console: Simulator) -> None:
    """What was warned of the old token says nothing of the new one."""
    connection = await hub.add(console.url, console.token)
    await read(hub, connection, left=5)
    await credentials.rotate(
        hub.db, hub.means.vault, audit.SERVICE, connection,
        token=Administrator(console).token_of(), allowed=hub.means.allowed, limiter=hub.means.limiter,
    )  # fmt: skip
    await read(hub, connection)
    assert await warnings(hub) == [("CREDENTIAL_EXPIRING", 5)]
    await hub.db.execute("UPDATE credential SET expires_at = now() + interval '6 days'")
    await hub.db.execute("UPDATE connection SET checked_at = now()")
    assert await due(hub) == ["console"]


async def test_more_time_after_all(hub: Hub, console: Simulator) -> None:
    """A token whose end moves away is not warned of, and is warned of again when it comes near."""
    connection = await hub.add(console.url, console.token)
    for left in (5, 50, 20):
        await read(hub, connection, left=left)
    assert await warnings(hub) == [("CREDENTIAL_EXPIRING", 5), ("CREDENTIAL_EXPIRING", 20)]


async def test_a_warning_between_two_readings(hub: Hub, console: Simulator) -> None:
    """A warning is due when its time comes, and not only at the next daily reading."""
    connection = await hub.add(console.url, console.token)
    await read(hub, connection)
    await hub.db.execute("UPDATE connection SET warned_days = 3")
    await hub.db.execute("UPDATE credential SET expires_at = now() + interval '1 day 1 minute'")
    assert await due(hub) == []
    await hub.db.execute("UPDATE credential SET expires_at = now() + interval '1 day'")
    assert await due(hub) == ["console"]


async def test_two_workers_warn_once(hub: Hub, console: Simulator) -> None:
    """However many look at the same time, it is told once."""
    connection = await hub.add(console.url, console.token)

    async def look() -> None:
        async with hub.means.database.connect() as db:
            means = hub.means
            await expiry.read(
                db, means.vault, connection, means.allowed, means.limiter, now=ENDS - timedelta(days=2)
            )

    await asyncio.gather(*(look() for _ in range(4)))
    assert await warnings(hub) == [("CREDENTIAL_EXPIRING", 2)]


@given(st.floats(-1000, 1000))
def test_levels(left: float) -> None:
    """The warning that is due is the nearest one that is not below what is left."""
    rest = timedelta(days=left)
    level = expiry.level(START + rest, START)
    above = [days for days in expiry.WARNINGS if timedelta(days=days) >= rest]
    assert level == (min(above) if above else None)
    assert expiry.level(None, START) is None
