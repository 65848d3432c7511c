"""The tables of products and CVEs."""

import re

from sentinelone_simulator import catalogue, clock

BOOK = catalogue.load()


def test_size() -> None:
    """At least 350 CVEs over at least 60 products."""
    assert len(BOOK.cves) >= 350
    assert sum(any(v.last > v.first for v in product.versions) for product in BOOK.products) >= 60


def test_cves_are_well_formed() -> None:
    """Identifiers are CVE ids, each once, with a score from 0.1 to 10 and a month in the past."""
    assert len({cve.id for cve in BOOK.cves}) == len(BOOK.cves)
    for cve in BOOK.cves:
        assert re.fullmatch(r"CVE-20\d\d-\d{4,5}", cve.id)
        assert 0.1 <= cve.score <= 10
        assert int(cve.id[4:8]) <= clock.instant(cve.published).year
        assert cve.published < clock.START


def test_every_cve_affects_something() -> None:
    """No CVE is in the table for nothing: each affects a version of some product."""
    assert {BOOK.pair_cve[pair] for pair in range(len(BOOK.pair_cve))} == set(range(len(BOOK.cves)))


def test_some_famous_scores() -> None:
    """Scores are the published ones."""
    scores = {cve.id: cve.score for cve in BOOK.cves}
    assert scores["CVE-2021-44228"] == 10.0
    assert scores["CVE-2023-38831"] == 7.8
    assert scores["CVE-2021-44142"] == 8.8
    assert scores["CVE-2024-6387"] == 8.1


def test_versions_in_names() -> None:
    """A name with its version inside is not given the version twice."""
    putty = next(version for version in BOOK.versions if version.name.startswith("PuTTY"))
    assert putty.application == putty.name
    chrome = next(version for version in BOOK.versions if version.name == "Google Chrome")
    assert chrome.application == f"Google Chrome {chrome.version}"
