"""The live test of an address and a token before they are stored.

It reads as little as it can, and everything a pull needs: who the token is, as far as the console tells,
and one row each of sites, agents and risks. Facts that only help are left out where the console refuses them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from waypost import errors
from waypost.sentinelone import wire
from waypost.sentinelone.client import Client
from waypost.unified.instants import instant

T = TypeVar("T", bound=msgspec.Struct)

_ONE: Final = {"limit": "1"}
_NEEDED: Final[tuple[tuple[str, Mapping[str, str], Callable[[bytes], object]], ...]] = (
    ("/sites", _ONE, wire.sites),
    ("/agents", _ONE, wire.agents),
    ("/application-management/risks", {**_ONE, "skipCount": "true"}, wire.risks),
)
_NO_ANSWER: Final = (
    errors.ForbiddenRoleError,
    errors.ForbiddenScopeError,
    errors.NotLicensedError,
    errors.RequestRefusedError,
)


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a console tells of itself and of the token's owner; what it does not tell is empty.

    Attributes:
        version: Of the console.
        user: Name of the user or service user.
        scope: `tenant`, `account` or `site`.
        scopes: The accounts or sites, and the role in each.
        expires_at: When the token expires.
    """

    version: str = ""
    user_id: str = ""
    user: str = ""
    scope: str = ""
    scopes: tuple[dict[str, str], ...] = ()
    expires_at: datetime | None = None
    warnings: tuple[str, ...] = ()


_WIDTH: Final = {"site": 1, "account": 2, "tenant": 3}


def narrower(new: Identity, old: Identity) -> bool:
    """Whether the new one sees less, as far as the console tells: a narrower kind of scope, or fewer of them."""
    if new.scope not in _WIDTH or old.scope not in _WIDTH:
        return False
    if new.scope != old.scope:
        return _WIDTH[new.scope] < _WIDTH[old.scope]
    return new.scope != "tenant" and not {s["id"] for s in old.scopes} <= {s["id"] for s in new.scopes}


class _System(msgspec.Struct):
    release: str | None = None
    version: str | None = None


class _ScopeRole(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    roleName: str | None = None


class _Expiry(msgspec.Struct):
    expiresAt: str | None = None


class _User(msgspec.Struct):
    id: str | None = None
    fullName: str | None = None
    email: str | None = None
    scope: str | None = None
    scopeRoles: list[_ScopeRole] | None = None
    apiToken: _Expiry | None = None


class _Answer(msgspec.Struct):
    data: Any  # straight from JSON


async def identify(client: Client) -> Identity:
    """Test a console and a token.

    Raises:
        NotAConsoleError: What answers is no console.
        TokenRefusedError: The console does not know the token, or no longer.
        ForbiddenRoleError: The token may not read what a pull needs; the remedy names the permission.
        ConsoleError: Whatever else keeps the console from answering.
    """
    system = await _system(client)
    warnings = []
    for path, params, decode in _NEEDED:
        try:
            await client.get(path, params, check=decode)
        except errors.NotLicensedError as problem:
            warnings.append(f"{problem} {problem.remedy}")
            if len(warnings) == len(_NEEDED):
                raise
    user = await _user(client)
    expiry = user.apiToken.expiresAt if user.apiToken else None
    return Identity(
        version=" ".join(part for part in (system.release, system.version) if part),
        user_id=user.id or "",
        user=user.fullName or user.email or "",
        scope=user.scope or "",
        scopes=tuple(
            {"id": role.id or "", "name": role.name or "", "role": role.roleName or ""}
            for role in user.scopeRoles or ()
        ),
        expires_at=_time(expiry),
        warnings=tuple(warnings),
    )


async def _system(client: Client) -> _System:
    """The first call: it tells a console from anything else, and a good token from a bad one."""
    try:
        answer = await client.get("/system/info", check=_data)
    except errors.NotAConsoleError as problem:
        if problem.status == 404:  # some consoles do not route it; the lists will tell
            return _System()
        raise
    except _NO_ANSWER:
        return _System()
    return _lenient(answer.content, _System)


async def _user(client: Client) -> _User:
    """Who the token is. Needs a permission that a narrow role may lack, so no answer is an answer."""
    try:
        answer = await client.get("/user", check=_data)
    except (*_NO_ANSWER, errors.NotAConsoleError, errors.TokenRefusedError, errors.VendorFailureError):
        return _User()
    return _lenient(answer.content, _User)


def _data(body: bytes) -> Any:  # as above
    return msgspec.json.decode(body, type=_Answer).data


def _lenient(data: object, model: type[T]) -> T:
    try:
        return msgspec.convert(data, model, strict=False)
    except msgspec.ValidationError:
        return model()


def _time(text: str | None) -> datetime | None:
    try:
        return instant(text)
    except ValueError:
        return None
