"""Headers that list choices with a quality each."""

import pytest

from waypost.api import negotiation

OFFERS = ("zstd", "gzip")
JSON, OCSF = "application/json", "application/ocsf+json"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("GZIP, br", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip; q=0.2 , zstd;q=0", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.4, gzip;q=0.5", "gzip"),
        ("identity;q=0", None),
        ("br", None),
        ("gzip;q=", None),
        ("gzip;q=nan", None),
        ("gzip;q=7", None),
        (";;,,=;q", None),
        ("x," * 5_000 + "gzip", None),
    ],
)
def test_encodings(header: str, chosen: str | None) -> None:
    """What is wanted most and can be had; the body as it is where nothing is, or nothing can be understood."""
    assert negotiation.encoding(header, OFFERS) == chosen


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (OCSF, OCSF),
        (f"{JSON}, {OCSF}", JSON),
        (f"{JSON};q=0.8, {OCSF}", OCSF),
        (f"*/*, {JSON};q=0.5", OCSF),
        (f"application/*;q=0.1, {JSON};q=0", OCSF),
        (f"{OCSF}; version=1.8.0; q=0.3", OCSF),
        ("text/html", None),
        ("text/html, */*;q=0.1", JSON),
    ],
)
def test_media_types(header: str, chosen: str | None) -> None:
    """The most exact range decides about an offer, and of equals the first offer is taken."""
    assert negotiation.media_type(header, (JSON, OCSF)) == chosen
