"""Domains of devices and of organizations: whose a device's domain is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from waypost.organizations.matching.vocabulary import PUBLIC_DOMAINS

_TRACE: Final = 0.1
"""A domain of fewer of the devices says nothing: a visitor's laptop."""


def normal(domain: str) -> str:
    """A domain as it is compared."""
    return domain.strip().strip(".").removeprefix("@").casefold()


def telling(domain: str) -> bool:
    """Whether a domain is somebody's, and not one that many have, as WORKGROUP or gmail.com."""
    domain = normal(domain)
    return bool(domain) and domain not in PUBLIC_DOMAINS and not domain.isdigit()


def main(of_devices: Mapping[str, int]) -> tuple[str, str]:
    """The domain of more than half of the devices that tell, and what it is called; empty if there is none."""
    known = {domain: devices for domain, devices in of_devices.items() if telling(domain)}
    total = sum(known.values())
    for domain, devices in known.items():
        if 2 * devices > total:
            return domain, _label(normal(domain))
    return "", ""


def _label(domain: str) -> str:
    """The part of a domain that names its owner: `acme` of ad.acme.co.uk and of acme.local."""
    parts = domain.split(".")
    public = 1
    while public < len(parts) - 1 and ".".join(parts[-public - 1 :]) in PUBLIC_DOMAINS:
        public += 1
    return parts[-public - 1] if len(parts) > public else parts[0]


class Owners:
    """Which organization has which domain.

    Args:
        owned: A domain and an organization's id, as often as needed.
    """

    def __init__(self, owned: Iterable[tuple[str, int]]) -> None:
        self._owners: dict[str, set[int]] = defaultdict(set)
        for domain, owner in owned:
            if telling(domain):
                self._owners[normal(domain)].add(owner)

    def shares(self, of_devices: Mapping[str, int]) -> tuple[int, dict[int, float]]:
        """How many devices tell, and the organizations to whose domains they belong, with the part of each."""
        total = 0
        counts: dict[int, int] = defaultdict(int)
        for domain, devices in of_devices.items():
            if telling(domain):
                total += devices
                for owner in self.of(domain):
                    counts[owner] += devices
        return total, {
            owner: count / total for owner, count in counts.items() if count >= max(_TRACE * total, 1)
        }

    def of(self, domain: str) -> frozenset[int]:
        """The owners of a domain, or of the nearest above it: a device in corp.acme.com is in acme.com."""
        domain = normal(domain)
        if domain in self._owners:
            return frozenset(self._owners[domain])
        while "." in domain:
            domain = domain.partition(".")[2]
            if "." in domain and domain in self._owners:
                return frozenset(self._owners[domain])
        return frozenset()
