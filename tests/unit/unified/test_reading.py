"""Lists: every filter, and pages that divide a list without losing or repeating a row."""

import base64
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from support import hub as hubs
from support.hub import Hub
from support.server import Server
from waypost import errors
from waypost.changes import log
from waypost.unified import cursors, paging, reading, software
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.items import Cve, Included, Ref, SiteItem, Software
from waypost.unified.paging import ListPage, Total
from waypost.unified.words import ChangeKind, DeviceState, FindingState, Severity, word

Item = Any  # of whatever list is read
List = Callable[..., Awaitable[ListPage[Item]]]
LISTS: dict[str, List] = {
    "findings": reading.findings,
    "devices": reading.devices,
    "software": software.listed,
    "sites": reading.sites,
    "changes": log.newest,
}
ALL = Filters()
START = datetime(2026, 1, 1, tzinfo=UTC)
SITES = {1: "Main", 2: "ÄRZTE Łódź", 3: "main"}
SOFTWARE = [
    ("7-Zip", "Igor Pavlov", "19.00"),
    ("7-Zip", "Igor Pavlov", "24.09"),
    ("Éditeur 100%", "A & B", ""),
    ("xz", "", "5.6"),
]
SAID = [
    '{"exploitCodeMaturity": "Functional"}',
    '{"exploitCodeMaturity": "UNPROVEN", "remediationLevel": "Official Fix"}',
    '{"exploitCodeMaturity": "Not Defined", "remediationLevel": "Unavailable"}',
]
"""Of each CVE."""
CVES = ["CVE-2024-3094", "cve-2024-0001", "CVE-2021-44228"]


def number(place: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, str(place)))


def finding(connection: int, place: int, device: int) -> str:
    """An id that begins as its device's does."""
    return number(1000 * connection + device)[:13] + number(place)[13:]


@pytest.fixture(scope="module")
def estate_url(postgres: Server) -> Iterator[str]:
    """A database that is filled once and only read."""
    with postgres.fresh() as url:
        with psycopg.connect(url, options="-c search_path=waypost") as db:
            fill(db)
        yield url


@pytest.fixture
async def estate(estate_url: str) -> AsyncIterator[Hub]:
    async with hubs.opened(estate_url) as opened:
        yield opened


