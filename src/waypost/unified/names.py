"""Names that people give: to connections and to organizations.

Any script is welcome. What cannot be seen, or makes other characters be read in another order, is not: two
names that look the same must be the same.
"""

import unicodedata
from typing import Final

_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Fillers, which Unicode takes for letters, marks or symbols, and nobody sees."""

_JOINERS: Final = frozenset("\u200c\u200d")
"""Invisible too, but Persian and the scripts of India are not written without them."""


def cleaned(text: str) -> str:
    """A name as it is kept: composed (NFC), without white space around it, one space where there are several."""
    composed = unicodedata.normalize("NFC", text).strip()
    return " ".join(part for part in _plain_spaces(composed).split(" ") if part)


def problem(name: str, longest: int) -> str:
    """What keeps a cleaned name from being one, or nothing."""
    if not name:
        return "has nothing in it"
    if len(name) > longest:
        return f"has {len(name)} characters; {longest} are the most"
    if any(_hidden(name, place) for place in range(len(name))):
        return "has control characters in it, or others that cannot be seen"
    if unicodedata.category(name[0])[0] not in "LN":
        return "does not begin with a letter or digit"
    return ""


def _plain_spaces(text: str) -> str:
    return "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)


def _hidden(name: str, place: int) -> bool:
    char = name[place]
    if char in _JOINERS:  # where it joins nothing it can only deceive
        return place == 0 or place == len(name) - 1 or name[place - 1].isascii() or name[place + 1].isascii()
    return char in _INVISIBLE or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def shown(name: str, longest: int) -> str:
    """A name that is none, fit for an error message."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)[:longest]
