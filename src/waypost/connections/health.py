"""How connections and their streams fare: outages that begin and end, each told once, and what they amount to.

An outage is one row for as long as it lasts, however often and from however many workers it is reported. Whoever
gets the row back from the database has begun or ended it, and only they write to the log.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.connections import states
from waypost.connections.connection import DEGRADED, FAILING, OK, UNKNOWN, Connection, Health, StreamHealth
from waypost.connections.states import Event, State
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified.words import ChangeKind

_log: Final = structlog.get_logger()

WHOLE: Final = ""
"""The stream of an outage that stops all of them: nobody answers, or the token is refused."""

_ORDER: Final = (
    "accounts", "sites", "groups", "agents", "risks", "software", "threats", "alerts", "activities",
)  # fmt: skip
"""Streams as they are shown: each stands on those before it."""

Row = dict[str, Any]  # Any: columns of different types


def reason(error: errors.WaypostError) -> dict[str, str]:
    """An error as it is kept with a connection."""
    return {
        "code": error.code,
        "message": str(error),
        "owner": str(error.owner),
        "remedy": error.remedy,
    }


async def failed(db: DatabaseConnection, connection_id: int, stream: str, error: errors.WaypostError) -> bool:
    """A stream, or all of them (`WHOLE`), could not be pulled; the first to say so begins the outage.

    Returns:
        Whether this began it.
    """
    async with db.transaction():
        name = await _begin(db, connection_id, stream, error)
        if name is not None and not _is_told_otherwise(stream, error.code):
            await _tell(
                db,
                connection_id,
                ChangeKind.CONNECTION_HEALTH_CHANGED,
                _changed(stream, FAILING, reason(error)),
            )
    if name is not None:
        _log_beginning(name, stream, error)
    return name is not None


async def recovered(db: DatabaseConnection, connection_id: int, stream: str) -> bool:
    """A stream, or all of them (`WHOLE`), was pulled; if there was an outage it is over.

    Returns:
        Whether this ended one.
    """
    async with db.transaction():
        cursor = await db.execute(queries.health.end, {"connection_id": connection_id, "stream": stream})
        row = await cursor.fetchone()
        if row is None:
            return False
        code, seconds, name = row
        if not _is_told_otherwise(stream, code):
            detail = _changed(stream, OK, {"seconds": round(seconds)})
            await _tell(db, connection_id, ChangeKind.CONNECTION_HEALTH_CHANGED, detail)
    # As loud as its beginning: whoever was told of that must hear of this.
    _log.warning("outage ended", connection=name, stream=stream or "all", code=code, seconds=round(seconds))
    return True


async def needs_attention(
    db: DatabaseConnection,
    connection: Connection,
    error: errors.WaypostError,
    *,
    began: datetime | None = None,
) -> bool:
    """The console refused the token: nothing is pulled until there is another.

    Args:
        db: Outside of a transaction.
        connection: Whose.
        error: The refusal.
        began: When the pull that met it began, by the database's clock. A token that was stored after that is not
            the one that was refused.

    Returns:
        Whether the connection came to need attention by this.
    """
    async with db.transaction():
        if began is not None and await _has_newer_token(db, connection, began):
            return False
        moved = await states.move(db, connection.connection_id, Event.REFUSED, reason(error))
        if moved is None or moved[0] is moved[1]:
            return False
        name = await _begin(db, connection.connection_id, WHOLE, error)
        await tell(db, connection, ChangeKind.CONNECTION_ATTENTION, reason(error))
        await _record(db, connection, "connection.needs_attention", moved, {"code": error.code})
    if name is not None:
        _log_beginning(name, WHOLE, error)
    return True


async def pulled(db: DatabaseConnection, connection: Connection) -> None:
    """A pull went through: a connection that waited for its first one, or for attention, is active."""
    cursor = await db.execute(queries.health.waiting, {"connection_id": connection.connection_id})
    if await cursor.fetchone() is None:  # nearly always, so it costs one look
        return
    async with db.transaction():
        moved = await states.move(db, connection.connection_id, Event.PULLED)
        if moved is None or moved[0] is moved[1]:
            return
        if moved[0] is State.PENDING:
            await tell(db, connection, ChangeKind.CONNECTION_PULLED, {})
        if moved[0] is State.NEEDS_ATTENTION:
            await tell(db, connection, ChangeKind.CONNECTION_RECOVERED, {})
            await _record(db, connection, "connection.recovered", moved, {})
    await recovered(db, connection.connection_id, WHOLE)


async def tell(db: DatabaseConnection, connection: Connection, kind: ChangeKind, detail: Row) -> None:
    """Enter something about the connection itself in the change log, inside the caller's transaction."""
    await _tell(db, connection.connection_id, kind, detail)


