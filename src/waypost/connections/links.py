"""Connect links: one-time URLs with which a customer without an account connects a console.

A link belongs to one organization and is good for one save: a new connection, or a new token of one that
exists. Its secret is in the URL alone; what is kept is a hash, from which nobody can make the URL again.
"""

import hashlib
import re
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import admission
from waypost.connections.connection import Connection
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified import cursors

USUAL: Final = timedelta(minutes=30)
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=7)
MOST_CHECKS: Final = 20
"""Tokens tried through one link, saves included: enough for a bad day, too few to try tokens out by machine."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url
_LIFETIME: Final = re.compile(r"([0-9]{1,6})\s*([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MOST_ROWS: Final = 1_000
_ALL: Final = {
    "secret_hash": None,
    "link_id": None,
    "organization_id": None,
    "before": None,
    "before_id": None,
}


class Link(msgspec.Struct, frozen=True):
    """A link; `state` is `open`, `used`, `expired`, `revoked` or `archived`, and only an open one opens anything.

    One whose organization is archived is open again once that is restored, if it has not expired meanwhile.
    """

    link_id: uuid.UUID
    organization_id: int
    organization_uuid: uuid.UUID
    organization: str
    connection_id: int | None
    connection_uuid: uuid.UUID | None
    connection: str | None
    url: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    checks: int
    state: str

    def actor(self, request_id: str | None = None) -> Actor:
        """Whoever holds the link, as the audit log names them."""
        return Actor("link", str(self.link_id), request_id, self.organization_id)

    def described(self) -> dict[str, Any]:  # Any: whatever JSON holds
        """The link as the command line and the API show it: never its secret."""
        connection = {"id": self.connection_uuid, "name": self.connection}
        return {
            "id": self.link_id,
            "state": self.state,
            "organization": {"id": self.organization_uuid, "name": self.organization},
            "connection": connection if self.connection_id is not None else None,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "used_at": self.used_at,
            "revoked_at": self.revoked_at,
            "checks": self.checks,
        }


def lifetime(text: str) -> timedelta:
    """How long a link shall last, as people write it: `30m`, `2h`, `1d`.

    Raises:
        InvalidFieldError: It is none, or too short or too long.
    """
    match = _LIFETIME.fullmatch(text.strip().lower())
    if match is None:
        raise _bad_lifetime(f"{text[:20]!r} is no length of time.")
    return _bounded(int(match[1]) * _UNITS[match[2]])


def _bounded(length: timedelta) -> timedelta:
    if not SHORTEST <= length <= LONGEST:
        raise _bad_lifetime("A link lasts one minute to seven days.")
    return length


def _bad_lifetime(message: str) -> errors.InvalidFieldError:
    return errors.InvalidFieldError(
        message, field="lifetime", remedy="Use minutes, hours or days, like 30m, 2h or 1d."
    )


async def create(
    db: DatabaseConnection,
    actor: Actor,
    *,
    organization_id: int,
    connection: Connection | None = None,
    length: timedelta = USUAL,
) -> tuple[Link, str]:
    """Make a link and its secret, which is told this once.

    With a connection the link gives that one a new token; without, it makes a new connection.

    Raises:
        InvalidFieldError: The lifetime is too short or too long, or the connection is another organization's.
        OrganizationStateError: The organization is archived.
    """
    _bounded(length)
    await admission.refuse_archived(db, organization_id)
    secret = secrets.token_urlsafe(32)
    facts = {
        "secret_hash": _hash(secret),
        "organization_id": organization_id,
        "connection_id": connection.connection_id if connection else None,
        "lifetime": length,
    }
    async with db.transaction():
        cursor = await db.execute(queries.links.insert, facts)
        row = await cursor.fetchone()
        if row is None:
            raise errors.InvalidFieldError(
                "The connection belongs to another organization.",
                field="connection",
                remedy="Name the organization that the connection belongs to.",
            )
        link = await get(db, row[0])
        await _record(db, actor, "link.created", link, link.connection)
    return link, secret


async def find(db: DatabaseConnection, secret: str) -> Link:
    """The open link with this secret.

    Raises:
        LinkRefusedError: There is none: which of the reasons it is stays unsaid.
    """
    found = await _rows(db, secret_hash=_hash(secret)) if _SECRET.fullmatch(secret) else []
    if not found or found[0].state != "open":
        raise errors.LinkRefusedError
    return found[0]


async def get(db: DatabaseConnection, link_id: uuid.UUID, *, organization_id: int | None = None) -> Link:
    """A link in any state, by its id.

    Raises:
        NotFoundError: There is none, or it is another organization's.
    """
    found = await _rows(db, link_id=link_id, organization_id=organization_id)
    if not found:
        raise errors.NotFoundError(
            f"There is no connect link {link_id}.", remedy="See `waypost connection link list` for the ids."
        )
    return found[0]


async def page(
    db: DatabaseConnection, *, organization_id: int | None = None, limit: int = 100, cursor: str = ""
) -> tuple[list[Link], str | None]:
    """Links, the newest first, and the cursor of the next page.

    Raises:
        FilterError: The limit or the cursor cannot be understood.
    """
    if not 1 <= limit <= _MOST_ROWS:
        raise errors.FilterError(f"A page has 1 to {_MOST_ROWS:,} rows.", field="limit")
    before, before_id = cursors.read(cursor, "links", organization_id, 2)
    found = await _rows(
        db, organization_id=organization_id, before=before, before_id=before_id, limit=limit + 1
    )
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursors.write("links", organization_id, [last.created_at, last.link_id])


async def count_check(db: DatabaseConnection, link: Link) -> None:
    """One more token is about to be tried through a link.

    Raises:
        LinkRefusedError: It was tried too often, or is open no longer.
    """
    cursor = await db.execute(queries.links.count_check, {"link_id": link.link_id, "most": MOST_CHECKS})
    if await cursor.fetchone() is None:
        await _still_open(db, link)
        raise errors.LinkRefusedError(
            f"This link has been tried {MOST_CHECKS} times, which is all it allows."
        )


async def _still_open(db: DatabaseConnection, link: Link) -> None:
    if (await get(db, link.link_id)).state != "open":
        raise errors.LinkRefusedError


async def use(db: DatabaseConnection, link: Link) -> None:
    """Use a link up, first of all in the transaction that saves; of two saves at once the second waits for it.

    Raises:
        LinkRefusedError: It was used, revoked or has expired meanwhile.
    """
    cursor = await db.execute(queries.links.use, {"link_id": link.link_id})
    if await cursor.fetchone() is None:
        raise errors.LinkRefusedError


async def used_for(db: DatabaseConnection, actor: Actor, link: Link, saved: Connection) -> None:
    """Write down what a link was used for, in the same transaction."""
    await db.execute(queries.links.made, {"link_id": link.link_id, "connection_id": saved.connection_id})
    await _record(db, actor, "link.used", link, saved.name)


async def revoke(db: DatabaseConnection, actor: Actor, link: Link) -> Link:
    """Take a link back; twice is once.

    Raises:
        UsageError: It was used already, so there is nothing to take back.
    """
    async with db.transaction():
        cursor = await db.execute(queries.links.revoke, {"link_id": link.link_id})
        if await cursor.fetchone() is None:
            raise errors.UsageError(
                "The link was used already, so there is nothing to take back.",
                remedy="Pause or remove the connection that it saved.",
            )
        if link.revoked_at is None:
            await _record(db, actor, "link.revoked", link, link.connection)
    return await get(db, link.link_id)


async def _record(
    db: DatabaseConnection, actor: Actor, action: str, link: Link, connection: str | None
) -> None:
    after = {
        "organization": link.organization,
        "connection": connection,
        "expires_at": link.expires_at,
    }
    await audit.record(
        db,
        actor,
        action,
        subject_id=link.link_id,
        subject_name=link.organization,
        organization_id=link.organization_id,
        after=after,
    )


async def _rows(db: DatabaseConnection, *, limit: int = 1, **wanted: object) -> list[Link]:
    async with db.cursor(row_factory=class_row(Link)) as cursor:
        await cursor.execute(queries.links.find, {**_ALL, **wanted, "limit": limit})
        return await cursor.fetchall()


def _hash(secret: str) -> bytes:
    """SHA-256 is enough: the secret is 256 random bits, so there is nothing to guess from the hash."""
    return hashlib.sha256(secret.encode()).digest()
