"""What a person's choice teaches: the name of a site or account is a further name of the organization it went to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from waypost.organizations.mapping.decisions import Decided
from waypost.organizations.mapping.directory import Directory
from waypost.organizations.mapping.estate import Key
from waypost.organizations.mapping.wishes import Choice
from waypost.organizations.matching import cleaning
from waypost.organizations.matching.cleaning import Cleaned


def learned(directory: Directory, changes: Sequence[Choice]) -> Mapping[Key, str]:
    """Which names are remembered by these choices.

    Not those that say nothing, or that an organization is called by already; and where one save gives a name to two
    organizations, neither gets it.
    """
    meant: dict[str, set[int | None]] = defaultdict(set)
    fit: list[tuple[Choice, Cleaned]] = []
    for choice in changes:
        if choice.ruling.decision is Decided.MAPPED:
            name = cleaning.clean(choice.scope.name or "")
            for key in _keys(name):
                meant[key].add(choice.ruling.organization_id)
            if not name.generic:
                fit.append((choice, name))
    found: dict[Key, str] = {}
    taken: set[str] = set()
    for choice, name in fit:
        keys, text = _keys(name), choice.scope.name or ""
        if keys & taken or any(len(meant[key]) > 1 for key in keys) or directory.index.speaks_of(text):
            continue
        found[choice.scope.key] = text
        taken |= keys
    return found


def _keys(name: Cleaned) -> set[str]:
    """What names are compared by: each is equal for all ways to write it."""
    return {name.key, name.variant} - {""}
