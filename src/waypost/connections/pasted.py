"""A token as people paste it: with white space around it, in quotes, or with the header's own words in front."""

import re
from typing import Final

_AROUND: Final = re.compile(
    r"""(?:authorization\s*:\s*)?(?:(?:apitoken|bearer|token)\s+)?(\S.*)""", re.IGNORECASE
)
_QUOTES: Final = ('"', "'")


def token(text: str) -> str:
    """The token itself; what is no token stays what it is, and is refused by whoever uses it."""
    found = _unquoted(text.strip())
    match = _AROUND.fullmatch(found)
    return _unquoted(match[1].strip()) if match else found


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]
    return text[1:-1].strip() if quoted else text
