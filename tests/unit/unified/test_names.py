"""Names of connections and organizations: any script, nothing that hides."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.unified import names

LONGEST = 80
ANY_NAME = st.text(max_size=100) | st.text(
    st.characters(categories=["L", "N", "Zs", "Cf", "Mn", "P"]), max_size=90
)


@given(ANY_NAME)
def test_cleaning_is_done_once(text: str) -> None:
    """A cleaned name stays what it is when it is cleaned again, and is composed."""
    once = names.cleaned(text)
    assert names.cleaned(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert "  " not in once


@given(ANY_NAME)
def test_what_is_a_name(text: str) -> None:
    """What passes is short, begins with a letter or digit, and shows every character that it has."""
    name = names.cleaned(text)
    if names.problem(name, LONGEST):
        return
    assert 1 <= len(name) <= LONGEST
    assert name[0].isalnum() or unicodedata.category(name[0])[0] in "LN"
    hidden = {char for char in name if unicodedata.category(char)[0] == "C"}
    assert hidden <= {"\u200c", "\u200d"}


@given(
    st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=20), st.integers(0, 20)
)
def test_what_deceives_is_no_name(text: str, place: int) -> None:
    """A control character, a turn of the reading direction or an invisible one anywhere inside is refused."""
    for trick in "\0\x1b\n\t\x7f\u0085\u200b\u200e\u202e\u2066\u2069\ufeff\u00ad\u2028\u3164\ue000":
        name = names.cleaned(f"a{text[:place]}{trick}{text[place:]}z")
        assert "seen" in names.problem(name, LONGEST), repr(trick)


@pytest.mark.parametrize(
    "name",
    [
        "ACME", "Łódź", "Ελλάδα", "Компания", "شركة", "חברה", "日本支社", "한국", "हिन्दी", "தமிழ்",
        "ราชอาณาจักร", "می\u200cروم", "क्\u200dष", "3M", "R&D / EMEA; #2 (EU) 🚀", "naïve “quoted”",
    ],
)  # fmt: skip
def test_scripts(name: str) -> None:
    """Names as people all over the world write them are taken."""
    assert names.problem(names.cleaned(name), LONGEST) == ""


@pytest.mark.parametrize("name", ["A\u200dB", "\u200dक", "क\u200d", "ACME\u200c"])
def test_joiners_that_join_nothing(name: str) -> None:
    """An invisible joiner where it changes nothing would make a second name of the same looks."""
    assert names.problem(names.cleaned(name), LONGEST)


@pytest.mark.parametrize("name", ["", " ", "-x", "_", ".", "🚀", "\u0301a", "(a)"])
def test_what_begins_with_nothing(name: str) -> None:
    """A name begins with a letter or digit, so that no command line takes it for an option."""
    assert names.problem(names.cleaned(name), LONGEST)


@given(st.text(max_size=300))
def test_a_refused_name_can_be_shown(text: str) -> None:
    """What is shown of a name that is none steers no terminal."""
    shown = names.shown(text, LONGEST)
    assert len(shown) <= LONGEST
    assert shown.isprintable()
