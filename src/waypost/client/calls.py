"""How an operation that is written once is a method of both clients.

An operation is a function of a `Wire` and what is asked for. As an attribute of `AsyncWaypost` it is awaited, or gone
through with `async for`; of `Waypost` it answers at once, or is gone through with `for`.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from waypost.client.portal import Portal
from waypost.client.walking import AsyncFeed, AsyncListing, Feed, Listing
from waypost.client.wire import Wire

P = ParamSpec("P")
T = TypeVar("T")


class WithLoop:
    """A client whose caller has an event loop."""

    _wire: Wire


class WithoutLoop:
    """A client whose caller has none."""

    _wire: Wire
    _portal: Portal


class Call(Generic[P, T]):
    """An operation with one answer."""

    def __init__(
        self, operation: Callable[Concatenate[Wire, P], Coroutine[Any, Any, T]], *names: str
    ) -> None:
        self.operation = operation
        self.names = names
        """Of the operations in the API's description that it does."""
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: WithLoop, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: WithoutLoop, owner: type) -> Callable[P, T]: ...
    def __get__(self, client: WithLoop | WithoutLoop | None, owner: type) -> Any:  # Any: as the overloads say
        if client is None:
            return self
        operation, wire = self.operation, client._wire  # noqa: SLF001  # clients are made of operations

        @wraps(operation)
        def asked(*arguments: P.args, **named: P.kwargs) -> Any:  # Any: as above
            work = operation(wire, *_settled(arguments), **_named(named))
            return client._portal.run(work) if isinstance(client, WithoutLoop) else work  # noqa: SLF001

        return asked


class List(Generic[P, T]):
    """An operation that is gone through page by page."""

    def __init__(self, operation: Callable[Concatenate[Wire, P], AsyncListing[T]], *names: str) -> None:
        self.operation = operation
        self.names = names
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: WithLoop, owner: type) -> Callable[P, AsyncListing[T]]: ...
    @overload
    def __get__(self, client: WithoutLoop, owner: type) -> Callable[P, Listing[T]]: ...
    def __get__(self, client: WithLoop | WithoutLoop | None, owner: type) -> Any:  # Any: as the overloads say
        if client is None:
            return self
        operation, wire = self.operation, client._wire  # noqa: SLF001  # clients are made of operations

        @wraps(operation)
        def listed(*arguments: P.args, **named: P.kwargs) -> Any:  # Any: as above
            listing = operation(wire, *_settled(arguments), **_named(named))
            return Listing(listing, client._portal) if isinstance(client, WithoutLoop) else listing  # noqa: SLF001

        return listed


class Follow(Generic[P]):
    """The feed."""

    def __init__(self, operation: Callable[Concatenate[Wire, P], AsyncFeed], *names: str) -> None:
        self.operation = operation
        self.names = names
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: WithLoop, owner: type) -> Callable[P, AsyncFeed]: ...
    @overload
    def __get__(self, client: WithoutLoop, owner: type) -> Callable[P, Feed]: ...
    def __get__(self, client: WithLoop | WithoutLoop | None, owner: type) -> Any:  # Any: as the overloads say
        if client is None:
            return self
        operation, wire = self.operation, client._wire  # noqa: SLF001  # clients are made of operations

        @wraps(operation)
        def followed(*arguments: P.args, **named: P.kwargs) -> Any:  # Any: as above
            feed = operation(wire, *_settled(arguments), **_named(named))
            return Feed(feed, client._portal) if isinstance(client, WithoutLoop) else feed  # noqa: SLF001

        return followed


def _settled(arguments: Iterable[Any]) -> tuple[Any, ...]:  # Any: whatever operations take
    """Arguments that may be gone through again, and anywhere.

    A generator is gone through here: each page needs its words anew, and one that asks the same client, run in the
    client's own loop, would wait for itself.
    """
    return tuple(list(one) if _passes(one) else one for one in arguments)


def _named(named: Mapping[str, Any]) -> dict[str, Any]:  # Any: as above
    return dict(zip(named, _settled(named.values()), strict=True))


def _passes(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | list | tuple | Mapping)
