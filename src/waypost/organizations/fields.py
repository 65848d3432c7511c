"""What may be said of an organization: each field made plain, or refused by name."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from waypost import errors
from waypost.unified import names

LONGEST_NAME: Final = 200
LONGEST_EXTERNAL_ID: Final = 200
LONGEST_ALIAS: Final = 1_000
"""Longer than names of organizations: consoles' names of sites become aliases, whatever is in them."""
LONGEST_TAG: Final = 50
LONGEST_DOMAIN: Final = 253
MOST_VALUES: Final = 200
"""Aliases, domains or tags of one organization."""

_CONTROL: Final = ("Cc", "Cs", "Zl", "Zp")
_LABEL: Final = re.compile(r"[\w-]{1,63}")


class Fields(msgspec.Struct, frozen=True):
    """What is said of an organization, apart from where it belongs."""

    name: str
    external_id: str | None = None
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def checked(
    name: str,
    *,
    external_id: str | None = None,
    aliases: Iterable[str] = (),
    domains: Iterable[str] = (),
    tags: Iterable[str] = (),
) -> Fields:
    """The fields as they are stored.

    Raises:
        OrganizationNameError: The name is none.
        InvalidFieldError: Another field cannot be used.
    """
    return Fields(
        name_of(name),
        external_id_of(external_id),
        values_of("aliases", aliases),
        values_of("domains", domains),
        values_of("tags", tags),
    )


def name_of(text: str) -> str:
    """A name as it is stored.

    Raises:
        OrganizationNameError: It is none.
    """
    name = names.cleaned(text)
    if problem := names.problem(name, LONGEST_NAME):
        shown = names.shown(name, LONGEST_NAME)
        raise errors.OrganizationNameError(f"{shown!r} is no name for an organization: it {problem}.")
    return name


def external_id_of(text: str | None) -> str | None:
    """An external id as it is stored; None for none.

    Raises:
        InvalidFieldError: It is none.
    """
    cleaned = (text or "").strip()
    return _plain("external_id", cleaned, LONGEST_EXTERNAL_ID) if cleaned else None


def values_of(field: str, values: Iterable[str]) -> tuple[str, ...]:
    """Aliases, domains or tags as they are stored: each once, in the order given, without empty ones.

    Raises:
        InvalidFieldError: One is none, or there are too many.
    """
    found = tuple(dict.fromkeys(_VALUE[field](value) for value in values if value.strip()))
    if len(found) > MOST_VALUES:
        raise errors.InvalidFieldError(
            f"An organization has at most {MOST_VALUES} {field}, not {len(found):,}.", field=field
        )
    return found


def _alias(text: str) -> str:
    return _plain("aliases", text.strip(), LONGEST_ALIAS, refused="\0")


def _tag(text: str) -> str:
    return _plain("tags", names.cleaned(text), LONGEST_TAG)


def _domain(text: str) -> str:
    domain = unicodedata.normalize("NFC", text).strip().casefold().removeprefix("@").rstrip(".")
    if len(domain) > LONGEST_DOMAIN or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise errors.InvalidFieldError(
            f"{names.shown(text, 80)!r} is no domain.",
            field="domains",
            remedy="Give the domain alone, like acme.example or corp.acme.local: no address, no path, no @.",
        )
    return domain


_VALUE: Final[dict[str, Callable[[str], str]]] = {"aliases": _alias, "domains": _domain, "tags": _tag}


def _plain(field: str, text: str, longest: int, *, refused: str = "") -> str:
    """A text that is not too long, and has none of these characters: by default, no control character."""
    if len(text) > longest:
        raise errors.InvalidFieldError(
            f"{names.shown(text, 40)!r}… has {len(text):,} characters; {longest:,} are the most.", field=field
        )
    if any(char in refused if refused else unicodedata.category(char) in _CONTROL for char in text):
        raise errors.InvalidFieldError(
            f"{names.shown(text, 80)!r} has control characters in it.", field=field
        )
    return text
