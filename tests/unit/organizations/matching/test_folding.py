"""Folding: names taken apart into words that are written in one way."""

# ruff: noqa: RUF001  # names are in many scripts

import pytest

from waypost.organizations.matching import folding


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Café Łódź-Süd", ["cafe", "lodz", "sud"]),
        ("O’Brien's", ["obriens"]),
        ("AcmeGmbH", ["acme", "gmbh"]),
        ("ＡＣＭＥ １２", ["acme", "12"]),
        ("हिन्दी कंपनी", ["हिन्दी", "कंपनी"]),
        ("Ёлка Ῥόδος", ["елка", "ροδοσ"]),
        (" -- ", []),
    ],
)
def test_words(name: str, words: list[str]) -> None:
    """Case, accents and width make no difference; the marks that are vowels in other scripts do."""
    assert [word.folded for word in folding.words_of(name)] == words


def test_what_sets_words_apart() -> None:
    """A bracket, a `#`, a `_` or a dash between spaces sets apart; a space, a dot or a hyphen does not."""
    words = folding.words_of("A b.c d-e [f] g_h #i - j- k")
    assert [word.written for word in words if word.apart] == ["f", "g", "h", "i", "j", "k"]
