"""Rate limits."""

import asyncio
from typing import Any

from sentinelone_simulator.limits import LIMITS, Limits, rule


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_burst_then_rate() -> None:
    """A bucket gives its burst at once, then its rate a second."""
    clock = Clock()
    limits = Limits(clock)
    rate, burst = LIMITS["/sites"]
    assert [limits.allow("a", "/sites") for _ in range(burst + 1)] == [True] * burst + [False]
    clock.now += 1 / rate
    assert limits.allow("a", "/sites")
    assert not limits.allow("a", "/sites")


def test_callers_and_paths_have_their_own() -> None:
    """One caller's use leaves others and other paths alone."""
    limits = Limits(Clock())
    assert limits.allow("a", "/agents")
    assert not limits.allow("a", "/agents/count")
    assert limits.allow("b", "/agents")
    assert limits.allow("a", "/application-management/risks")
    assert limits.allow("a", "/application-management/inventory/endpoints")
    assert not limits.allow("a", "/application-management/inventory")


def test_rules_go_by_whole_segments() -> None:
    """/user does not limit /users; what is not in the table is unlimited."""
    assert rule("/users/viewer-auth-check") == "/users"
    assert rule("/user") == "/user"
    assert rule("/groups") is None


async def test_too_many_is_a_page_of_nginx(open_desk: Any) -> None:
    """Beyond the limit comes 429 as HTML without Retry-After; after a while it works again."""
    desk = await open_desk(limits=Limits())
    answers = [await desk.send("/application-management/risks", limit="1") for _ in range(3)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert "Retry-After" not in refused[0].headers
    assert refused[0].content_type == "text/html"
    assert "<center>nginx</center>" in await refused[0].text()
    assert (await desk.control("GET", "/requests"))["limited"] == len(refused)
    await asyncio.sleep(0.4)
    assert (await desk.send("/application-management/risks", limit="1")).status == 200
