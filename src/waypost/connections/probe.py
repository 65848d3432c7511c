"""Who a token is, as a check found it and as it is stored with a connection."""

from datetime import datetime
from typing import Final

import msgspec


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a console tells of itself and of the token's owner; what it does not tell is empty.

    Attributes:
        version: Of the console.
        user: Name of the user or service user.
        kind: `service_user` or `person`.
        scope: `tenant`, `account` or `site`.
        scopes: The accounts or sites, and the role in each.
        expires_at: When the token expires.
        token_created_at: To the microsecond, where the console tells it so.
    """

    version: str = ""
    user_id: str = ""
    user: str = ""
    scope: str = ""
    scopes: tuple[dict[str, str], ...] = ()
    expires_at: datetime | None = None
    kind: str = ""
    token_created_at: datetime | None = None

    def key(self, origin: str) -> str | None:
        """What no two connections may share: the console and who the token is there.

        Two tokens that say nothing of their users are told apart by the microsecond they were made in; None where
        the console tells neither.
        """
        if self.user_id:
            return f"{origin} user {self.user_id}"
        if self.token_created_at is not None:
            return f"{origin} token of {self.token_created_at.isoformat(timespec='microseconds')}"
        return None


_WIDTH: Final = {"site": 1, "account": 2, "tenant": 3}


def narrower(new: Identity, old: Identity) -> bool:
    """Whether the new one sees less, as far as the console tells: a narrower kind of scope, or fewer of them."""
    if new.scope not in _WIDTH or old.scope not in _WIDTH:
        return False
    if new.scope != old.scope:
        return _WIDTH[new.scope] < _WIDTH[old.scope]
    return new.scope != "tenant" and not {s["id"] for s in old.scopes} <= {s["id"] for s in new.scopes}
