"""What a token sees, compared with what its connection knows: whether it is the same console, and not less of it.

A base URL says little, since one address serves many customers. Ids of accounts and sites are never the same
twice, so a token is taken for one of the same console and customer if it sees at least one site that the
connection knows, or a site in an account that it knows. A connection that knows nothing yet has nothing to mix up.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec

from waypost import errors
from waypost.connections.connection import Connection
from waypost.sentinelone import pages, wire
from waypost.sentinelone.client import Client
from waypost.storage import queries
from waypost.storage.database import Connection as DatabaseConnection

_SITES: Final = {"sortBy": "id", "sortOrder": "asc", "states": "active,expired,deleted"}
_FEW: Final = 5


class View(msgspec.Struct, frozen=True):
    """What a token sees beside its connection's last complete list of sites.

    Attributes:
        lost: Names of sites that were listed and that it does not see.
        more: It sees sites that were not listed.
    """

    lost: tuple[str, ...] = ()
    more: bool = False


class _Known(msgspec.Struct, frozen=True):
    sites: dict[int, str]
    """Those of the last complete list, by id, with their names."""
    ever: frozenset[int]
    accounts: frozenset[int]


async def compare(db: DatabaseConnection, client: Client, connection: Connection) -> View:
    """Compare a token, by a client that is open, with what its connection knows.

    Raises:
        OtherConsoleError: It sees nothing that the connection knows.
        ConsoleError: The console did not list its sites.
    """
    known = await _known(db, connection)
    if not known.ever:
        return View()
    sites = await _listed(client)
    shared = known.ever & sites.keys() or known.accounts.intersection(sites.values())
    if not shared:
        raise errors.OtherConsoleError(
            f"The new token sees none of the {len(known.ever):,} sites of {connection.name!r}, and none in their "
            "accounts: it belongs to another console or customer. It was not stored."
        )
    lost = tuple(name for site, name in known.sites.items() if site not in sites)
    return View(lost, more=not sites.keys() <= known.sites.keys())


def some(names: Sequence[str]) -> str:
    """The first few of these names."""
    shown = ", ".join(names[:_FEW])
    return f"{shown} and {len(names) - _FEW:,} more" if len(names) > _FEW else shown


async def _known(db: DatabaseConnection, connection: Connection) -> _Known:
    cursor = await db.execute(queries.credentials.known_sites, {"connection_id": connection.connection_id})
    rows = await cursor.fetchall()
    return _Known(
        sites={site: name or str(site) for site, name, _, gone in rows if not gone},
        ever=frozenset(site for site, *_ in rows),
        accounts=frozenset(account for _, _, account, _ in rows if account is not None),
    )


async def _listed(client: Client) -> dict[int, int | None]:
    """The sites that a token sees, with their accounts."""
    listed: dict[int, int | None] = {}
    chain = pages.walk(client, "/sites", _SITES, wire.sites, row_id=lambda row: row.value.id)
    async with contextlib.aclosing(chain):
        async for page in chain:
            for row in page.rows:
                account = row.value.accountId
                listed[row.value.id] = account if isinstance(account, int) else None
    return listed
