"""Who may do what: keys, the links with which customers connect their consoles, and the log of what was done."""

from datetime import datetime

from waypost.client.answers import AuditEntry, ConnectLink, Key, NewConnectLink, NewKey
from waypost.client.lists import LIMIT, listing
from waypost.client.parameters import Id, Words, body, path
from waypost.client.walking import AsyncListing, Page
from waypost.client.wire import Wire


def keys(wire: Wire, *, limit: int = LIMIT) -> AsyncListing[Key]:
    """The keys, the oldest first, revoked and expired ones too."""
    return listing(wire, "/keys", Page[Key], {"limit": limit})


async def add_key(
    wire: Wire,
    name: str,
    scopes: Words,
    *,
    organization: Id | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key, with no more than the one that makes it has. `scopes`: read, manage, act."""
    given = {"name": name, "scopes": scopes, "organization": organization, "expires_at": expires_at}
    return await wire.send("POST", "/keys", NewKey, body(given, ("scopes",)))


async def revoke_key(wire: Wire, key_id: str) -> None:
    """End a key at once."""
    await wire.remove(path("keys", key_id))


def connect_links(wire: Wire, *, limit: int = LIMIT) -> AsyncListing[ConnectLink]:
    """The connect links, the newest first, used, expired and revoked ones too."""
    return listing(wire, "/connect-links", Page[ConnectLink], {"limit": limit})


async def add_connect_link(
    wire: Wire, organization: Id | None = None, *, connection: Id | None = None, lifetime: str | None = None
) -> NewConnectLink:
    """Make an address with which a customer connects one console, or gives a connection a new token.

    Args:
        wire: How the service is reached.
        organization: Whose; by default that of the connection or of the key.
        connection: The one that gets a new token; without it a new one is made.
        lifetime: Like `30m`, `2h` or `1d`; by default half an hour.
    """
    given = {"organization": organization, "connection": connection, "lifetime": lifetime}
    return await wire.send("POST", "/connect-links", NewConnectLink, body(given))


async def revoke_connect_link(wire: Wire, link_id: Id) -> None:
    """End a connect link at once."""
    await wire.remove(path("connect-links", link_id))


def audit(
    wire: Wire, *, action: str = "", subject_id: Id = "", limit: int = LIMIT
) -> AsyncListing[AuditEntry]:
    """What was done, the newest first."""
    given = {"action": action, "subject_id": subject_id, "limit": limit}
    return listing(wire, "/audit", Page[AuditEntry], given)
