"""The consoles behind one address; each token opens its own.

A single console is the usual case. Many small ones, each with a seed of its own, stand for the connections of a
provider with many customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sentinelone_simulator import console, founding
from sentinelone_simulator.console import Console
from sentinelone_simulator.tokens import Token


@dataclass(slots=True)
class Tenants:
    """`consoles` in the order of their numbers; the first also answers who has no token.

    Paths that begin as one of `undeployed` are not routed by these consoles.
    """

    consoles: Sequence[Console]
    undeployed: tuple[str, ...] = ()
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def first(self) -> Console:
        return self.consoles[0]

    def number_of(self, token: str) -> int | None:
        """The number of the console that this token opens, or opened once."""
        if token not in self._known:
            # Tokens are made while the console runs, so one that was not known may be by now.
            found = (number for number, each in enumerate(self.consoles) if token in each.tokens)
            number = next(found, None)
            if number is None:
                return None
            self._known[token] = number
        return self._known[token]

    def of(self, token: str) -> tuple[Console, Token | None]:
        """The console that a token opens, and the token; who has none stands before the first console."""
        number = self.number_of(token)
        if number is None:
            return self.first, None
        return self.consoles[number], self.consoles[number].tokens[token]


def build(size: founding.Size, seed: int, count: int, tenant_viewer: str | None = None) -> Tenants:
    """Found `count` consoles, the n-th from seed + n; the first is the one that `console.build` gives."""
    return Tenants(
        [
            console.build(size, seed + number, None if number else tenant_viewer, number)
            for number in range(count)
        ]
    )
