"""The connections that are stored: add, find, name, choose the default, set the rhythm.

A connection is checked live before anything of it is written; its token is `credentials`'s, and that it is paused or
removed is `lifecycle`'s. Names are unique among those that are not deleted, and so are a console and an identity
together. Every change is in the audit log.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.connections import admission, check, credentials, health, pasted
from waypost.connections import default as defaults
from waypost.connections import rhythm as rhythms
from waypost.connections.connection import Connection, Health, Organization, Rhythm
from waypost.connections.examination.result import Listener, Report, silent
from waypost.connections.probe import Identity
from waypost.connections.states import State
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified import names as naming
from waypost.unified.words import ChangeKind

LONGEST_NAME: Final = admission.LONGEST_NAME

Row = dict[str, Any]  # Any: columns of different types


async def add(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    *,
    name: str,
    url: str,
    token: str,
    allowed: Allowed,
    limiter: Limiter | None = None,
    organization_id: int | None = None,
    force: bool = False,
    default: bool = False,
    listen: Listener = silent,
) -> tuple[Connection, Report]:
    """Check and store a connection; nothing is stored if the address or the token fails, unless by `force`.

    Raises:
        UsageError: The name, address or token cannot be one, or is another connection's.
        CheckFailedError: The check failed.
    """
    name, token = admission.name(name), pasted.token(token)
    origin = credentials.client(url, token, allowed).address.origin
    await admission.refuse_taken(db, actor, name, None)
    report = await check.examine(url, token, allowed, limiter=limiter, listen=listen)
    admission.judge(report, force=force)
    connection = await store(
        db,
        vault,
        actor,
        name=name,
        origin=origin,
        token=token,
        identity=report.identity,
        organization_id=organization_id,
        default=default,
        refusal=admission.refusal(report),
    )
    return connection, report


async def store(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    *,
    name: str,
    origin: str,
    token: str,
    identity: Identity,
    organization_id: int | None = None,
    default: bool = False,
    refusal: errors.TokenRefusedError | None = None,
) -> Connection:
    """Store a connection that was checked.

    With a `refusal`, which is why the console refused the token, the connection needs attention from the start.

    Raises:
        ConnectionExistsError: Another has the name.
        SameIdentityError: Another has the console and identity.
        OrganizationStateError: The organization is archived.
    """
    await admission.refuse_archived(db, organization_id)
    key = identity.key(origin)
    facts = {
        "name": name,
        "base_url": origin,
        "identity": credentials.as_json(identity),
        "identity_key": key,
        "organization_id": organization_id,
        "state": State.NEEDS_ATTENTION if refusal else State.PENDING,
        "reason": Jsonb(health.reason(refusal)) if refusal else None,
    }
    async with db.transaction():
        row = await (await db.execute(queries.connections.insert, facts)).fetchone()
        if row is None:
            await admission.refuse_taken(db, actor, name, key)
            raise errors.ConnectionExistsError("The same was added and removed meanwhile; try again.")
        connection_id, connection_uuid = row
        await db.execute(queries.connections.add_schedule, {"connection_id": connection_id})
        await credentials.store(db, vault, connection_id, connection_uuid, token, identity)
        if refusal:
            await health.failed(db, connection_id, health.WHOLE, refusal)
        stored = await by_uuid(db, connection_uuid)
        detail = {"name": stored.name, "url": origin, "state": stored.state}
        await health.tell(db, stored, ChangeKind.CONNECTION_ADDED, detail)
        after = {"url": origin, "state": stored.state, "token_of": identity.user}
        await audit.record(db, actor, "connection.added", **stored.subject, after=after)
        if default:
            await defaults.choose(db, actor, stored)
    return await by_uuid(db, connection_uuid)


async def find(
    db: DatabaseConnection, names: Sequence[str] = (), *, organization_id: int | None = None
) -> list[Connection]:
    """The connections of these names, or all, by name. Names that do not exist are simply missing."""
    wanted = [naming.cleaned(name) for name in names] or None
    return await _rows(db, names=wanted, organization_id=organization_id)


async def get(
    db: DatabaseConnection, names: Sequence[str], *, organization_id: int | None = None
) -> list[Connection]:
    """The connections of these names, or all; of one organization alone, where it is given.

    Raises:
        NoSuchConnectionError: One does not exist, or there is none at all.
    """
    found = await find(db, names, organization_id=organization_id)
    known = {connection.name for connection in found}
    missing = sorted(name for name in names if naming.cleaned(name) not in known)
    if missing:
        raise errors.NoSuchConnectionError(f"There is no connection {missing[0]!r}.")
    if not found:
        raise errors.NoSuchConnectionError(
            "There is no connection yet.", remedy="Add one with `waypost connection add NAME --url URL`."
        )
    return found


async def after(
    db: DatabaseConnection, name: str | None, *, limit: int, organization_id: int | None = None
) -> list[Connection]:
    """The connections whose names come after this one, so many at most, by name."""
    return await _rows(db, after=name, limit=limit, organization_id=organization_id)


async def by_uuid(db: DatabaseConnection, connection_uuid: uuid.UUID) -> Connection:
    """The connection of this id.

    Raises:
        NoSuchConnectionError: There is none, or it is deleted.
    """
    found = await _rows(db, uuid=connection_uuid)
    if not found:
        raise errors.NoSuchConnectionError(f"There is no connection with the id {connection_uuid}.")
    return found[0]


async def counts(db: DatabaseConnection, connection: Connection) -> dict[str, int]:
    """How many devices and findings a connection holds."""
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.connections.counts, {"connection_id": connection.connection_id})
        return await cursor.fetchone() or {}


async def rename(db: DatabaseConnection, actor: Actor, connection: Connection, name: str) -> Connection:
    """Give a connection another name.

    Raises:
        ConnectionNameError: It is none.
        ConnectionExistsError: Another connection has it.
    """
    name = admission.name(name)
    if name == connection.name:
        return connection
    facts = {"connection_id": connection.connection_id, "name": name}
    try:
        async with db.transaction():
            await db.execute(queries.connections.rename, facts)
            renamed = await by_uuid(db, connection.connection_uuid)
            before, after = {"name": connection.name}, {"name": name}
            await audit.record(db, actor, "connection.renamed", **renamed.subject, before=before, after=after)
    except psycopg.errors.UniqueViolation:
        await admission.refuse_taken(db, actor, name, None)
        raise errors.ConnectionExistsError(f"{name!r} was taken meanwhile.", field="name") from None
    return renamed


async def set_default(db: DatabaseConnection, actor: Actor, connection: Connection | None) -> None:
    """Make a connection the default, or none.

    Raises:
        NoSuchConnectionError: It was removed meanwhile.
    """
    async with db.transaction():
        await defaults.choose(db, actor, connection)


async def set_rhythm(
    db: DatabaseConnection,
    actor: Actor,
    connection: Connection,
    *,
    delta: float | None = None,
    tree: float | None = None,
    reconcile: float | None = None,
) -> Connection:
    """Set how often a connection is pulled, in seconds; what is not given stays.

    Raises:
        InvalidFieldError: One is not within `rhythm.BOUNDS`.
    """
    parts = {"delta_seconds": delta, "tree_seconds": tree, "reconcile_seconds": reconcile}
    new = rhythms.changed(connection.rhythm, **parts)
    if new == connection.rhythm:
        return connection
    before, after = msgspec.structs.asdict(connection.rhythm), msgspec.structs.asdict(new)
    async with db.transaction():
        await db.execute(queries.connections.set_rhythm, {"connection_id": connection.connection_id, **after})
        await audit.record(
            db, actor, "connection.rhythm_set", **connection.subject, before=before, after=after
        )
        return await by_uuid(db, connection.connection_uuid)


async def _rows(
    db: DatabaseConnection,
    *,
    names: Sequence[str] | None = None,
    uuid: uuid.UUID | None = None,
    organization_id: int | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[Connection]:
    facts = {
        "names": names,
        "uuid": uuid,
        "organization_id": organization_id,
        "after": after,
        "limit": limit,
    }
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.connections.list, facts)
        rows = await cursor.fetchall()
    fares = await health.of(db, [row["connection_id"] for row in rows])
    return [_connection(row, fares[row["connection_id"]]) for row in rows if row["connection_id"] in fares]


def _connection(row: Row, fares: Health) -> Connection:
    owner = [row.pop(f"organization_{part}") for part in ("id", "uuid", "name")]
    rhythm = Rhythm(**{part: row.pop(part) for part in rhythms.BOUNDS})
    organization = Organization(*owner) if owner[0] is not None else None
    return Connection(**row, organization=organization, rhythm=rhythm, health=fares)
