"""Users and service users: what each of them reaches, and in which role (API notes 1 and 2)."""

from dataclasses import dataclass, field

from sentinelone_simulator.estate import Estate
from sentinelone_simulator.roles import Role

PERSON, SERVICE = "user", "service_user"
FOUNDER = ("433241117337583618", "Steven Example")
WIDTH = {"site": 1, "account": 2, "tenant": 3}


@dataclass(slots=True)
class User:
    """`scope_ids` are account or site ids; empty means the whole tenant. `made_by` is an id and a name.

    `role` is the one in every scope but those that have their own in `apart`.
    """

    id: str
    kind: str
    name: str
    scope: str
    scope_ids: list[str]
    role: Role
    created: int
    updated: int
    description: str | None = None
    made_by: tuple[str, str] = FOUNDER
    changed_by: tuple[str, str] = FOUNDER
    email: str | None = None
    last_active: int | None = None
    deleted: bool = False
    apart: dict[str, Role] = field(default_factory=dict)

    def role_in(self, scope_id: str | None) -> Role:
        return self.role if scope_id is None else self.apart.get(scope_id, self.role)

    def roles(self) -> list[Role]:
        """Each role that the user has somewhere, once."""
        held = [self.role_in(scope_id) for scope_id in self.scope_ids] or [self.role]
        return list(dict.fromkeys(held))

    def covers(self, other: Role) -> bool:
        """Whether the user may hand out this role; one that is weaker anywhere may not."""
        return all(role.covers(other) for role in self.roles())

    def sites(self, estate: Estate, permission: str = "") -> frozenset[int]:
        """Indexes of the sites in scope, with a permission of those only where the user has it."""
        everything = self.scope == "tenant" and not self.scope_ids
        held = self._held(permission)
        return frozenset(
            site.index
            for site in estate.sites
            if everything or str(site.id) in held or str(estate.accounts[site.account].id) in held
        )

    def _held(self, permission: str) -> set[str]:
        return {
            scope_id
            for scope_id in self.scope_ids
            if not permission or permission in self.role_in(scope_id).permissions
        }

    def accounts(self, estate: Estate, permission: str = "") -> frozenset[int]:
        """Indexes of the accounts that hold the sites in scope, or that are in scope as a whole."""
        held = self._held(permission)
        if self.scope == "tenant" and not held:
            return frozenset(account.index for account in estate.accounts)
        own = {account.index for account in estate.accounts if str(account.id) in held}
        own.update(estate.sites[site].account for site in self.sites(estate, permission))
        return frozenset(own)

    def contains(self, estate: Estate, scope: str, scope_ids: list[str]) -> bool:
        """Whether this scope is inside the user's own, the same included; unknown ids are inside none."""
        if WIDTH[scope] > WIDTH[self.scope]:
            return False
        if scope == "tenant":
            return not self.scope_ids
        if scope == "account":
            known = {str(estate.accounts[index].id) for index in self.accounts(estate)}
        else:
            known = {str(estate.sites[index].id) for index in self.sites(estate)}
        return known.issuperset(scope_ids)
