"""API tokens: who holds them, what they reach, and when they end (API notes 1 and 2)."""

import base64
import hashlib
from dataclasses import dataclass, field

import msgspec

from sentinelone_simulator import clock, dice
from sentinelone_simulator.estate import Estate

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
VIEW_RISKS = "Applications Page.viewRisks"


@dataclass(slots=True)
class Token:
    """`scope_ids` are account or site ids; empty means the whole tenant. `lost` are sites a fault took."""

    token: str
    name: str
    scope: str
    scope_ids: list[str]
    role: str
    created: int
    expires: int
    user_id: str
    kind: str
    revoked: bool = False
    expired: bool = False
    denied: frozenset[str] = frozenset()
    lost: set[str] = field(default_factory=set)

    def state(self, now: int) -> str:
        if self.revoked:
            return "revoked"
        return "expired" if self.expired or now >= self.expires else "valid"

    def describe(self, now: int) -> dict[str, object]:
        return {
            "token": self.token,
            "name": self.name,
            "scope": self.scope,
            "scopeIds": self.scope_ids,
            "role": self.role,
            "state": self.state(now),
            "expiresAt": clock.coarse(self.expires),
            "createdAt": clock.precise(self.created),
            "userId": self.user_id,
            "kind": self.kind,
        }

    def sites(self, estate: Estate, *, with_lost: bool = False) -> frozenset[int]:
        """Indexes of the sites that the token sees; `with_lost` looks past a `scope_lost` fault."""
        everything = self.scope == "tenant" and not self.scope_ids
        held = set(self.scope_ids)
        return frozenset(
            site.index
            for site in estate.sites
            if (everything or str(site.id) in held or str(estate.accounts[site.account].id) in held)
            and (with_lost or str(site.id) not in self.lost)
        )

    def accounts(self, estate: Estate) -> frozenset[int]:
        """Indexes of the accounts that hold the token's sites, or that it was given as a whole."""
        held = set(self.scope_ids)
        if self.scope == "tenant" and not held:
            return frozenset(account.index for account in estate.accounts)
        own = {account.index for account in estate.accounts if str(account.id) in held}
        own.update(estate.sites[site].account for site in self.sites(estate, with_lost=True))
        return frozenset(own)


def issue(estate: Estate, tenant_viewer: str | None = None) -> list[Token]:
    """All tokens of the console; the first is the tenant viewer's."""
    issued: list[Token] = []

    def add(name: str, scope: str, ids: list[int], role: str = "Viewer", days: int = 365) -> Token:
        number = len(issued)
        created = clock.START - (30 + number) * clock.DAY - 482_817 * (number + 1)
        expires = (clock.START + days * clock.DAY) // clock.SECOND * clock.SECOND
        user = str(clock.snowflake(created, number))
        text = _jwt(estate.seed, user, created, expires) if number % 2 else _legacy(estate.seed, number)
        kind = "user" if number % 3 == 1 else "service_user"
        issued.append(Token(text, name, scope, [str(i) for i in ids], role, created, expires, user, kind))
        return issued[-1]

    viewer = add("Tenant viewer", "tenant", [])
    if tenant_viewer:
        viewer.token = tenant_viewer
    add("Tenant admin", "tenant", [], role="Admin")
    for account in estate.accounts:
        add(f"Viewer of {account.name}", "account", [account.id])
    for site in estate.sites[:50]:
        add(f"Viewer of {site.name}", "site", [site.id])
    add("Viewer of two sites", "site", [site.id for site in estate.sites[:2]])
    add("Without risks", "tenant", [], role="IT").denied = frozenset({VIEW_RISKS})
    add("Ended last week", "tenant", [], days=-7)
    add("Taken back", "tenant", []).revoked = True
    add("Ends the day after tomorrow", "tenant", [], days=2)
    return issued


def _legacy(seed: int, number: int) -> str:
    return "".join(_ALPHABET[dice.mix(seed, number, place) % len(_ALPHABET)] for place in range(80))


def _jwt(seed: int, user: str, created: int, expires: int) -> str:
    """Shaped like a JWT with `exp`; what a real one holds is not known (API notes 1)."""
    claims = {
        "sub": f"serviceuser-{user}@mgmt-0.sentinelone.net",
        "iss": "authn-simulator",
        "iat": created // clock.SECOND,
        "exp": expires // clock.SECOND,
        "jti": f"{dice.mix(seed, int(user)):016x}",
    }
    head = _base64(b'{"kid":"simulator","alg":"ES256"}')
    body = _base64(msgspec.json.encode(claims))
    return f"{head}.{body}.{_base64(hashlib.sha512(f'{seed}{head}{body}'.encode()).digest())}"


def _base64(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()