def fill(db: psycopg.Connection[Any]) -> None:
    """Two connections; the first with four devices and 72 findings of every severity and state, the other with one."""
    for name in ("one", "other"):
        db.execute("INSERT INTO connection (name, base_url) VALUES (%s, 'https://x')", [name])
    for connection, site in itertools.product((1, 2), SITES):
        db.execute(
            "INSERT INTO site (connection_id, site_id, account_id, name, state, vendor)"
            " VALUES (%s, %s, %s, %s, 'active', '{\"accountName\": \"Clients\"}')",
            [connection, site, 10 + site, SITES[site]],
        )
    for connection, place in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1)]:
        db.execute(
            "INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, name, row_hash, scanned_at,"
            " changed_at) VALUES (%s, %s, %s, %s, %s, %s, 0, %s, %s)",
            [connection, place, number(1000 * connection + place), place, place if place < 4 else None,
             ["PC-1", "pc-2", "ÉCRAN", None][place - 1], START + timedelta(days=40), START + timedelta(days=place)],
        )  # fmt: skip
    db.execute(
        "INSERT INTO scope_group (connection_id, group_id, site_id, name, vendor) VALUES (1, 77, 2, 'Servers', '{}'),"
        " (1, 79, 3, 'servers', '{}')"
    )
    db.execute(
        "UPDATE device SET group_id = CASE device_id WHEN 2 THEN 77 ELSE 79 END WHERE device_id IN (2, 3)"
    )
    for connection in (1, 2):
        for place, application in enumerate(SOFTWARE):
            db.execute(
                "INSERT INTO software (connection_id, software_id, name, vendor, version) VALUES (%s, %s, %s, %s, %s)",
                [connection, place, *application],
            )
        for place, cve in enumerate(CVES):
            db.execute(
                "INSERT INTO cve_facts (connection_id, facts_id, cve, severity, sent) VALUES (%s, %s, %s, 1, %s)",
                [connection, place, cve, SAID[place]],
            )
    for place in range(73):
        connection = 1 if place else 2
        device = place % 4 + 1
        db.execute(
            "INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id,"
            " row_hash, detected_at, resolved_at, changed_at, score, state, severity)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s, %s)",
            [connection, finding(connection, place, device), device, device if device < 4 else None,
             place % len(SOFTWARE),
             place % len(CVES), place, START + timedelta(days=place) if place % 5 else None,
             START + timedelta(days=30) if place % 6 + 1 == FindingState.RESOLVED else None,
             START + timedelta(days=place), [None, 7.8, 9.1, 0.0][place % 4], place % 6 + 1, place // 2 % 6],
        )  # fmt: skip

        db.execute(
            "INSERT INTO change (connection_id, kind, subject_id, at, site_id) VALUES (%s, %s, %s, %s, %s)",
            [connection, place % 4 + 1, finding(connection, place, device), START + timedelta(days=place),
             device if device < 4 else None],
        )  # fmt: skip
    decide(db)


GROUPED = {number(1002), number(1003)}
"""Devices of the group."""
ACME, GLOBEX, NOTHING = 1, 2, 3
"""Acme has a site of the first connection; Globex an account of it and the whole other connection."""
OWNED = {
    ACME: {("one", "1")},
    GLOBEX: {("one", "2"), ("other", "1"), ("other", "2"), ("other", "3")},
    NOTHING: set(),
}


def decide(db: psycopg.Connection[Any]) -> None:
    for name in ("Acme", "Globex", "Nothing"):
        db.execute("INSERT INTO organization (name) VALUES (%s)", [name])
    db.execute("INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'test', 'save')")
    decisions = [("site", 1, "mapped", ACME, None), ("account", 12, "mapped", GLOBEX, None),
                 ("site", 3, "ignored", None, "ours"), ("account", 13, "mapped", GLOBEX, None)]  # fmt: skip
    for decision in decisions:
        db.execute(
            "INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, reason, seen, save_id)"
            " VALUES (1, %s, %s, %s, %s, %s, '{}', 1)",
            decision,
        )
    db.execute("UPDATE connection SET organization_id = %s WHERE name = 'other'", [GLOBEX])


async def everything(
    list_: List, hub: Hub, filters: Filters = ALL, limit: int = 1000, bound: int | None = None
) -> list[Item]:
    items: list[Item] = []
    cursor = ""
    while True:
        page = await list_(hub.db, filters, organization_id=bound, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        items += page.items
        if page.next_cursor is None:
            return items
        assert len(page.items) == limit
        cursor = page.next_cursor


@pytest.mark.parametrize("name", LISTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(limit=st.integers(1, 80), severity=st.sets(st.sampled_from(["critical", "high", "unknown"])))
async def test_pages_divide_the_list(estate: Hub, name: str, limit: int, severity: set[str]) -> None:
    """Whatever the size of its pages, a list has the same rows in the same order, each once."""
    filters = Filters(severity=tuple(severity) if name in ("findings", "software") else ())
    whole = await everything(LISTS[name], estate, filters)
    assert await everything(LISTS[name], estate, filters, limit) == whole


async def test_findings_come_worst_first(estate: Hub) -> None:
    """Severity decides, then the score; findings without a score come last among their equals."""
    found = await everything(reading.findings, estate)
    assert len({item.id for item in found}) == len(found) == 73
    ranks = [(-Severity[item.severity.upper()], -1.0 if item.score is None else item.score) for item in found]
    assert ranks == sorted(ranks, key=lambda rank: (rank[0], -rank[1]))


async def test_a_finding(estate: Hub) -> None:
    """A finding names its device, software, site and state in words, and when it was last seen."""
    (item,) = (await reading.findings(estate.db, Filters(connection=("other",)))).items
    assert (item.connection, item.site, item.site_id) == ("other", "Main", "1")
    assert (item.device.id, item.device.name) == (number(2001), "PC-1")
    assert (item.software.name, item.software.vendor, item.software.version) == SOFTWARE[0]
    assert (item.cve, item.state, item.severity, item.score) == ("CVE-2024-3094", "open", "unknown", None)
    assert (item.vendor_id, item.detected_at, item.resolved_at) == ("0", None, None)
    assert item.last_seen_at == START + timedelta(days=40)


async def test_a_resolved_finding_was_last_seen_before_it_was_resolved(estate: Hub) -> None:
    """A later scan of the device has not seen what had been resolved."""
    for item in await everything(reading.findings, estate, Filters(state=("resolved",))):
        assert item.last_seen_at == item.resolved_at == START + timedelta(days=30)


FINDING_FILTERS: dict[str, tuple[Filters, Callable[[Any], bool]]] = {
    "connection": (Filters(connection=("other",)), lambda item: item.connection == "other"),
    "connections": (Filters(connection=("other", "one")), lambda _: True),
    "no such connection": (Filters(connection=("nowhere",)), lambda _: False),
    "site in any case": (Filters(site=("MAIN",)), lambda item: item.site in ("Main", "main")),
    "site beyond ASCII": (Filters(site=("ÄRZTE Łódź",)), lambda item: item.site == "ÄRZTE Łódź"),
    "site by id": (Filters(site=("3",)), lambda item: item.site_id == "3"),
    "sites": (Filters(site=("3", "ÄRZTE Łódź")), lambda item: item.site_id in ("2", "3")),
    "device in any case": (Filters(device=("pc-1", "PC-2")), lambda item: item.device.name in ("PC-1", "pc-2")),
    "device beyond ASCII": (Filters(device=("ÉCRAN",)), lambda item: item.device.name == "ÉCRAN"),
    "device by id": (Filters(device=(number(1002).upper(),)), lambda item: item.device.id == number(1002)),
    "device by agent id": (Filters(device=("1",)), lambda item: item.device.id in (number(1001), number(2001))),
    "cve in any case": (Filters(cve=("cve-2024-3094", "CVE-2024-0001")), lambda item: item.cve != CVES[2]),
    "part of a name": (Filters(application="zip"), lambda item: item.software.name == "7-Zip"),
    "beyond ASCII": (Filters(application="Éd"), lambda item: item.software.name == "Éditeur 100%"),
    "per cent is no wildcard": (Filters(application="0%"), lambda item: item.software.name == "Éditeur 100%"),
    "underscore is no wildcard": (Filters(application="_"), lambda _: False),
    "detected since": (
        Filters(detected_since="2026-02-01"),
        lambda item: item.detected_at is not None and item.detected_at >= datetime(2026, 2, 1, tzinfo=UTC),
    ),
    "detected since, with an offset": (
        Filters(detected_since="2026-02-01T02:00:00+02:00"),
        lambda item: item.detected_at is not None and item.detected_at >= datetime(2026, 2, 1, tzinfo=UTC),
    ),
    "changed since": (
        Filters(changed_since="2026-02-01T00:00:00Z"),
        lambda item: item.changed_at >= datetime(2026, 2, 1, tzinfo=UTC),
    ),
    "all at once": (
        Filters(("one",), ("main",), ("critical", "high"), ("open", "on_hold"), ("CVE-2024-3094",), ("PC-1",), "7"),
        lambda item: item.connection == "one" and item.site in ("Main", "main")
        and item.severity in ("critical", "high")
        and item.state in ("open", "on_hold") and item.cve == CVES[0] and item.device.name == "PC-1"
        and "7" in item.software.name,
    ),
}  # fmt: skip
FINDING_FILTERS |= {
    "account": (Filters(account=("11",)), lambda item: item.site_id == "1"),
    "account by name": (Filters(account=("CLIENTS",)), lambda item: item.site_id is not None),
    "account and site": (Filters(account=("11",), site=("2",)), lambda _: False),
    "group": (Filters(group=("servers",)), lambda item: item.device.id in GROUPED),
    "group by id": (Filters(group=("77",)), lambda item: item.device.id == number(1002)),
    "no such group": (Filters(group=("78",)), lambda _: False),
    "vendor": (Filters(vendor="igor"), lambda item: item.software.vendor == "Igor Pavlov"),
    "vendor and application": (Filters(vendor="b", application="zip"), lambda _: False),
    "score from": (Filters(score_min=7.8), lambda item: item.score is not None and item.score >= 7.8),
    "score to": (Filters(score_max=7.8), lambda item: item.score is not None and item.score <= 7.8),
    "exploited": (Filters(exploited=True), lambda item: item.cve == CVES[0]),
    "not exploited": (Filters(exploited=False), lambda item: item.cve == CVES[1]),
    "has a fix": (Filters(has_fix=True), lambda item: item.cve == CVES[1]),
    "has no fix": (Filters(has_fix=False), lambda item: item.cve == CVES[2]),
    "detected until": (
        Filters(detected_until="2026-02-01"),
        lambda item: item.detected_at is not None and item.detected_at < datetime(2026, 2, 1, tzinfo=UTC),
    ),
    "resolved since": (Filters(resolved_since="2026-01-31"), lambda item: item.state == "resolved"),
    "resolved since later": (Filters(resolved_since="2026-02-01"), lambda _: False),
    "search in devices": (Filters(search="CRA"), lambda item: item.device.name == "ÉCRAN"),
    "search in applications": (Filters(search="7-z"), lambda item: item.software.name == "7-Zip"),
    "nobody's": (
        Filters(organization=NOBODY),
        lambda item: (item.connection, item.site_id) not in OWNED[ACME] | OWNED[GLOBEX],
    ),
    "nobody's device": (
        Filters(organization=NOBODY, device=("ÉCRAN",)), lambda item: item.device.name == "ÉCRAN"
    ),
}  # fmt: skip
FINDING_FILTERS |= {
    f"severity {word(one)}": (
        Filters(severity=(word(one).upper(),)),
        lambda item, one=one: item.severity == word(one),
    )
    for one in Severity
}
FINDING_FILTERS |= {
    f"state {word(one)}": (Filters(state=(word(one),)), lambda item, one=one: item.state == word(one))
    for one in FindingState
}


@pytest.mark.parametrize("name", FINDING_FILTERS)
async def test_filters_of_findings(estate: Hub, name: str) -> None:
    """A filter keeps exactly the findings that it names, in the order of the whole list."""
    filters, fits = FINDING_FILTERS[name]
    whole = await everything(reading.findings, estate)
    expected = [item for item in whole if fits(item)]
    assert await everything(reading.findings, estate, filters) == expected


ORDERS: dict[str, Callable[[Any], Any]] = {
    "severity": lambda item: (
        Severity[item.severity.upper()],
        -1 if item.score is None else item.score,
        item.id,
    ),
    "score": lambda item: (-1 if item.score is None else item.score, item.id),
    "detected": lambda item: (item.detected_at or datetime.min.replace(tzinfo=UTC), item.id),
    "changed": lambda item: (item.changed_at, item.id),
}


@pytest.mark.parametrize("few", [0, 30_000])
@pytest.mark.parametrize(
    "filters", [ALL, Filters(state=("open", "resolved")), Filters(site=("main",))], ids=str
)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("sort", ORDERS)
async def test_orders_of_findings(
    estate: Hub, monkeypatch: pytest.MonkeyPatch, sort: str, sign: str, filters: Filters, few: int
) -> None:
    """Every order goes from either end, over pages as in one piece, however many rows the planner expects."""
    monkeypatch.setattr(paging, "FEW", few)
    key = ORDERS[sort]
    whole = await everything(reading.findings, estate, filters)
    expected = sorted(whole, key=key, reverse=sign == "-")
    pages: list[Item] = []
    cursor = ""
    while True:
        page = await reading.findings(estate.db, filters, sort=sign + sort, limit=7, cursor=cursor)
        pages += page.items
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert [item.id for item in pages] == [item.id for item in expected]


async def test_an_order_that_is_none(estate: Hub) -> None:
    """An order is refused by its name, with the one that was meant; a cursor goes on in its own order alone."""
    with pytest.raises(errors.FilterError, match=r"no order 'severty'.* Did you mean severity\?"):
        await reading.findings(estate.db, ALL, sort="severty")
    cursor = (await reading.findings(estate.db, ALL, sort="changed", limit=5)).next_cursor or ""
    with pytest.raises(errors.FilterError, match="belongs to a list with other filters"):
        await reading.findings(estate.db, ALL, sort="-changed", limit=5, cursor=cursor)
    assert len((await reading.findings(estate.db, ALL, sort="changed", limit=5, cursor=cursor)).items) == 5


@pytest.mark.parametrize("bound", [None, GLOBEX])
async def test_how_many(estate: Hub, monkeypatch: pytest.MonkeyPatch, bound: int | None) -> None:
    """What is asked for is counted over all pages; where counting is too much, the estimate says that it is one."""
    whole = len(await everything(reading.findings, estate, bound=bound))
    page = await reading.findings(estate.db, ALL, organization_id=bound, limit=3, count=True)
    assert page.total == Total(whole, exact=True)
    assert (await reading.findings(estate.db, ALL, limit=3)).total is UNSET
    monkeypatch.setattr(paging, "COUNTED", 5)
    total = (await reading.findings(estate.db, ALL, organization_id=bound, count=True)).total
    assert isinstance(total, Total)
    assert not total.exact
    assert total.count >= 6
    nothing = await reading.devices(estate.db, Filters(site=("nowhere",)), count=True)
    assert (nothing.items, nothing.total) == ([], Total(0, exact=True))


@pytest.mark.parametrize("bound", [None, GLOBEX])
async def test_more_of_each(estate: Hub, bound: int | None) -> None:
    """`include` brings the whole device, the application, the CVE and the console's own row, to whoever may read it."""
    page = await reading.findings(
        estate.db, ALL, organization_id=bound, include=("device", "software", "cve", "vendor")
    )
    devices = {item.id: item for item in await everything(reading.devices, estate)}
    assert page.items
    for item in page.items:
        assert isinstance(item.included, Included)
        assert item.included.device == devices[item.device.id]
        assert isinstance(item.included.software, Software)
        assert item.included.software.name == item.software.name
        assert isinstance(item.included.cve, Cve)
        assert item.included.cve.exploited == item.exploited == {CVES[0]: True, CVES[1]: False}.get(item.cve)
        assert item.included.cve.has_fix == item.has_fix == {CVES[1]: True, CVES[2]: False}.get(item.cve)
        assert isinstance(item.included.vendor, dict)
        assert (item.included.vendor["id"], item.included.vendor["cveId"]) == (item.vendor_id, item.cve)
    (alone, *_) = (await reading.findings(estate.db, ALL, include=("cve",))).items
    assert isinstance(alone.included, Included)
    assert alone.included.device is alone.included.vendor is UNSET
    with pytest.raises(errors.FilterError, match=r"There is no 'devices'.*Did you mean device"):
        await reading.findings(estate.db, ALL, include=("devices",))


@pytest.mark.parametrize("bound", [None, GLOBEX])
async def test_one_with_its_history(estate: Hub, bound: int | None) -> None:
    """One finding or device is read by its id, with its entries of the log; one of others does not exist."""
    whole = await everything(reading.findings, estate)
    mine = {item.id for item in await everything(reading.findings, estate, bound=bound)}
    for item in whole:
        if item.id not in mine:
            with pytest.raises(errors.NotFoundError):
                await reading.finding(estate.db, uuid.UUID(item.id), organization_id=bound)
            continue
        found = await reading.finding(estate.db, uuid.UUID(item.id), organization_id=bound)
        assert {name: getattr(found, name) for name in item.__struct_fields__} == {
            name: getattr(item, name) for name in item.__struct_fields__
        }
        assert [event.at for event in found.history] == [item.changed_at]
    with pytest.raises(errors.NotFoundError):
        await reading.device(estate.db, uuid.UUID(int=0), organization_id=bound)
    (device,) = (await reading.devices(estate.db, Filters(site=("2",), connection=("one",)))).items
    assert (await reading.device(estate.db, uuid.UUID(device.id), organization_id=bound)).name == "pc-2"


DEVICE_FILTERS: dict[str, tuple[Filters, list[str]]] = {
    "all": (Filters(), ["", "PC-1", "PC-1", "pc-2", "ÉCRAN"]),
    "connection": (Filters(connection=("other",)), ["PC-1"]),
    "site": (Filters(site=("main",)), ["PC-1", "PC-1", "ÉCRAN"]),
    "site beyond ASCII": (Filters(site=("ÄRZTE Łódź",)), ["pc-2"]),
    "states": (Filters(state=("active", "DECOMMISSIONED")), ["PC-1", "PC-1", "ÉCRAN"]),
    "name": (Filters(device=("PC-2",)), ["pc-2"]),
    "name beyond ASCII": (Filters(device=("ÉCRAN",)), ["ÉCRAN"]),
    "id": (Filters(device=(number(1004),)), [""]),
    "changed since": (Filters(changed_since="2026-01-04"), ["", "ÉCRAN"]),
}


@pytest.mark.parametrize("name", DEVICE_FILTERS)
async def test_filters_of_devices(estate: Hub, name: str) -> None:
    """A filter keeps exactly the devices that it names; a device without a name is listed too."""
    filters, expected = DEVICE_FILTERS[name]
    assert sorted(item.name for item in await everything(reading.devices, estate, filters)) == expected


async def test_states_of_devices(estate: Hub) -> None:
    """Each word finds the devices of its state."""
    for state in DeviceState:
        found = await everything(reading.devices, estate, Filters(state=(word(state),)))
        assert all(item.state == word(state) for item in found)


@pytest.mark.parametrize(
    "name", ["connection", "site in any case", "site beyond ASCII", "device by id", "cve in any case", "part of a name",
             "per cent is no wildcard", "severity critical"],
)  # fmt: skip
async def test_software_adds_up(estate: Hub, name: str) -> None:
    """An application's numbers are those of its findings that are not resolved, over all connections."""
    filters, fits = FINDING_FILTERS[name]
    open_ = [
        item for item in await everything(reading.findings, estate) if fits(item) and item.state != "resolved"
    ]
    listed = await everything(software.listed, estate, filters)
    for item in listed:
        mine = [f for f in open_ if (f.software.name, f.software.version) == (item.name, item.version)]
        assert item.findings == len(mine)
        assert item.devices == len({f.device.id for f in mine})
        assert item.critical == sum(f.severity == "critical" for f in mine)
        assert item.high == sum(f.severity == "high" for f in mine)
        assert Severity[item.severity.upper()] == max(Severity[f.severity.upper()] for f in mine)
    assert sum(item.findings for item in listed) == len(open_)


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (Filters(severity=("severe",)), "unknown, none, low, medium, high, critical"),
        (Filters(severity=("critical", "")), "unknown, none, low, medium, high, critical"),
        (Filters(state=("closed",)), "open, reopened, in_progress, on_hold, ignored, resolved"),
        (Filters(state=("active",)), "open, reopened, in_progress, on_hold, ignored, resolved"),
        (Filters(detected_since="yesterday"), "2026-11-21"),
        (Filters(changed_since="21.11.2026"), "2026-11-21"),
    ],
)
async def test_words_that_are_none(estate: Hub, filters: Filters, words: str) -> None:
    """A word or time that means nothing is refused with those that mean something."""
    with pytest.raises(errors.FilterError) as refusal:
        await reading.findings(estate.db, filters)
    assert words in f"{refusal.value} {refusal.value.remedy}"
    assert (await reading.findings(estate.db, Filters())).items


async def test_states_of_devices_are_others(estate: Hub) -> None:
    """A list of devices knows the states of devices only."""
    with pytest.raises(
        errors.FilterError, match="unknown, active, inactive, decommissioned, uninstalled, gone"
    ):
        await reading.devices(estate.db, Filters(state=("open",)))


@pytest.mark.parametrize("limit", [0, -1, paging.MOST + 1])
@pytest.mark.parametrize("name", LISTS)
async def test_limits(estate: Hub, name: str, limit: int) -> None:
    """A page has at least one row and at most so many."""
    with pytest.raises(errors.FilterError, match=f"limit of {limit} is not"):
        await LISTS[name](estate.db, Filters(), limit=limit)
    assert len((await LISTS[name](estate.db, Filters(), limit=1)).items) == 1


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_of_another_list(estate: Hub, name: str) -> None:
    """A cursor goes on with the list that it came from: not with other filters, not with another list."""
    cursor = (await LISTS[name](estate.db, Filters(), limit=1)).next_cursor
    assert cursor
    with pytest.raises(errors.FilterError, match="other filters"):
        await LISTS[name](estate.db, Filters(connection=("one",)), limit=1, cursor=cursor)
    for other in LISTS.keys() - {name}:
        with pytest.raises(errors.FilterError, match="other filters"):
            await LISTS[other](estate.db, Filters(), limit=1, cursor=cursor)
    assert (await LISTS[name](estate.db, Filters(), limit=2, cursor=cursor)).items


@given(key=st.lists(st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=20)), max_size=3))
def test_a_cursor_is_no_option(key: list[Any]) -> None:
    """A cursor begins with a letter, so that `--cursor` takes whatever a page gave."""
    assert cursors.write("findings", Filters(), key)[0].isalpha()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "ä",
        "bnVsbA",
        "W10",
        "WyJhIl0",
        "e30",
        "A" * 1000,
        "\0",
        base64.b64encode(b"[1,2,3,4]").decode(),
    ],
)
@pytest.mark.parametrize("name", LISTS)
async def test_cursors_that_are_none(estate: Hub, name: str, cursor: str) -> None:
    """Anything else than a cursor is refused, with what to do instead."""
    with pytest.raises(errors.FilterError, match="cut short or altered") as refusal:
        await LISTS[name](estate.db, Filters(), cursor=cursor)
    assert refusal.value.remedy == "Start from the first page."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(LISTS)), place=st.integers(0, 200), letter=st.sampled_from("AZaz09-_=~!"))