async def of(db: DatabaseConnection, connection_ids: Sequence[int]) -> dict[int, Health]:
    """How these connections fare."""
    if not connection_ids:
        return {}
    ids = {"ids": list(connection_ids)}
    born: dict[int, datetime] = dict(await (await db.execute(queries.health.born, ids)).fetchall())
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.health.of, ids)
        rows = await cursor.fetchall()
    found: dict[int, list[Row]] = {connection_id: [] for connection_id in born}
    for row in rows:
        found.setdefault(row["connection_id"], []).append(row)
    return {connection_id: _whole(found[connection_id], since) for connection_id, since in born.items()}


def _whole(rows: Iterable[Row], born: datetime) -> Health:
    known = {row["stream"]: _stream(row, born) for row in rows}
    above = known.pop(WHOLE, None)
    streams = tuple(sorted(known.values(), key=_place))
    bad = sorted((one for one in streams if one.state == FAILING), key=lambda one: one.since)
    if above is not None and above.state == FAILING:
        return _as_whole(FAILING, above, streams)
    if bad:
        return _as_whole(FAILING if len(bad) == len(streams) else DEGRADED, bad[0], streams)
    quiet = max([born, *(one.since for one in streams), *([above.since] if above else [])])
    state = OK if any(one.state == OK for one in streams) else UNKNOWN
    return Health(state, errors.Owner.NOBODY, quiet, streams=streams)


def _as_whole(state: str, worst: StreamHealth, streams: tuple[StreamHealth, ...]) -> Health:
    return Health(state, worst.owner, worst.since, worst.code, worst.message, worst.remedy, streams)


def _stream(row: Row, born: datetime) -> StreamHealth:
    stream, last_run_at = row["stream"], row["last_run_at"]
    if row["began_at"] is not None and row["ended_at"] is None:
        told = (row["code"], row["message"], row["remedy"])
        return StreamHealth(stream, FAILING, row["owner"], row["began_at"], last_run_at, *told)
    since = row["ended_at"] or born
    state = UNKNOWN if last_run_at is None else OK
    return StreamHealth(stream, state, errors.Owner.NOBODY, since, last_run_at)


def _place(health: StreamHealth) -> tuple[int, str]:
    known = health.stream in _ORDER
    return _ORDER.index(health.stream) if known else len(_ORDER), health.stream


async def _begin(
    db: DatabaseConnection, connection_id: int, stream: str, error: errors.WaypostError
) -> str | None:
    """The connection's name if this began an outage; None if there was one."""
    facts = {"connection_id": connection_id, "stream": stream, **reason(error)}
    row = await (await db.execute(queries.health.begin, facts)).fetchone()
    return str(row[1]) if row is not None and row[0] else None


async def _tell(db: DatabaseConnection, connection_id: int, kind: ChangeKind, detail: Row) -> None:
    facts = {"connection_id": connection_id, "kind": kind.value, "detail": Jsonb(detail)}
    await db.execute(queries.health.tell, facts)


def _is_told_otherwise(stream: str, code: str) -> bool:
    """Whether an outage has entries of its own kinds: that the connection needs attention, and that it recovered."""
    return stream == WHOLE and code == errors.TokenRefusedError.code


def _changed(stream: str, state: str, more: Row) -> Row:
    """What an entry about a stream's health tells; `stream` is null where it is about all of them."""
    return {"stream": stream or None, "state": state, **more}


def _log_beginning(name: str, stream: str, error: errors.WaypostError) -> None:
    _log.warning(
        "outage began",
        connection=name,
        stream=stream or "all",
        code=error.code,
        owner=str(error.owner),
        message=str(error),
    )


async def _has_newer_token(db: DatabaseConnection, connection: Connection, began: datetime) -> bool:
    facts = {"connection_id": connection.connection_id, "began": began}
    row = await (await db.execute(queries.health.newer_token, facts)).fetchone()
    return bool(row and row[0])


async def _record(
    db: DatabaseConnection, connection: Connection, action: str, moved: tuple[State, State], more: Row
) -> None:
    await audit.record(
        db,
        audit.SERVICE,
        action,
        **connection.subject,
        before={"state": moved[0]},
        after={"state": moved[1], **more},
    )
