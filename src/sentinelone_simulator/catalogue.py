"""What can be installed and what is wrong with it: products, versions and their real CVEs.

`data/cves.csv` holds real identifiers with the CVSS v3 base score published for them; the month of
publication is to the month only. A CVE affects the versions of its products released before it was
published: close to the truth, and enough for a console that only has to look like one.
"""

import csv
import functools
from array import array
from dataclasses import dataclass
from importlib import resources

from sentinelone_simulator import clock, dice

DATA = resources.files("sentinelone_simulator") / "data"


@dataclass(frozen=True, slots=True)
class Cve:
    id: str
    score: float
    cvss_version: str
    published: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one product; its risks are `catalogue.pairs` first to last (exclusive)."""

    index: int
    name: str
    vendor: str
    version: str
    first: int
    last: int

    @property
    def application(self) -> str:
        """Name and version in one, unless the name has the version inside already."""
        return self.name if self.version in self.name else f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Product:
    key: str
    platforms: str
    share: int
    operating_system: bool
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`pair_version[p]` and `pair_cve[p]` say which version and CVE pair `p` joins; `pair_published` since when."""

    products: tuple[Product, ...]
    versions: tuple[Version, ...]
    cves: tuple[Cve, ...]
    pair_version: "array[int]"
    pair_cve: "array[int]"
    pair_published: "array[int]"

    def on(self, platform: str) -> list[Product]:
        return [product for product in self.products if platform in product.platforms]

    def cve_of(self, pair: int) -> Cve:
        return self.cves[self.pair_cve[pair]]

    def version_of(self, pair: int) -> Version:
        return self.versions[self.pair_version[pair]]


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


def _cve(row: dict[str, str]) -> Cve:
    month = clock.parse(f"{row['published']}-01T00:00:00Z")
    noise = dice.mix(dice.word(row["cve"]))
    published = month + (7 + noise % 21) * clock.DAY + (noise >> 8) % 86_400 * clock.SECOND
    version = "3.0" if row["published"] < "2019-07" else "3.1"
    return Cve(row["cve"], float(row["score"]), version, published)


@functools.cache
def load() -> Catalogue:
    """Read the tables of the package; they never change, so once is enough."""
    cve_rows = _rows("cves.csv")
    cves = tuple(_cve(row) for row in cve_rows)
    affecting: dict[str, list[int]] = {}
    for number, row in enumerate(cve_rows):
        for key in row["products"].split():
            affecting.setdefault(key, []).append(number)
    for numbers in affecting.values():
        numbers.sort(key=lambda number: cves[number].published)

    versions: list[Version] = []
    products: list[Product] = []
    pair_version, pair_cve = array("H"), array("H")
    for row in _rows("products.csv"):
        own: list[Version] = []
        for text in row["versions"].split():
            version, month = text.split("@")
            released = clock.parse(f"{month}-28T00:00:00Z")
            first = len(pair_cve)
            pair_cve.extend(n for n in affecting.get(row["key"], ()) if cves[n].published > released)
            pair_version.extend([len(versions)] * (len(pair_cve) - first))
            name = row["name"].replace("{version}", version)
            own.append(Version(len(versions), name, row["vendor"], version, first, len(pair_cve)))
            versions.append(own[-1])
        products.append(
            Product(
                row["key"], row["platforms"], int(row["share"]), bool(row["operating_system"]), tuple(own)
            )
        )
    published = array("q", [cves[number].published for number in pair_cve])
    return Catalogue(tuple(products), tuple(versions), cves, pair_version, pair_cve, published)
