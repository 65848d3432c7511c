"""The limiter never exceeds what is allowed, wastes little of it, and learns from 429."""

import asyncio
import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waypost.errors import LimitedError
from waypost.sentinelone.limits import TABLE, Bucket, Limit, Limiter


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def limiter(clock: Clock, *rows: Limit, concurrent: int = 8) -> Limiter:
    return Limiter(concurrent=concurrent, table=rows, unknown=None, clock=clock, sleep=clock.sleep)


async def drain(held: Limiter, path: str, count: int, clock: Clock) -> list[float]:
    times = []
    for _ in range(count):
        async with held.slot(path):
            times.append(clock())
    return times


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/accounts", "accounts"),
        ("/sites/123/policy", "sites"),
        ("/users/login/by-api-token", "users/login"),
        ("/users/api-token-details", "users"),
        ("/user", "user"),
        ("/user-groups", "user-groups"),
        ("/application-management/inventory/endpoints", "application-management/inventory"),
        ("/application-management/risks/cves", "application-management/risks"),
        ("/application-management/settings", ""),
        ("/accountsx", ""),
    ],
)
def test_longest_prefix(path: str, prefix: str) -> None:
    """A path falls under the longest row that holds it by whole segments, or under none."""
    bucket = Limiter().bucket(path)

    assert bucket is not None
    assert bucket.limit.prefix == prefix


def test_published_rates() -> None:
    """The rates that matter most are the vendor's; risks go by the inventory's, unknown paths by 10."""
    rates = {row.prefix: (row.rate, row.burst) for row in TABLE}

    assert len(rates) == len(TABLE)
    assert rates["agents"] == (25, 1)
    assert rates["accounts"] == rates["sites"] == (100, 10)
    assert rates["application-management/inventory"] == rates["application-management/risks"] == (3, 1)
    unknown = Limiter().bucket("/never-heard-of")
    assert unknown is not None
    assert (unknown.limit.rate, unknown.limit.burst) == (10, 10)


@settings(max_examples=300)
@example(rate=2.0, burst=1, events=[("idle", 10.0), ("go", None), ("go", None)], late=0.0)
@given(
    rate=st.one_of(st.sampled_from([1.0, 3.0, 25.0]), st.floats(0.1, 200)),
    burst=st.integers(1, 4),
    events=st.lists(
        st.one_of(
            st.just(("go", None)),
            st.tuples(st.just("idle"), st.floats(0, 20)),
            st.tuples(st.just("429"), st.one_of(st.none(), st.floats(0, 20))),
        ),
        max_size=80,
    ),
    late=st.one_of(st.just(0.0), st.floats(0, 0.05)),
)
def test_no_window_exceeds_the_rate(
    rate: float, burst: int, events: list[tuple[str, float | None]], late: float
) -> None:
    """Whatever happens, no window of any length holds more than burst + rate x length requests."""
    now, sent = 0.0, []
    bucket = Bucket(Limit("x", rate, burst), now)
    for what, seconds in events:
        if what == "idle":
            now += seconds or 0
        elif what == "429":
            bucket.limited(now, seconds)
        else:
            while wait := bucket.wait(now):
                now += wait + late
            assert bucket.take(now)
            bucket.served(now)
            sent.append(now)

    for first, last in itertools.combinations(range(len(sent)), 2):
        assert last - first + 1 <= burst + rate * (sent[last] - sent[first]) + 1e-3
    assert bucket.rate <= rate


@pytest.mark.parametrize(("rate", "burst"), [(3, 1), (25, 1), (100, 10), (10, 50)])
async def test_saturation(rate: float, burst: int) -> None:
    """When there is always more to ask, at least 97 % of the allowed requests go out."""
    clock = Clock()
    held = limiter(clock, Limit("x", rate, burst))

    times = await drain(held, "/x", 500, clock)

    assert (500 - burst) / (times[-1] - times[0]) >= 0.97 * rate


async def test_saturation_with_late_timers() -> None:
    """Timers that wake a little late do not add up to a lower rate."""
    clock = Clock()

    async def late(seconds: float) -> None:
        await clock.sleep(seconds + 0.0004)

    held = Limiter(table=(Limit("x", 25, 1),), unknown=None, clock=clock, sleep=late)
    times = await drain(held, "/x", 500, clock)

    assert 499 / (times[-1] - times[0]) >= 0.97 * 25


async def test_saturation_in_real_time() -> None:
    """On the real clock too, with several callers at once, the rate is nearly reached and not exceeded."""
    held = Limiter(table=(Limit("x", 100, 1),), unknown=None)
    times: list[float] = []

    async def caller() -> None:
        for _ in range(12):
            async with held.slot("/x"):
                times.append(time.monotonic())

    await asyncio.gather(*(caller() for _ in range(4)))

    seconds = max(times) - min(times)
    assert 0.47 <= seconds < 1.5


async def test_burst_after_idle() -> None:
    """After a pause the burst goes out at once, and no more than it."""
    clock = Clock()
    held = limiter(clock, Limit("x", 2, 5))
    await drain(held, "/x", 9, clock)
    clock.now += 3600

    times = await drain(held, "/x", 6, clock)

    assert times[0] == times[4]
    assert times[5] - times[0] >= 0.5


