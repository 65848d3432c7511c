"""What a token says of itself: newer ones are JSON Web Tokens, older ones are opaque (API notes, section 1).

No recorded token was ever seen, so everything here is a hint; what the console says counts more.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Final

import msgspec

SERVICE_USER: Final = "service_user"
PERSON: Final = "person"

_SERVICE_PREFIX: Final = "serviceuser-"
_LONGEST: Final = 8192
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


class Claims(msgspec.Struct, frozen=True):
    """What could be read in a token; empty for one that is opaque."""

    kind: str = ""
    expires_at: datetime | None = None

    def at(self, now: datetime) -> "Claims":
        """What may be believed of a token that a console accepts now: it has not ended, whatever it says."""
        if self.expires_at is None or self.expires_at > now:
            return self
        return Claims(self.kind)


class _Payload(msgspec.Struct):
    sub: str = ""
    exp: float | None = None


def read(token: str) -> Claims:
    """What a token says, unproved: nobody checks its signature but the console."""
    parts = token.strip().split(".")
    if len(parts) != 3 or len(token) > _LONGEST:
        return Claims()
    try:
        payload = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=="), type=_Payload)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return Claims()
    return Claims(kind(payload.sub), _moment(payload.exp))


def kind(name: str) -> str:
    """Whether a login name is a service user's, which has a form of its own, or a person's; "" for no name."""
    if name.lower().startswith(_SERVICE_PREFIX):
        return SERVICE_USER
    return PERSON if "@" in name else ""


def _moment(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 < seconds <= _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)
