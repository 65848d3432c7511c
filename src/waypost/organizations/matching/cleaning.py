"""What of a name tells whose it is: without case, accents, punctuation, legal forms and decorations.

Two names that clean to the same key are the same name, written in two ways. Cleaning never eats a whole name, nor
what makes it one: of `MDR Solutions` nothing is left out, since `Solutions` alone is nobody's.
"""

import functools
import re
from importlib import resources
from typing import Final

import msgspec

from waypost.organizations.matching import folding
from waypost.organizations.matching.folding import Word
from waypost.organizations.matching.vocabulary import (
    BUSINESS,
    EMBEDDED_FORMS,
    GENERIC,
    JOINERS,
    LEADING_FORMS,
    MARKS,
    PREFIXES,
    SHORT_FORMS,
    SUFFIXES,
)

_NUMBER: Final = re.compile(r"[a-z]{0,4}\d{3,}|\d+|v\d+")
_ID: Final = re.compile(r"[a-z]{1,4}\d+")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_LONGEST_FORM: Final = 9
"""Words of the longest legal form."""
_LONGEST_PHRASE: Final = 3
"""Words of the longest decoration."""
_WORDS_OF_AN_ID: Final = 2
_NO_WORD: Final = 5
"""A legal form of more letters is no word that a name may begin with."""
_LONG_NUMBER: Final = 5
"""A number of so many digits is an id, even where nothing sets it apart."""
_SHORT: Final = 2


