"""The users and tokens that every console has on its first day: every scope, role, kind and state.

The order is part of each token: its number decides its text, its age and whose it is. New ones go to the end.
"""

from dataclasses import dataclass, field

from sentinelone_simulator import clock, roles, tokens, users
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.users import User

LISTED_SITES = 50
YEAR = 365


@dataclass(slots=True)
class _Desk:
    """Hands out tokens by their number; in a console of many, the tenant's number keeps ids apart."""

    estate: Estate
    tenant: int
    issued: list[Token] = field(default_factory=list)

    def add(
        self,
        name: str,
        scope: str = "tenant",
        ids: list[int] | None = None,
        *,
        role: str = "Viewer",
        days: int = YEAR,
        kind: str = "",
    ) -> Token:
        seed, number = self.estate.seed, len(self.issued)
        created = clock.START - (30 + number) * clock.DAY - 482_817 * (number + 1) - self.tenant * 1_009
        expires = (clock.START + days * clock.DAY) // clock.SECOND * clock.SECOND
        kind = kind or (users.PERSON if number % 3 == 1 else users.SERVICE)
        user = str(clock.snowflake(created, number))
        modern = number % 2
        text = tokens.jwt(seed, user, created, expires) if modern else tokens.legacy(seed, number)
        holder = User(
            id=user,
            kind=kind,
            name=name,
            scope=scope,
            scope_ids=[str(identifier) for identifier in ids or ()],
            role=roles.named(role),
            created=created - 50_567,
            updated=created - 52_315,
            email=_email(kind, user, modern=bool(modern)),
        )
        self.issued.append(Token(text, holder, created, expires))
        return self.issued[-1]


def _email(kind: str, user: str, *, modern: bool) -> str | None:
    """People have one; whether a service user has, and which, is not known: here those with a JWT do."""
    if kind == users.PERSON:
        return "viewer@example.com"
    return f"serviceuser-{user}@mgmt-0.sentinelone.net" if modern else None


def issue(estate: Estate, tenant_viewer: str | None = None, tenant: int = 0) -> list[Token]:
    """All tokens of the console; the first is the tenant viewer's."""
    desk = _Desk(estate, tenant)
    viewer = desk.add("Tenant viewer")
    if tenant_viewer:
        viewer.token = tenant_viewer
    desk.add("Tenant admin", role="Admin")
    for account in estate.accounts:
        desk.add(f"Viewer of {account.name}", "account", [account.id])
    for site in estate.sites[:LISTED_SITES]:
        desk.add(f"Viewer of {site.name}", "site", [site.id])
    desk.add("Viewer of two sites", "site", [site.id for site in estate.sites[:2]])
    desk.add("Without risks", role="Viewer without risks")
    desk.add("Ended last week", days=-7)
    desk.add("Taken back").revoked = True
    desk.add("Ends the day after tomorrow", days=2)
    _by_role(desk, estate)
    return desk.issued


def _by_role(desk: _Desk, estate: Estate) -> None:
    for role in ("IT", "SOC", "IR Team", "C-Level"):
        desk.add(f"Tenant {role}", role=role)
    desk.add("Without users", role="Viewer without users")
    desk.add("Endpoints only", role="Endpoints only")
    desk.add("A person", kind=users.PERSON)
    desk.add("Admin service user", role="Admin", kind=users.SERVICE)
    desk.add("Renews itself", role="Viewer that renews", kind=users.SERVICE)
    account, site = estate.accounts[0], estate.sites[0]
    desk.add("Account admin", "account", [account.id], role="Admin", kind=users.SERVICE)
    desk.add("Renews itself in a site", "site", [site.id], role="Viewer that renews", kind=users.SERVICE)
