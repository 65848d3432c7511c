"""The webhooks that are stored: add, find, change, enable, move, remove. Every change is in the audit log.

Whoever is bound to an organization gives it, and finds its webhooks alone. What changes a webhook raises its fence, so
that a delivery under way stores nothing more.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.changes import feed, following
from waypost.changes.feed import Place
from waypost.changes.webhooks import receiver, secret, webhook
from waypost.changes.webhooks.webhook import Webhook
from waypost.connections import admission
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified import cursors, paging
from waypost.unified.filters import Filters

USUAL: Final = 100
MOST: Final = 500
"""Entries of one delivery."""
LONGEST_NAME: Final = 80

Row = dict[str, Any]  # Any: columns of different types
_ALL: Final[Row] = {
    "webhook_uuid": None,
    "organization_id": None,
    "name": None,
    "after_name": None,
    "after_id": None,
    "limit": None,
}


async def add(
    db: Connection,
    vault: Vault,
    actor: Actor,
    *,
    name: str,
    url: str,
    allowed: Allowed,
    kinds: Sequence[str] = (),
    connections: Sequence[str] = (),
    organization_id: int | None = None,
    most: int = USUAL,
) -> tuple[Webhook, str]:
    """Store a webhook that is told what changes from now on; and its secret, which is told this once.

    Raises:
        UsageError: The name, address, kinds or connections cannot be these, or the organization is archived.
    """
    await admission.refuse_archived(db, organization_id)
    facts = {
        "name": _name(name),
        "url": receiver.checked(url, allowed),
        "kinds": webhook.kinds(kinds, of_organization=organization_id is not None),
        "organization_id": organization_id,
        "connection_ids": await _connections(db, connections, organization_id),
        "most": _most(most),
    }
    place = await feed.newest(db)
    async with db.transaction():
        cursor = await db.execute(queries.webhooks.insert, facts | msgspec.structs.asdict(place))
        row = await cursor.fetchone()
        if row is None:
            raise _taken(name)
        webhook_id, webhook_uuid = row
        text = await secret.make(db, vault, webhook_id, webhook_uuid)
        added = await get(db, webhook_uuid)
        await _record(db, actor, "webhook.added", added, after=_told(added))
    return added, text


async def get(db: Connection, webhook_uuid: uuid.UUID, *, organization_id: int | None = None) -> Webhook:
    """A webhook by its id.

    Raises:
        NotFoundError: There is none, or it is another organization's.
    """
    found = await _rows(db, webhook_uuid=webhook_uuid, organization_id=organization_id)
    if not found:
        raise errors.NotFoundError("There is no webhook with this id.", remedy="See GET /api/v1/webhooks.")
    return found[0]


async def named(db: Connection, text: str) -> Webhook:
    """A webhook by its name or id.

    Raises:
        NotFoundError: There is none, or there are several of this name.
    """
    found = await _rows(db, name=text)
    if len(found) == 1:
        return found[0]
    told = f"There are several webhooks {text!r}" if found else f"There is no webhook {text!r}"
    raise errors.NotFoundError(f"{told}.", remedy="See `waypost webhook list` for the names and ids.")


async def page(
    db: Connection, *, organization_id: int | None = None, limit: int = 100, cursor: str = ""
) -> tuple[list[Webhook], str | None]:
    """Webhooks by name, and the cursor of the next page.

    Raises:
        FilterError: The limit or the cursor cannot be understood.
    """
    paging.check_limit(limit)
    after_name, after_id = cursors.read(cursor, "webhooks", organization_id, 2)
    found = await _rows(
        db, organization_id=organization_id, after_name=after_name, after_id=after_id, limit=limit + 1
    )
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursors.write("webhooks", organization_id, [last.name, last.webhook_uuid])


async def change(
    db: Connection,
    actor: Actor,
    old: Webhook,
    *,
    allowed: Allowed,
    name: str | None = None,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    connections: Sequence[str] | None = None,
    most: int | None = None,
) -> Webhook:
    """Change what is given of a webhook. A batch that was put together by other filters is not sent again.

    Raises:
        UsageError: As for `add`.
    """
    of = old.organization_id
    facts = {
        "webhook_id": old.webhook_id,
        "name": old.name if name is None else _name(name),
        "url": old.url if url is None else receiver.checked(url, allowed),
        "kinds": list(old.kinds) if kinds is None else webhook.kinds(kinds, of_organization=of is not None),
        "connection_ids": _ids(old) if connections is None else await _connections(db, connections, of),
        "most": old.most if most is None else _most(most),
    }
    async with db.transaction():
        if await (await db.execute(queries.webhooks.change, facts)).fetchone() is None:
            raise _taken(str(facts["name"]))
        if (facts["kinds"], facts["connection_ids"]) != (list(old.kinds), _ids(old)):
            await db.execute(queries.webhooks.drop_pending, {"webhook_id": old.webhook_id})
        new = await get(db, old.webhook_uuid)
        before, after = _told(old), _told(new)
        changed = [
            part for part in before if before[part] != after[part] or (part == "host" and old.url != new.url)
        ]
        await _record(
            db,
            actor,
            "webhook.changed",
            new,
            before={part: before[part] for part in changed},
            after={part: after[part] for part in changed},
        )
    return new


async def enable(db: Connection, actor: Actor, found: Webhook, *, skip: bool = False) -> Webhook:
    """Try a webhook again at once, from where it was; or with `skip` from now on."""
    place = await feed.newest(db) if skip else None
    async with db.transaction():
        await db.execute(queries.webhooks.enable, {"webhook_id": found.webhook_id})
        if place is not None:
            await _move(db, found, place)
        await _record(db, actor, "webhook.enabled", found, after={"skip": skip})
    return await get(db, found.webhook_uuid)


async def replay(
    db: Connection, actor: Actor, found: Webhook, *, since: datetime | None = None, after: str = ""
) -> Webhook:
    """Tell it again what changed since a time, or after a cursor: of a delivery, or of the feed without filters.

    Raises:
        FilterError: The cursor is none of these.
        FeedForgottenError: It is older than what is kept.
    """
    if after:
        place = following.place_at(after, Filters())
        await feed.read(db, place, limit=1)  # whether it is still kept
    else:
        place = await _place_at(db, since)
    async with db.transaction():
        await _move(db, found, place)
        told = {"since": since} if since else {"after": "a cursor"}
        await _record(db, actor, "webhook.replayed", found, after=told)
    return await get(db, found.webhook_uuid)


async def rotate(
    db: Connection, vault: Vault, actor: Actor, found: Webhook, *, overlap: timedelta = secret.OVERLAP
) -> str:
    """A new secret, which is told this once; until the overlap ends the old one signs as well.

    Raises:
        InvalidFieldError: There is no such overlap.
        VaultError: The master key was replaced.
    """
    if not timedelta(0) <= overlap <= secret.LONGEST_OVERLAP:
        raise errors.InvalidFieldError(
            f"The old secret can stay for {secret.LONGEST_OVERLAP.days} days at most.", field="overlap"
        )
    async with db.transaction():
        text = await secret.make(db, vault, found.webhook_id, found.webhook_uuid, overlap=overlap)
        after = {"overlap_seconds": overlap.total_seconds()}
        await _record(db, actor, "webhook.secret_rotated", found, after=after)
    return text


async def remove(db: Connection, actor: Actor, found: Webhook) -> None:
    """Remove a webhook, its secrets and its log."""
    async with db.transaction():
        await db.execute(queries.webhooks.remove, {"webhook_id": found.webhook_id})
        await _record(db, actor, "webhook.removed", found, before=_told(found))


async def _move(db: Connection, found: Webhook, place: Place) -> None:
    facts = {"webhook_id": found.webhook_id, **msgspec.structs.asdict(place)}
    await db.execute(queries.webhooks.move, facts)
    await db.execute(queries.webhooks.drop_pending, {"webhook_id": found.webhook_id})


async def _place_at(db: Connection, since: datetime | None) -> Place:
    await feed.number(db)
    ((position,),) = await (await db.execute(queries.webhooks.place_at, {"at": since})).fetchall()
    return await feed.newest(db) if position is None else Place(position, 0)


async def _connections(db: Connection, names: Sequence[str], organization_id: int | None) -> list[int] | None:
    if not names:
        return None
    facts = {"names": list(names), "organization_id": organization_id}
    found: dict[str, int] = dict(await (await db.execute(queries.webhooks.connections, facts)).fetchall())
    missing = [name for name in names if name not in found]
    if missing:
        raise errors.InvalidFieldError(
            f"There is no connection {missing[0][:80]!r}.",
            field="connections",
            remedy="See `waypost connection list` or GET /api/v1/connections for the names.",
        )
    return sorted(found.values())


async def _rows(db: Connection, **wanted: object) -> list[Webhook]:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(queries.webhooks.list, _ALL | wanted)
        return msgspec.convert(await cursor.fetchall(), list[Webhook])


async def _record(db: Connection, actor: Actor, action: str, about: Webhook, **facts: Row) -> None:
    await audit.record(
        db,
        actor,
        action,
        subject_id=about.webhook_uuid,
        subject_name=about.name,
        organization_id=about.organization_id,
        **facts,
    )


def _told(found: Webhook) -> Row:
    """What the audit log says of a webhook; of its address the host alone, since the path may be a secret."""
    return {
        "name": found.name,
        "host": receiver.host(found.url),
        "kinds": found.words,
        "connections": None if found.connection_ids is None else [one.name for one in found.connections],
        "most": found.most,
    }


def _ids(found: Webhook) -> list[int] | None:
    return None if found.connection_ids is None else list(found.connection_ids)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise errors.InvalidFieldError(
            f"A webhook's name has 1 to {LONGEST_NAME} printable characters.", field="name"
        )
    return name


def _most(entries: int) -> int:
    if not 1 <= entries <= MOST:
        raise errors.InvalidFieldError(f"A delivery has 1 to {MOST} entries.", field="most")
    return entries


def _taken(name: str) -> errors.WebhookExistsError:
    return errors.WebhookExistsError(f"There is a webhook {name!r} already.")
