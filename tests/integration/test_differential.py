"""What Waypost holds equals what the console says it must hold: for many estates, tokens and days."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from support import truth as truths
from support.hub import Hub
from support.simulator import Simulator
from support.truth import Lag
from waypost.connections.connection import Connection

Start = Callable[..., Simulator]


class Estate(msgspec.Struct, frozen=True):
    """A console of this size, and how a site's token is chosen on it."""

    seed: int
    accounts: int
    sites: int
    agents: int
    risks_per_agent: int
    page_rows: int

    @classmethod
    def drawn(cls, seed: int) -> "Estate":
        """A small estate of this seed."""
        chance = Random(seed)
        return cls(
            seed,
            accounts=chance.randint(2, 4),
            sites=chance.randint(3, 12),
            agents=chance.randint(8, 40),
            risks_per_agent=chance.randint(5, 30),
            page_rows=chance.choice((7, 40, 100, 1000)),
        )

    def start(self, start: Start) -> Simulator:
        return start(
            accounts=self.accounts,
            sites=self.sites,
            agents=self.agents,
            risks_per_agent=self.risks_per_agent,
            seed=self.seed,
        )


ESTATES = [
    *(Estate.drawn(seed) for seed in range(1, 11)),
    Estate(101, 1, 3, 8, 5, 1000),  # the smallest
    Estate(102, 2, 22, 30, 20, 40),  # too many sites to walk each: accounts
    Estate(103, 1, 22, 30, 20, 40),  # and with a single account: the whole
    Estate(104, 3, 12, 25, 120, 1000),  # many risks on few machines
]
SITES_WALKED = 16


def _tokens(console: Simulator, seed: int) -> dict[str, str]:
    return {
        "tenant": console.token,
        "account": console.of_scope("account", seed),
        "site": console.of_scope("site", seed),
        "two sites": console.holder("Viewer of two sites"),
    }


class Watched:
    """A connection, and what is known of its token's view."""

    def __init__(self, console: Simulator, connection: Connection, token: str) -> None:
        self.console = console
        self.connection = connection
        self.token = token
        self.lag = Lag()
        self.now = console.truth(token)

    def a_day_passed(self) -> None:
        before, self.now = self.now, self.console.truth(self.token)
        self.lag = self.lag.after(before, self.now)

    async def check(self, hub: Hub, *, lag: Lag | None = None) -> truths.Held:
        # A walk of one site tells the site of endpoints that no list of agents names.
        placed = 1 < len(self.now["sites"]) <= SITES_WALKED
        return await truths.assert_equal(hub, self.connection, self.now, lag=lag, placed=placed)


@pytest.mark.parametrize("estate", ESTATES, ids=lambda estate: f"seed{estate.seed}")
async def test_what_is_held_is_the_truth(
    estate: Estate, hub: Hub, start_simulator: Start, page_rows: Callable[[int], None]
) -> None:
    """After a first, a delta and a full pull, over days, each token's connection holds what it may see."""
    page_rows(estate.page_rows)
    console = estate.start(start_simulator)
    watched = [
        Watched(console, await hub.add(console.url, token, name), token)
        for name, token in _tokens(console, estate.seed).items()
    ]
    for each in watched:
        await hub.pull(each.connection)
        await each.check(hub)

    for _ in range(3):
        console.advance()
        for each in watched:
            each.a_day_passed()
            result = await hub.pull(each.connection)
            assert _kind_of(result, "risks") == "delta"
            await each.check(hub, lag=each.lag)

    for each in watched:
        result = await hub.pull(each.connection, full=True)
        assert _kind_of(result, "risks") == "full"
        holds = await each.check(hub)
        await truths.assert_log_replays(hub, each.connection)
        await truths.assert_read_alike(hub, each.connection, holds, limit=1000)


def _kind_of(result: Any, stream: str) -> str:
    return next(run.kind for run in result.runs if run.stream == stream)