async def test_an_altered_cursor(estate: Hub, name: str, place: int, letter: str) -> None:
    """A cursor with a letter changed, put in, put behind or cut off is refused."""
    cursor = (await LISTS[name](estate.db, Filters(), limit=1)).next_cursor or ""
    place %= len(cursor)
    for altered in (
        cursor[:place] + letter + cursor[place + 1 :],
        cursor[:place] + letter + cursor[place:],
        cursor[:-1] + letter,
        cursor + letter,
        cursor[:place] or "A",
    ):
        if altered != cursor:
            with pytest.raises(errors.FilterError):
                await LISTS[name](estate.db, Filters(), limit=1, cursor=altered)


async def test_sites(estate: Hub) -> None:
    """Each site says whose it is, how many devices it has that are not retired, and findings that are not resolved."""
    listed = await everything(reading.sites, estate)
    findings = await everything(reading.findings, estate)
    devices = await everything(reading.devices, estate)
    assert sorted(item.name for item in listed) == sorted([*SITES.values()] * 2)
    owners = {key: owner for owner, keys in OWNED.items() for key in keys}
    for item in listed:
        key = (item.connection, item.id)
        owner = {ACME: "Acme", GLOBEX: "Globex"}.get(owners.get(key, 0))
        assert (item.organization and item.organization.name) == owner
        assert (item.account, item.state) == ("Clients", "active")
        mine = [f for f in findings if (f.connection, f.site_id) == key and f.state != "resolved"]
        assert item.open_findings == len(mine)
        there = [d for d in devices if (d.connection, d.site_id) == key]
        assert item.devices == len([d for d in there if d.state in ("active", "inactive", "unknown")])


