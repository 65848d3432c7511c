"""Which names resemble a name: found by rare words, pieces and initials, ranked by what they have in common.

Words count by how rare they are among the names: `Kerensen` says more than `Consulting`. A name is compared with a
few dozen that share its rarest words or pieces of three letters, roughly, and closely with the best of these.

The weights are those of a logistic regression on one half of the alternative spellings in `benchmarks/suggestions.py`,
rounded; `docs/benchmarks.md` says how the other half fares.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from rapidfuzz.distance import Indel, Prefix

_COVERS: Final = 4.0
"""For having all words of the other name, in proportion to their rarity; nearly the same words count in part."""
_SHARES: Final = 3.2
"""For having the same words and no others, in proportion."""
_BEGINS: Final = 2.7
"""For beginning alike, in proportion to the shorter name."""
_INITIALS: Final = 3.9
"""For a word that consists of initials of the other name."""
_HAS_THE_RAREST: Final = 1.3
"""For having the rarest word of the other name."""
_SPELT: Final = 30.0
"""For being spelt alike as a whole, in proportion to what goes beyond the next."""
_FAIRLY: Final = 0.8
_BIAS: Final = -8.3
"""With nothing in common."""

_PIECE: Final = 3
_PIECES: Final = 6
"""Only the rarest pieces of a name are looked up,"""
_VISITS: Final = 200
"""until so many names have been met,"""
_MOST_OF_A_KIND: Final = 12
"""of which so many are compared, and as many again that share words,"""
_CLOSELY: Final = 8
"""and of these so many closely."""
_MOST_INITIALS: Final = 20
_SHORT_NAMES: Final = range(2, 6)
"""Letters of words that may be initials."""
_ABBREVIATED: Final = 0.7
_MISSPELT: Final = 0.75
_SHORTEST_ABBREVIATION: Final = 3
_SHORTEST_MISSPELT: Final = 4

Words = Sequence[str]


class Names:
    """Names that can be searched for what resembles a name.

    Args:
        names: The words of each, cleaned.
    """

    def __init__(self, names: Sequence[Words]) -> None:
        self._words = [dict.fromkeys(words) for words in names]
        self._keys = ["".join(words) for words in names]
        self._initials = [_initials(words) for words in names]
        self._short = [_short(words) for words in names]
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._by_piece: dict[str, list[int]] = defaultdict(list)
        self._by_initials: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(self._keys):
            for word in self._words[number]:
                self._by_word[word].append(number)
            for piece in _pieces(key):
                self._by_piece[piece].append(number)
            if self._initials[number]:
                self._by_initials[self._initials[number]].append(number)
        total = len(names) + 1
        self._rarity = {word: math.log(1 + total / len(at)) for word, at in self._by_word.items()}
        self._unheard = math.log(1 + total)
        self._weights = [sum([self._rarity[word] for word in words]) for words in self._words]
        self._rarest = [max(words, key=self._rarity.__getitem__, default="") for words in self._words]

    def resembling(self, words: Words) -> list[tuple[float, int]]:
        """Resemblance, 0 to 1, and number of the names that resemble this one, the closest first."""
        mine = dict.fromkeys(words)
        key = "".join(words)
        roughly = self._roughly(mine, key, _initials(words), _short(words))
        roughly.sort(reverse=True)
        closely = [(self._closely(mine, key, number, score), number) for score, number in roughly[:_CLOSELY]]
        closely.sort(key=_closest_first)
        return [(1 / (1 + math.exp(-score)), number) for score, number in closely]

    def _worth_comparing(self, mine: Iterable[str], key: str, initials: str, short: Words) -> set[int]:
        """The names that share the rarest words or pieces, or are the initials of this one or the other way round."""
        words = [at for word in mine if (at := self._by_word.get(word)) is not None]
        pieces = [at for piece in _pieces(key) if (at := self._by_piece.get(piece)) is not None]
        chosen = {*_most(words, len(words)), *_most(pieces, _PIECES)}
        for at in (
            self._by_word.get(initials) if initials else None,
            *(self._by_initials.get(word) for word in short),
            self._by_initials.get(key),
        ):
            if at is not None:
                chosen.update(at[:_MOST_INITIALS])
        return chosen

    def _roughly(
        self, mine: dict[str, None], key: str, initials: str, short: Words
    ) -> list[tuple[float, int]]:
        """What this name has in common with those worth comparing, without what is only nearly the same."""
        rarity, all_words, all_keys, weights = self._rarity, self._words, self._keys, self._weights
        all_initials, all_short, all_rarest = self._initials, self._short, self._rarest
        weight = sum([rarity.get(word, self._unheard) for word in mine])
        length = len(key)
        found: list[tuple[float, int]] = []
        for number in self._worth_comparing(mine, key, initials, short):
            theirs, their_key, their_weight = all_words[number], all_keys[number], weights[number]
            common = 0.0
            for word in mine:
                if word in theirs:
                    common += rarity[word]
            score = _BIAS + _BEGINS * Prefix.similarity(key, their_key) / min(length, len(their_key))
            if common:
                score += common * (_COVERS / their_weight + 2 * _SHARES / (weight + their_weight))
                if all_rarest[number] in mine:
                    score += _HAS_THE_RAREST
            if (short and _are_initials(short, all_initials[number], theirs)) or (
                initials and all_short[number] and _are_initials(all_short[number], initials, mine)
            ):
                score += _INITIALS
            found.append((score, number))
        return found

    def _closely(self, mine: dict[str, None], key: str, number: int, score: float) -> float:
        """The score with the words that are abbreviated or misspelt."""
        theirs = self._words[number]
        unmatched = [word for word in theirs if word not in mine]
        if unmatched:
            rarity = self._rarity
            gained = 0.0
            for word in mine:
                if word not in theirs:
                    best = 0.0
                    for other in unmatched:
                        if word[0] == other[0]:
                            best = max(
                                best,
                                _nearly(word, other) * min(rarity.get(word, self._unheard), rarity[other]),
                            )
                    gained += best
            score += _COVERS * min(gained / self._weights[number], 1.0)
        return score + _SPELT * max(0.0, Indel.normalized_similarity(key, self._keys[number]) - _FAIRLY)


def _are_initials(words: Words, initials: str, of: dict[str, None]) -> bool:
    """Whether one of these words consists of initials of a name, and is no word of it."""
    for word in words:  # noqa: SIM110  # a hundred thousand times; a generator costs as much again
        if word in initials and word not in of:
            return True
    return False


def _nearly(one: str, other: str) -> float:
    """How nearly two words that begin alike are the same: abbreviated, or misspelt."""
    shorter = min(len(one), len(other))
    if shorter >= _SHORTEST_ABBREVIATION and (one.startswith(other) or other.startswith(one)):
        return _ABBREVIATED
    if shorter >= _SHORTEST_MISSPELT:
        likeness = Indel.normalized_similarity(one, other)
        return likeness if likeness > _MISSPELT else 0.0
    return 0.0


def _most(postings: list[list[int]], most: int) -> list[int]:
    """The numbers that occur most in these lists, of which the shortest are looked through until it is enough."""
    postings.sort(key=len)
    found: Counter[int] = Counter()
    visits = 0
    for at in postings[:most]:
        visits += len(at)
        if visits > _VISITS and found:
            break
        found.update(at[:_VISITS])
    if len(found) <= _MOST_OF_A_KIND:
        return list(found)
    return sorted(found, key=found.__getitem__, reverse=True)[:_MOST_OF_A_KIND]


def _closest_first(found: tuple[float, int]) -> tuple[float, int]:
    return -found[0], found[1]


def _initials(words: Words) -> str:
    return "".join([word[0] for word in words]) if len(words) > 1 else ""


def _short(words: Words) -> list[str]:
    """The words that may be the initials of others."""
    return [word for word in words if len(word) in _SHORT_NAMES]


def _pieces(key: str) -> dict[str, None]:
    """All pieces of three letters, each once, in their order."""
    padded = f"^{key}$"
    return dict.fromkeys([padded[place : place + _PIECE] for place in range(len(padded) - _PIECE + 1)])
