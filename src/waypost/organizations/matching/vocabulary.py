"""Words that do not tell whose a site is; `vocabulary.toml` lists them and says what is done with them."""

import tomllib
from importlib import resources
from typing import Final

_LISTS: Final = tomllib.loads(
    resources.files("waypost.organizations.matching").joinpath("vocabulary.toml").read_text(encoding="utf-8")
)


def _phrases(name: str) -> frozenset[str]:
    return frozenset(_in_order(name))


def _in_order(name: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in _LISTS[name].split(","))


PREFIXES: Final = _phrases("prefixes")
SUFFIXES: Final = PREFIXES | _phrases("suffixes")
MARKS: Final = SUFFIXES | _phrases("marks")
GENERIC: Final = frozenset(word for phrase in MARKS | _phrases("generic") for word in phrase.split())
BUSINESS: Final = _phrases("business")
JOINERS: Final = _phrases("joiners")
LEADING_FORMS: Final = _phrases("leading_forms")
SHORT_FORMS: Final = _phrases("short_forms")
EMBEDDED_FORMS: Final = _in_order("embedded_forms")
PUBLIC_DOMAINS: Final = _phrases("public_domains")
