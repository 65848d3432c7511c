"""Names taken apart into words, each without case, accents and other ways to write the same letters."""

import functools
import re
import unicodedata
from typing import Final

import msgspec

_APOSTROPHES: Final = re.compile("(?<=\\w)['`\u00b4\u02bc\u2018\u2019](?=\\w)")
_GLUED: Final = re.compile(r"(?<=[a-z])(?=(?:GmbH|LLC|Ltd)\b)")
_ASCII_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_DASHES: Final = "-+\u00b7\u2010-\u2015\u2022"
_SETS_APART: Final = re.compile(rf"[\[\](){{}}<>#_|/\\:;~*=,]|\s[{_DASHES}]|[{_DASHES}]\s")
_LETTERS: Final = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ł": "l",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        "ħ": "h",
        "ŧ": "t",
    }
)
"""Letters that Unicode does not take for others with an accent."""


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word of a name.

    Attributes:
        folded: Lower case, without accents.
        written: As it stands in the name.
        gap: What stands between it and the word before it.
    """

    folded: str
    written: str
    gap: str

    @property
    def apart(self) -> bool:
        """Whether brackets, dashes and the like part it from the word before it."""
        return self.gap not in ("", " ") and bool(_SETS_APART.search(self.gap))


def words_of(name: str) -> list[Word]:
    """The words of a name, folded and as they are written."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    name = _GLUED.sub(" ", _APOSTROPHES.sub("", name))
    found: list[Word] = []
    end = 0
    for match in (_ASCII_WORD if name.isascii() else _any_word()).finditer(name):
        written = match[0]
        folded = written.lower() if written.isascii() else fold(written)
        if folded:
            found.append(Word(folded, written, name[end : match.start()]))
        end = match.end()
    return found


def fold(text: str) -> str:
    """Lower case, without accents, in one way of writing."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(char for char in text if not "\u0300" <= char <= "\u036f").translate(_LETTERS)
    return unicodedata.normalize("NFKC", text)


@functools.cache
def _any_word() -> re.Pattern[str]:
    """A word of any script; marks such as the vowels of Indian scripts belong to it."""
    ranges: list[str] = []
    start = None
    for point in range(0x300, 0x20000):
        mark = unicodedata.category(chr(point))[0] == "M"
        if mark and start is None:
            start = point
        elif not mark and start is not None:
            ranges.append(f"{chr(start)}-{chr(point - 1)}")
            start = None
    return re.compile(f"(?:[^\\W_]|[{''.join(ranges)}])+")