class Cleaned(msgspec.Struct, frozen=True, gc=False):
    """A name without what does not name anybody.

    Attributes:
        key: Equal for all ways to write a name; empty if there is no letter or digit in it.
        words: What the key consists of.
        variant: The key with ä, ö and ü written as ae, oe and ue; empty where that makes no difference.
        left_out: What was left out, as it was written.
        numbers: What of that is an id or a number, folded: `Store #12` and `Store #14` may be two.
        generic: Whether nobody is meant by it in particular.
    """

    key: str
    words: tuple[str, ...]
    variant: str = ""
    left_out: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    generic: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The key and, where there is one, its variant."""
        return (self.key, self.variant) if self.variant else (self.key,)


def cleaned(name: str) -> str:
    """The key under which all ways to write a name are the same; empty if there is no letter or digit in it."""
    return clean(name).key


def generic(name: str) -> bool:
    """Whether a name says nothing about whose it is, as `Default site (2)` or `Servers`."""
    return clean(name).generic


@functools.lru_cache(maxsize=32_768)  # one save asks about the same names several times; 20 MB when full
def clean(name: str) -> Cleaned:
    """Take from a name what does not tell whose it is."""
    words = folding.words_of(name)
    if not words:
        return Cleaned("", (), generic=True)
    meaningless = _meaningless(words)
    left_out: list[str] = []
    if not meaningless:
        words = _without_forms_and_decorations(words, left_out)
        meaningless = _meaningless(words)
    words = [word for word in words if word.folded not in JOINERS] or words
    kept = tuple([_without_embedded_form(word.folded, left_out) for word in words])
    return Cleaned("".join(kept), kept, _variant(words), tuple(left_out), _numbers(left_out), meaningless)


def _without_forms_and_decorations(words: list[Word], left_out: list[str]) -> list[Word]:
    """The words without legal forms and decorations at both ends, as long as something distinctive remains."""
    start, end = 0, len(words)
    while end - start > 1:
        if more := _form_at_the_end(words, start, end) or _decoration_at_the_end(words, start, end):
            left_out.append(_written(words[end - more : end]))
            end -= more
        elif more := _form_at_the_start(words, start, end) or _decoration_at_the_start(words, start, end):
            left_out.append(_written(words[start : start + more]))
            start += more
        else:
            break
    return words[start:end]


def _form_at_the_end(words: list[Word], start: int, end: int) -> int:
    """How many words at the end are a legal form; never all."""
    forms = _legal_forms()
    joined, longest = "", 0
    for count in range(1, min(_LONGEST_FORM, end - start - 1) + 1):
        word = words[end - count].folded
        joined = word + joined
        if joined in forms and (count > 1 or len(word) > _SHORT or word in SHORT_FORMS):
            longest = count
    return longest if longest and _longer_than_a_letter(words[start : end - longest]) else 0


def _form_at_the_start(words: list[Word], start: int, end: int) -> int:
    """How many words at the start are a legal form; never all."""
    forms = _legal_forms()
    joined, longest = "", 0
    for count in range(1, min(_LONGEST_FORM, end - start - 1) + 1):
        joined += words[start + count - 1].folded
        if joined in LEADING_FORMS or (len(joined) > _NO_WORD and joined in forms):
            longest = count
    rest = words[start + longest : end]
    return longest if longest and _longer_than_a_letter(rest) and not _meaningless(rest) else 0


def _longer_than_a_letter(words: list[Word]) -> bool:
    return len(words) > 1 or len(words[0].folded) > 1 or not words[0].folded.isascii()


def _decoration_at_the_end(words: list[Word], start: int, end: int) -> int:
    for count in range(min(_LONGEST_PHRASE, end - start - 1), 0, -1):
        group = words[end - count : end]
        apart = group[0].apart
        if _decorates(group, SUFFIXES, apart=apart) and _names_somebody(
            words[start : end - count], apart=apart
        ):
            return count
    return 0


def _decoration_at_the_start(words: list[Word], start: int, end: int) -> int:
    for count in range(min(_LONGEST_PHRASE, end - start - 1), 0, -1):
        group = words[start : start + count]
        apart = words[start + count].apart or (count == 1 and group[0].gap.endswith("#"))
        if _decorates(group, PREFIXES, apart=apart) and _names_somebody(
            words[start + count : end], apart=apart
        ):
            return count
    return 0


def _decorates(group: list[Word], always: frozenset[str], *, apart: bool) -> bool:
    """Whether these words are a decoration: one of those that always are, or set apart, or the number of something."""
    phrase = " ".join([word.folded for word in group]) if len(group) > 1 else group[0].folded
    if phrase in always or (apart and phrase in MARKS):
        return True
    last = group[-1].folded
    if not last[-1].isdigit():
        return False
    if len(group) == 1:
        return (len(last) >= _LONG_NUMBER and last.isdigit()) or (apart and _is_number(last))
    head = phrase[: -len(last) - 1]
    if head in SUFFIXES or (apart and head in MARKS):
        return not group[-1].apart and _is_number(last)
    if len(group) == _WORDS_OF_AN_ID and group[-1].gap == "-":
        return bool((_ID if apart else _NUMBER).fullmatch(head + last))
    return False


def _is_number(text: str) -> bool:
    """Whether this is an id or a number of something."""
    return bool(_NUMBER.fullmatch(text))


def _written(words: list[Word]) -> str:
    """Words as they were written, with what stands between them."""
    return words[0].written + "".join(word.gap + word.written for word in words[1:])


def _names_somebody(words: list[Word], *, apart: bool) -> bool:
    """Whether these would do as a name: more than a letter, and a word that not everybody has.

    Words of business, as in `MDR Solutions`, are enough only where they are set apart, as in `Digital Realty [MDR]`.
    """
    if not _longer_than_a_letter(words):
        return False
    forms = _legal_forms()
    telling = [
        word.folded
        for word in words
        if word.folded not in GENERIC and word.folded not in forms and not word.folded.isdigit()
    ]
    if apart and len(words) > 1:
        return bool(telling)
    return any(word not in BUSINESS for word in telling)


def _meaningless(words: list[Word]) -> bool:
    """Whether these say nothing: words that everybody has, numbers, and letters that count something."""
    if len(words) == 1 and words[0].folded in BUSINESS:
        return True
    forms = _legal_forms()
    for place, word in enumerate(words):
        folded = word.folded
        letter = len(folded) == 1 and folded.isascii()
        if folded in GENERIC or (place and folded in forms) or (letter and (place or len(words) == 1)):
            continue
        if not (folded[-1].isdigit() and _is_number(folded)):
            return False
    return True


def _numbers(left_out: list[str]) -> tuple[str, ...]:
    return tuple(
        [
            folding.fold(part)
            for part in left_out
            if any(map(str.isdigit, part)) and folding.fold(part) not in SUFFIXES
        ]
    )


def _variant(words: list[Word]) -> str:
    """The key as Germans write it without umlauts."""
    if all(word.written.isascii() for word in words):
        return ""
    written = "".join(word.written for word in words).casefold()
    return folding.fold(written.translate(_UMLAUTS)) if any(char in written for char in "äöü") else ""


def _without_embedded_form(word: str, left_out: list[str]) -> str:
    """A word of a language that writes without spaces, without the legal form at its ends."""
    if word.isascii():
        return word
    for form in EMBEDDED_FORMS:
        if len(word) > len(form) + 1 and (word.startswith(form) or word.endswith(form)):
            left_out.append(form)
            return _without_embedded_form(word.removeprefix(form).removesuffix(form), left_out)
    return word


@functools.cache
def _legal_forms() -> frozenset[str]:
    """All legal forms, each without spaces."""
    text = (
        resources.files("waypost.organizations.matching")
        .joinpath("legal_forms.txt")
        .read_text(encoding="utf-8")
    )
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(line.replace(" ", "") for line in lines)
