"""Which findings, devices or sites a caller means: whose, and which of them, as parts of a query.

Whoever is bound to an organization reads through two walls: the query goes by the organization's sites, and PostgreSQL
shows nothing else to the role that reads (`storage/capped.py`). Names are looked up first and become keys, so that the
planner knows how many rows a filter leaves; then the query has nothing in it but what was asked for.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

import msgspec

from waypost.storage import capped, queries
from waypost.storage.capped import Owned
from waypost.storage.database import Connection
from waypost.unified import filters as filtering
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.words import EXPLOITED_OF_MATURITY, FIX_OF_REMEDIATION

Row = dict[str, Any]  # Any: columns of different types
Table = Literal["finding", "device", "site"]

_FINDING: Final[Mapping[str, LiteralString]] = {
    "connection": queries.selecting.finding_connection,
    "group": queries.selecting.finding_group,
    "facts_ids": queries.selecting.finding_facts_ids,
    "software_ids": queries.selecting.finding_software_ids,
    "severity": queries.selecting.finding_severity,
    "state": queries.selecting.finding_state,
    "score_min": queries.selecting.finding_score_min,
    "score_max": queries.selecting.finding_score_max,
    "exploited_ids": queries.selecting.finding_exploited_ids,
    "exploited_words": queries.selecting.finding_exploited_words,
    "has_fix_ids": queries.selecting.finding_has_fix_ids,
    "has_fix_words": queries.selecting.finding_has_fix_words,
    "detected_since": queries.selecting.finding_detected_since,
    "detected_until": queries.selecting.finding_detected_until,
    "changed_since": queries.selecting.finding_changed_since,
    "resolved_since": queries.selecting.finding_resolved_since,
    "search": queries.selecting.finding_search,
}
_DEVICE: Final[Mapping[str, LiteralString]] = {
    "connection": queries.selecting.device_connection,
    "group": queries.selecting.device_group,
    "device_ids": queries.selecting.device_device,
    "state": queries.selecting.device_state,
    "os": queries.selecting.device_os,
    "changed_since": queries.selecting.device_changed_since,
    "search": queries.selecting.device_search,
}
_SITE: Final[Mapping[str, LiteralString]] = {"connection": queries.selecting.site_connection}
_CONDITIONS: Final[Mapping[Table, Mapping[str, LiteralString]]] = {
    "finding": _FINDING,
    "device": _DEVICE,
    "site": _SITE,
}
_VALUES: Final[Mapping[Table, Callable[[Filters], Row]]] = {
    "finding": filtering.of_findings,
    "device": filtering.of_devices,
    "site": filtering.of_sites,
}
_ALIASES: Final[Mapping[Table, LiteralString]] = {"finding": "f", "device": "d", "site": "s"}
_SAID: Final[Mapping[str, tuple[LiteralString, Mapping[str, bool]]]] = {
    "exploited": (queries.selecting.facts_exploited, EXPLOITED_OF_MATURITY),
    "has_fix": (queries.selecting.facts_has_fix, FIX_OF_REMEDIATION),
}
"""What a console says of a CVE in words, and what they mean."""
FEW_CVES: Final = 5_000
"""So many sets of facts are looked up before findings are; of more each finding is asked."""
_KEYS: Final = ("device_ids", "facts_ids", "software_ids", "exploited_ids", "has_fix_ids")
_NUMBER: Final = re.compile(r"\d{1,18}|[1-8]\d{18}")
"""An id of the console, as far as the database can hold it."""
_UNWEIGHED: Final = (
    queries.selecting.finding_connection,
    queries.selecting.device_connection,
    queries.selecting.site_connection,
)
_LOWEST, _HIGHEST = b"\0" * 10, b"\xff" * 10


class Selection(msgspec.Struct, frozen=True):
    """The rows that are meant, for a query to read from.

    Attributes:
        alias: `f` for findings, `d` for devices, `s` for sites.
        rows: What stands after FROM, with its alias.
        where: The conditions on the alias; never empty.
        weighed: Those of the conditions that the planner can weigh: of connections it has no statistics (decision 11).
        facts: The values of both.
        narrow: Whether the rows are found by their sites or devices, and not by an order over all of them.
        by_sites: Whether they are found by their sites.
    """

    alias: LiteralString
    rows: LiteralString
    where: LiteralString
    weighed: LiteralString
    facts: Row
    narrow: bool
    by_sites: bool

    def put(self, query: LiteralString) -> LiteralString:
        """A query with `{rows}` and `{where}` filled in."""
        return query.replace("{rows}", self.rows).replace("{where}", self.where)


@contextlib.asynccontextmanager
async def selected(
    db: Connection, table: Table, filters: Filters, organization_id: int | None = None
) -> AsyncIterator[Selection | None]:
    """The rows that these filters leave, to be read within the block; None if there can be none.

    Args:
        db: Where to read; held to the organization while the block runs, if there is one.
        table: What is meant.
        filters: What it is limited to.
        organization_id: The organization that the caller is bound to.

    Raises:
        FilterError: A filter cannot be understood.
        RowSecurityError: The database's user cannot be held to an organization.
    """
    values = _VALUES[table](filters)
    if organization_id is not None and filters.organization not in (None, organization_id):
        yield None
        return
    async with contextlib.AsyncExitStack() as walls:
        owned: Owned | None = None
        if organization_id is not None:
            owned = await walls.enter_async_context(capped.reading(db, organization_id))
        elif filters.organization:
            owned = await capped.owned(db, filters.organization)
        yield await _composed(db, table, filters, values, owned)


async def _composed(
    db: Connection, table: Table, filters: Filters, values: Row, owned: Owned | None
) -> Selection | None:
    sites = await _sites(db, filters, owned)
    if sites is not None and not sites.site_ids:
        return None
    facts = values | _of_sites(sites) | await _devices(db, filters)
    if table == "finding":
        facts |= await _looked_up(db, filters)
    if any(facts.get(name) == [] for name in _KEYS):
        return None
    conditions = [sql for name, sql in _CONDITIONS[table].items() if facts.get(name) is not None]
    nobodys = filters.organization == NOBODY
    if table == "finding" and "device_ids" in facts:
        rows = queries.selecting.of_devices
        if sites is not None:
            conditions.append(queries.selecting.finding_sites)
    elif sites is not None:
        rows = queries.selecting.at_sites
    else:
        rows = queries.selecting.nobodys if nobodys else queries.selecting.everybodys
    alias = _ALIASES[table]
    if nobodys and rows is not queries.selecting.nobodys:
        conditions.append(queries.selecting.nobodys_sites.replace("f.", f"{alias}."))
    return Selection(
        alias=alias,
        rows=rows.replace("{table}", table) + f" {alias}",
        where=_all(conditions),
        weighed=_all([condition for condition in conditions if condition not in _UNWEIGHED]),
        facts=facts,
        narrow=sites is not None or "device_ids" in facts,
        by_sites=rows is queries.selecting.at_sites,
    )


def _all(conditions: Sequence[LiteralString]) -> LiteralString:
    return "\n  AND ".join(conditions) if conditions else "true"


async def _sites(db: Connection, filters: Filters, owned: Owned | None) -> Owned | None:
    """The sites to which the rows belong; None for any."""
    of_connection = (
        filters.connection and owned is not None
    )  # else findings have an index of their own for it
    if not (filters.site or filters.account or filters.group or of_connection):
        return owned
    facts = {
        "site": list(filters.site) or None,
        "account": list(filters.account) or None,
        "group": list(filters.group) or None,
        "connection": list(filters.connection) or None,
        "owned_connections": None if owned is None else owned.connection_ids,
        "owned_sites": None if owned is None else owned.site_ids,
    }
    ((connection_ids, site_ids),) = await (await db.execute(queries.selecting.sites, facts)).fetchall()
    return Owned(connection_ids, site_ids)


def _of_sites(sites: Owned | None) -> Row:
    if sites is None:
        return {}
    return {"site_connections": sites.connection_ids, "site_ids": sites.site_ids}


async def _devices(db: Connection, filters: Filters) -> Row:
    """The keys of the devices that are named, each with the range in which the ids of its findings are."""
    if not filters.device:
        return {}
    facts = {
        "device": list(filters.device),
        "device_uuids": [one for text in filters.device if (one := _uuid(text))],
        "agent_ids": [int(text) for text in filters.device if _NUMBER.fullmatch(text)],
    }
    found: list[tuple[int, int, UUID]] = await (await db.execute(queries.selecting.devices, facts)).fetchall()
    return {
        "device_connections": [connection_id for connection_id, _, _ in found],
        "device_ids": [device_id for _, device_id, _ in found],
        "lows": [UUID(bytes=device.bytes[:6] + _LOWEST) for _, _, device in found],
        "highs": [UUID(bytes=device.bytes[:6] + _HIGHEST) for _, _, device in found],
    }


async def _looked_up(db: Connection, filters: Filters) -> Row:
    """The keys behind what else findings are named by."""
    facts: Row = {}
    if filters.cve:
        spelled = [spelling for cve in filters.cve for spelling in (cve, cve.upper(), cve.lower())]
        facts["facts_ids"] = await _keys(db, queries.selecting.facts, {"cve": spelled})
    if filters.application or filters.vendor:
        names = {"application": filters.application or None, "vendor": filters.vendor or None}
        facts["software_ids"] = await _keys(db, queries.selecting.software, names)
    for name, (query, meanings) in _SAID.items():
        wanted = getattr(filters, name)
        if wanted is not None:
            words = [word for word, meaning in meanings.items() if meaning is wanted]
            keys = await _keys(db, query, {"words": words, "most": FEW_CVES + 1})
            facts |= {f"{name}_ids": keys} if len(keys) <= FEW_CVES else {f"{name}_words": words}
    return facts


async def _keys(db: Connection, query: LiteralString, facts: Row) -> list[int]:
    ((keys,),) = await (await db.execute(query, facts)).fetchall()
    return list(keys)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
