"""What to walk: whole or since when, and in which partitions.

In a full pull of risks:

A risk row does not name its site, and a filter takes one site only (API notes, facts 1 and 2). Walking site
by site therefore tells the site of every row and gives walks to run side by side, at the price of one page
a site; where sites are many and small the price is too high and accounts, or the whole, are walked instead.

In a delta: what changed, what was refused before, and whatever there is on devices that arrived. A device that
moves to another site, or into the token's view, changes nothing about its risks, and they would be missing until
the next full pull.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.words import RETIRED

OVERLAP: Final = timedelta(minutes=10)
"""A delta starts this much before the last pull did, for what the console stamps late (rule 3)."""

RISKS_PER_DEVICE: Final = 140
"""294,709 risks on 2,095 agents (API notes, 3.1): for an estate of which nothing is known yet."""

_PAGE: Final = 1000
_MANY_DEVICES: Final = 50
_SHORTEST_NAME: Final = 2
_NAMES_A_WALK: Final = 10
"""What `endpointName__contains` takes (API notes, section 5): at least so many characters, at most so many names."""
_FEW_WALKS: Final = 16
"""So many walks are worth their extra pages whatever the size: they run side by side."""


class Partition(msgspec.Struct, frozen=True):
    """What one walk covers: the whole connection, an account, a site or some devices.

    Attributes:
        scope_name: Of devices, separated by commas: the console finds risks by the endpoint's name only (API
            notes, fact 3), so that the walk may also meet devices of a similar name, which does no harm.
    """

    scope: str
    scope_id: int | None = None
    scope_name: str | None = None

    @property
    def site_id(self) -> int | None:
        """The site of all its rows, where it has one."""
        return self.scope_id if self.scope == "site" else None


WHOLE: Final[tuple[Partition, ...]] = (Partition("connection"),)


class Scope(msgspec.Struct, frozen=True):
    """A site that the token sees, and its account."""

    site_id: int
    account_id: int | None
    state: str | None


def watermark(console_time: datetime | None) -> datetime:
    """Where the next delta starts, for a run that began at this time of the console's clock."""
    return (console_time or datetime.now(UTC)) - OVERLAP


async def owed(db: Connection, connection_id: int) -> tuple[Partition, ...]:
    """The walks of a delta over what the console refused to show, and may show by now."""
    cursor = await db.execute(queries.runs.owed, {"connection_id": connection_id})
    return tuple(Partition(*row) for row in await cursor.fetchall())


async def arrived(db: Connection, connection_id: int, since: datetime) -> tuple[Partition, ...]:
    """The walks of a delta beside the one over what changed: devices that arrived since the last pull.

    Many devices, or one that cannot be looked up by its name, are walked with their sites.
    """
    facts = {
        "connection_id": connection_id,
        "since": since,
        "retired_states": [state.value for state in RETIRED],
    }
    cursor = await db.execute(queries.devices.arrived, facts)
    devices = await cursor.fetchall()
    named = {
        device_id: name
        for device_id, name, _ in devices
        if name and len(name) >= _SHORTEST_NAME and "," not in name
    }
    if len(named) > _MANY_DEVICES:
        named = {}
    names = sorted(set(named.values()))
    sites = {site_id for device_id, _, site_id in devices if device_id not in named and site_id is not None}
    return (
        *(
            Partition("device", scope_name=",".join(names[start : start + _NAMES_A_WALK]))
            for start in range(0, len(names), _NAMES_A_WALK)
        ),
        *(Partition("site", site_id) for site_id in sorted(sites)),
    )


def partitions(sites: Sequence[Scope], devices: int) -> tuple[Partition, ...]:
    """The walks of a full pull of risks.

    Args:
        sites: What the token sees.
        devices: How many, as far as is known.
    """
    worth = max(_FEW_WALKS, devices * RISKS_PER_DEVICE // _PAGE // 2)
    if 1 < len(sites) <= worth:
        return tuple(Partition("site", site.site_id) for site in sites)
    accounts = sorted({site.account_id for site in sites if site.account_id is not None})
    if 1 < len(accounts) <= worth and all(site.account_id is not None for site in sites):
        return tuple(Partition("account", account) for account in accounts)
    return WHOLE
