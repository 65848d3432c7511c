"""What a save changes: where the data of which sites goes, and how much of it there is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, LiteralString

import msgspec

from waypost.organizations.mapping.decisions import Difference, Kind, Step
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key, Ruling, Scope
from waypost.organizations.mapping.wishes import Choice
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.unified.words import FindingState

_SITES_AT_ONCE: Final = 1_000
"""Findings are counted for so many sites in one statement: a long one would hold back the cleaning of old rows."""


async def told(
    db: Connection,
    estate: Estate,
    directory: Directory,
    changes: Sequence[Choice],
    *,
    unchanged: int = 0,
) -> Difference:
    """The difference that these changes make to the estate.

    Args:
        db: Where devices and findings are counted.
        estate: As it is before.
        directory: The organizations.
        changes: What is to be decided.
        unchanged: How many wishes change nothing.
    """
    rulings = {choice.scope.key: choice.ruling for choice in changes}
    routed = {choice.scope.key: list(_routed(estate, choice.scope, rulings)) for choice in changes}
    sites = [site for several in routed.values() for site in several]
    devices = await _counts(db, queries.mapping.devices, sites, len(sites))
    resolved = FindingState.RESOLVED.value
    findings = await _counts(db, queries.mapping.open_findings, sites, _SITES_AT_ONCE, resolved=resolved)
    steps = tuple(
        Step(
            connection=estate.console(scope).name,
            kind=scope.kind,
            id=str(scope.scope_id),
            name=scope.name,
            before=directory.decision(estate.effective(scope)),
            after=directory.decision(estate.effective(scope, rulings)),
            sites=len(routed[scope.key]),
            devices=sum(devices[site.key] for site in routed[scope.key]),
            open_findings=sum(findings[site.key] for site in routed[scope.key]),
            version=scope.version,
        )
        for scope in (choice.scope for choice in changes)
    )
    return Difference(
        steps,
        unchanged,
        sum(step.devices for step in steps),
        sum(step.open_findings for step in steps),
    )


def saved(told: Difference, version: int) -> Difference:
    """The difference once it is made: with the version that all of its decisions have now."""
    steps = tuple(msgspec.structs.replace(step, version=version) for step in told.items)
    return msgspec.structs.replace(told, items=steps)


def _routed(estate: Estate, scope: Scope, rulings: Mapping[Key, Ruling]) -> Iterable[Scope]:
    """The sites whose data goes elsewhere by this change: a site that has a change of its own is counted there."""
    for site in estate.below(scope):
        own = scope.kind is Kind.SITE or site.key not in rulings
        if own and not estate.effective(site).routes_like(estate.effective(site, rulings)):
            yield site


async def _counts(
    db: Connection, query: LiteralString, sites: Sequence[Scope], at_once: int, **more: object
) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for start in range(0, len(sites), at_once or 1):
        part = sites[start : start + at_once]
        facts = {
            "connection_ids": [site.connection_id for site in part],
            "site_ids": [site.scope_id for site in part],
            **more,
        }
        for connection_id, site_id, number in await (await db.execute(query, facts)).fetchall():
            found[connection_id, Kind.SITE, site_id] = number
    return found
