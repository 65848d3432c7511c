"""Reading accounts and sites again, of one console or of all, and telling what became of them since the last time.

It is a pull of these two streams like any other; what it tells is what the pull entered in the change log.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from waypost import errors
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.storage import queries
from waypost.sync import now, runs
from waypost.sync.now import Means
from waypost.sync.streams import ACCOUNTS, SITES
from waypost.unified.words import ChangeKind, word

AT_ONCE: Final = 8
"""Consoles that are read at the same time."""
PATIENCE: Final = 30.0
"""Seconds to wait for a connection that is being pulled already."""
_LOOK_AGAIN: Final = 1.0


class State(StrEnum):
    """How reading a console again ended."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"
    """It was being pulled all the time: that pull tells what became of its accounts and sites."""


class TreeChange(msgspec.Struct, frozen=True):
    """What became of an account or site.

    Attributes:
        kind: As in the change log: `site_renamed`, `account_expired`.
        scope: `site` or `account`.
        was: The name, account or standing that it had; null for one that came.
        now: That it has; `is` where people read it.
    """

    kind: str
    scope: str
    id: str
    name: str | None
    was: str | None
    now: str | None = msgspec.field(name="is")


class Refreshed(msgspec.Struct, frozen=True):
    """What reading one console again came to; `problem` has code, message, owner and remedy."""

    connection: str
    connection_id: UUID
    state: State
    problem: dict[str, str] | None
    changes: tuple[TreeChange, ...]


async def refresh(means: Means, names: Sequence[str] = (), *, patience: float = PATIENCE) -> list[Refreshed]:
    """Read the accounts and sites of these connections again, or of all; in the order of their names.

    A connection that is being pulled is waited for; what goes wrong with one keeps no other from being read.

    Raises:
        NoSuchConnectionError: One does not exist, or there is none at all.
    """
    async with means.database.connect() as db:
        found = await registry.get(db, names)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(connection: Connection) -> Refreshed:
        async with places:
            return await _refresh(means, connection, patience)

    return await asyncio.gather(*map(one, found))


async def _refresh(means: Means, connection: Connection, patience: float) -> Refreshed:
    pull_id = uuid.uuid4()
    facts = {"connection_id": connection.connection_id, "pull_id": pull_id}
    async with means.database.connect() as db:
        ((newest,),) = await (await db.execute(queries.tree.newest, facts)).fetchall()
    state, problem = await _pull(means, connection, pull_id, patience)
    async with means.database.connect() as db:
        cursor = await db.execute(queries.tree.told, {**facts, "after": newest})
        told = [_change(kind, detail) for kind, detail in await cursor.fetchall()]
    return Refreshed(connection.name, connection.connection_uuid, state, problem, tuple(told))


async def _pull(
    means: Means, connection: Connection, pull_id: uuid.UUID, patience: float
) -> tuple[State, dict[str, str] | None]:
    """Pull accounts and sites as soon as nobody else is pulling; how it ended, and what was wrong."""
    until = time.monotonic() + patience
    while True:
        try:
            result = await now.pull(means, connection, streams=(ACCOUNTS, SITES), pull_id=pull_id)
        except (errors.SyncRunningError, errors.LeaseLostError) as error:
            if time.monotonic() >= until:
                return State.BUSY, runs.described(error)
            await asyncio.sleep(_LOOK_AGAIN)
        except errors.WaypostError as error:
            return State.FAILED, runs.described(error)
        else:
            problem = next((run.error for run in result.runs if run.error), None)
            return State.DONE if result.ok else State.FAILED, problem


def _change(kind: int, detail: dict[str, str | None]) -> TreeChange:
    facts = {**detail, "kind": word(ChangeKind(kind)), "scope": detail["kind"]}
    return msgspec.convert(facts, TreeChange)
