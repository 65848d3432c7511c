"""How decisions are stored, whoever makes them: the mapping, its history, the change log and the names learned."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from waypost import errors
from waypost.access.audit import Actor
from waypost.organizations.mapping.decisions import Decided, Evidence, Seen
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Ruling
from waypost.organizations.mapping.wishes import Choice
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.words import ChangeKind

_LOCK: Final = 0x5750_4D50  # "WPMP": held while decisions are stored


class Entry(msgspec.Struct, frozen=True):
    """A decision that is to be stored.

    Attributes:
        alias: The name of the site or account, if it is to be a further name of the organization.
    """

    choice: Choice
    evidence: Evidence | None
    seen: Seen
    alias: str | None = None


async def one_at_a_time(db: Connection) -> None:
    """Until the end of the caller's transaction nobody else decides."""
    await db.execute(queries.mapping.one_at_a_time, {"lock": _LOCK})


async def hold(db: Connection, estate: Estate, directory: Directory, changes: Iterable[Choice]) -> None:
    """What decisions refer to stays as it is until they are stored.

    Raises:
        NoSuchConnectionError: A connection was removed since the estate was read.
        OrganizationStateError: An organization was archived since, or is archived.
    """
    changes = list(changes)
    consoles = {choice.scope.connection_id for choice in changes}
    found = await (
        await db.execute(queries.mapping.hold_consoles, {"connection_ids": list(consoles)})
    ).fetchall()
    if missing := consoles - {connection_id for (connection_id,) in found}:
        name = estate.consoles[min(missing)].name
        raise errors.NoSuchConnectionError(f"The connection {name!r} was removed meanwhile.")
    chosen = {choice.ruling.organization_id for choice in changes} - {None}
    archived = await (
        await db.execute(queries.mapping.hold_organizations, {"organization_ids": list(chosen)})
    ).fetchall()
    if archived:
        path = directory.path(directory.by_id[archived[0][0]])
        raise errors.OrganizationStateError(
            f"The organization {path!r} is archived: nothing can be mapped to it."
        )


async def store(
    db: Connection,
    actor: Actor,
    directory: Directory,
    entries: Sequence[Entry],
    *,
    source: str,
    undoes: int | None = None,
) -> tuple[int, UUID]:
    """Store a save inside the caller's transaction; its number, which is its decisions' version, and its id."""
    facts = {
        "actor_kind": actor.kind,
        "actor": actor.name,
        "request_id": actor.request_id,
        "source": source,
        "undoes": undoes,
    }
    ((save_id, save_uuid),) = await (await db.execute(queries.mapping.begin, facts)).fetchall()
    rows = [_row(directory, entry) for entry in entries]
    await db.execute(
        queries.mapping.apply,
        {
            "rows": Jsonb(rows, dumps=msgspec.json.encode),
            "save_id": save_id,
            "mapping_changed": ChangeKind.MAPPING_CHANGED.value,
        },
    )
    learned = [entry for entry in entries if entry.alias is not None]
    await db.execute(
        queries.mapping.remember,
        {
            "organization_ids": [entry.choice.ruling.organization_id for entry in learned],
            "aliases": [entry.alias for entry in learned],
        },
    )
    return save_id, save_uuid


def counts(entries: Iterable[Entry]) -> Mapping[str, int]:
    """How many were decided how, for the audit log."""
    found = Counter(entry.choice.ruling.decision for entry in entries)
    return {str(decided): found[decided] for decided in Decided}


def _row(directory: Directory, entry: Entry) -> dict[str, Any]:  # Any: columns of different types
    scope, ruling = entry.choice.scope, entry.choice.ruling
    return {
        "connection_id": scope.connection_id,
        "kind": scope.kind,
        "scope_id": scope.scope_id,
        "name": scope.name,
        "decision": ruling.decision,
        "organization_id": ruling.organization_id,
        "reason": ruling.reason,
        "evidence": entry.evidence,
        "seen": entry.seen,
        "alias": entry.alias,
        "detail": {
            "kind": scope.kind,
            "id": str(scope.scope_id),
            "name": scope.name,
            "before": _told(directory, scope.own),
            "after": _told(directory, ruling),
        },
    }


def _told(directory: Directory, ruling: Ruling) -> dict[str, object]:
    """A decision in the change log."""
    decision = directory.decision(ruling)
    return {
        "decision": decision.decision,
        "organization": decision.organization,
        "reason": decision.reason,
    }
