"""A renewal is cut off at every point: the token in use works, and of what is left over the next run leaves nothing."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support import program
from support.hub import Hub
from support.program import Program
from support.scissors import Cut, Scissors
from support.service_users import Administrator
from support.simulator import Simulator
from waypost import errors
from waypost.connections import credentials, registry, renewal
from waypost.connections.connection import Connection
from waypost.connections.renewal import State
from waypost.sentinelone.client import Client

Start = Callable[..., Simulator]
SMALL = {"accounts": 1, "sites": 2, "agents": 3, "risks_per_agent": 2}


@contextmanager
def cutting(place: int) -> Iterator[Scissors]:
    """Cut before or after the write to the console, or the statement to the database, of this number."""
    scissors = Scissors(place)
    exchange = Client._exchange

    async def exchanged(self: Client, call: Any, request: Any) -> Any:
        if call.method == "GET" or "service-users" not in call.path:
            return await exchange(self, call, request)
        scissors.point()
        answer = await exchange(self, call, request)
        scissors.point()
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "_exchange", exchanged)
        scissors.at_statements(patch)
        yield scissors


class Renewer:
    """Renews the token of one connection as separate programs would: each run has its own database session."""

    def __init__(self, hub: Hub, connection: Connection, people: Administrator) -> None:
        self.hub = hub
        self.connection = connection
        self.people = people

    async def run(self) -> State:
        means = self.hub.means
        async with means.database.connect() as db:
            connection = await registry.by_uuid(db, self.connection.connection_uuid)
            return await renewal.renew(db, means.vault, connection, means.allowed, means.limiter)

    async def cut_off(self, place: int) -> int:
        """A run that is cut off there; how many points it came to. No cut: it came to its end."""
        with cutting(place) as scissors:
            try:
                await self.run()
            except Cut:
                return scissors.count
        return 0

    async def prove(self) -> None:
        """What a successful pull does for the token that it was made with."""
        means = self.hub.means
        client = await credentials.reach(
            self.hub.db, means.vault, self.connection, means.allowed, means.limiter
        )
        async with client:
            await client.get("/sites", {"limit": "1"})
        await credentials.proved(self.hub.db, self.connection, client)

    def orphans(self) -> int:
        """Service users that Waypost made and that nobody needs: all but the one in use and its successor."""
        return len(self.people.ours())

    async def in_use(self) -> str:
        connection = await registry.by_uuid(self.hub.db, self.connection.connection_uuid)
        return str(connection.identity["user_id"])


@pytest.fixture
async def renewer(hub: Hub, start_simulator: Start) -> Renewer:
    console = start_simulator(**SMALL)
    people = Administrator(console)
    connection = await hub.add(console.url, people.token_of(name="Reader"))
    await hub.pull(connection)
    return Renewer(hub, connection, people)


async def test_cut_off_at_every_point(renewer: Renewer) -> None:
    """Wherever it is cut, the token in use works, at most one service user is left over, and the next run ends well."""
    users, place, cuts = len(renewer.people.all()), 0, 0
    while True:
        place += 1
        cut = await renewer.cut_off(place)
        await renewer.prove()  # the token in use works
        assert len(renewer.people.all()) <= users + 1, f"cut at {place}"
        if not cut:
            break
        cuts += 1
        after = renewer.people.all()
        while await renewer.run() is not State.DONE:
            assert len(renewer.people.all()) <= users + 1, f"after a cut at {place}"
            await renewer.prove()
        await renewer.prove()
        left = renewer.people.all()
        assert len(left) == users, f"cut at {place}: {after} became {left}"
        assert [row["id"] for row in renewer.people.ours()] == [await renewer.in_use()]
    assert cuts > 20


async def test_cut_off_while_the_first_one_goes(renewer: Renewer) -> None:
    """The same for the second half, after a pull: at no point are both service users gone."""
    users, place = len(renewer.people.all()), 0
    while True:
        place += 1
        assert await renewer.run() is State.WAITING
        await renewer.prove()
        cut = await renewer.cut_off(place)
        await renewer.prove()
        if not cut:
            break
        while await renewer.run() is not State.DONE:  # where all was done before the cut, another one began
            await renewer.prove()
        assert len(renewer.people.all()) == users, f"cut at {place}"
        assert [row["id"] for row in renewer.people.ours()] == [await renewer.in_use()]
    assert place > 8


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "fault",
    [{"kind": "status", "status": 500}, {"kind": "reset"}, {"kind": "status", "status": 403, "body": "json"}],
    ids=["500", "reset", "403"],
)
@pytest.mark.parametrize("after", [True, False], ids=["done", "not done"])
async def test_an_answer_that_does_not_tell(
    renewer: Renewer, method: str, fault: dict[str, Any], after: bool
) -> None:
    """A write whose answer is lost is not repeated blindly: what it did is read back, and nothing is left twice."""
    users = len(renewer.people.all())
    if method == "DELETE":
        assert await renewer.run() is State.WAITING
        await renewer.prove()
    renewer.people.console.fault(
        {**fault, "path": "/service-users", "method": method, "after": after, "times": 1}
    )

    for _ in range(4):
        try:
            state = await renewer.run()
        except errors.WaypostError:
            assert await renewer.hub.rows("SELECT FROM outage WHERE stream = 'renewal' AND ended_at IS NULL")
            continue
        assert len(renewer.people.all()) <= users + 1
        await renewer.prove()
        if state is State.DONE:
            break

    assert len(renewer.people.all()) == users
    assert [row["id"] for row in renewer.people.ours()] == [await renewer.in_use()]
    assert await renewer.hub.rows("SELECT FROM outage WHERE stream = 'renewal' AND ended_at IS NULL") == []


@pytest.mark.parametrize("step", ["making", "proving", "retiring"])
async def test_a_program_that_is_killed(
    renewer: Renewer, tmp_path: Path, database_url: str, step: str
) -> None:
    """The program is killed in the midst of a step; the next one brings the renewal to its end."""
    users = len(renewer.people.all())
    waypost = Program(tmp_path, database_url)
    renewer.people.console.fault({"kind": "latency", "ms": 60})
    query = "SELECT FROM renewal WHERE step = %s"
    with waypost.start("connection", "renew", "console") as running:
        assert running.wait_until(lambda: program.rows(database_url, query, [step])), running.output
        running.send(signal.SIGKILL)
        running.wait()
    renewer.people.console.heal()
    await renewer.prove()

    while await renewer.run() is not State.DONE:
        await renewer.prove()

    assert len(renewer.people.all()) == users
    assert [row["id"] for row in renewer.people.ours()] == [await renewer.in_use()]
    await renewer.prove()
