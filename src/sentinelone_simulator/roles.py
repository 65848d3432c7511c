"""Roles: which permissions each of them has (API notes 1).

The permissions in `data/roles.json` are all that the vendor's definition names, by page; a role is a list of
patterns over them. Which permissions a predefined role has on a real console is not public: a belief.
"""

import functools
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from sentinelone_simulator import clock
from sentinelone_simulator.catalogue import DATA

VIEW_RISKS = "Applications Page.viewRisks"
_FIRST_ID = 433_241_117_337_580_000
_MADE = clock.START - 2000 * clock.DAY + 257_525


@dataclass(frozen=True, slots=True)
class Role:
    id: str
    name: str
    description: str
    predefined: bool
    created: int
    permissions: frozenset[str]

    def covers(self, other: "Role") -> bool:
        """Whether who has this role may hand out the other one."""
        return other.permissions <= self.permissions


class _Described(msgspec.Struct):
    name: str
    description: str
    predefined: bool
    allow: list[str]
    deny: list[str]


class _File(msgspec.Struct):
    permissions: dict[str, list[str]]
    roles: list[_Described]


_FILE = msgspec.json.decode((DATA / "roles.json").read_bytes(), type=_File)
PAGES = _FILE.permissions
NAMES = frozenset(f"{page}.{permission}" for page, own in PAGES.items() for permission in own)


@functools.cache
def load() -> dict[str, Role]:
    """All roles of a console, by id."""
    found = (_role(number, described) for number, described in enumerate(_FILE.roles))
    return {role.id: role for role in found}


def named(name: str) -> Role:
    """Raises KeyError for a role that there is not."""
    return {role.name: role for role in load().values()}[name]


def _role(number: int, described: _Described) -> Role:
    return Role(
        id=str(_FIRST_ID + number),
        name=described.name,
        description=described.description,
        predefined=described.predefined,
        created=_MADE + number * clock.DAY,
        permissions=_matching(described.allow) - _matching(described.deny),
    )


def _matching(patterns: list[str]) -> frozenset[str]:
    return frozenset(name for name in NAMES if any(fnmatchcase(name, pattern) for pattern in patterns))
