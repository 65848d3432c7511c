"""The name that somebody meant who has misspelt one."""

from collections.abc import Collection
from typing import Final

from rapidfuzz import fuzz, process

_LONGEST: Final = 80
"""Characters that are looked at; no name is longer."""
_ALIKE: Final = 65
"""Of a hundred: how like a name a text must be to be taken for a slip of it."""


def nearest(text: str, names: Collection[str]) -> str:
    """The name that is most like a text; empty if none is like it."""
    found = process.extractOne(
        text[:_LONGEST], list(names), scorer=fuzz.ratio, processor=_spelling, score_cutoff=_ALIKE
    )
    return found[0] if found else ""


def meant(text: str, names: Collection[str]) -> str:
    """A question to put behind a refusal: ` Did you mean …?`, or nothing."""
    near = nearest(text, names)
    return f" Did you mean {near}?" if near else ""


def refusal(what: str, text: str, names: Collection[str]) -> str:
    """That there is no such thing by this name, with the one that was meant, or else all that there are."""
    told = meant(text, names) or (f" There are {', '.join(names)}." if names else "")
    return f"There is no such {what}.{told}"


def _spelling(name: str) -> str:
    """`detectedSince`, `Detected-Since` and `detected_since` are written alike."""
    return name.lower().replace("_", "").replace("-", "")
