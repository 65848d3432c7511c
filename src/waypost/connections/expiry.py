"""When tokens expire: read from the console at least daily, and warned of in good time.

Each warning is given once for a token, however many workers look: in the change log, where webhooks and people
find it, and in the log. What every list shows comes from the same stored date.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from waypost.access import audit
from waypost.connections import credentials, custody, health, registry
from waypost.connections.connection import Connection
from waypost.connections.custody import Token
from waypost.connections.examination import holder
from waypost.connections.examination.questions import Answer, Asker, Patience, patient
from waypost.connections.states import State
from waypost.connections.vault import Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone import claims
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.client import Client
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified.words import ChangeKind

WARNINGS: Final[Sequence[int]] = (30, 14, 7, 3, 1, 0)
"""Days that are left when a warning is given; at 0 the token has expired."""
EVERY: Final = timedelta(days=1)
AGAIN: Final = timedelta(hours=1)
"""After a console that did not tell."""

_PATIENCE: Final = Patience()
_REMEDY: Final = (
    "Generate a new API token for the service user (Settings > Users > Service Users) and give it to Waypost: "
    "`waypost connection rotate NAME`, or a connect link."
)
_log: Final = structlog.get_logger()


async def due(db: DatabaseConnection) -> list[Connection]:
    """Connections whose expiry was not read for a day, or of which a warning is due."""
    facts = {"every": EVERY, "days": list(WARNINGS)}
    cursor = await db.execute(queries.credentials.due_for_reading, facts)
    names = [name for (name,) in await cursor.fetchall()]
    return await registry.find(db, names) if names else []


async def read(
    db: DatabaseConnection,
    vault: Vault,
    connection: Connection,
    allowed: Allowed,
    limiter: Limiter | None = None,
    *,
    now: datetime | None = None,
) -> datetime | None:
    """Ask the console when the token in use expires, keep that, and warn if it is time.

    A paused connection's console is not called. A console that does not tell leaves what was known before. `now` is
    the database's clock, unless it is given.

    Returns:
        When it expires, as far as is known.

    Raises:
        VaultError: The token cannot be opened.
        AddressError: The operator no longer allows the host.
    """
    told: datetime | None = None
    token = await custody.in_use(db, vault, connection)
    if connection.state != State.PAUSED:
        told = await _ask(token, connection, allowed, limiter)
    facts = {"connection_id": connection.connection_id}
    async with db.transaction():
        cursor = await db.execute(queries.credentials.expiry, facts)
        ((credential_id, known, warned, clock),) = await cursor.fetchall()
        if credential_id != token.credential_id:  # replaced meanwhile: the next reading is of the new one
            return known if isinstance(known, datetime) else None
        expires_at = told or known
        if told is not None and told != known:
            await _keep(db, connection, token, known, told)
        again = EVERY if told or connection.state == State.PAUSED else AGAIN
        await db.execute(queries.credentials.read, facts | {"every": EVERY, "again": again})
        days = await _warn(db, connection, expires_at, warned, now or clock)
    if days is not None:
        _log.warning("token expires", connection=connection.name, days_left=days, expires_at=str(expires_at))
    return expires_at if isinstance(expires_at, datetime) else None


def level(expires_at: datetime | None, now: datetime) -> int | None:
    """The warning that is due at this time: the smallest number of days that the rest fits in."""
    if expires_at is None:
        return None
    return min((days for days in WARNINGS if expires_at - now <= timedelta(days=days)), default=None)


async def _ask(
    token: Token, connection: Connection, allowed: Allowed, limiter: Limiter | None
) -> datetime | None:
    """What the console says of a token, by whichever call the role may make (API notes, section 1)."""
    opened = Client(
        addresses.normalise(connection.base_url, allowed),
        token.text,
        allowed=allowed,
        limiter=limiter,
        user_agent=credentials.USER_AGENT,
        **patient(_PATIENCE),
    )
    async with opened as client:
        asker = Asker(client, _PATIENCE, asyncio.get_running_loop().time() + _PATIENCE.whole)
        try:
            details = await asker.ask(holder.lifetime(token.text))
            user = Answer() if details.error is None else await asker.ask(holder.who())
        finally:
            await asker.stop()
    return holder.known(claims.read(token.text), user, Answer(), details).lifetime.expires_at


async def _keep(
    db: DatabaseConnection, connection: Connection, token: Token, known: datetime | None, told: datetime
) -> None:
    facts = {
        "connection_id": connection.connection_id,
        "credential_id": token.credential_id,
        "expires_at": told,
    }
    await db.execute(queries.credentials.set_expiry, facts)
    before, after = {"expires_at": known}, {"expires_at": told}
    await audit.record(
        db, audit.SERVICE, "credential.expiry_read", **connection.subject, before=before, after=after
    )


async def _warn(
    db: DatabaseConnection,
    connection: Connection,
    expires_at: datetime | None,
    warned: int | None,
    now: datetime,
) -> int | None:
    """Enter the warning that is due and was not given yet; the days that are left, if one was."""
    due = level(expires_at, now)
    if due == warned:
        return None
    await db.execute(queries.credentials.warned, {"connection_id": connection.connection_id, "days": due})
    if due is None or expires_at is None or (warned is not None and due > warned):  # it has more time now
        return None
    days = max(0, (expires_at - now).days)
    kind = ChangeKind.CREDENTIAL_EXPIRING if due else ChangeKind.CREDENTIAL_EXPIRED
    detail = {"days_left": days, "warning": due, "expires_at": expires_at.isoformat(), "remedy": _REMEDY}
    await health.tell(db, connection, kind, detail)
    return days
