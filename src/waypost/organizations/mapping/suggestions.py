"""Suggestions: for what nobody has decided about, the organizations that it may belong to.

Nothing is stored: what was suggested at the time of a decision is kept with that decision, as its evidence.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from waypost.organizations.mapping import directory as directories
from waypost.organizations.mapping import estate as estates
from waypost.organizations.mapping import twins, weighing
from waypost.organizations.mapping.decisions import Decided, Kind, OrganizationRef, Wish
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key, Ruling, Scope
from waypost.organizations.mapping.weighing import Domains
from waypost.organizations.matching import Candidate, Grade
from waypost.storage import queries
from waypost.storage.database import Connection


class CandidateItem(msgspec.Struct, frozen=True):
    """An organization that a site or account may belong to, with the reasons in words."""

    organization: OrganizationRef
    grade: Grade
    confidence: float
    reasons: tuple[str, ...]


class SuggestionItem(msgspec.Struct, frozen=True):
    """A site or account about which nothing is decided, and at most five organizations, the best first.

    Attributes:
        version: To be given back with a decision.
    """

    connection: str
    connection_id: UUID
    kind: Kind
    id: str
    name: str | None
    account: str | None
    version: int
    candidates: tuple[CandidateItem, ...]


async def suggest(
    db: Connection,
    *,
    kind: Kind | None = None,
    connection_id: int | None = None,
    scope_id: int | None = None,
    grade: Grade | None = None,
    after: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[SuggestionItem]:
    """Suggestions by connection, kind, name and id.

    Args:
        db: Where to look.
        kind: Only sites, or only accounts.
        connection_id: Only of this connection.
        scope_id: Only this one, by the console's id.
        grade: Only those whose best candidate is of this grade.
        after: Only those that come after this `key`.
        limit: So many at most.
    """
    estate, directory = await estates.load(db), await directories.load(db)
    asked = sorted(
        (
            scope
            for scope in _undecided(estate)
            if kind in (None, scope.kind)
            and connection_id in (None, scope.connection_id)
            and scope_id in (None, scope.scope_id)
        ),
        key=lambda scope: _place(estate, scope),
    )
    if after is not None:
        begun = (after[0], after[1], after[2], int(after[3]))
        asked = [scope for scope in asked if _place(estate, scope) > begun]
    if grade is None:
        asked = asked[:limit]
    weighed = await weigh(estate, directory, await domains(db, estate, asked), asked)
    fitting = (scope for scope in asked if grade is None or _best(weighed[scope.key]) is grade)
    return [_item(estate, directory, scope, weighed[scope.key]) for scope in fitting][:limit]


def key(item: SuggestionItem) -> list[str]:
    """Where a suggestion stands in the order, for going on after it."""
    return [item.connection, str(item.kind), item.name or "", item.id]


async def accepted(
    db: Connection, *, kind: Kind | None = None, connection_id: int | None = None
) -> list[Wish]:
    """Every sure suggestion as a wish, and nothing else.

    The sites of an account that is sure follow it and are left out. Where two sure ones cannot both be, as with one
    site through two connections, neither is taken.
    """
    estate, directory = await estates.load(db), await directories.load(db)
    asked = [
        scope
        for scope in _undecided(estate)
        if kind in (None, scope.kind) and connection_id in (None, scope.connection_id)
    ]
    weighed = await weigh(estate, directory, await domains(db, estate, asked), asked)
    sure = {
        scope.key: weighed[scope.key][0].organization_id
        for scope in asked
        if _best(weighed[scope.key]) is Grade.SURE
    }
    chosen = _without_conflicts(estate, _without_covered(estate, sure))
    return [
        Wish(
            connection=str(estate.console(scope).connection_uuid),
            kind=scope.kind,
            decision=Decided.MAPPED,
            id=str(scope.scope_id),
            organization=str(directory.by_id[chosen[scope.key]].organization_uuid),
            version=scope.version,
        )
        for scope in sorted(asked, key=lambda scope: _place(estate, scope))
        if scope.key in chosen
    ]


async def weigh(
    estate: Estate, directory: Directory, found: Domains, scopes: Sequence[Scope]
) -> Mapping[Key, Sequence[Candidate]]:
    """The candidates of these sites and accounts. Others are served meanwhile: it may take a second or two."""
    if not scopes:
        return {}
    return await asyncio.to_thread(weighing.candidates, estate, directory, found, scopes)


async def domains(db: Connection, estate: Estate, scopes: Iterable[Scope]) -> Domains:
    """The domains of the devices of these sites, and of these accounts' sites, in lower case."""
    keys = {site.key for scope in scopes for site in estate.below(scope)}
    facts = {
        "connection_ids": [connection_id for connection_id, _, _ in keys],
        "site_ids": [site_id for _, _, site_id in keys],
    }
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    rows = await (await db.execute(queries.mapping.domains, facts)).fetchall()
    for connection_id, site_id, domain, devices in rows:
        found[connection_id, Kind.SITE, site_id][domain] = devices
    return found


def _undecided(estate: Estate) -> Iterable[Scope]:
    """Sites that belong to nobody and are not ignored, and accounts with such a site that were not decided about."""
    for scope in estate.scopes.values():
        if scope.kind is Kind.SITE:
            if not estate.effective(scope).decides:
                yield scope
        elif not scope.own.decides and any(
            not estate.effective(site).decides for site in estate.below(scope)
        ):
            yield scope


def _place(estate: Estate, scope: Scope) -> tuple[str, str, str, int]:
    return (estate.console(scope).name, str(scope.kind), scope.name or "", scope.scope_id)


def _best(candidates: Sequence[Candidate]) -> Grade | None:
    return candidates[0].grade if candidates else None


def _without_covered(estate: Estate, sure: Mapping[Key, int]) -> dict[Key, int]:
    """Without sites that follow their account; where a site is surely another's, without its account too."""
    chosen = dict(sure)
    for found, organization_id in sure.items():
        if found[1] is Kind.ACCOUNT:
            below = [site.key for site in estate.below(estate.scopes[found]) if site.key in sure]
            if any(sure[site] != organization_id for site in below):
                del chosen[found]
                below = [site for site in below if sure[site] != organization_id]
            for site in below:
                del chosen[site]
    return chosen


def _without_conflicts(estate: Estate, chosen: Mapping[Key, int]) -> dict[Key, int]:
    left = dict(chosen)
    while True:
        rulings = {found: Ruling(Decided.MAPPED, organization_id) for found, organization_id in left.items()}
        sites = {site.key: site for found in left for site in estate.below(estate.scopes[found])}
        wrong: set[Key | None] = set()
        for conflict in twins.conflicts(estate, rulings, sites.values()):
            for site in (conflict.site, conflict.twin):
                wrong |= {site.key, site.account_key}
        if not wrong & left.keys():
            return left
        left = {found: one for found, one in left.items() if found not in wrong}


def _item(
    estate: Estate, directory: Directory, scope: Scope, candidates: Sequence[Candidate]
) -> SuggestionItem:
    console, account = estate.console(scope), estate.account(scope)
    return SuggestionItem(
        connection=console.name,
        connection_id=console.connection_uuid,
        kind=scope.kind,
        id=str(scope.scope_id),
        name=scope.name,
        account=account.name if account else None,
        version=scope.version,
        candidates=tuple(
            CandidateItem(
                directory.by_id[one.organization_id].ref, one.grade, round(one.confidence, 4), one.reasons
            )
            for one in candidates
        ),
    )