async def test_changes_come_newest_first(estate: Hub) -> None:
    """The log is read from its end, by kind, site, connection and time."""
    entries = await everything(log.newest, estate)
    numbers = {number(place)[13:]: place for place in range(73)}
    assert [numbers[item.subject_id[13:]] for item in entries] == sorted(range(73), reverse=True)
    opened = await everything(log.newest, estate, Filters(kind=("FINDING_OPENED",)))
    assert opened == [item for item in entries if item.kind == "finding_opened"]
    since = await everything(log.newest, estate, Filters(changed_since="2026-02-01"))
    assert since == [item for item in entries if item.at >= datetime(2026, 2, 1, tzinfo=UTC)]
    there = await everything(log.newest, estate, Filters(site=("MAIN",), connection=("one",)))
    assert there == [item for item in entries if item.site in ("Main", "main") and item.connection == "one"]
    with pytest.raises(errors.FilterError, match=", ".join(word(kind) for kind in ChangeKind)):
        await log.newest(estate.db, Filters(kind=("opened",)))


def belongs(item: Item, organization: int) -> bool:
    """Whether an item of a list that names its site is this organization's."""
    site = item.id if isinstance(item, SiteItem) else item.site_id
    return (item.connection, site) in OWNED[organization]


@pytest.mark.parametrize("name", sorted(LISTS.keys() - {"software"}))
@pytest.mark.parametrize("organization", OWNED)
async def test_of_one_organization(estate: Hub, name: str, organization: int) -> None:
    """Who is bound to an organization reads the rows of its sites, whatever says that they are its, and no other."""
    expected = [item for item in await everything(LISTS[name], estate) if belongs(item, organization)]
    for limit in (1000, 2):
        assert await everything(LISTS[name], estate, limit=limit, bound=organization) == expected
    narrowed = await everything(LISTS[name], estate, Filters(organization=organization))
    assert narrowed == expected
    assert bool(expected) == bool(OWNED[organization])


