"""Domains: which tell anything, and whose a device's is."""

import pytest

from waypost.organizations.matching import domains


@pytest.mark.parametrize(
    "domain", ["WORKGROUP", "workgroup", "local", "LAN", "gmail.com", "co.uk", "", " ", ".", "com"]
)
def test_domains_of_nobody(domain: str) -> None:
    """A domain that many have tells nothing, not even where an organization claims it."""
    assert not domains.telling(domain)
    assert domains.Owners([(domain, 1)]).shares({domain: 9}) == (0, {})


def test_whose_a_domain_is() -> None:
    """A device belongs to the nearest domain above its own that somebody has; one word is above nothing."""
    owners = domains.Owners(
        [("acme.com", 1), ("@Lab.Acme.com", 2), ("ACME", 3), ("globex.de", 4), ("globex.de", 5)]
    )
    assert owners.of("corp.ACME.com.") == {1}
    assert owners.of("a.lab.acme.com") == {2}
    assert owners.of("acme") == {3}
    assert owners.of("corp.acme") == frozenset()
    assert owners.of("globex.de") == {4, 5}
    assert owners.of("notacme.com") == frozenset()


def test_shares() -> None:
    """Devices in domains that tell nothing do not count; a domain of hardly any device is a visitor's."""
    owners = domains.Owners([("acme.com", 1), ("globex.de", 2), ("visitor.org", 3)])
    found = owners.shares({"acme.com": 10, "globex.de": 9, "visitor.org": 1, "WORKGROUP": 50})
    assert found == (20, {1: 0.5, 2: 0.45})
    assert owners.shares({"acme.com": 0}) == (0, {})


@pytest.mark.parametrize(
    ("of_devices", "main"),
    [
        ({"ad.acme.co.uk": 5, "WORKGROUP": 9}, ("ad.acme.co.uk", "acme")),
        ({"acme.local": 5, "other.de": 2}, ("acme.local", "acme")),
        ({"ACME": 1}, ("ACME", "acme")),
        ({"acme.com": 5, "other.de": 5}, ("", "")),
        ({"WORKGROUP": 5}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_what_the_main_domain_is_called(of_devices: dict[str, int], main: tuple[str, str]) -> None:
    """The domain of more than half of the devices has a name, which is what stands before its public part."""
    assert domains.main(of_devices) == main