async def test_first_come_first_served() -> None:
    """Waiters go out in the order in which they came."""
    clock = Clock()
    held = limiter(clock, Limit("x", 2, 1))
    order: list[int] = []

    async def caller(number: int) -> None:
        async with held.slot("/x"):
            order.append(number)

    await asyncio.gather(*(caller(number) for number in range(20)))

    assert order == list(range(20))


async def test_cancelled_waiters_cost_nothing() -> None:
    """A waiter that gives up takes neither a request nor a place with it."""
    clock = Clock()
    held = limiter(clock, Limit("x", 1, 1), concurrent=1)
    async with held.slot("/x"):
        waiters = [asyncio.create_task(drain(held, "/x", 1, clock)) for _ in range(5)]
        await asyncio.sleep(0.01)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)

    began = clock.now
    times = await drain(held, "/x", 2, clock)

    assert times[0] == began
    assert times[1] - times[0] == pytest.approx(1, rel=0.03)


async def test_concurrency_is_capped() -> None:
    """No more requests are under way than there are places, over all paths together."""
    held = Limiter(concurrent=3)
    running = most = 0

    async def caller(path: str) -> None:
        nonlocal running, most
        async with held.slot(path):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1

    await asyncio.gather(*(caller(path) for path in ["/sites", "/accounts"] * 8))

    assert most == 3


async def test_a_slow_path_does_not_hold_up_another() -> None:
    """Waiters for a slow row hold no places that a fast row could use."""
    clock = Clock()
    held = Limiter(concurrent=2, table=(Limit("slow", 0.001, 1), Limit("fast", 100, 10)), unknown=None)
    await drain(held, "/slow", 1, clock)
    waiters = [asyncio.create_task(drain(held, "/slow", 1, clock)) for _ in range(4)]
    await asyncio.sleep(0)

    async with asyncio.timeout(1):
        await drain(held, "/fast", 5, clock)

    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)


async def test_429_halves_and_recovers() -> None:
    """429 halves the rate of its row alone; answers bring it back step by step, never above the table."""
    clock = Clock()
    held = limiter(clock, Limit("x", 4, 1), Limit("y", 4, 1))
    x, y = held.bucket("/x"), held.bucket("/y")
    assert x is not None
    assert y is not None

    held.limited("/x")
    assert (x.rate, y.rate) == (2, 4)

    clock.now += 60
    held.served("/x")
    assert 2 < x.rate < 2.3
    for _ in range(100):
        held.served("/x")
    assert x.rate == 4


async def test_429_blocks_for_as_long_as_asked() -> None:
    """The row stands still for the pause that the console asked for, then goes on without a burst."""
    clock = Clock()
    held = limiter(clock, Limit("x", 10, 10))
    began = clock.now
    held.limited("/x", 7)

    times = await drain(held, "/x", 3, clock)

    assert times[0] - began == pytest.approx(7)
    assert times[1] - times[0] == pytest.approx(1 / 5, rel=0.03)


@pytest.mark.parametrize("retry_after", [None, 0, 5])
async def test_429s_of_one_volley_count_once(retry_after: float | None) -> None:
    """Several refusals of requests that were under way together halve the rate once."""
    clock = Clock()
    held = limiter(clock, Limit("x", 8, 1))
    bucket = held.bucket("/x")
    assert bucket is not None

    for _ in range(8):
        held.limited("/x", retry_after)
        clock.now += 0.01
    assert bucket.rate == 4

    clock.now += 60
    held.limited("/x")
    assert bucket.rate == 2


async def test_pauses_grow_and_the_rate_has_a_floor() -> None:
    """Refusal after refusal the pause doubles up to half a minute, and the rate stays above nothing."""
    clock = Clock()
    held = limiter(clock, Limit("x", 1, 1), Limit("scan", 1 / 28800, 1))
    bucket, scan = held.bucket("/x"), held.bucket("/scan")
    assert bucket is not None
    assert scan is not None
    pauses = []
    for _ in range(8):
        held.limited("/x")
        pauses.append(bucket.blocked_for(clock.now))
        await drain(held, "/x", 1, clock)

    assert pauses == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30])
    assert bucket.rate == 0.1
    held.limited("/scan")
    assert scan.rate == 1 / 28800


async def test_patience() -> None:
    """Who cannot wait for the end of a pause is told at once, and the next who can is served."""
    clock = Clock()
    held = limiter(clock, Limit("x", 1, 1))
    held.limited("/x", 3600)

    with pytest.raises(LimitedError, match="3600 s"):
        async with held.slot("/x", patience=120):
            pass
    async with held.slot("/x", patience=4000):
        pass


async def test_unlimited() -> None:
    """Switched off, nothing waits and nothing is learnt."""
    held = Limiter.unlimited()
    held.limited("/sites", 3600)
    held.served("/sites")

    async with asyncio.timeout(1):
        for _ in range(1000):
            async with held.slot("/sites"):
                pass
