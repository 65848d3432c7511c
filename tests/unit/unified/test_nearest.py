"""The name that somebody meant."""

import time

import pytest

from waypost.unified import nearest

NAMES = ("limit", "cursor", "organization", "detected_since", "severity")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("limt", "limit"),
        ("organisation", "organization"),
        ("detectedSince", "detected_since"),
        ("Detected-Since", "detected_since"),
        ("severities", "severity"),
        ("page", ""),
        ("", ""),
    ],
)
def test_nearest(text: str, meant: str) -> None:
    """A slip finds its name, however it is written; what is like nothing finds nothing."""
    assert nearest.nearest(text, NAMES) == meant


def test_refusals() -> None:
    """Whoever was near is asked whether he meant it; anybody else is told what there is."""
    assert nearest.refusal("parameter", "limt", NAMES) == "There is no such parameter. Did you mean limit?"
    assert nearest.refusal("field", "x", ("name", "url")) == "There is no such field. There are name, url."
    assert nearest.refusal("parameter", "x", ()) == "There is no such parameter."


def test_long_texts_cost_nothing() -> None:
    """A megabyte in place of a name is looked at no longer than a name."""
    began = time.perf_counter()
    nearest.nearest("x" * 1_000_000, NAMES)
    assert time.perf_counter() - began < 0.1
