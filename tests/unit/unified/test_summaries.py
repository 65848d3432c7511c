"""Summaries: every number is what a loop over the rows counts, whoever asks and whatever is filtered."""

import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from support import hub as hubs
from support import plain
from support.hub import Hub
from support.plain import ACME, GLOBEX, NOTHING, STATES, WORDS, Fits, Row
from support.server import Server
from waypost import errors
from waypost.unified import summaries, trends
from waypost.unified.filters import NOBODY, Filters

Key = tuple[Any, ...]
ALL = Filters()


@pytest.fixture(scope="module")
def estate_url(postgres: Server) -> Iterator[str]:
    with plain.estate(postgres) as url:
        yield url


@pytest.fixture
async def estate(estate_url: str) -> AsyncIterator[Hub]:
    async with hubs.opened(estate_url) as opened:
        yield opened


@pytest.fixture
async def rows(estate: Hub) -> list[Row]:
    return await plain.rows(estate)


FILTERS: dict[str, tuple[Filters, Fits]] = {
    "everything": (ALL, lambda _: True),
    "a connection": (Filters(connection=("other",)), lambda row: row.connection == "other"),
    "words": (
        Filters(severity=("critical", "high"), state=("open", "resolved")),
        lambda row: row.severity > 3 and row.state in (1, 6),
    ),
    "score": (
        Filters(score_min=7, score_max=9.5),
        lambda row: row.score is not None and 7 <= row.score <= 9.5,
    ),
    "an organization": (Filters(organization=ACME), lambda row: row.organization == ACME),
    "nobody's": (Filters(organization=NOBODY), lambda row: row.organization is None),
    "an empty organization": (Filters(organization=NOTHING), lambda row: row.organization == NOTHING),
    "an application": (Filters(application="o"), lambda row: "o" in row.name.lower()),
    "detected": (
        Filters(detected_since="2026-01-01"),
        lambda row: row.detected_at is not None and row.detected_at >= datetime(2026, 1, 1, tzinfo=UTC),
    ),
    "nothing": (Filters(connection=("nowhere",)), lambda _: False),
}
KEYS: dict[str, Callable[[Row], Key]] = {
    "severity": lambda row: (WORDS[row.severity], None, None, None),
    "state": lambda row: (STATES[row.state], None, None, None),
    "site": lambda row: (row.site_id and str(row.site_id), row.site, row.connection, None),
    "application": lambda row: (row.name, row.name, None, row.vendor),
    "cve": lambda row: (row.cve, row.cve, None, None),
    "day": lambda row: (row.detected_at and row.detected_at.date().isoformat(), None, None, None),
}


def counted(rows: list[Row], key: Callable[[Row], Key]) -> dict[Key, list[int]]:
    numbers: dict[Key, list[int]] = {}
    for row in rows:
        mine = numbers.setdefault(key(row), [0, 0, 0, 0])
        mine[0] += 1
        mine[1] += row.is_open
        mine[2] += row.is_open and row.severity == 5
        mine[3] += row.is_open and row.severity == 4
    return numbers


def told(summary: summaries.Summary) -> dict[Key, list[int]]:
    found = {
        (item.key, item.name, item.connection, item.vendor): [item.count, item.open, item.critical, item.high]
        for item in summary.items
        if item.count
    }
    assert len(found) == len([item for item in summary.items if item.count])
    return found


