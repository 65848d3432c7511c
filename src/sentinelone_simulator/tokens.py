"""API tokens: whose they are, when they end, and the two forms their text takes (API notes 1)."""

import base64
import hashlib
from dataclasses import dataclass, field

import msgspec

from sentinelone_simulator import clock, dice
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.users import User

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class Token:
    """Opens the console as its user, until it ends. `lost` are sites that a fault took.

    While a call is answered, `acting` is the permission that it needs: the token sees the sites where it has that.
    """

    token: str
    user: User
    created: int
    expires: int
    revoked: bool = False
    expired: bool = False
    lost: set[str] = field(default_factory=set)
    acting: str = ""

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def scope(self) -> str:
        return self.user.scope

    @property
    def scope_ids(self) -> list[str]:
        return self.user.scope_ids

    @property
    def user_id(self) -> str:
        return self.user.id

    def may(self, permission: str) -> bool:
        """Whether its user has this permission anywhere; "" is what everybody may."""
        return not permission or any(permission in role.permissions for role in self.user.roles())

    def state(self, now: int) -> str:
        if self.revoked or self.user.deleted:
            return "revoked"
        return "expired" if self.expired or now >= self.expires else "valid"

    def describe(self, now: int) -> dict[str, object]:
        return {
            "token": self.token,
            "name": self.name,
            "scope": self.scope,
            "scopeIds": self.scope_ids,
            "role": self.user.role.name,
            "state": self.state(now),
            "expiresAt": clock.coarse(self.expires),
            "createdAt": clock.precise(self.created),
            "userId": self.user_id,
            "kind": self.user.kind,
        }

    def sites(self, estate: Estate, *, with_lost: bool = False) -> frozenset[int]:
        """Indexes of the sites that the token sees; `with_lost` looks past a `scope_lost` fault."""
        sites = self.user.sites(estate, self.acting)
        if with_lost or not self.lost:
            return sites
        return frozenset(index for index in sites if str(estate.sites[index].id) not in self.lost)

    def accounts(self, estate: Estate) -> frozenset[int]:
        return self.user.accounts(estate, self.acting)


def legacy(seed: int, number: int) -> str:
    """An opaque text of letters and digits."""
    begun = dice.mix(seed, number)
    return "".join(_ALPHABET[dice.mix(place, state=begun) % len(_ALPHABET)] for place in range(80))


def jwt(seed: int, user: str, created: int, expires: int, *serial: int) -> str:
    """Shaped like a JWT with `exp`; what a real one holds is not known (API notes 1).

    `serial` keeps two tokens of one user apart that are made in the same second.
    """
    claims = {
        "sub": f"serviceuser-{user}@mgmt-0.sentinelone.net",
        "iss": "authn-simulator",
        "iat": created // clock.SECOND,
        "exp": expires // clock.SECOND,
        "jti": f"{dice.mix(seed, int(user), *serial):016x}",
    }
    head = _base64(b'{"kid":"simulator","alg":"ES256"}')
    body = _base64(msgspec.json.encode(claims))
    return f"{head}.{body}.{_base64(hashlib.sha512(f'{seed}{head}{body}'.encode()).digest())}"


def _base64(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()
