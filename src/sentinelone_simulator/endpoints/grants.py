"""Which scopes and roles a service user is given: those that its maker may hand out, and no others."""

import msgspec

from sentinelone_simulator import refusals, users
from sentinelone_simulator.console import Console
from sentinelone_simulator.endpoints import bodies
from sentinelone_simulator.roles import Role
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.users import User


class ScopeRole(msgspec.Struct, rename="camel"):
    """One scope and the role in it; `roleName` and `roles` are the deprecated ways to name a role."""

    id: str | None = None
    role_id: str | None = None
    role_name: str | None = None
    roles: list[str] = []


def read(console: Console, token: Token, scope: str, asked: list[ScopeRole]) -> dict[str, Role]:
    """The role in each scope ("" is the tenant), inside the maker's own."""
    if scope not in users.WIDTH:
        raise refusals.invalid(f"scope: '{scope}' is not a valid choice.")
    if not asked:
        raise bodies.missing("scopeRoles")
    granted = {
        "" if scope == "tenant" else bodies.text("scopeRoles.id", entry.id): _role(console, entry)
        for entry in asked
    }
    ids = [identifier for identifier in granted if identifier]
    inside = token.user.contains(console.estate, scope, ids)
    if not inside or not all(token.user.covers(role) for role in granted.values()):
        raise refusals.forbidden()
    return granted


def give(user: User, scope: str, granted: dict[str, Role]) -> None:
    user.scope, user.scope_ids = scope, [identifier for identifier in granted if identifier]
    user.role = next(iter(granted.values()))
    user.apart = {identifier: role for identifier, role in granted.items() if role is not user.role}


def _role(console: Console, entry: ScopeRole) -> Role:
    """By id; by name, as the deprecated fields have it, for predefined roles only."""
    if entry.role_id is not None:
        found = console.roles.get(entry.role_id)
    else:
        names = {entry.role_name, *entry.roles}
        found = next((r for r in console.roles.values() if r.predefined and r.name in names), None)
    if found is None:
        raise refusals.invalid("scopeRoles: Role was not found.")
    return found
