"""The console's service users: list, look up, make, remove (API notes, section 1).

Making one is the only time that the console hands out its token. Each write is sent once; whether it took effect
is for the caller to read back (rule 9).
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from waypost import errors
from waypost.sentinelone import pages
from waypost.sentinelone.client import Client

LONGEST_TEXT: Final = 255
"""Characters of a name or description."""

_PATH: Final = "/service-users"


class ScopeRole(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A scope and the role in it; users of the whole tenant have a role and no id."""

    id: str | None = None
    role_id: str | None = None


class ApiToken(msgspec.Struct, frozen=True, rename="camel"):
    """A token's dates as the console sends them, and once the token itself."""

    created_at: str | None = None
    expires_at: str | None = None
    value: str | None = None

    def __repr__(self) -> str:
        return f"ApiToken(created_at={self.created_at!r}, expires_at={self.expires_at!r})"


class ServiceUser(msgspec.Struct, frozen=True, rename="camel"):
    """A user without a password, with one token at a time."""

    id: str
    name: str | None = None
    description: str | None = None
    scope: str = ""
    scope_roles: tuple[ScopeRole, ...] = ()
    api_token: ApiToken | None = None


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """A service user that is to be made."""

    name: str
    description: str
    expiration_date: str
    scope: str
    scope_roles: tuple[ScopeRole, ...]


class _Pagination(msgspec.Struct, rename="camel"):
    next_cursor: str | None = None
    total_items: int | None = None


class _Page(msgspec.Struct):
    data: list[ServiceUser] = []
    pagination: _Pagination | None = None


class _One(msgspec.Struct):
    data: ServiceUser


async def listed(client: Client) -> list[ServiceUser]:
    """Every service user that the token may see.

    Raises:
        ConsoleError: As for `Client.get`; ForbiddenRoleError without the permission `Service Users.view`.
    """
    found: list[ServiceUser] = []
    order = {"sortBy": "id", "sortOrder": "asc"}
    chain = pages.walk(client, _PATH, order, _read_page, row_id=lambda user: user.id)
    async with contextlib.aclosing(chain):
        async for page in chain:
            found += page.rows
    return found


async def find(client: Client, ids: Sequence[str]) -> list[ServiceUser]:
    """Those of these ids that there are; asked of the list, where an absence is no error.

    Raises:
        ConsoleError: As for `listed`.
    """
    params = {"ids": ",".join(ids), "limit": str(len(ids))}
    rows = (await client.get(_PATH, params, check=_read_page)).content.rows
    return [user for user in rows if user.id in ids]  # should a console not know the filter


async def make(client: Client, plan: Plan) -> ServiceUser:
    """Make one, asking once; the answer holds the token.

    Raises:
        ConsoleError: As for `Client.post`. Of all but a refusal nobody knows whether it took effect.
    """
    return (await client.post(_PATH, {"data": plan}, check=_read_one)).content


async def remove(client: Client, user_id: str) -> None:
    """Remove one, asking once.

    Raises:
        ConsoleError: As for `Client.delete`, and with the same doubt.
    """
    await client.delete(f"{_PATH}/{user_id}")


def date(moment: datetime) -> str:
    """A time as the console wants it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_page(body: bytes) -> pages.Decoded[ServiceUser]:
    page = _decoded(body, _Page)
    last = page.pagination or _Pagination()
    return pages.Decoded(
        rows=page.data,
        unreadable=[],
        next_cursor=last.next_cursor or None,
        total=last.total_items,
        has_pagination=page.pagination is not None,
    )


def _read_one(body: bytes) -> ServiceUser:
    user: ServiceUser = _decoded(body, _One).data
    return user


def _decoded(body: bytes, model: Any) -> Any:  # Any: one of the models above
    try:
        return msgspec.json.decode(body, type=model)
    except msgspec.DecodeError:  # its text may quote the token
        raise errors.UnreadableAnswerError(
            "The console's answer about service users cannot be read."
        ) from None
