"""The second service user that takes over from the first, at the console.

It gets the first one's name with a suffix, its scope, roles and lifetime, and a description that says whose it is.
Whatever carries that mark, and whose token is not held, is removed: nobody else makes such.
"""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from waypost import errors
from waypost.connections.probe import Identity
from waypost.sentinelone import permissions, service_users
from waypost.sentinelone.client import Client
from waypost.sentinelone.service_users import Plan, ServiceUser
from waypost.unified.instants import instant

NEEDED: Final = ("Service Users.view", "Service Users.create", "Service Users.delete")
"""What the role of a service user that replaces itself must allow."""

_UNTOLD: Final = (
    errors.ForbiddenRoleError,
    errors.ForbiddenScopeError,
    errors.NotLicensedError,
    errors.RequestRefusedError,
)
_MAY_NOT: Final = (
    "In the SentinelOne console, give the service user a role that has the permissions view, create and delete "
    "of Service Users; or renew its token by hand: `waypost connection rotate NAME`."
)
_SUFFIXED: Final = re.compile(r"(?P<base>.*?)(?: \(Waypost (?P<number>[12])\))?", re.DOTALL)


def named(name: str) -> str:
    """The second one's name. The two suffixes take turns, so that names do not grow."""
    match = _SUFFIXED.fullmatch(name)
    base, number = (match["base"], match["number"]) if match else (name, None)
    suffix = f" (Waypost {1 if number == '2' else 2})"
    return base[: service_users.LONGEST_TEXT - len(suffix)] + suffix


def mark(renewal_id: uuid.UUID) -> str:
    """What a description says of the renewal that it stems from."""
    return f"Waypost renewal {renewal_id}"


async def first(client: Client, identity: Identity) -> ServiceUser:
    """The service user whose token this is: by its id, or where the console tells none by when the token was made.

    Raises:
        RenewalError: It is no service user's, or its role does not allow to replace it.
        ConsoleError: The console does not answer.
    """
    try:
        everyone = await service_users.listed(client)
    except (errors.ForbiddenRoleError, errors.ForbiddenScopeError) as refusal:
        raise _not_allowed(refusal) from None
    found = [user for user in everyone if _is(user, identity)]
    if len(found) != 1:
        raise errors.RenewalError(
            "Only the token of a service user can be renewed automatically, and this one is none's that the "
            "console lists.",
            remedy="Use the token of a service user (`waypost connection rotate NAME`), or renew it by hand.",
        )
    await _check_role(client, found[0])
    return found[0]


async def make(
    client: Client, old: ServiceUser, renewal_id: uuid.UUID, connection_name: str
) -> tuple[ServiceUser, str]:
    """Make the second one; it and its token.

    Raises:
        RenewalError: The console does not let us, or told no token.
        ConsoleError: Nobody knows whether there is one now.
    """
    made_for = f"Made by Waypost for the connection {connection_name}"
    tail = f" ({mark(renewal_id)})"
    plan = Plan(
        name=named(old.name or "Waypost"),
        description=made_for[: service_users.LONGEST_TEXT - len(tail)] + tail,
        expiration_date=service_users.date(_expiry(old, client.last_date or datetime.now(UTC))),
        scope=old.scope,
        scope_roles=old.scope_roles,
    )
    try:
        made = await service_users.make(client, plan)
    except (errors.ForbiddenRoleError, errors.ForbiddenScopeError) as refusal:
        raise _not_allowed(refusal) from None
    if made.api_token is None or not made.api_token.value:
        raise errors.RenewalError("The console made a second service user, but told no token of it.")
    return made, made.api_token.value


async def clear(client: Client, renewal_id: uuid.UUID, *, keep: Sequence[str]) -> list[str]:
    """Remove what a renewal left at the console and does not hold the token of; the ids.

    Raises:
        RenewalError, ConsoleError: As for `remove`.
    """
    left = [
        user.id
        for user in await service_users.listed(client)
        if mark(renewal_id) in (user.description or "") and user.id not in keep
    ]
    return [user_id for user_id in left if await remove(client, user_id)]


async def remove(client: Client, user_id: str) -> bool:
    """Remove a service user, asking once, and see that it is gone; False if there was none.

    Raises:
        RenewalError: The console does not let us, or still lists it.
        ConsoleError: The console does not answer; nobody knows whether it is gone.
    """
    before = await service_users.find(client, [user_id])
    if not before:
        return False
    doubt: errors.ConsoleError | None = None
    try:
        await service_users.remove(client, user_id)
    except errors.ConsoleError as problem:
        doubt = problem
    if not await service_users.find(client, [user_id]):
        return True
    name = before[0].name or user_id
    if doubt is not None and doubt.reaction is errors.Reaction.TRANSIENT:
        raise doubt
    raise errors.RenewalError(
        f"The service user {name!r} is no longer needed, but the console does not remove it.",
        remedy=f"In the SentinelOne console: Settings > Users > Service Users, and delete {name!r} there.",
    )


def same(one: ServiceUser, other: ServiceUser) -> bool:
    """Whether two have the same scope and roles."""
    return one.scope == other.scope and set(one.scope_roles) == set(other.scope_roles)


def _is(user: ServiceUser, identity: Identity) -> bool:
    if identity.user_id:
        return user.id == identity.user_id
    made = _moment(user.api_token.created_at) if user.api_token else None
    return made is not None and made == identity.token_created_at


def _expiry(old: ServiceUser, now: datetime) -> datetime:
    """As long after this time as the first token's end is after its beginning."""
    made = _moment(old.api_token.created_at) if old.api_token else None
    ends = _moment(old.api_token.expires_at) if old.api_token else None
    if made is None or ends is None:
        raise errors.RenewalError("The console does not tell for how long the token was made.")
    return now + (ends - made)


async def _check_role(client: Client, user: ServiceUser) -> None:
    """Before anything is made: a role that may make users and not remove them would leave two.

    A role that the console does not describe to this token is tried out.
    """
    for role_id in {scope_role.role_id for scope_role in user.scope_roles if scope_role.role_id}:
        try:
            role = (await client.get(f"/rbac/role/{role_id}", check=permissions.role)).content
        except _UNTOLD:
            continue
        missing = [name for name in NEEDED if name not in role.granted] if role and role.granted else []
        if role and missing:
            named = ", ".join(repr(name) for name in missing)
            raise errors.RenewalError(
                f"The role {role.name!r} lacks what renewing needs: {named}.", remedy=_MAY_NOT
            )


def _not_allowed(refusal: errors.ConsoleError) -> errors.RenewalError:
    what = {"GET": "see", "POST": "make"}.get(refusal.method, "change")
    return errors.RenewalError(f"The token's role may not {what} service users.", remedy=_MAY_NOT)


def _moment(text: str | None) -> datetime | None:
    try:
        return instant(text)
    except ValueError:
        return None
