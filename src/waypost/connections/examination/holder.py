"""Who a token belongs to, as the console tells it in different places."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from waypost.connections.examination.questions import Answer, Question
from waypost.connections.probe import Identity
from waypost.sentinelone import claims
from waypost.sentinelone.claims import Claims
from waypost.unified.instants import instant

T = TypeVar("T", bound=msgspec.Struct)


class Lifetime(msgspec.Struct, frozen=True):
    """When a token was made and when it ends, as far as is known."""

    created_at: datetime | None = None
    expires_at: datetime | None = None


class _Times(msgspec.Struct):
    createdAt: str | None = None
    expiresAt: str | None = None


class ScopeRole(msgspec.Struct):
    """A scope that the token sees, and its role in it (API notes, section 1)."""

    id: str | None = None
    name: str | None = None
    roleId: str | None = None
    roleName: str | None = None
    roles: list[str] | None = None

    @property
    def role(self) -> str:
        return self.roleName or next(iter(self.roles or ()), "")


class User(msgspec.Struct, frozen=True):
    """`/user`: whoever the token was made for. The roles of a tenant's users have no scope."""

    id: str | None = None
    fullName: str | None = None
    email: str | None = None
    scope: str | None = None
    scopeRoles: list[ScopeRole] | None = None
    tenantRoles: list[str] | None = None
    apiToken: _Times | None = None


class ServiceUser(msgspec.Struct):
    """A row of `/service-users`."""

    id: str | None = None
    name: str | None = None
    apiToken: _Times | None = None


class _Document(msgspec.Struct):
    data: Any  # straight from JSON


class Holder(msgspec.Struct, frozen=True):
    """Everything that was found out about the token's owner."""

    user: User = User()
    service_user: ServiceUser | None = None
    kind: str = ""
    lifetime: Lifetime = Lifetime()

    @property
    def name(self) -> str:
        listed = self.service_user.name if self.service_user else None
        return self.user.fullName or listed or self.user.email or ""


def who() -> Question:
    return Question("/user", read=lambda body: _lenient(body, User))


def listed(user_id: str) -> Question:
    """Whether this user is a service user: whether the list of those has it."""
    return Question("/service-users", {"ids": user_id, "limit": "1"}, read=_service_users)


def lifetime(token: str) -> Question:
    """When the token ends. Needs no permission, and may be asked of one that has ended (API notes, section 1)."""
    body = {"data": {"apiToken": token}}
    return Question("/users/api-token-details", read=lambda sent: _lenient(sent, _Times), body=body)


def known(
    claimed: Claims, user: Answer[User], listed: Answer[list[ServiceUser]], details: Answer[_Times]
) -> Holder:
    """Put together what was told; what comes first in each list counts most."""
    found = user.content or User()
    rows = listed.content
    own = next((row for row in rows or () if row.id and row.id == found.id), None)
    times = (details.content, found.apiToken, own.apiToken if own else None)
    return Holder(
        user=found,
        service_user=own,
        kind=_kind(found, own, claimed, was_listed=rows is not None),
        lifetime=Lifetime(
            created_at=_first(_moment(one.createdAt) for one in times if one),
            expires_at=_first(_moment(one.expiresAt) for one in times if one) or claimed.expires_at,
        ),
    )


def identity(holder: Holder, version: str) -> Identity:
    """What of it is stored with a connection."""
    user = holder.user
    return Identity(
        version=version,
        user_id=user.id or "",
        user=holder.name,
        scope=user.scope or "",
        scopes=tuple(
            {"id": role.id or "", "name": role.name or "", "role": role.role}
            for role in user.scopeRoles or ()
        ),
        expires_at=holder.lifetime.expires_at,
        kind=holder.kind,
        token_created_at=holder.lifetime.created_at,
    )


def _kind(user: User, own: ServiceUser | None, claimed: Claims, *, was_listed: bool) -> str:
    """The console's list of service users is proof; all else are signs, the surer ones first."""
    if own is not None:
        return claims.SERVICE_USER
    if user.email:
        return claims.kind(user.email)
    if claimed.kind:
        return claimed.kind
    if not user.id:
        return ""
    return claims.PERSON if was_listed else claims.SERVICE_USER


def _service_users(body: bytes) -> list[ServiceUser]:
    rows = msgspec.json.decode(body, type=_Document).data
    return [_converted(row, ServiceUser) for row in rows] if isinstance(rows, list) else []


def _lenient(body: bytes, model: type[T]) -> T:
    return _converted(msgspec.json.decode(body, type=_Document).data, model)


def _converted(data: object, model: type[T]) -> T:
    """A fact that only helps is left out when it has another shape."""
    try:
        return msgspec.convert(data, model, strict=False)
    except msgspec.ValidationError:
        return model()


def _moment(text: str | None) -> datetime | None:
    try:
        return instant(text)
    except (ValueError, OverflowError):
        return None


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return next((moment for moment in moments if moment is not None), None)