@pytest.mark.parametrize("organization", OWNED)
async def test_software_of_one_organization(estate: Hub, organization: int) -> None:
    """An application's numbers are those of the organization's own findings."""
    mine = [
        item
        for item in await everything(reading.findings, estate)
        if belongs(item, organization) and item.state != "resolved"
    ]
    listed = await everything(software.listed, estate, bound=organization)
    assert listed == await everything(software.listed, estate, Filters(organization=organization))
    assert sum(item.findings for item in listed) == len(mine)
    for item in listed:
        these = [f for f in mine if (f.software.name, f.software.version) == (item.name, item.version)]
        assert (item.findings, item.devices) == (len(these), len({f.device.id for f in these}))


@pytest.mark.parametrize("name", sorted(LISTS.keys() - {"software"}))
async def test_of_nobody(estate: Hub, name: str) -> None:
    """What belongs to no organization is found too: ignored, undecided, and without a site."""
    whole = await everything(LISTS[name], estate)
    expected = [item for item in whole if not any(belongs(item, one) for one in OWNED)]
    assert await everything(LISTS[name], estate, Filters(organization=NOBODY)) == expected
    assert expected


@pytest.mark.parametrize("name", LISTS)
async def test_a_bound_caller_does_not_widen(estate: Hub, name: str) -> None:
    """Another organization, or what is nobody's, is nothing to a bound caller; every filter narrows within his own."""
    for organization in (GLOBEX, NOTHING, NOBODY):
        assert await everything(LISTS[name], estate, Filters(organization=organization), bound=ACME) == []
    for filters in (Filters(site=("3", "ÄRZTE Łódź")), Filters(connection=("other",))):
        assert await everything(LISTS[name], estate, filters, bound=ACME) == []
    own = await everything(LISTS[name], estate, bound=ACME)
    assert await everything(LISTS[name], estate, Filters(organization=ACME), bound=ACME) == own
    assert await everything(LISTS[name], estate, Filters(site=("main",)), bound=ACME) == own


