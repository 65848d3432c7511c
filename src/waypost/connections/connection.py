"""A stored connection, as everything else sees it, and as the command line and the API show it."""

import uuid
from datetime import datetime
from typing import Any, Final

import msgspec

UNKNOWN: Final = "unknown"
"""Health before the first run has ended."""
OK: Final = "ok"
DEGRADED: Final = "degraded"
"""Some streams fail and others do not."""
FAILING: Final = "failing"


class Organization(msgspec.Struct, frozen=True):
    """The organization that a connection belongs to."""

    organization_id: int
    organization_uuid: uuid.UUID
    name: str


class Rhythm(msgspec.Struct, frozen=True):
    """How often a connection is pulled, in seconds: what changed, the console's tree, everything."""

    delta_seconds: int = 60
    tree_seconds: int = 900
    reconcile_seconds: int = 86_400


class StreamHealth(msgspec.Struct, frozen=True):
    """How one stream fares: `unknown`, `ok` or `failing`, who must act, and since when that is so."""

    stream: str
    state: str
    owner: str
    since: datetime
    last_run_at: datetime | None = None
    code: str = ""
    message: str = ""
    remedy: str = ""


class Health(msgspec.Struct, frozen=True):
    """How a connection fares as a whole: `unknown`, `ok`, `degraded` or `failing`; the rest as for a stream."""

    state: str
    owner: str
    since: datetime
    code: str = ""
    message: str = ""
    remedy: str = ""
    streams: tuple[StreamHealth, ...] = ()


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A stored connection; its token stays in the vault.

    Attributes:
        identity: As `probe.Identity` was stored.
        reason: Why it is paused or needs attention: code, message, owner, remedy.
        next_at: When it is pulled next, while it is.
        days_left: Whole days until the token expires; negative when it has; None when nobody knows.
    """

    connection_id: int
    connection_uuid: uuid.UUID
    name: str
    base_url: str
    state: str
    state_since: datetime
    reason: dict[str, str] | None
    is_default: bool
    organization: Organization | None
    identity: dict[str, Any]  # Any: whatever the console told
    expires_at: datetime | None
    days_left: int | None
    auto_renew: bool
    created_at: datetime
    pulled_at: datetime | None
    rhythm: Rhythm
    next_at: datetime | None
    health: Health

    @property
    def organization_id(self) -> int | None:
        return self.organization.organization_id if self.organization else None

    @property
    def subject(self) -> dict[str, Any]:  # Any: parameters of `audit.record`
        """Whom an entry of the audit log is about."""
        return {
            "subject_id": self.connection_uuid,
            "subject_name": self.name,
            "organization_id": self.organization_id,
        }


def described(connection: Connection) -> dict[str, Any]:  # Any: whatever JSON holds
    """A connection as users read it, on the command line and from the API."""
    organization = connection.organization
    return {
        "id": connection.connection_uuid,
        "name": connection.name,
        "url": connection.base_url,
        "base_url": connection.base_url,
        "state": connection.state,
        "state_since": connection.state_since,
        "reason": connection.reason,
        "is_default": connection.is_default,
        "organization": organization and {"id": organization.organization_uuid, "name": organization.name},
        "identity": connection.identity,
        "expires_at": connection.expires_at,
        "days_left": connection.days_left,
        "auto_renew": connection.auto_renew,
        "created_at": connection.created_at,
        "pulled_at": connection.pulled_at,
        "rhythm": msgspec.to_builtins(connection.rhythm),
        "next_at": connection.next_at,
        "health": msgspec.structs.asdict(connection.health)
        | {"streams": [msgspec.structs.asdict(stream) for stream in connection.health.streams]},
    }
