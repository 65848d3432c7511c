"""API keys: `wp_<id>_<secret>`, of which only the id and a hash of the secret are stored.

The secret has 256 random bits, so one SHA-256 keeps it as safe as any slow hash would, and a request costs
no more than its lookup: docs/decisions/0014-service.md.
"""

import hashlib
import hmac
import re
import secrets
import string
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from psycopg.rows import class_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.storage import queries
from waypost.storage.database import Connection

_ALPHABET: Final = string.digits + string.ascii_letters
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43
"""Characters of an alphabet of 62: a little over 256 bits."""
_SHAPE: Final = re.compile(rf"wp_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})")
_UNKNOWN: Final = bytes(32)
"""Compared with where there is no such key, so that a wrong id takes as long as a wrong secret."""
LONGEST_NAME: Final = 100
LONGEST: Final = timedelta(days=36_500)
"""What lasts longer was a slip, and near the year 9999 there are times that cannot be read back."""


class Scope(StrEnum):
    """What a key may do; none contains another."""

    READ = "read"
    MANAGE = "manage"
    ACT = "act"


class Key(msgspec.Struct, frozen=True):
    """A stored key, as people see it; the organization is the one it is bound to."""

    id: str
    name: str
    scopes: list[str]
    organization_id: uuid.UUID | None
    organization_name: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Principal(msgspec.Struct, frozen=True):
    """Whoever called with a good key."""

    key_id: str
    name: str
    scopes: frozenset[str]
    organization_id: int | None
    expires_at: datetime | None = None

    def actor(self, request_id: str | None = None) -> Actor:
        return Actor("key", f"{self.key_id} {self.name}", request_id, self.organization_id)


class _Presented(msgspec.Struct, frozen=True):
    secret_hash: bytes
    name: str
    scopes: list[str]
    organization_id: int | None
    expires_at: datetime | None
    revoked: bool
    expired: bool
    archived: str | None
    stale: bool


