"""/service-users: users without a password, each with one token at a time (API notes 1).

A service user is seen by whoever's scope holds its own. Nobody hands out a scope or a role wider than theirs. A
new token or the end of its user ends the old token at once.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from sentinelone_simulator import clock, pages, refusals, tokens, users
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import bodies, envelopes, grants
from sentinelone_simulator.queries import Query
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.users import User
from sentinelone_simulator.wire import users as wire

FILTERS = ("siteIds", "accountIds", "ids", "query", "roleIds")
FORBIDDEN_IN_NAMES = frozenset("<>=")
NESTED = {
    "apiTokenCreatedAt": ("apiToken", "createdAt"),
    "apiTokenExpiresAt": ("apiToken", "expiresAt"),
    "createdByName": ("createdBy", "name"),
    "updatedByName": ("updatedBy", "name"),
}


class _New(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str | None = None
    description: str | None = None
    expiration_date: str | None = None
    scope: str | None = None
    scope_roles: list[grants.ScopeRole] = []
    force_legacy: bool = False


class _Create(msgspec.Struct):
    data: _New


class _Changes(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    scope: str | None = None
    scope_roles: list[grants.ScopeRole] = []


class _Update(msgspec.Struct):
    data: _Changes


class _Expiration(msgspec.Struct, rename="camel"):
    expiration_date: str | None = None


class _Generate(msgspec.Struct):
    data: _Expiration


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    site_ids: list[str] = []
    account_ids: list[str] = []
    ids: list[str] = []
    query: str = ""
    role_ids: list[str] = []


class _Delete(msgspec.Struct):
    filter: _Filter


def listing(console: Console, token: Token, query: Query) -> bytes:
    wanted = pages.paging(query)
    asked = _Filter(
        site_ids=query.words("siteIds"),
        account_ids=query.words("accountIds"),
        ids=query.words("ids"),
        query=query.values.get("query", ""),
        role_ids=query.words("roleIds"),
    )
    rows = [_row(console, user) for user in _matching(console, token, asked)]

    def raw(row: wire.Row) -> pages.Raw:
        outer, inner = NESTED.get(wanted.sort_by, (wanted.sort_by, ""))
        value = row.get(outer)
        value = value.get(inner) if isinstance(value, dict) else value
        return value if isinstance(value, str) else None

    def ident(row: wire.Row) -> int:
        return int(str(row["id"]))

    key: Callable[[wire.Row], pages.Raw] | None = None if wanted.sort_by == "id" else raw
    page, cursor = pages.cut(pages.arrange(rows, key, ident), key, ident, wanted)
    # "" on the last page, where every other list has null: recorded so.
    return envelopes.rows(page, len(rows), wanted, cursor or "")


def one(console: Console, token: Token, user_id: str, _body: bytes) -> bytes:
    user = _find(console, token, user_id)
    return envelopes.data({**_row(console, user), "account": wire.account_of(console.estate, user)})


def create(console: Console, token: Token, _none: str, body: bytes) -> bytes:
    """The only answer in which the token itself is told."""
    new = bodies.read(body, _Create).data
    name = bodies.text("name", new.name)
    if FORBIDDEN_IN_NAMES.intersection(name):
        raise refusals.invalid("name: Must not contain any of < > =")
    if new.description:
        bodies.text("description", new.description)
    expires = bodies.later("expirationDate", new.expiration_date, console.estate.now)
    scope = bodies.text("scope", new.scope)
    granted = grants.read(console, token, scope, new.scope_roles)
    user = _made(console, token.user, name, new.description)
    grants.give(user, scope, granted)
    console.users[user.id] = user
    issued = _issue(console, user, expires, legacy=new.force_legacy)
    return envelopes.data(
        {**_row(console, user), "apiToken": {**wire.api_token(issued), "value": issued.token}}
    )


def _made(console: Console, maker: User, name: str, description: str | None) -> User:
    """A service user with its maker's reach, until it is given its own."""
    made = console.moment()
    return replace(
        maker,
        id=str(clock.snowflake(made, len(console.tokens))),
        kind=users.SERVICE,
        name=name,
        description=description,
        created=made,
        updated=made,
        made_by=(maker.id, maker.name),
        changed_by=(maker.id, maker.name),
        email=None,
        last_active=None,
    )


def update(console: Console, token: Token, user_id: str, body: bytes) -> bytes:
    user = _find(console, token, user_id)
    changes = bodies.read(body, _Update).data
    if changes.description:
        bodies.text("description", changes.description)
    if changes.scope_roles or changes.scope:
        scope = changes.scope or user.scope
        grants.give(user, scope, grants.read(console, token, scope, changes.scope_roles))
    if changes.description is not msgspec.UNSET:
        user.description = changes.description
    user.updated = console.moment()
    user.changed_by = (token.user.id, token.user.name)
    return envelopes.data(_row(console, user))


def generate(console: Console, token: Token, user_id: str, body: bytes) -> bytes:
    """A new token for a service user; the one it had is revoked."""
    user = _find(console, token, user_id)
    if not all(token.user.covers(role) for role in user.roles()):
        raise refusals.forbidden()
    asked = bodies.read(body, _Generate).data
    expires = bodies.later("expirationDate", asked.expiration_date, console.estate.now)
    old = console.token_of(user)
    issued = _issue(console, user, expires)
    old.revoked = True
    return envelopes.data({**wire.api_token(issued), "token": issued.token})


def delete(console: Console, token: Token, user_id: str, _body: bytes) -> bytes:
    _end(console, _find(console, token, user_id))
    return envelopes.data({"success": True})


def delete_matching(console: Console, token: Token, _none: str, body: bytes) -> bytes:
    """An empty filter matches all that the caller sees, as in the console's other bulk actions."""
    ended = _matching(console, token, bodies.read(body, _Delete).filter)
    for user in ended:
        _end(console, user)
    return envelopes.data({"affected": len(ended)})


def _row(console: Console, user: User) -> wire.Row:
    return wire.service_user(console.estate, user, console.token_of(user))


def _visible(console: Console, token: Token, user: User) -> bool:
    inside = token.user.contains(console.estate, user.scope, user.scope_ids)
    return user.kind == users.SERVICE and (user is token.user or inside)


def _find(console: Console, token: Token, user_id: str) -> User:
    user = console.users.get(user_id)
    if user is None or not _visible(console, token, user):
        raise refusals.missing()
    return user


def _matching(console: Console, token: Token, asked: _Filter) -> list[User]:
    estate, text = console.estate, asked.query.lower()
    held = {*asked.site_ids, *asked.account_ids}
    if held:
        known = {str(site.id) for site in estate.sites} | {str(account.id) for account in estate.accounts}
        if not held <= known:
            raise refusals.forbidden()
    return [
        user
        for user in console.users.values()
        if _visible(console, token, user)
        and (not held or held.intersection(user.scope_ids))
        and (not asked.ids or user.id in asked.ids)
        and (not asked.role_ids or any(role.id in asked.role_ids for role in user.roles()))
        and text in f"{user.name} {user.description or ''}".lower()
    ]


def _issue(console: Console, user: User, expires: int, *, legacy: bool = False) -> Token:
    seed, created = console.estate.seed, console.moment()
    if legacy:
        text = tokens.legacy(seed, int(user.id) + created)
    else:
        text = tokens.jwt(seed, user.id, created, expires, created)
    console.tokens[text] = Token(text, user, created, expires)
    return console.tokens[text]


def _end(console: Console, user: User) -> None:
    user.deleted = True
    del console.users[user.id]
