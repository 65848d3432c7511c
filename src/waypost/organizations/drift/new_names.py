"""Sites and accounts that were renamed after they were mapped: whether the new names speak of another organization.

What a name was mapped under says nothing against it: only names that changed since are weighed.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from waypost.organizations import matching
from waypost.organizations.matching import Candidate, Grade
from waypost.storage import queries
from waypost.storage.database import Connection

_CONVINCING: Final = (Grade.SURE, Grade.LIKELY)


class _Renamed(msgspec.Struct, frozen=True):
    connection_id: int
    scope: str
    scope_id: int
    name: str
    was: str
    organization_id: int


class _Known(msgspec.Struct, frozen=True):
    organization_id: int
    organization_uuid: UUID
    name: str
    external_id: str | None
    aliases: list[str]
    domains: list[str]


async def weigh(db: Connection, connection_id: int | None) -> None:
    """Put those that drift into the stage of `drift`, in its transaction; of all connections where none is given."""
    async with db.cursor(row_factory=class_row(_Renamed)) as cursor:
        await cursor.execute(queries.drift.renamed, {"connection_id": connection_id})
        renamed = await cursor.fetchall()
    if not renamed:
        return
    known = await _organizations(db)
    index = matching.Index(
        [
            matching.Known(
                one.organization_id, one.name, one.external_id, tuple(one.aliases), tuple(one.domains)
            )
            for one in known.values()
        ]
    )
    found = index.suggest([matching.Subject(number, one.name) for number, one in enumerate(renamed)])
    rows = [
        _row(one, other, known[other.organization_id])
        for one, candidates in zip(renamed, found, strict=True)
        if (other := _another(candidates, one.organization_id)) is not None
    ]
    await db.execute(queries.drift.renamed_sites, {"rows": msgspec.json.encode(rows).decode()})


async def _organizations(db: Connection) -> dict[int, _Known]:
    async with db.cursor(row_factory=class_row(_Known)) as cursor:
        await cursor.execute(queries.drift.known)
        return {one.organization_id: one for one in await cursor.fetchall()}


def _row(
    renamed: _Renamed, candidate: Candidate, other: _Known
) -> dict[str, Any]:  # Any: columns of several types
    return {
        "connection_id": renamed.connection_id,
        "scope": renamed.scope,
        "scope_id": renamed.scope_id,
        "organization_id": renamed.organization_id,
        "detail": {
            "was": renamed.was,
            "other": other.organization_uuid,
            "grade": candidate.grade,
            "reasons": candidate.reasons,
        },
    }


def _another(candidates: Sequence[Candidate], organization_id: int) -> Candidate | None:
    """The best candidate, if it convinces and the organization itself is not as good a one."""
    if not candidates or candidates[0].grade not in _CONVINCING:
        return None
    best = candidates[0]
    as_good = [one for one in candidates if (one.grade, one.confidence) == (best.grade, best.confidence)]
    return None if any(one.organization_id == organization_id for one in as_good) else best
