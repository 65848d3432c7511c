"""One console: the estate, the tokens that open it, and selections kept between pages."""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from sentinelone_simulator import founding, issuing, risks, roles
from sentinelone_simulator.estate import Estate
from sentinelone_simulator.roles import Role
from sentinelone_simulator.tokens import Token
from sentinelone_simulator.users import User
from sentinelone_simulator.wire.risks import Renderer

KEPT_ROWS = 24_000_000
KEPT_QUESTIONS = 256


class Selections:
    """Arranged rows kept for the next page of the same question; all go when the estate changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Sequence[object]] = OrderedDict()
        self._generation = -1

    def get(self, generation: int, key: Hashable, make: Callable[[], Sequence[object]]) -> Sequence[object]:
        if generation != self._generation:
            self._kept.clear()
            self._generation = generation
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > 1 and self._too_much():
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _too_much(self) -> bool:
        return len(self._kept) > KEPT_QUESTIONS or sum(map(len, self._kept.values())) > KEPT_ROWS


@dataclass(slots=True, repr=False)
class Console:
    """`tokens` by their text, dead ones too; `users` by id, without those that were deleted."""

    estate: Estate
    tokens: dict[str, Token]
    renderer: Renderer
    users: dict[str, User] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=roles.load)
    selections: Selections = field(default_factory=Selections)
    _moments: int = 0

    def moment(self) -> int:
        """The console's time as a microsecond that no other change has."""
        self._moments += 1
        return self.estate.now + self._moments

    def token_of(self, user: User) -> Token:
        """The newest token of a user; the older ones have been revoked."""
        return max((t for t in self.tokens.values() if t.user is user), key=lambda token: token.created)

    def risk_rows(self, sites: frozenset[int], *, removed: bool) -> "array[int]":
        """Row numbers of the risks on endpoints that are in these sites now, in id order."""
        if len(sites) == 1:
            return self._by_site(removed=removed)[next(iter(sites))]
        key = ("risk rows", sites, removed)
        found = self.selections.get(
            self.estate.generation, key, lambda: self._risks_in(sites, removed=removed)
        )
        assert isinstance(found, array)  # noqa: S101 - for the type checker
        return found

    def _by_site(self, *, removed: bool) -> "list[array[int]]":
        def make() -> "list[array[int]]":
            table = self.estate.risks
            lists = [array("I") for _ in self.estate.sites]
            home = [lists[agent.site].append for agent in self.estate.agents]
            for row, (agent, flags) in enumerate(zip(table.agent, table.flags, strict=True)):
                if removed or not flags & risks.REMOVED:
                    home[agent](row)
            return lists

        return self.selections.get(self.estate.generation, ("by site", removed), make)  # type: ignore[return-value]

    def _risks_in(self, sites: frozenset[int], *, removed: bool) -> "array[int]":
        table = self.estate.risks
        inside = bytearray(agent.site in sites for agent in self.estate.agents)
        hidden = 0 if removed else risks.REMOVED
        return array(
            "I",
            (
                row
                for row, (agent, flags) in enumerate(zip(table.agent, table.flags, strict=True))
                if inside[agent] and not flags & hidden
            ),
        )


def build(size: founding.Size, seed: int, tenant_viewer: str | None = None, tenant: int = 0) -> Console:
    """Found a console; the same arguments build the same one."""
    estate = founding.found(size, seed, tenant)
    issued = issuing.issue(estate, tenant_viewer, tenant)
    return Console(
        estate,
        {token.token: token for token in issued},
        Renderer(estate),
        {token.user.id: token.user for token in issued},
    )
