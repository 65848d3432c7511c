"""Similar names: found without comparing with all, and ranked."""

import time

from hypothesis import given
from hypothesis import strategies as st

from waypost.organizations.matching.similarity import Names

KNOWN = [
    ("kerensen", "consulting"),
    ("boston", "consulting"),
    ("boston", "medical", "holdings"),
    ("international", "widgets"),
    ("green", "tomato"),
    ("cafe", "central"),
]


def closest(*words: str) -> tuple[str, ...]:
    """The name that resembles these words most."""
    return KNOWN[Names(KNOWN).resembling(words)[0][1]]


def test_what_resembles_what() -> None:
    """Rare words say more than common ones; misspelt, abbreviated, run together or as initials a name is found."""
    assert closest("kerensen", "gruppe") == ("kerensen", "consulting")
    assert closest("kerensne", "consulting") == ("kerensen", "consulting")
    assert closest("boston", "med", "holding") == ("boston", "medical", "holdings")
    assert closest("bmh") == ("boston", "medical", "holdings")
    assert closest("inter", "widget") == ("international", "widgets")
    assert closest("greentomatoes") == ("green", "tomato")


def test_nothing_in_common() -> None:
    """A name that shares no word, piece or initials with any is compared with none."""
    assert Names(KNOWN).resembling(("zzz",)) == []
    assert Names([]).resembling(("zzz",)) == []


@given(
    st.lists(st.lists(st.text("abc", min_size=1), min_size=1, max_size=3)),
    st.lists(st.text("abc", min_size=1)),
)
def test_ranking(known: list[list[str]], words: list[str]) -> None:
    """Resemblance lies between 0 and 1, falls along the list, and is told once for each name."""
    if not words:
        return
    found = Names(known).resembling(words)
    scores = [score for score, _ in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert len({number for _, number in found}) == len(found)


def test_many_with_the_same_words() -> None:
    """Thousands of names that are nearly the same cost no more than a few."""
    names = Names([("acme", "site", f"number{number}") for number in range(5000)])
    started = time.process_time()
    for number in range(200):
        names.resembling(("acme", "site", f"numbr{number}"))
    assert time.process_time() - started < 2
