"""The consoles' accounts and sites with what is decided about them, held in memory.

What is true of a site follows from three levels: its own decision, its account's, and the organization that its
connection belongs to. The view `site_owner` says the same to the database; a test holds the two against each other.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import class_row

from waypost.organizations.mapping.decisions import Decided, Kind
from waypost.storage import queries
from waypost.storage.database import Connection

Key = tuple[int, Kind, int]
"""A site or account: connection, kind, and the console's id."""

Place = tuple[str, Kind, int]
"""What a site or account is in its console, whichever connection lists it: the console's address, kind and id."""

CONNECTION: Final = "connection"
"""Origin of what is true of a site because its connection belongs to an organization."""


class Console(msgspec.Struct, frozen=True):
    """A connection, as far as the mapping goes by it.

    Attributes:
        organization_id: The one that it was connected for.
    """

    connection_id: int
    connection_uuid: UUID
    name: str
    base_url: str
    organization_id: int | None
    is_default: bool


class Ruling(msgspec.Struct, frozen=True):
    """What is decided: about a site or account itself, or by what is above it.

    Attributes:
        origin: `site`, `account` or `connection`; None while nothing is decided.
    """

    decision: Decided
    organization_id: int | None = None
    reason: str | None = None
    origin: str | None = None

    @property
    def decides(self) -> bool:
        return self.decision is not Decided.UNDECIDED

    def routes_like(self, other: "Ruling") -> bool:
        """Whether data goes where it goes by the other, whatever level says so."""
        return (self.decision, self.organization_id) == (other.decision, other.organization_id)


OPEN: Final = Ruling(Decided.UNDECIDED)


class Scope(msgspec.Struct, frozen=True):
    """A site or account, and what is decided about it itself.

    Attributes:
        account_id: Of a site.
        version: The save that last decided about it; 0 for none.
    """

    connection_id: int
    kind: Kind
    scope_id: int
    name: str | None
    account_id: int | None
    external_id: str | None
    state: str | None
    gone: bool
    own: Ruling
    version: int

    @property
    def key(self) -> Key:
        return (self.connection_id, self.kind, self.scope_id)

    @property
    def standing(self) -> str:
        """How it stands in the console, as the view `site_standing` says it too."""
        if self.gone:
            return "gone"
        return self.state if self.state in {"expired", "deleted"} else "active"

    @property
    def account_key(self) -> Key | None:
        """Of the account that a site is in."""
        return None if self.account_id is None else (self.connection_id, Kind.ACCOUNT, self.account_id)


class Estate:
    """Every console that is connected, with its accounts and sites.

    Args:
        consoles: All connections that are not deleted, the default first.
        scopes: Their accounts and sites.
    """

    def __init__(self, consoles: Sequence[Console], scopes: Sequence[Scope]) -> None:
        self.consoles = {console.connection_id: console for console in consoles}
        self.scopes = {scope.key: scope for scope in scopes if scope.connection_id in self.consoles}

    @cached_property
    def sites(self) -> list[Scope]:
        return [scope for scope in self.scopes.values() if scope.kind is Kind.SITE]

    @cached_property
    def _by_account(self) -> Mapping[Key, list[Scope]]:
        found: dict[Key, list[Scope]] = defaultdict(list)
        for site in self.sites:
            if site.account_key is not None:
                found[site.account_key].append(site)
        return found

    @cached_property
    def _by_place(self) -> Mapping[Place, list[Scope]]:
        found: dict[Place, list[Scope]] = defaultdict(list)
        for scope in self.scopes.values():
            found[self.place(scope)].append(scope)
        return found

    @cached_property
    def by_name(self) -> Mapping[tuple[int, Kind, str], list[Scope]]:
        found: dict[tuple[int, Kind, str], list[Scope]] = defaultdict(list)
        for scope in self.scopes.values():
            found[scope.connection_id, scope.kind, scope.name or ""].append(scope)
        return found

    @cached_property
    def by_id(self) -> Mapping[tuple[Kind, int], list[Scope]]:
        found: dict[tuple[Kind, int], list[Scope]] = defaultdict(list)
        for scope in self.scopes.values():
            found[scope.kind, scope.scope_id].append(scope)
        return found

    def console(self, scope: Scope) -> Console:
        return self.consoles[scope.connection_id]

    def place(self, scope: Scope) -> Place:
        return (self.console(scope).base_url, scope.kind, scope.scope_id)

    def account(self, site: Scope) -> Scope | None:
        return None if site.account_key is None else self.scopes.get(site.account_key)

    def below(self, scope: Scope) -> list[Scope]:
        """The sites that a decision about this may concern: itself, or those of the account."""
        return [scope] if scope.kind is Kind.SITE else self._by_account.get(scope.key, [])

    def twins(self, scope: Scope) -> Iterator[Scope]:
        """The same site or account, as other connections to the same console list it."""
        return (other for other in self._by_place[self.place(scope)] if other.key != scope.key)

    def effective(self, scope: Scope, rulings: Mapping[Key, Ruling] = {}) -> Ruling:
        """What is true of a site or account; the nearest level wins.

        Args:
            scope: Which.
            rulings: What is decided about some of them instead.
        """
        own = rulings.get(scope.key, scope.own)
        if own.decides:
            return own
        account = self.account(scope)
        if account is not None and (above := rulings.get(account.key, account.own)).decides:
            return above
        console = self.console(scope)
        if console.organization_id is not None:
            return Ruling(Decided.MAPPED, console.organization_id, origin=CONNECTION)
        return OPEN


class _Row(msgspec.Struct, frozen=True):
    connection_id: int
    scope_id: int
    name: str | None
    account_id: int | None
    external_id: str | None
    state: str | None
    gone: bool
    decision: str | None
    organization_id: int | None
    reason: str | None
    version: int


async def load(db: Connection) -> Estate:
    """The estate as it is now."""
    async with db.cursor(row_factory=class_row(Console)) as cursor:
        await cursor.execute(queries.mapping.consoles)
        consoles = await cursor.fetchall()
    scopes: list[Scope] = []
    async with db.cursor(row_factory=class_row(_Row)) as rows:
        await rows.execute(queries.mapping.accounts)
        scopes += [_scope(Kind.ACCOUNT, row) for row in await rows.fetchall()]
        await rows.execute(queries.mapping.sites)
        scopes += [_scope(Kind.SITE, row) for row in await rows.fetchall()]
    return Estate(consoles, scopes)


def _scope(kind: Kind, row: _Row) -> Scope:
    own = OPEN
    if row.decision is not None and (decision := Decided(row.decision)) is not Decided.UNDECIDED:
        own = Ruling(decision, row.organization_id, row.reason, str(kind))
    return Scope(
        connection_id=row.connection_id,
        kind=kind,
        scope_id=row.scope_id,
        name=row.name,
        account_id=row.account_id,
        external_id=row.external_id,
        state=row.state,
        gone=row.gone,
        own=own,
        version=row.version,
    )
