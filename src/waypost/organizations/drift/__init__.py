"""Drift: what about the mapping needs a person, since a console or the organizations changed after it was decided.

A mapping holds by the console's id, whatever a site is called or whose domain its devices join; what speaks against it
is told and never acted upon. Each drift is a row from when it began to when it settled, and an entry of the change log
at either end. How it is told to people is in `items`, what they can do about it in `remedies`.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString, NoReturn
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg.rows import class_row, dict_row

from waypost import errors
from waypost.access import audit
from waypost.access.audit import Actor
from waypost.organizations.drift import items, new_names, remedies
from waypost.organizations.drift.items import DriftItem
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.words import RETIRED, ChangeKind, FindingState

_log: Final = structlog.get_logger()
_LOCK: Final = 0x5750_4452  # "WPDR": held while drift is looked for


class Drift(StrEnum):
    """What may need a person."""

    NEW_SITE = "new_site"
    """Nothing is decided about it."""
    NEW_ACCOUNT = "new_account"
    """Nothing is decided about it, and it has no site that would be told instead."""
    GONE_SITE = "gone_site"
    """No longer listed, or deleted, and has data."""
    EXPIRED_SITE = "expired_site"
    """Expired, and has data."""
    RENAMED_SITE = "renamed_site"
    """Its new name speaks of another organization."""
    RENAMED_ACCOUNT = "renamed_account"
    MOVED_SITE = "moved_site"
    """To another account, after it was decided about."""
    DOMAIN_CONTRADICTION = "domain_contradiction"
    """Most of its devices are in a domain of another organization."""
    TWO_ORGANIZATIONS = "two_organizations"
    """By two connections to the same console."""
    EMPTY_ORGANIZATION = "empty_organization"
    """Without a site."""
    ARCHIVED_ORGANIZATION = "archived_organization"
    """It owns sites all the same."""


_OF_CONNECTIONS: Final[dict[LiteralString, tuple[Drift, ...]]] = {
    queries.drift.lost_sites: (
        Drift.GONE_SITE,
        Drift.EXPIRED_SITE,
    ),  # before new_sites, which leaves out those
    queries.drift.new_sites: (Drift.NEW_SITE,),
    queries.drift.new_accounts: (Drift.NEW_ACCOUNT,),
    queries.drift.moved_sites: (Drift.MOVED_SITE,),
    queries.drift.contradicted_sites: (Drift.DOMAIN_CONTRADICTION,),
}
"""What finds the drift of one connection's sites and accounts, or of all; renamed ones apart, which are weighed."""

_OVERALL: Final[dict[LiteralString, tuple[Drift, ...]]] = {
    queries.drift.twice_owned_sites: (Drift.TWO_ORGANIZATIONS,),
    queries.drift.empty_organizations: (Drift.EMPTY_ORGANIZATION,),
    queries.drift.archived_organizations: (Drift.ARCHIVED_ORGANIZATION,),
}
"""What finds drift that no single connection tells of."""

_KEPT: Final = (
    Drift.GONE_SITE,
    Drift.EXPIRED_SITE,
    Drift.RENAMED_SITE,
    Drift.RENAMED_ACCOUNT,
    Drift.MOVED_SITE,
    Drift.DOMAIN_CONTRADICTION,
)
"""What is over once a decision is held against what the site or account is now."""

_RENAMED: Final = (Drift.RENAMED_SITE, Drift.RENAMED_ACCOUNT)


class Turned(msgspec.Struct, frozen=True):
    """What a look at the mapping found to have begun, and to have settled: how many of each kind."""

    began: dict[str, int]
    settled: dict[str, int]


async def reconcile(db: Connection, connection_id: int | None = None, *, overall: bool = True) -> Turned:
    """Bring what is told to need a person up to date with what holds now, and the change log with it.

    To be called after whatever may change it: a pull of accounts and sites, a save and its undo, a change of
    organizations. Called twice, or by two at once, it tells nothing twice.

    Args:
        db: Outside of a transaction, unless that is to hold off everybody else who looks.
        connection_id: Whose sites and accounts to look at; all by default.
        overall: Also look at what no single connection tells of.
    """
    finders = _OF_CONNECTIONS | (_OVERALL if overall else {})
    facts: dict[str, Any] = {  # Any: parameters of queries
        "connection_id": connection_id,
        "retired_states": [state.value for state in RETIRED],
        "resolved": FindingState.RESOLVED.value,
        "kinds": [*_RENAMED, *(kind for kinds in finders.values() for kind in kinds)],
        "overall": [kind for kinds in _OVERALL.values() for kind in kinds],
    }
    try:
        return await _look(db, list(finders), facts)
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.DeadlockDetected):
        return await _look(db, list(finders), facts)  # a connection was purged meanwhile


