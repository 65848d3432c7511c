"""Sites and accounts as people name them: by name or id, alone or after a slash with their connection or account.

Names may have slashes in them themselves. What is written is therefore compared with what there is, and never cut by
rule; what could be meant in two ways is refused.
"""

from collections.abc import Callable, Iterator
from typing import Final

from waypost import errors
from waypost.organizations.mapping.decisions import Kind
from waypost.organizations.mapping.estate import Console, Estate, Scope

_TOLD: Final = 5
"""So many of those that a text could mean are told."""

_TESTS: Final[tuple[Callable[[Scope, str], bool], ...]] = (
    lambda scope, text: str(scope.scope_id) == text,
    lambda scope, text: scope.name == text,
    lambda scope, text: (scope.name or "").casefold() == text.casefold(),
)
"""What makes a text mean a site or account; what comes first wins over what comes later."""


class Named:
    """The sites or accounts that texts can mean.

    Args:
        estate: What there is.
        kind: Sites or accounts.
        connection: Name or id of the only connection to look at; by default all.

    Raises:
        NoSuchConnectionError: There is none of this name or id.
    """

    def __init__(self, estate: Estate, kind: Kind, connection: str = "") -> None:
        self._estate = estate
        self._kind = kind
        consoles = [one for one in estate.consoles.values() if not connection or _is(one, connection)]
        if not consoles and connection:
            raise errors.NoSuchConnectionError(f"There is no connection {connection!r}.")
        self._consoles = {console.connection_id: console for console in consoles}
        self._scopes = [
            scope
            for scope in estate.scopes.values()
            if scope.kind is kind and scope.connection_id in self._consoles
        ]

    def matching(self, text: str) -> list[Scope]:
        """Those that a text may mean: by id, else by the very name, else by the name in any case."""
        found = [
            (scope, name)
            for place, name in readings(text)
            for scope in self._scopes
            if place is None or self._is_in(scope, place)
        ]
        for test in _TESTS:
            if meant := [scope for scope, name in found if test(scope, name)]:
                return meant
        return []

    def one(self, text: str) -> Scope:
        """The one that a text means.

        Raises:
            NoSuchScopeError: There is none, or several.
        """
        meant = self.matching(text)
        if len(meant) == 1:
            return meant[0]
        if not meant:
            raise errors.NoSuchScopeError(f"There is no {self._kind} {text!r}.")
        told = "; ".join(map(self._told, meant[:_TOLD])) + ("; …" if len(meant) > _TOLD else "")
        raise errors.NoSuchScopeError(
            f"{text!r} can be any of {len(meant)} {self._kind}s: {told}.",
            remedy="Name its connection or account before a slash, or use the id: CONNECTION/ID.",
        )

    def _is_in(self, scope: Scope, place: str) -> bool:
        """Whether it is in the connection of this name, or in the account, or in that of the connection."""
        console = self._consoles[scope.connection_id]
        if _is(console, place):
            return True
        account = self._estate.account(scope) if scope.kind is Kind.SITE else None
        called = [str(account.scope_id), account.name or ""] if account else []
        called += [f"{console.name}/{name}" for name in called]
        return place.casefold() in map(str.casefold, called)

    def _told(self, scope: Scope) -> str:
        account = self._estate.account(scope) if scope.kind is Kind.SITE else None
        parts = [f"{scope.name!r}"]
        parts += [f"account {account.name!r}"] if account else []
        parts += ["gone"] if scope.gone else []
        return f"{self._consoles[scope.connection_id].name}/{scope.scope_id} ({', '.join(parts)})"


def readings(text: str) -> Iterator[tuple[str | None, str]]:
    """All that a text could be: a name or id; or one after any of its slashes, and where it is before that."""
    yield None, text.strip()
    for cut, char in enumerate(text):
        place, name = text[:cut].strip(), text[cut + 1 :].strip()
        if char == "/" and place and name:
            yield place, name


def _is(console: Console, text: str) -> bool:
    return text in (console.name, str(console.connection_uuid))
