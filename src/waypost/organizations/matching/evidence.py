"""What speaks for an organization and what against: the grade of a candidate, and its reasons.

Exact evidence is the console's `externalId`, a name or alias that is the same once cleaned, and the domain of the
devices. One of these makes a candidate sure, if nothing exact points to another organization; an `externalId` does
so whatever the name is, the others only where the name is somebody's in particular.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from waypost.organizations.matching.candidates import Candidate, Grade, Known, Spelling, Subject
from waypost.organizations.matching.cleaning import Cleaned

MUCH_ALIKE: Final = 0.85
"""Names that resemble each other so much are likely the same."""

_CONFIDENCE: Final = {"external id": 0.99, "name": 0.97, "alias": 0.96, "domain": 0.93}
_FOR_EACH_MORE: Final = 0.003
_FOR_EACH_DOUBT: Final = 0.1
_LIKELY: Final = 0.6
_BEST_ALIKE: Final = 0.79
"""What is only similar stays behind what is exact, even with one doubt."""
_CALLED_LIKE_IT: Final = 0.55
_NEARLY_ALL_DEVICES: Final = 0.9
_FEWEST_DEVICES: Final = 2
_SHORT_KEY: Final = 7
"""Of shorter names, as `cb i` and `CBI`, too many are the same by chance once the spaces are gone."""
_SHOWN: Final = 3


class Evidence(msgspec.Struct):
    """What is known about one site or account.

    Attributes:
        known: All organizations, by id.
        external_id: The organizations that have its external id.
        names: Those whose name or alias it has, each with the spelling.
        domains: Those that have domains of its devices, each with its part of the devices that tell.
        devices: How many devices tell.
        similar: Those that have a name like it, each with how much, and the spelling.
        doubled: Whether sites of another account are called the same.
    """

    subject: Subject
    name: Cleaned
    known: Mapping[int, Known]
    external_id: Collection[int]
    names: Mapping[int, Spelling]
    domains: Mapping[int, float]
    devices: int
    similar: Mapping[int, tuple[float, Spelling]]
    doubled: bool

    def candidate(self, organization_id: int) -> Candidate:
        """An organization to which something exact points."""
        reasons: dict[str, str] = {}
        if organization_id in self.external_id:
            external_id = (self.subject.external_id or "").strip()
            reasons["external id"] = f"The console's externalId {external_id} is the organization's."
        if spelling := self.names.get(organization_id):
            reasons["alias" if spelling.alias else "name"] = self._same_name(spelling)
        if share := self.domains.get(organization_id, 0.0):
            its = "a domain" if self.devices == 1 else "domains"
            reasons["domain"] = f"{_part(share, self.devices)} in {its} of the organization."
        confidence = max(_CONFIDENCE[kind] for kind in reasons)
        if len(reasons) == 1 and "domain" in reasons:
            confidence *= 0.5 + 0.5 * share
        confidence += _FOR_EACH_MORE * (len(reasons) - 1)
        doubts = self._doubts(organization_id, reasons)
        if not doubts:
            return Candidate(organization_id, Grade.SURE, round(confidence, 3), tuple(reasons.values()))
        confidence = max(0.0, min(confidence, 0.99) - _FOR_EACH_DOUBT * len(doubts))
        grade = Grade.LIKELY if confidence >= _LIKELY else Grade.POSSIBLE
        said = tuple(f"Not sure: {doubt}." for doubt in doubts)
        return Candidate(organization_id, grade, round(confidence, 3), (*reasons.values(), *said))

    def resembling(self, organization_id: int) -> Candidate:
        """An organization that only has a name like it."""
        score, spelling = self.similar[organization_id]
        reason = f"The name is like {_called(spelling)}."
        doubt = "Not sure: it is not the same name."
        if score >= MUCH_ALIKE:
            part = (score - MUCH_ALIKE) / (1 - MUCH_ALIKE)
            confidence = _LIKELY + (_BEST_ALIKE - _LIKELY) * part
            return Candidate(organization_id, Grade.LIKELY, round(confidence, 3), (reason, doubt))
        confidence = round(_LIKELY * score / MUCH_ALIKE, 3)
        return Candidate(organization_id, Grade.POSSIBLE, confidence, (reason, doubt))

    def _doubts(self, organization_id: int, kinds: Collection[str]) -> list[str]:
        """What keeps a candidate from being sure."""
        doubts = self._rivals(organization_id, kinds)
        if "external id" in kinds:
            return doubts
        if self.name.generic:
            doubts.append(f"{self.subject.name!r} says nothing about whose it is")
        if self.doubled:
            doubts.append(f"{self.subject.name!r} is also the name of a site in another account")
        theirs = self.known[organization_id].external_id
        if alike_in_form(self.subject.external_id, theirs):
            doubts.append(
                f"the console's externalId is {self.subject.external_id}, the organization's is {theirs}"
            )
        if spelling := self.names.get(organization_id):
            if len(self.name.key) < _SHORT_KEY and self.name.words != spelling.cleaned.words:
                doubts.append(f"it is short, and written in other words than {spelling.text!r}")
            if spelling.cleaned.numbers and spelling.cleaned.numbers != self.name.numbers:
                doubts.append(f"{spelling.text!r} has another number")
        else:
            doubts += self._doubts_about_domains(organization_id)
        return doubts

    def _rivals(self, organization_id: int, kinds: Collection[str]) -> list[str]:
        """The other organizations to which something exact points."""
        named = "name" in kinds or "alias" in kinds
        found: list[str] = []
        for others, what in (
            (
                self.external_id,
                "the same external id" if "external id" in kinds else "the console's externalId",
            ),
            (self.names, "the same name once cleaned" if named else "its name"),
            (self.domains, "a domain of its devices"),
        ):
            rivals = sorted(self.known[other].name for other in others if other != organization_id)
            if rivals:
                found.append(f"{listed(rivals)} {'has' if len(rivals) == 1 else 'have'} {what}")
        return found

    def _doubts_about_domains(self, organization_id: int) -> list[str]:
        """What keeps a candidate from being sure for whom only the domain of the devices speaks."""
        doubts: list[str] = []
        share = self.domains[organization_id]
        if share < _NEARLY_ALL_DEVICES:
            doubts.append(f"{_part(1 - share, self.devices).lower()} in other domains")
        if self.devices < _FEWEST_DEVICES:
            doubts.append("that is the only device that tells")
        alike = [
            self.known[other].name
            for other, (score, _) in self.similar.items()
            if score >= MUCH_ALIKE and other != organization_id
        ]
        if alike:
            doubts.append(f"its name is like {listed(sorted(alike))}")
        return doubts

    def _same_name(self, spelling: Spelling) -> str:
        if self.subject.name == spelling.text:
            return f"The name is {_called(spelling)}."
        left_out = list(dict.fromkeys((*self.name.left_out, *spelling.cleaned.left_out)))
        if not left_out:
            return f"The name is {_called(spelling)}, written in another way."
        be = "is" if len(left_out) == 1 else "are"
        return f"The name is {_called(spelling)}, once {listed(left_out)} {be} left out."


def called_as_domain(organization_id: int, domain: str) -> Candidate:
    """An organization that is called as the domain of most devices is."""
    reasons = (
        f"Most devices are in the domain {domain}, which is called as the organization is.",
        "Not sure: the organization has no such domain.",
    )
    return Candidate(organization_id, Grade.POSSIBLE, _CALLED_LIKE_IT, reasons)


def alike_in_form(one: str | None, other: str | None) -> bool:
    """Whether two external ids differ, but look as if they came from the same place, as CRM-17 and CRM-18."""
    first, second = comparable(one), comparable(other)
    return bool(first and second) and first != second and _form(first) == _form(second)


def comparable(external_id: str | None) -> str:
    """An external id as it is compared; empty if it is none."""
    text = (external_id or "").strip().casefold()
    return "" if text in _NO_IDS else text


_NO_IDS: Final = frozenset(
    {"0", "-", "none", "null", "n/a", "na", "nil", "unknown", "test", "tbd", "default"}
)


def _form(text: str) -> str:
    return "".join("0" if char.isdigit() else "a" if char.isalpha() else char for char in text)


def _called(spelling: Spelling) -> str:
    if spelling.alias:
        return f"{spelling.text!r}, an alias of the organization"
    return f"the organization's, {spelling.text!r}"


def _part(share: float, devices: int) -> str:
    count = round(share * devices)
    if devices == 1:
        return "The only device that tells is" if count else "No device that tells is"
    if count == devices:
        return f"All {devices} devices that are in a domain are"
    return f"{count} of {devices} devices that are in a domain {'is' if count == 1 else 'are'}"


def listed(names: Sequence[str]) -> str:
    """Names for a sentence: the first few."""
    shown = [repr(name) for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        shown.append(f"{len(names) - _SHOWN} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