async def look(db: Connection, connection_id: int | None = None, *, overall: bool = True) -> None:
    """As `reconcile`, for whoever has stored something that stays, come what may: if it fails, it is logged."""
    try:
        await reconcile(db, connection_id, overall=overall)
    except psycopg.Error as problem:
        _log.warning("drift not looked for", problem=" ".join(str(problem).split()))


async def _look(
    db: Connection, finders: Sequence[LiteralString], facts: dict[str, Any]
) -> Turned:  # Any: as above
    async with db.transaction():
        await db.execute(queries.drift.one_at_a_time, {"lock": _LOCK})
        await db.execute(queries.drift.make_stage)
        await db.execute(queries.drift.empty_stage)
        for finder in finders:
            await db.execute(finder, facts)
        await new_names.weigh(db, facts["connection_id"])
        began = await _told(db, queries.drift.begin, facts, ChangeKind.MAPPING_DRIFTED)
        settled = await _told(db, queries.drift.settle, facts, ChangeKind.MAPPING_SETTLED)
    return Turned(began, settled)


async def _told(
    db: Connection, query: LiteralString, facts: dict[str, Any], told: ChangeKind
) -> dict[str, int]:  # Any: as above
    """Carry out what begins or ends drift, and enter it in the change log; how many of each kind."""
    rows = await (await db.execute(query, facts)).fetchall()
    if rows:
        await db.execute(queries.drift.tell, {"told": told.value, "drift_ids": [row[0] for row in rows]})
    return dict(Counter(kind for _, kind in rows))


async def listed(
    db: Connection,
    *,
    kind: Drift | None = None,
    connection_id: int | None = None,
    organization_id: int | None = None,
    after: tuple[datetime, UUID] | tuple[None, None] = (None, None),
    limit: int,
) -> list[DriftItem]:
    """What needs a person, the longest first; `after` is `began_at` and `id` of the last one of the page before."""
    facts = {
        "kind": kind,
        "connection_id": connection_id,
        "organization_id": organization_id,
        "after_at": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    async with db.cursor(row_factory=class_row(remedies.Row)) as cursor:
        await cursor.execute(queries.drift.listed, facts)
        return [items.item(row) for row in await cursor.fetchall()]


async def keep(db: Connection, actor: Actor, drift_id: UUID) -> None:
    """Let a decision stand as it is: from now on it is held against what the site or account is now.

    Raises:
        NotFoundError: There is no such drift, or it has settled.
        DecisionError: It is not about a decision that somebody made about this site or account itself.
    """
    async with db.transaction(), db.cursor(row_factory=dict_row) as cursor:
        await db.execute(queries.drift.one_at_a_time, {"lock": _LOCK})
        await cursor.execute(queries.drift.keep, {"drift_id": drift_id, "kinds": list(_KEPT)})
        kept = await cursor.fetchone()
        if kept is None:
            await _refuse(db, drift_id)
        await audit.record(
            db,
            actor,
            "mapping.kept",
            subject_id=drift_id,
            subject_name=kept["name"],
            organization_id=kept["organization_id"],
            after={"drift": kept["kind"]},
        )
        await reconcile(db, kept["connection_id"], overall=False)


async def _refuse(db: Connection, drift_id: UUID) -> NoReturn:
    cursor = await db.execute(queries.drift.kind_of, {"drift_id": drift_id})
    row = await cursor.fetchone()
    if row is None:
        raise errors.NotFoundError(
            f"Nothing with the id {drift_id} needs a person, or no longer.",
            remedy="See `waypost mapping drift` or GET /api/v1/mapping/drift.",
        )
    raise errors.DecisionError(
        f"A drift of the kind {row[0]!r} is not about a decision that could be kept as it is.",
        remedy="Take one of the steps that `waypost mapping drift` and GET /api/v1/mapping/drift name for it.",
    )
