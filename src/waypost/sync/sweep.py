"""Sweeping: what a complete walk no longer saw (rule 1), and everything that forbids it.

Absence is evidence only if it was looked at whole. A partition is swept when its walk reached its last page
with every row read or at least told apart, when its sites were visible to the token before and after, and
when it did not shrink beyond belief without the console confirming the count. Everything else stays as it is.
"""

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, LiteralString

from waypost.sentinelone import pages, wire
from waypost.sentinelone.client import Client
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import devices, findings, runs, streams
from waypost.sync import tree as events
from waypost.sync.plan import WHOLE, Scope
from waypost.sync.runs import Run
from waypost.sync.walks import Walk
from waypost.unified.words import RETIRED, ChangeKind, DeviceState, FindingState

_BATCH: Final = 10_000
_BELIEVABLE: Final = 0.5
_BELIEVABLE_ROWS: Final = 200
"""More than half of what is open at a site gone, and more than this many: the console is asked to confirm."""
_SWEPT: Final[dict[str, tuple[str, LiteralString]]] = {
    "accounts": ("account", queries.scopes.sweep_accounts),
    "sites": ("site", queries.scopes.sweep_sites),
}
_LATE: Final = timedelta(minutes=1)
"""How much later than its clock a console may stamp a change."""


async def visible(db: Connection, connection_id: int) -> list[Scope]:
    """The sites that the last complete walk of sites listed."""
    cursor = await db.execute(queries.scopes.visible_sites, {"connection_id": connection_id})
    return [Scope(*row) for row in await cursor.fetchall()]


async def tree(db: Connection, run: Run, walks: Sequence[Walk], sites: Sequence[Scope]) -> None:
    """Mark accounts, sites or groups that are no longer listed. Their data stays."""
    if not run.full or not _complete(walks):
        return
    facts = {**_names(run), "visible": [site.site_id for site in sites]}
    async with db.transaction():
        if run.stream == "groups":
            await db.execute(queries.scopes.sweep_groups, facts)
        else:
            kind, statement = _SWEPT[run.stream]
            gone = await (await db.execute(statement, facts)).fetchall()
            run.counts.update(await events.log(db, run, [events.gone(kind, *row) for row in gone]))
            if gone and kind == "site":
                names = sorted(str(name) for _, name, _ in gone)
                run.warn(
                    f"{len(names)} sites are no longer listed: {_some(names)}. They were removed, or the token's "
                    "scope has shrunk; their data is kept as it was, and nothing of it was resolved."
                )
        await runs.renew(db, run)


async def agents(
    db: Connection, client: Client, run: Run, walks: Sequence[Walk], sites: Sequence[Scope]
) -> None:
    """Retire devices that a complete walk no longer listed."""
    if not run.full or not _complete(walks):
        return
    throughout = await _still_visible(client, sites)
    facts = {
        **_names(run),
        "visible": [site.site_id for site in throughout],
        "gone": DeviceState.GONE.value,
        "retired": ChangeKind.DEVICE_RETIRED.value,
        "retired_states": [state.value for state in RETIRED],
    }
    async with db.transaction():
        cursor = await db.execute(queries.devices.sweep, facts)
        ((count,),) = await cursor.fetchall()
        if count:
            run.counts["device_retired"] += count
        await runs.renew(db, run)


async def risks(
    db: Connection, client: Client, run: Run, walks: Sequence[Walk], sites: Sequence[Scope]
) -> None:
    """Resolve findings that no walk of the run saw, partition by partition."""
    whole = [walk for walk in walks if walk.state == "complete" and walk.whole]
    if not run.full or not whole:
        return
    facts = {**_names(run), "resolved": FindingState.RESOLVED.value}
    unseen = await _by_site(db, queries.findings.unseen, facts)
    if not unseen:
        return
    unresolved = await _by_site(db, queries.findings.unresolved, facts)
    # What moved while the walks were under way may have been on neither side of them.
    await _follow_moves(db, client, run)
    throughout = await _still_visible(client, sites)
    if len(throughout) < len(sites):
        run.warn(
            f"{len(sites) - len(throughout)} sites disappeared from the token's view during the pull; "
            "nothing of theirs was resolved."
        )
    swept: list[int] = []
    for walk in whole:
        covered = _sites_of(walk, throughout)
        sizes = [(unseen.get(site, 0), unresolved.get(site, 0)) for site in covered]
        if await _believable(db, client, run, walk, sizes):
            swept += covered
    siteless = len(whole) == len(walks) and len(swept) == len(sites)
    await _resolve(db, run, swept, siteless=siteless)


