"""Which organizations sites and accounts may belong to, by all that the estate says of them. Pure: no database.

`matching` weighs each by its own names, ids and domains. What only the whole shows is added here: the same site through
another connection, and whether the sites of an account are all one customer's.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from waypost.organizations.mapping.decisions import Decided, Kind
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Estate, Key, Scope
from waypost.organizations.matching import Candidate, Grade, Index, Subject, cleaning

Domains = Mapping[Key, Mapping[str, int]]
"""The domains of each site's devices, and how many have each."""

MOST: Final = 5
"""Candidates of a site or account."""

_SPEAKS: Final = frozenset({Grade.SURE, Grade.LIKELY})
"""Grades by which the name of a site speaks of an organization."""


def candidates(
    estate: Estate, directory: Directory, domains: Domains, scopes: Sequence[Scope]
) -> dict[Key, Sequence[Candidate]]:
    """The candidates of each of these sites and accounts, the best first."""
    index = directory.index
    accounts = [scope for scope in scopes if scope.kind is Kind.ACCOUNT]
    inside = (site for account in accounts for site in estate.below(account) if not site.gone)
    asked = (scope for scope in scopes if scope.kind is Kind.SITE)
    sites = list({site.key: site for site in (*asked, *inside)}.values())
    found: dict[Key, Sequence[Candidate]] = {}
    for several in (sites, accounts):
        weighed = _weighed(index, estate, domains, several)
        found |= {scope.key: _with_twins(estate, directory, scope, weighed[scope.key]) for scope in several}
    for account in accounts:
        found[account.key] = [
            _held_back(estate, directory, index, found, account, candidate)
            for candidate in found[account.key]
        ]
    return {scope.key: found[scope.key] for scope in scopes}


def _weighed(
    index: Index, estate: Estate, domains: Domains, scopes: Sequence[Scope]
) -> Mapping[Key, Sequence[Candidate]]:
    if not scopes:
        return {}
    asked = {scope.key for scope in scopes}
    others = [
        _subject(estate, {}, scope)
        for scope in estate.scopes.values()
        if scope.kind is scopes[0].kind and scope.key not in asked and not scope.gone
    ]
    subjects = [_subject(estate, domains, scope) for scope in scopes]
    found = index.suggest(subjects, others=others)
    return {scope.key: weighed for scope, weighed in zip(scopes, found, strict=True)}


def _subject(estate: Estate, domains: Domains, scope: Scope) -> Subject:
    account = None if scope.account_id is None else (estate.console(scope).base_url, scope.account_id)
    counted: dict[str, int] = {}
    for site in estate.below(scope):
        for domain, devices in domains.get(site.key, {}).items():
            counted[domain] = counted.get(domain, 0) + devices
    return Subject(
        key=scope.key,
        name=scope.name or "",
        account=account,
        external_id=scope.external_id,
        domains=counted,
    )


def _with_twins(
    estate: Estate, directory: Directory, scope: Scope, weighed: Sequence[Candidate]
) -> Sequence[Candidate]:
    """What is decided about the same site through another connection settles it: it may not be two organizations'."""
    rulings = {
        ruling.organization_id: estate.console(twin).name
        for twin in estate.twins(scope)
        if (ruling := estate.effective(twin)).decision is Decided.MAPPED
    }
    owners = [owner for owner in rulings if owner is not None]
    if not owners:
        return weighed
    if len(owners) > 1 or directory.by_id[owners[0]].archived:
        reason = f"Through other connections the same {scope.kind} is mapped already, and not to this alone."
        return [_demoted(candidate, reason) for candidate in weighed]
    owner = directory.by_id[owners[0]]
    same = f"The same {scope.kind} is mapped to {owner.name!r} through the connection {rulings[owners[0]]!r}."
    first = Candidate(owners[0], Grade.SURE, 1.0, (same,))
    rest = [_demoted(one, same) for one in weighed if one.organization_id != owners[0]]
    return [first, *rest][:MOST]


def _held_back(
    estate: Estate,
    directory: Directory,
    index: Index,
    found: Mapping[Key, Sequence[Candidate]],
    account: Scope,
    candidate: Candidate,
) -> Candidate:
    """An account is sure only if every one of its sites fits: its decision is for all of them, future ones too."""
    if candidate.grade is not Grade.SURE:
        return candidate
    for site in estate.below(account):
        if site.gone:
            continue
        spoken = [one.organization_id for one in found[site.key] if one.grade in _SPEAKS]
        spoken += sorted(index.speaks_of(site.name or ""))
        if reason := _misfit(directory, site, spoken, candidate.organization_id):
            return _demoted(candidate, reason)
    return candidate


def _misfit(directory: Directory, site: Scope, spoken: Sequence[int], organization_id: int) -> str:
    """Why a site, which speaks of these, keeps its account from being surely this organization's, if it does."""
    if site.own.decision is Decided.IGNORED or site.own.organization_id == organization_id:
        return ""
    if site.own.decision is Decided.MAPPED:
        other = directory.by_id[site.own.organization_id or 0].name
        return f"Its site {site.name!r} is mapped to {other!r}."
    others = [directory.by_id[one].name for one in spoken if one != organization_id]
    if others:
        return f"Its site {site.name!r} speaks of {others[0]!r}."
    if not spoken and not cleaning.generic(site.name or ""):
        return f"Its site {site.name!r} does not speak of it."
    return ""


def _demoted(candidate: Candidate, reason: str) -> Candidate:
    grade = Grade.LIKELY if candidate.grade is Grade.SURE else candidate.grade
    return msgspec.structs.replace(candidate, grade=grade, reasons=(*candidate.reasons, reason))
