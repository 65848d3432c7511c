"""Where Vulnerability Management is licensed, and where it scans."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.connections.examination import vulnerabilities
from waypost.connections.examination.questions import Answer
from waypost.connections.examination.vulnerabilities import Site


def site(number: int, *, agents: int = 1, licensed: bool | None = True, state: str = "active") -> Site:
    return Site(str(number), f"Site {number}", state, agents, licensed)


SITES = st.lists(
    st.builds(
        Site,
        id=st.integers(1, 10_000).map(str),
        name=st.text(max_size=5),
        state=st.sampled_from(["active", "expired", "deleted"]),
        agents=st.integers(0, 50),
        licensed=st.sampled_from([True, False, None]),
    ),
    max_size=30,
    unique_by=lambda each: each.id,
)


@pytest.mark.parametrize(
    ("row", "licensed"),
    [
        (
            {"id": "1", "licenses": {"modules": [{"name": "star"}, {"name": "vulnerability_management"}]}},
            True,
        ),
        ({"id": "1", "licenses": {"modules": [{"name": "ranger"}]}}, False),
        ({"id": "1", "licenses": {"modules": []}}, False),
        ({"id": "1", "licenses": {"modules": None}}, None),
        ({"id": "1", "licenses": None}, None),
        ({"id": "1"}, None),
        ({"id": "1", "licenses": "complete"}, None),
        ({}, None),
    ],
)
def test_a_sites_licence(row: dict[str, Any], licensed: bool | None) -> None:
    """The module is looked for by its name; a row that says nothing of licences is one that says nothing."""
    assert vulnerabilities.site(row).licensed is licensed


@given(SITES, st.integers(0, 12))
def test_the_sample(sites: list[Site], most: int) -> None:
    """Asked are sites in use, no more than there may be, and of those licensed the ones with most agents."""
    chosen = vulnerabilities.sample(sites, most)
    active = [each for each in sites if each.state == "active"]
    assert len(chosen) == min(len(active), most, vulnerabilities.SAMPLED)
    assert set(chosen) <= set(active)
    left = [each for each in active if each not in chosen]
    for out in left:
        for inside in chosen:
            assert (bool(inside.licensed), inside.agents) >= (bool(out.licensed), out.agents)


@given(SITES)
def test_every_site_without_a_licence_is_listed(sites: list[Site]) -> None:
    """The details hold all of them; the sentence names a few."""
    found = vulnerabilities.licence(sites, len(sites))
    without = [{"id": each.id, "name": each.name} for each in sites if each.licensed is False]
    assert found.details.get("without_licence", []) == without
    assert found.state == (
        "skipped" if all(each.licensed is None for each in sites) else "warn" if without else "pass"
    )


def test_sites_that_are_not_scanned() -> None:
    """A site where scanning is off is named, with what that means and what to do."""
    asked = [(site(1), Answer(content=True)), (site(2), Answer(content=False))]
    found = vulnerabilities.scanning(asked, 2000)
    assert found.state == "warn"
    assert found.found.startswith("Sampled 2 of 2,000 sites. Switched off for Site 2.")
    assert '"not scanned", not "clean"' in found.found
    assert found.details["not_scanned"] == [{"id": "2", "name": "Site 2"}]
    assert "Sites page" in found.remedy


def test_all_are_scanned() -> None:
    """Where all sites were asked and are scanned, nothing is said of samples."""
    asked = [(site(number), Answer(content=True)) for number in range(3)]
    found = vulnerabilities.scanning(asked, 3)
    assert (found.state, found.found) == ("pass", "Switched on for all 3 sites.")
    assert vulnerabilities.scanning(asked[:1], 1).found == "Switched on for the only site."


def test_settings_that_are_refused() -> None:
    """A role that may not read the settings is told which permission that takes."""
    refusal = errors.ForbiddenRoleError("No.", status=403, vendor_code=4030010)
    found = vulnerabilities.scanning([(site(1), Answer(error=refusal))], 1)
    assert found.state == "warn"
    assert "Applications Page.view" in found.remedy
    assert vulnerabilities.scanning([(site(1), Answer(error=errors.LimitedError()))], 1).state == "warn"
    assert vulnerabilities.scanning([(site(1), Answer(unasked="No time."))], 1).found == "No time."
    assert vulnerabilities.scanning([], 0).state == "skipped"
