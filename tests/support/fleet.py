"""Many connections at once: stored as they are, without asking a console about each of them."""

from support.hub import Hub
from waypost.access import audit
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.connections.probe import Identity

NOWHERE = "https://fleet.sentinelone.net"
TOKEN = "fleet-token"


async def stored(hub: Hub, count: int, *, url: str = NOWHERE, token: str = TOKEN) -> list[Connection]:
    """So many connections, to one console by one token, each taken for somebody else's."""
    return [
        await registry.store(
            hub.db,
            hub.means.vault,
            audit.SERVICE,
            name=f"fleet {number:04}",
            origin=url,
            token=token,
            identity=Identity(user_id=str(number), user=f"user {number}"),
        )
        for number in range(count)
    ]


async def pulled_before(hub: Hub, *connections: Connection, due: bool = True) -> None:
    """Take them for connections that were pulled before, and due now or in a while."""
    for connection in connections:
        await hub.db.execute(
            "UPDATE connection SET state = 'active' WHERE connection_id = %s", [connection.connection_id]
        )
        await hub.db.execute(
            "UPDATE schedule SET next_at = now() + %s * interval '1 hour' WHERE connection_id = %s",
            [-1 if due else 1, connection.connection_id],
        )
