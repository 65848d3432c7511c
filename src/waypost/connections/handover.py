"""What a customer hands over through a connect link: a new connection, or a new token of one that exists.

Checking and saving are those of everybody else; what is added here is that a link is used once, in the
transaction of what it saves, and that nothing is told of what other organizations have.
"""

from typing import Final

import msgspec

from waypost import errors
from waypost.access.audit import Actor
from waypost.connections import admission, check, credentials, links, registry
from waypost.connections.connection import Connection
from waypost.connections.examination.result import Report
from waypost.connections.links import Link
from waypost.connections.probe import Identity
from waypost.connections.vault import Vault
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed
from waypost.sentinelone.limits import Limiter
from waypost.storage.database import Connection as DatabaseConnection
from waypost.unified import names

_ROOM_FOR_NUMBER: Final = 6


class Handover(msgspec.Struct, frozen=True):
    """What was typed in; it holds the token, so it is never logged or stored.

    Attributes:
        url: The console's address; of no account where the link is for a connection that exists.
        name: Of the new connection; empty for one made of the organization and the console.
        narrower: The new token may see less than the old one.
    """

    url: str
    token: str
    name: str = ""
    narrower: bool = False

    def __repr__(self) -> str:
        return f"Handover(url={self.url!r})"


class Saved(msgspec.Struct, frozen=True):
    """What came of it."""

    connection: Connection
    report: Report


async def expected(db: DatabaseConnection, link: Link) -> Identity | None:
    """What the token in use is and sees, where the link is for a connection that exists."""
    return credentials.stored_identity(await _connection(db, link)) if link.connection_id else None


async def save(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    link: Link,
    given: Handover,
    allowed: Allowed,
    limiter: Limiter | None = None,
) -> Saved:
    """Check what was handed over once more, save it, and use the link up: all of it or nothing.

    Raises:
        LinkRefusedError: The link was used meanwhile, is open no longer, or was tried too often.
        UsageError: What was handed over cannot be saved; the message is fit for the customer.
    """
    await links.count_check(db, link)
    if link.connection_id is None:
        return await _added(db, vault, actor, link, given, allowed, limiter)
    return await _rotated(db, vault, actor, link, given, allowed, limiter)


async def _added(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    link: Link,
    given: Handover,
    allowed: Allowed,
    limiter: Limiter | None,
) -> Saved:
    address = addresses.normalise(given.url, allowed)
    report = await check.examine(address.origin, given.token, allowed, limiter=limiter)
    admission.judge(report, force=False)
    async with db.transaction():
        await links.use(db, link)
        connection = await registry.store(
            db,
            vault,
            actor,
            name=await _free_name(db, given.name or f"{link.organization[:40]} {address.host}"),
            origin=address.origin,
            token=given.token,
            identity=report.identity,
            organization_id=link.organization_id,
        )
        await links.used_for(db, actor, link, connection)
    return Saved(connection, report)


async def _rotated(
    db: DatabaseConnection,
    vault: Vault,
    actor: Actor,
    link: Link,
    given: Handover,
    allowed: Allowed,
    limiter: Limiter | None,
) -> Saved:
    connection = await _connection(db, link)

    async def use() -> None:
        await links.use(db, link)
        await links.used_for(db, actor, link, connection)

    try:
        report = await credentials.rotate(
            db,
            vault,
            actor,
            connection,
            token=given.token,
            allowed=allowed,
            limiter=limiter,
            narrower=given.narrower,
            along=use,
        )
    except errors.NoSuchConnectionError:
        raise errors.LinkRefusedError from None
    return Saved(connection, report)


async def _connection(db: DatabaseConnection, link: Link) -> Connection:
    """The connection that the link is for.

    Raises:
        LinkRefusedError: It was deleted meanwhile.
    """
    if link.connection_uuid is None:
        raise errors.LinkRefusedError
    try:
        return await registry.by_uuid(db, link.connection_uuid)
    except errors.NoSuchConnectionError:
        raise errors.LinkRefusedError from None


async def _free_name(db: DatabaseConnection, wanted: str) -> str:
    """The name, or the first numbered one that is free; a customer is not told which names there are."""
    taken = {connection.name for connection in await registry.find(db)}
    name, number = names.cleaned(wanted[: admission.LONGEST_NAME]), 1
    while name in taken:
        number += 1
        name = f"{names.cleaned(wanted[: admission.LONGEST_NAME - _ROOM_FOR_NUMBER])} {number}"
    return name
