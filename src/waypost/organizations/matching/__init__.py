"""Which organizations a site or account may belong to, by what is known of both. Pure: no database, no clock.

Precision comes before recall: *sure* is unique exact evidence without a rival, and only that may be accepted
without a person. `evidence` says when that is; here it is gathered. Names that are only similar are a last resort,
looked for where neither the external id nor the name itself points to anybody.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from waypost.organizations.matching import candidates, cleaning, domains, evidence
from waypost.organizations.matching.candidates import Spelling
from waypost.organizations.matching.cleaning import Cleaned
from waypost.organizations.matching.evidence import Evidence
from waypost.organizations.matching.similarity import Names

MOST_CANDIDATES: Final = 5
LEAST_ALIKE: Final = 0.005
"""What resembles less is no candidate."""

Candidate = candidates.Candidate
Grade = candidates.Grade
Known = candidates.Known
Subject = candidates.Subject


class Index:
    """The organizations, ready to be searched.

    Args:
        organizations: All that a site may be mapped to: none that is archived.
    """

    def __init__(self, organizations: Sequence[Known]) -> None:
        self._known = {known.organization_id: known for known in organizations}
        self._spellings: list[Spelling] = []
        self._by_key: dict[str, list[Spelling]] = defaultdict(list)
        self._by_external_id: dict[str, set[int]] = defaultdict(set)
        for known in sorted(organizations, key=lambda known: known.organization_id):
            self._add(Spelling(known.organization_id, known.name, cleaning.clean(known.name), alias=False))
            for alias in known.aliases:
                self._add(Spelling(known.organization_id, alias, cleaning.clean(alias), alias=True))
            if external_id := evidence.comparable(known.external_id):
                self._by_external_id[external_id].add(known.organization_id)
        self._domains = domains.Owners(
            (domain, known.organization_id) for known in organizations for domain in known.domains
        )
        self._names = Names([spelling.cleaned.words for spelling in self._spellings])

    def speaks_of(self, name: str) -> frozenset[int]:
        """The organizations whose name or alias this is, however it is written; none if it is generic."""
        cleaned = cleaning.clean(name)
        return frozenset() if cleaned.generic else frozenset(self._named(cleaned))

    def suggest(
        self, subjects: Sequence[Subject], *, others: Sequence[Subject] = ()
    ) -> list[list[Candidate]]:
        """For each subject at most five candidates, the best first.

        Args:
            subjects: Of one kind: sites, or accounts.
            others: More of that kind, about which nothing is asked, but which may bear the same names.
        """
        asked = [(subject, cleaning.clean(subject.name)) for subject in subjects]
        doubled = _doubled([*asked, *((other, cleaning.clean(other.name)) for other in others)])
        return [self._candidates(subject, name, doubled=name.key in doubled) for subject, name in asked]

    def _add(self, spelling: Spelling) -> None:
        if spelling.cleaned.key:
            self._spellings.append(spelling)
            for key in spelling.cleaned.keys:
                self._by_key[key].append(spelling)

    def _candidates(self, subject: Subject, name: Cleaned, *, doubled: bool) -> list[Candidate]:
        external_id = self._by_external_id.get(evidence.comparable(subject.external_id), ())
        names = self._named(name)
        devices, shares = self._domains.shares(subject.domains) if subject.domains else (0, {})
        alone = not external_id and not names and not name.generic
        found = Evidence(
            subject=subject,
            name=name,
            known=self._known,
            external_id=external_id,
            names=names,
            domains=shares,
            devices=devices,
            similar=self._similar(name) if alone else {},
            doubled=doubled,
        )
        pointed_to = {*external_id, *names, *shares}
        ranked = [found.candidate(one) for one in pointed_to]
        ranked += [found.resembling(one) for one in found.similar if one not in pointed_to]
        if not ranked and subject.domains:
            ranked += self._called_as_domain(subject)
        ranked.sort(key=_best_first)
        return ranked[:MOST_CANDIDATES]

    def _named(self, name: Cleaned) -> dict[int, Spelling]:
        """The organizations whose name or alias this is, each with that; its name before an alias."""
        found: dict[int, Spelling] = {}
        for key in name.keys:
            for spelling in self._by_key.get(key, ()):
                if spelling.organization_id not in found or not spelling.alias:
                    found[spelling.organization_id] = spelling
        return found

    def _similar(self, name: Cleaned) -> dict[int, tuple[float, Spelling]]:
        """The organizations with a name or alias that resembles this one, with the closest of each."""
        found: dict[int, tuple[float, Spelling]] = {}
        for score, number in self._names.resembling(name.words):
            if score < LEAST_ALIKE or len(found) == MOST_CANDIDATES:
                break
            spelling = self._spellings[number]
            found.setdefault(spelling.organization_id, (score, spelling))
        return found

    def _called_as_domain(self, subject: Subject) -> list[Candidate]:
        domain, label = domains.main(subject.domains)
        return [evidence.called_as_domain(one, domain) for one in self._named(cleaning.clean(label))]


_ORDER: Final = {grade: place for place, grade in enumerate(Grade)}


def _best_first(candidate: Candidate) -> tuple[int, float, int]:
    return _ORDER[candidate.grade], -candidate.confidence, candidate.organization_id


def _doubled(subjects: Iterable[tuple[Subject, Cleaned]]) -> set[str]:
    """The keys of names that occur in more than one account."""
    accounts: dict[str, object] = {}
    doubled: set[str] = set()
    for subject, name in subjects:
        if subject.account is not None:
            for key in name.keys:
                if accounts.setdefault(key, subject.account) != subject.account:
                    doubled.add(key)
    return doubled