async def create(
    db: Connection,
    actor: Actor,
    *,
    name: str,
    scopes: Collection[str],
    organization_id: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[Key, str]:
    """Make a key; its text is returned this once and never again.

    Raises:
        InvalidFieldError: The name, a scope or the expiry cannot be.
        OrganizationStateError: The organization is archived.
    """
    name = _name(name)
    chosen = _scopes(scopes)
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise errors.InvalidFieldError("A key cannot expire before it is made.", field="expires_at")
    if expires_at is not None and expires_at > datetime.now(UTC) + LONGEST:
        raise errors.InvalidFieldError("A key lasts a hundred years at most.", field="expires_at")
    key_id, secret = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    row = {
        "key_id": key_id,
        "secret_hash": _hash(secret),
        "name": name,
        "scopes": chosen,
        "organization_id": organization_id,
        "expires_at": expires_at,
    }
    async with db.transaction():
        cursor = await db.execute(queries.keys.insert, row)
        if await cursor.fetchone() is None:
            raise errors.OrganizationStateError("A key cannot be made for an organization that is archived.")
        await audit.record(
            db,
            actor,
            "key.created",
            subject_id=key_id,
            subject_name=name,
            organization_id=organization_id,
            after={"scopes": chosen, "expires_at": expires_at},
        )
        (made,) = await listed(db, key_id=key_id)
    return made, f"wp_{key_id}_{secret}"


async def first(db: Connection) -> str | None:
    """The administrator's key, if no key was ever made; its text is returned this once."""
    async with db.transaction():
        await db.execute(queries.keys.lock)
        cursor = await db.execute(queries.keys.none_yet)
        if await cursor.fetchone() != (True,):
            return None
        _, text = await create(db, audit.SERVICE, name="administrator", scopes=list(Scope))
    return text


async def authenticate(db: Connection, text: str) -> Principal:
    """Who calls with this key.

    Raises:
        KeyRefusedError: It is none, or wrong, expired or revoked, or of an organization that is archived.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise errors.KeyRefusedError("This is no API key: one looks like wp_…_….")
    key_id, secret = shape.groups()
    async with db.cursor(row_factory=class_row(_Presented)) as cursor:
        await cursor.execute(queries.keys.presented, {"key_id": key_id}, prepare=True)
        found = await cursor.fetchone()
    right = hmac.compare_digest(_hash(secret), found.secret_hash if found else _UNKNOWN)
    if found is None or not right:
        raise errors.KeyRefusedError("There is no such API key.")
    if found.revoked or found.expired:  # told to who knows the secret, and to nobody else
        raise errors.KeyRefusedError(f"The API key {'was revoked' if found.revoked else 'has expired'}.")
    if found.archived is not None:
        raise errors.KeyRefusedError(
            f"The organization {found.archived!r} is archived.",
            remedy="Let whoever runs Waypost restore the organization, or use another key.",
        )
    if found.stale:
        await db.execute(queries.keys.used, {"key_id": key_id})
    return Principal(key_id, found.name, frozenset(found.scopes), found.organization_id, found.expires_at)


def check(principal: Principal, scope: Scope, *, whole: bool) -> None:
    """See that a key may do what is asked; `whole` if it is about more than one organization's own.

    Raises:
        KeyScopeError: It may not.
    """
    if scope not in principal.scopes:
        has = ", ".join(sorted(principal.scopes))
        raise errors.KeyScopeError(f"This needs a key with the scope {scope}; this one has {has}.")
    if whole and principal.organization_id is not None:
        raise errors.KeyScopeError(
            "This is about the whole service, and the key is bound to one organization.",
            remedy="Use a key that is bound to none.",
        )


def within(giver: Principal, scopes: Collection[str], expires_at: datetime | None) -> datetime | None:
    """When a key expires that this one makes: with it by default. No key gives away more than it has.

    Raises:
        KeyScopeError: The new key would have a scope that this one has not.
        InvalidFieldError: It would live longer.
    """
    missing = sorted(set(scopes) - giver.scopes)
    if missing:
        raise errors.KeyScopeError(f"A key without the scope {missing[0]} cannot give it away.")
    if expires_at is None:
        return giver.expires_at
    if giver.expires_at is not None and expires_at > giver.expires_at:
        raise errors.InvalidFieldError(
            f"The key that makes it expires on {giver.expires_at.astimezone(UTC):%Y-%m-%d}; it cannot live longer.",
            field="expires_at",
        )
    return expires_at


async def listed(
    db: Connection,
    *,
    key_id: str | None = None,
    organization_id: int | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Key]:
    """Keys, the oldest first: all, one, those of an organization, those after one."""
    facts = {
        "key_id": key_id,
        "organization_id": organization_id,
        "after_time": after[0] if after else None,
        "after_id": after[1] if after else None,
        "limit": limit,
    }
    async with db.cursor(row_factory=class_row(Key)) as cursor:
        await cursor.execute(queries.keys.list, facts)
        return await cursor.fetchall()


async def revoke(db: Connection, actor: Actor, key_id: str) -> None:
    """End a key at once. An actor who is bound to an organization ends only keys of that organization.

    Raises:
        NotFoundError: There is no such key, or it is revoked already.
    """
    facts = {"key_id": key_id, "organization_id": actor.organization_id}
    async with db.transaction():
        cursor = await db.execute(queries.keys.revoke, facts)
        row = await cursor.fetchone()
        if row is None:
            raise errors.NotFoundError(
                f"There is no key {key_id[:40]!r} that could be revoked.", remedy="See `waypost key list`."
            )
        name, organization_id = row
        await audit.record(
            db, actor, "key.revoked", subject_id=key_id, subject_name=name, organization_id=organization_id
        )


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise errors.InvalidFieldError(
            f"A key's name has 1 to {LONGEST_NAME} printable characters.", field="name"
        )
    return name


def _scopes(scopes: Collection[str]) -> Sequence[str]:
    known = [scope.value for scope in Scope]
    unknown = sorted(set(scopes) - set(known))
    if unknown or not scopes:
        told = f"There is no scope {unknown[0]!r}" if unknown else "A key needs a scope"
        raise errors.InvalidFieldError(f"{told}; there are {', '.join(known)}.", field="scopes")
    return [scope for scope in known if scope in scopes]


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