async def _resolve(db: Connection, run: Run, sites: Sequence[int], *, siteless: bool) -> None:
    facts = {
        **_names(run),
        **findings.KINDS,
        "resolved": FindingState.RESOLVED.value,
        "sites": list(sites),
        "siteless": siteless,
        "batch": _BATCH,
    }
    count = _BATCH
    while count == _BATCH:
        async with db.transaction():
            cursor = await db.execute(queries.findings.sweep, {**facts, "console_time": run.console_time})
            ((count,),) = await cursor.fetchall()
            if count:
                run.counts["finding_resolved"] += count
                run.counts["swept"] += count
            await runs.renew(db, run)


async def _by_site(db: Connection, query: LiteralString, facts: dict[str, Any]) -> dict[int | None, int]:
    cursor = await db.execute(query, facts)
    return dict(await cursor.fetchall())


async def _follow_moves(db: Connection, client: Client, run: Run) -> None:
    """Read the agents that changed since the run began."""
    since = run.console_time - _LATE if run.console_time else None
    params = streams.AGENTS.request(WHOLE[0], since)
    chain = pages.walk(client, streams.AGENTS.path, params, wire.agents, row_id=streams.AGENTS.row_id)
    async with contextlib.aclosing(chain):
        async for page in chain:
            moved = devices.Prepared(run.connection_uuid)
            moved.take(page.rows)
            async with db.transaction():
                await moved.store(db, run)
                await runs.renew(db, run)


async def _still_visible(client: Client, sites: Sequence[Scope]) -> list[Scope]:
    """Of the sites seen before the walks, those that the token still sees."""
    listed: set[int] = set()
    chain = pages.walk(
        client, streams.SITES.path, streams.SITES.params, wire.sites, row_id=streams.SITES.row_id
    )
    async with contextlib.aclosing(chain):
        async for page in chain:
            listed |= {row.value.id for row in page.rows}
    return [site for site in sites if site.site_id in listed]


def _sites_of(walk: Walk, sites: Sequence[Scope]) -> list[int]:
    partition = walk.partition
    return [
        site.site_id
        for site in sites
        if partition.scope == "connection"
        or (partition.scope == "account" and site.account_id == partition.scope_id)
        or (partition.scope == "site" and site.site_id == partition.scope_id)
    ]


async def _believable(
    db: Connection, client: Client, run: Run, walk: Walk, sizes: Sequence[tuple[int, int]]
) -> bool:
    """Whether a walk may be swept: it lost little, or the console confirms that there is no more."""
    doubtful = any(unseen > max(_BELIEVABLE_ROWS, total * _BELIEVABLE) for unseen, total in sizes)
    if not doubtful:
        return True
    cursor = await db.execute(queries.runs.seen_count, {**_names(run), "walk": walk.number})
    ((seen,),) = await cursor.fetchall()
    params = streams.RISKS.request(walk.partition, None) | {"countOnly": "true"}
    del params["skipCount"]
    total = (await client.get(streams.RISKS.path, params, check=wire.total)).content
    if total is not None and total <= seen:
        return True
    run.warn(
        f"A walk that lost more than half of what was open saw {seen} risks where the console counts {total}; "
        "nothing of it was resolved."
    )
    return False


def _complete(walks: Sequence[Walk]) -> bool:
    return all(walk.state == "complete" and walk.whole for walk in walks)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _names(run: Run) -> dict[str, Any]:  # Any: parameters of a query
    return {"connection_id": run.connection_id, "run_id": run.run_id}


def refused(walks: Sequence[Walk]) -> bool:
    """Whether the console refused what a run cannot do without: the walk over everything, or all there are."""
    states = [walk.state for walk in walks]
    whole = [walk.state for walk in walks if walk.partition.scope == "connection"]
    return "refused" in whole or (bool(states) and set(states) == {"refused"})