async def test_a_bound_caller_knows_his_organization(estate: Hub) -> None:
    """His sites name it, as they do for everybody else."""
    (site,) = await everything(reading.sites, estate, bound=ACME)
    assert isinstance(site.organization, Ref)
    assert site.organization.name == "Acme"


async def test_every_filter_behind_the_walls(estate: Hub) -> None:
    """Each filter of findings does within an organization what it does without."""
    for filters, fits in FINDING_FILTERS.values():
        expected = [f for f in await everything(reading.findings, estate) if fits(f) and belongs(f, GLOBEX)]
        assert await everything(reading.findings, estate, filters, bound=GLOBEX) == expected


async def test_rerouted_at_once(hub: Hub) -> None:
    """Saving another decision re-routes past findings with the same moment: they are the other's, and only his."""
    with psycopg.connect(hub.means.database.url, options="-c search_path=waypost") as db:
        fill(db)
    names = [name for name in LISTS if name != "software"]
    before = {name: await everything(LISTS[name], hub, bound=ACME) for name in names}
    assert all(before.values())
    await hub.db.execute(
        "UPDATE mapping SET organization_id = %s WHERE organization_id = %s", [NOTHING, ACME]
    )
    for one in LISTS.values():
        assert await everything(one, hub, bound=ACME) == []
    for name in ("findings", "devices"):
        assert await everything(LISTS[name], hub, bound=NOTHING) == before[name]
    entries = await everything(log.newest, hub, bound=NOTHING)
    assert [entry.id for entry in entries] == [entry.id for entry in before["changes"]]