@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize("name", FILTERS)
async def test_groups(
    estate: Hub, rows: list[Row], by: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each group has exactly the findings that a loop finds for it, and together they are all that fit."""
    filters, fits = FILTERS[name]
    dimension = summaries._DIMENSIONS[by]
    all_ = summaries._Dimension(dimension.keys, dimension.named, dimension.order, 100_000)
    monkeypatch.setitem(summaries._DIMENSIONS, by, all_)
    expected = counted([row for row in rows if fits(row)], KEYS[by])
    summary = await summaries.grouped(estate.db, by, filters)
    assert told(summary) == expected
    assert (summary.by, summary.others) == (by, None)
    assert summary.total == sum(numbers[0] for numbers in expected.values())
    assert abs((summary.as_of - datetime.now(UTC)).total_seconds()) < 60
    if name == "everything":
        assert len(expected) > 3


@pytest.mark.parametrize("by", ["site", "application", "cve", "day"])
async def test_the_others_are_added_up(
    estate: Hub, rows: list[Row], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest groups come first, days in their order; what is not told is added up, and nothing is lost."""
    dimension = summaries._DIMENSIONS[by]
    few = summaries._Dimension(dimension.keys, dimension.named, dimension.order, 3)
    monkeypatch.setitem(summaries._DIMENSIONS, by, few)
    summary = await summaries.grouped(estate.db, by, ALL)
    expected = counted(rows, KEYS[by])
    assert len(summary.items) == 3
    assert summary.others
    assert summary.others.groups == len(expected) - 3
    assert summary.others.count + sum(item.count for item in summary.items) == summary.total == len(rows)
    assert summary.others.open + sum(item.open for item in summary.items) == sum(row.is_open for row in rows)
    numbers = [item.count for item in summary.items]
    if by == "day":
        keys = [item.key or "" for item in summary.items]
        assert keys == sorted(keys) == sorted(key[0] for key in expected if key[0])[-3:]
    else:
        assert numbers == sorted(numbers, reverse=True)
        assert numbers == sorted((one[0] for one in expected.values()), reverse=True)[:3]


async def test_words_that_nothing_has(estate: Hub) -> None:
    """By severity and by state every word is there in its order, so that charts always have the same parts."""
    summary = await summaries.grouped(estate.db, "severity", Filters(severity=("low",)))
    assert [item.key for item in summary.items] == [*reversed(WORDS)]
    assert {item.key for item in summary.items if item.count} == {"low"}
    summary = await summaries.grouped(estate.db, "state", Filters(connection=("nowhere",)))
    assert [(item.key, item.count) for item in summary.items] == [(state, 0) for state in STATES[1:]]


async def test_by_organization(estate: Hub, rows: list[Row]) -> None:
    """Findings are counted by whose they are now; those of nobody have no key."""
    names = {ACME: "Acme", GLOBEX: "Globex", None: None}
    summary = await summaries.grouped(estate.db, "organization", ALL)
    mine = counted(rows, lambda row: (names[row.organization],))
    assert {(item.name,): [item.count, item.open, item.critical, item.high] for item in summary.items} == mine
    assert len(mine) == 3
    ids: dict[str, str] = dict(await estate.rows("SELECT name, organization_uuid::text FROM organization"))
    assert all(item.key == (ids[item.name] if item.name else None) for item in summary.items)


@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize("organization", [ACME, GLOBEX, NOTHING])
async def test_bound(estate: Hub, rows: list[Row], by: str, organization: int) -> None:
    """Who is bound to an organization counts its findings alone; to narrow to another leaves nothing."""
    mine = counted([row for row in rows if row.organization == organization], KEYS[by])
    summary = await summaries.grouped(estate.db, by, ALL, organization_id=organization)
    assert told(summary).items() <= mine.items()
    assert summary.total == sum(numbers[0] for numbers in mine.values())
    other = await summaries.grouped(estate.db, by, Filters(organization=NOBODY), organization_id=organization)
    assert (other.total, told(other)) == (0, {})


async def test_by_organization_is_for_everybody(estate: Hub) -> None:
    """Who is bound to an organization does not count by organizations; by anything else he does."""
    with pytest.raises(errors.KeyScopeError, match="all organizations"):
        await summaries.grouped(estate.db, "organization", ALL, organization_id=ACME)
    assert (await summaries.grouped(estate.db, "site", ALL, organization_id=ACME)).total


async def test_what_is_nothing_to_count_by(estate: Hub) -> None:
    """Something unknown is refused by name, with what was meant and all that there is."""
    with pytest.raises(
        errors.FilterError, match=r"'severty'.*severity, state.*Did you mean severity\?"
    ) as refusal:
        await summaries.grouped(estate.db, "severty", ALL)
    assert refusal.value.field == "by"
    assert (await summaries.grouped(estate.db, "severity", ALL)).total


def expected_days(rows: list[Row], first: date, days: int) -> list[tuple[date, int, int, int, int]]:
    found = []
    for number in range(days):
        day = first + timedelta(number)
        opened = sum(row.detected_at is not None and row.detected_at.date() == day for row in rows)
        resolved = sum(
            not row.is_open and row.resolved_at is not None and row.resolved_at.date() == day for row in rows
        )
        reopened = sum(at.date() == day for row in rows for at in row.reopened)
        begun = sum(row.detected_at is None or row.detected_at.date() <= day for row in rows)
        ended = sum(
            not row.is_open and (row.resolved_at is None or row.resolved_at.date() <= day) for row in rows
        )
        found.append((day, opened, resolved, reopened, begun - ended))
    return found


@pytest.mark.parametrize("days", [1, 7, 90, 366])
@pytest.mark.parametrize("name", FILTERS)
async def test_trend(estate: Hub, rows: list[Row], name: str, days: int) -> None:
    """Every day has what a loop over the dates finds; days without anything are there too."""
    filters, fits = FILTERS[name]
    trend = await trends.trend(estate.db, filters, days=days)
    told = [(day.day, day.opened, day.resolved, day.reopened, day.open) for day in trend.items]
    first = trend.as_of.date() - timedelta(days - 1)
    assert told == expected_days([row for row in rows if fits(row)], first, days)
    for before, after in zip(trend.items, trend.items[1:], strict=False):
        assert after.open == before.open + after.opened - after.resolved
    if name == "everything" and days == 366:
        assert all(sum(day[place] for day in told) > 5 for place in (1, 2, 3))


@pytest.mark.parametrize("days", [1, 30, 366])
@pytest.mark.parametrize("name", FILTERS)
async def test_time_to_resolve(estate: Hub, rows: list[Row], name: str, days: int) -> None:
    """Mean and median are those of the findings that were resolved in these days, by severity and for all."""
    filters, fits = FILTERS[name]
    found = await trends.resolution(estate.db, filters, days=days)
    first = found.as_of.date() - timedelta(days - 1)
    seconds: dict[str | None, list[float]] = {}
    for row in rows:
        if not fits(row) or row.is_open or row.detected_at is None or row.resolved_at is None:
            continue
        if row.resolved_at.date() >= first:
            took = max((row.resolved_at - row.detected_at).total_seconds(), 0.0)
            seconds.setdefault(WORDS[row.severity], []).append(took)
            seconds.setdefault(None, []).append(took)
    assert [item.severity for item in found.items] == [*reversed(WORDS)]
    for item in (*found.items, found.all):
        mine = seconds.get(item.severity, [])
        assert item.resolved == len(mine)
        assert item.mean_seconds == (pytest.approx(statistics.mean(mine)) if mine else None)
        assert item.median_seconds == (pytest.approx(statistics.median(mine)) if mine else None)
    if name == "everything" and days == 366:
        assert found.all.resolved > 20


@pytest.mark.parametrize("name", FILTERS)
async def test_age(estate: Hub, rows: list[Row], name: str) -> None:
    """Every finding that is not resolved is in the bucket of its age; those without a date have their own."""
    filters, fits = FILTERS[name]
    ages = await trends.age(estate.db, filters)
    expected: Counter[Any] = Counter()
    days = []
    mine = [row for row in rows if fits(row) and row.is_open]
    for row in mine:
        if row.detected_at is None:
            expected[None] += 1
            continue
        old = max((ages.as_of - row.detected_at).total_seconds() / 86_400, 0.0)
        days.append(old)
        expected[sum(bound <= old for bound in trends.BOUNDS)] += 1
    starts = (0, *trends.BOUNDS)
    assert [(item.from_days, item.until_days) for item in ages.items] == [
        *zip(starts, (*trends.BOUNDS, None), strict=True), (None, None),
    ]  # fmt: skip
    assert [item.count for item in ages.items] == [*(expected[place] for place in range(6)), expected[None]]
    assert ages.total == len(mine)
    assert ages.mean_days == (pytest.approx(statistics.mean(days)) if days else None)
    assert sum(item.critical for item in ages.items) == sum(row.severity == 5 for row in mine)
    assert sum(item.high for item in ages.items) == sum(row.severity == 4 for row in mine)


@pytest.mark.parametrize("organization", [ACME, NOTHING])
async def test_over_time_of_one(estate: Hub, rows: list[Row], organization: int) -> None:
    """Who is bound to an organization reads its own dates alone, the log's entries among them."""
    mine = [row for row in rows if row.organization == organization]
    trend = await trends.trend(estate.db, ALL, organization_id=organization)
    first = trend.as_of.date() - timedelta(89)
    told = [(day.day, day.opened, day.resolved, day.reopened, day.open) for day in trend.items]
    assert told == expected_days(mine, first, 90)
    ages = await trends.age(estate.db, ALL, organization_id=organization)
    assert ages.total == sum(row.is_open for row in mine)
    found = await trends.resolution(estate.db, ALL, days=366, organization_id=organization)
    assert found.all.resolved == sum(
        not row.is_open and row.detected_at is not None and row.resolved_at is not None for row in mine
    )


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_days_that_are_too_many(estate: Hub, days: int) -> None:
    """A summary goes back a day at least and a year at most."""
    for read in (trends.trend, trends.resolution):
        with pytest.raises(errors.FilterError, match=f"{days} days") as refusal:
            await read(estate.db, ALL, days=days)
        assert refusal.value.field == "days"
    assert (await trends.trend(estate.db, ALL, days=1)).items
