"""What roles allow: the console's predefined ones, and how a permission's name tells that it only reads.

Names are those of the vendor's API definition (`Applications Page.viewRisks`); which path needs which is in
`refusals.PERMISSIONS`.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

VIEWER: Final = "Viewer"
"""The predefined role that Waypost needs, and no more (API notes, section 1)."""

READING_ROLES: Final = frozenset({"viewer", "c-level"})
ACTING_ROLES: Final = frozenset({"admin", "it", "soc", "ir team"})
"""Predefined roles by what they are for; any other name is a role of the customer's own."""

GRAVE: Final = (
    "Endpoints.disconnectFromNetwork",
    "Endpoints.shutDown",
    "Endpoints.remoteShell",
    "Endpoints.uninstall",
    "Endpoints.showPassphrase",
    "Service Users.create",
    "Users.create",
    "Policy.edit",
    "Exclusions.create",
    "Threats.rollback",
    "Threats.quarantine",
)
"""What a stolen token would do most harm with, the worst first."""

RENEWING: Final = frozenset({"Service Users.create", "Service Users.edit", "Service Users.delete"})
"""What a token needs beyond reading to make the token that comes after it."""

_READS: Final = "view"


class Role(msgspec.Struct, frozen=True):
    """A role as the console describes it (`/rbac/role/{id}`).

    Attributes:
        granted: Names of the permissions that are switched on.
    """

    name: str
    predefined: bool
    granted: frozenset[str]

    @property
    def acts(self) -> frozenset[str]:
        """The permissions by which it can change something."""
        return frozenset(name for name in self.granted if not reads(name))


class _Permission(msgspec.Struct):
    identifier: str = ""
    value: bool | None = None


class _Page(msgspec.Struct):
    identifier: str | None = None
    name: str | None = None
    permissions: list[_Permission] = []


class _Role(msgspec.Struct):
    name: str = ""
    predefinedRole: bool | None = None
    pages: list[_Page] = []


class _Document(msgspec.Struct):
    data: Any  # straight from JSON


def reads(permission: str) -> bool:
    """Whether a permission only lets one see something."""
    return permission.rpartition(".")[2].lower().startswith(_READS)


def gravest_first(names: Iterable[str]) -> list[str]:
    """Permissions in the order in which people should hear of them."""
    return sorted(names, key=lambda name: (GRAVE.index(name) if name in GRAVE else len(GRAVE), name))


def role(body: bytes) -> Role | None:
    """A role out of the console's answer; None where it is of another shape."""
    try:
        sent = msgspec.convert(msgspec.json.decode(body, type=_Document).data, _Role, strict=False)
    except msgspec.ValidationError:
        return None
    granted = {
        _full(page, permission)
        for page in sent.pages
        for permission in page.permissions
        if permission.value and permission.identifier
    }
    return Role(sent.name, bool(sent.predefinedRole), frozenset(granted))


def acting(name: str) -> bool | None:
    """Whether a predefined role can change something; None for one that is not known by its name."""
    known = name.strip().lower()
    if known in READING_ROLES:
        return False
    return True if known in ACTING_ROLES else None


def _full(page: _Page, permission: _Permission) -> str:
    if "." in permission.identifier:
        return permission.identifier
    return f"{page.identifier or page.name or ''}.{permission.identifier}"
