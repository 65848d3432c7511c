"""Accounts, groups, software and CVEs: each row and number is what a loop over all rows finds, page after page."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import hub as hubs
from support import plain
from support.hub import Hub
from support.plain import ACME, GLOBEX, NOTHING, RETIRED, WORDS, Fits, Row
from support.server import Server
from waypost import errors
from waypost.unified import counting, cves, scopes, software
from waypost.unified.filters import NOBODY, Filters
from waypost.unified.paging import ListPage
from waypost.unified.words import EXPLOITED_OF_MATURITY, FIX_OF_REMEDIATION

Item = Any  # of whatever list is read
List = Callable[..., Awaitable[ListPage[Item]]]
ALL = Filters()
LISTS: dict[str, List] = {
    "accounts": scopes.accounts,
    "groups": scopes.groups,
    "software": software.listed,
    "cves": cves.listed,
}
ORDERS = {
    "accounts": [*scopes.ACCOUNTS],
    "groups": [*scopes.GROUPS],
    "software": [*software.ORDERS],
    "cves": [*cves.ORDERS],
}


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


async def everything(
    list_: List, hub: Hub, filters: Filters = ALL, limit: int = 1000, **more: Any
) -> list[Item]:
    items: list[Item] = []
    cursor = ""
    while True:
        page = await list_(hub.db, filters, limit=limit, cursor=cursor, **more)
        assert len(page.items) <= limit
        items += page.items
        if page.next_cursor is None:
            return items
        assert len(page.items) == limit
        cursor = page.next_cursor


@pytest.mark.parametrize("name", LISTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    limit=st.integers(1, 60),
    order=st.integers(0, 2),
    falling=st.booleans(),
    bound=st.sampled_from([None, None, ACME, GLOBEX]),
    organization=st.sampled_from([None, None, ACME, NOBODY]),
)
async def test_pages_divide_the_list(
    estate: Hub,
    name: str,
    limit: int,
    order: int,
    falling: bool,
    bound: int | None,
    organization: int | None,
) -> None:
    """In any order and whatever the size of its pages a list has the same rows, each once; backwards it is turned."""
    orders = ORDERS[name]
    sort = ("-" if falling else "") + orders[order % len(orders)]
    filters = Filters(organization=organization)
    more: dict[str, Any] = {"organization_id": bound}
    whole = await everything(LISTS[name], estate, filters, sort=sort, **more)
    assert await everything(LISTS[name], estate, filters, limit, sort=sort, **more) == whole
    other = sort[1:] if falling else f"-{sort}"
    assert await everything(LISTS[name], estate, filters, sort=other, **more) == whole[::-1]


FITTING: dict[str, tuple[Filters, Fits]] = {
    "everything": (ALL, lambda _: True),
    "a connection": (Filters(connection=("other",)), lambda row: row.connection == "other"),
    "an organization": (Filters(organization=ACME), lambda row: row.organization == ACME),
    "another": (Filters(organization=GLOBEX), lambda row: row.organization == GLOBEX),
    "nobody's": (Filters(organization=NOBODY), lambda row: row.organization is None),
    "an empty organization": (Filters(organization=NOTHING), lambda row: row.organization == NOTHING),
    "an application": (Filters(application="O"), lambda row: "o" in row.name.lower()),
    "a vendor": (Filters(vendor="icro"), lambda row: "icro" in row.vendor.lower()),
    "a vendor's application": (
        Filters(vendor="o", application="a", organization=ACME),
        lambda row: "o" in row.vendor.lower() and "a" in row.name.lower() and row.organization == ACME,
    ),
}
SOFTWARE = FITTING | {
    "severities": (Filters(severity=("critical", "low")), lambda row: WORDS[row.severity] in ("critical", "low")),
    "severities of one": (
        Filters(severity=("high",), organization=GLOBEX),
        lambda row: row.severity == 4 and row.organization == GLOBEX,
    ),
}  # fmt: skip


def of_software(rows: list[Row]) -> dict[tuple[str, str, str], tuple[int, int, int, int, str]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.name, row.vendor, row.version), []).append(row)
    return {
        key: (
            len({row.device for row in mine}), len(mine), sum(row.severity == 5 for row in mine),
            sum(row.severity == 4 for row in mine), WORDS[max(row.severity for row in mine)],
        )
        for key, mine in found.items()
    }  # fmt: skip


@pytest.mark.parametrize("name", SOFTWARE)
async def test_software(estate: Hub, rows: list[Row], name: str) -> None:
    """An application version has the devices and findings that a loop counts, over all connections."""
    filters, fits = SOFTWARE[name]
    listed = await everything(software.listed, estate, filters)
    told = {
        (one.name, one.vendor, one.version): (one.devices, one.findings, one.critical, one.high, one.severity)
        for one in listed
    }
    assert len(told) == len(listed)
    assert told == of_software([row for row in rows if row.is_open and fits(row)])
    assert {one.counted for one in listed} <= {"exact"}
    assert bool(told) == (name != "an empty organization")


@pytest.mark.parametrize("what", ["device", "cve", "site", "account"])
async def test_software_there(estate: Hub, rows: list[Row], what: str) -> None:
    """On one device, with one CVE, at one site or account there is the software of its findings."""
    row = next(row for row in rows if row.is_open and row.site and row.connection == "one")
    there: dict[str, tuple[Filters, Fits]] = {
        "device": (Filters(device=(row.device,)), lambda one: one.device == row.device),
        "cve": (Filters(cve=(row.cve.lower(),)), lambda one: one.cve == row.cve),
        "site": (Filters(site=(str(row.site_id),)), lambda one: one.site_id == row.site_id),
        "account": (Filters(account=(str(row.account_id),)), lambda one: one.account_id == row.account_id),
    }
    filters, fits = there[what]
    listed = await everything(software.listed, estate, filters)
    assert {(one.name, one.vendor, one.version): one.findings for one in listed} == {
        key: numbers[1]
        for key, numbers in of_software([one for one in rows if one.is_open and fits(one)]).items()
    }


@pytest.mark.parametrize("what", ["software", "cves"])
async def test_of_a_group(estate: Hub, rows: list[Row], what: str) -> None:
    """In one group of devices there is what their findings at its site are about."""
    ((group, site, devices),) = await estate.rows(
        "SELECT g.group_id::text, g.site_id, array_agg(c.name || ' ' || d.device_uuid) FROM device d"
        " JOIN connection c USING (connection_id) JOIN scope_group g USING (connection_id, group_id)"
        " WHERE EXISTS (SELECT FROM finding f WHERE f.connection_id = d.connection_id"
        " AND f.device_id = d.device_id AND f.site_id = g.site_id AND f.state <> 6)"
        " GROUP BY g.group_id, g.site_id ORDER BY count(*) DESC, g.group_id LIMIT 1"
    )
    on_them = [row for row in rows if row.is_open and f"{row.connection} {row.device}" in devices]
    there = [row for row in on_them if row.site_id == site]
    listed = await everything(LISTS[what], estate, Filters(group=(group,)))
    assert there
    if what == "software":
        assert {(one.name, one.vendor, one.version) for one in listed} == set(of_software(there))
    else:
        assert {one.id: one.findings for one in listed} == Counter(row.cve for row in there)


def said(row: Row, field: str, meanings: dict[str, bool]) -> bool | None:
    word = row.sent.get(field)
    return meanings.get(word.lower()) if isinstance(word, str) else None


def worst_of(rows: list[Row]) -> dict[str, tuple[Any, ...]]:
    """CVE by CVE: the worst of what is said of it, and what stands on it."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.cve, []).append(row)
    told = {}
    for cve, mine in found.items():
        worst = max(mine, key=lambda row: (row.severity, -1.0 if row.score is None else row.score))
        exploited = {said(row, "exploitCodeMaturity", EXPLOITED_OF_MATURITY) for row in mine}
        fixed = {said(row, "remediationLevel", FIX_OF_REMEDIATION) for row in mine}
        maturities = {str(row.sent.get("exploitCodeMaturity")).lower() for row in mine}
        told[cve] = (
            WORDS[worst.severity],
            worst.score,
            True if True in exploited else False if False in exploited else None,
            next((word for word in EXPLOITED_OF_MATURITY if word in maturities), None),
            True if True in fixed else False if False in fixed else None,
            len(mine),
            len({row.device for row in mine}),
        )
    return told


def told_of(item: Item) -> tuple[Any, ...]:
    return (
        item.severity, item.score, item.exploited, item.exploit_maturity, item.has_fix, item.findings, item.devices,
    )  # fmt: skip


@pytest.mark.parametrize("bound", [None, ACME, GLOBEX])
@pytest.mark.parametrize("name", FITTING)
async def test_cves(estate: Hub, rows: list[Row], name: str, bound: int | None) -> None:
    """A CVE is the worst of what the consoles say of it where its findings stand, and those are counted."""
    filters, fits = FITTING[name]
    mine = [row for row in rows if row.is_open and fits(row) and bound in (None, row.organization)]
    listed = await everything(cves.listed, estate, filters, organization_id=bound)
    assert {item.id: told_of(item) for item in listed} == worst_of(mine)
    ranks = [
        (WORDS.index(item.severity), -1.0 if item.score is None else item.score, item.id) for item in listed
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert {item.counted for item in listed} <= {"exact"}


CVE_FILTERS: dict[str, tuple[dict[str, Any], Callable[[Item], bool]]] = {
    "severity": ({"severity": ("high",)}, lambda item: item.severity == "high"),
    "severities": ({"severity": ("LOW", "medium")}, lambda item: item.severity in ("low", "medium")),
    "score": (
        {"score_min": 7.5, "score_max": 9.0},
        lambda item: item.score is not None and 7.5 <= item.score <= 9.0,
    ),
    "exploited": ({"exploited": True}, lambda item: item.exploited is True),
    "not exploited": ({"exploited": False}, lambda item: item.exploited is False),
    "with a fix": ({"has_fix": True}, lambda item: item.has_fix is True),
    "without a fix": ({"has_fix": False}, lambda item: item.has_fix is False),
}


@pytest.mark.parametrize("bound", [None, ACME])
@pytest.mark.parametrize("name", CVE_FILTERS)
async def test_filters_of_cves(estate: Hub, name: str, bound: int | None) -> None:
    """A filter keeps exactly the CVEs that it names by what their rows tell, in the order of the whole list."""
    chosen, fits = CVE_FILTERS[name]
    whole = await everything(cves.listed, estate, organization_id=bound)
    kept = [item for item in whole if fits(item)]
    assert await everything(cves.listed, estate, Filters(**chosen), organization_id=bound) == kept
    assert await everything(cves.listed, estate, Filters(**chosen), 3, organization_id=bound) == kept
    assert kept
    assert len(kept) < len(whole)


async def test_cves_by_name_and_date(estate: Hub) -> None:
    """CVEs are found in any case, and by when they were published."""
    whole = await everything(cves.listed, estate)
    wanted = {whole[0].id, whole[-1].id}
    found = await everything(cves.listed, estate, Filters(cve=tuple(cve.lower() for cve in wanted)))
    assert {item.id for item in found} == wanted
    late = await everything(cves.listed, estate, published_since="2023-01-01")
    assert late == [item for item in whole if item.published_at and item.published_at.year >= 2023]
    assert 0 < len(late) < len(whole)
    newest = await everything(cves.listed, estate, sort="-published", limit=7)
    dates = [item.published_at for item in newest if item.published_at]
    assert dates == sorted(dates, reverse=True)
    scores = [item.score or -1 for item in await everything(cves.listed, estate, sort="score", limit=7)]
    assert scores == sorted(scores)


@pytest.mark.parametrize("name", ["software", "cves"])
async def test_counting_stops(estate: Hub, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit numbers are said to be at least so many; what is worst is told exactly all the same."""
    whole = await everything(LISTS[name], estate)
    bound = await everything(LISTS[name], estate, organization_id=ACME)
    monkeypatch.setattr(counting, "MOST", 5)
    assert await everything(LISTS[name], estate, organization_id=ACME) == bound
    listed = await everything(LISTS[name], estate)
    assert [item.severity for item in listed] == [item.severity for item in whole]
    for item, exact in zip(listed, whole, strict=True):
        assert item.counted == ("exact" if exact.findings <= 5 else "at_least")
        assert item.findings == min(exact.findings, 5)
        assert item.devices <= exact.devices
    assert {item.counted for item in listed} == {"exact", "at_least"}


async def accounts_of(
    estate: Hub, rows: list[Row], bound: int | None
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Account by account: its name, sites that are listed, devices that are not retired, findings that are open."""
    owned = "true" if bound is None else f"w.organization_id = {bound}"
    sites = await estate.rows(
        "SELECT c.name, s.account_id::text, s.site_id, s.gone_at IS NULL FROM site s JOIN connection c"  # noqa: S608
        f" USING (connection_id) LEFT JOIN site_owner w USING (connection_id, site_id) WHERE {owned}"
    )
    devices = await estate.rows("SELECT site_id, state FROM device")
    accounts = await estate.rows(
        "SELECT c.name, a.account_id::text, a.name FROM account a JOIN connection c USING (connection_id)"
    )
    found = {}
    for connection, account, name in accounts:
        mine = [(site, listed) for where, of, site, listed in sites if (where, of) == (connection, account)]
        if not mine and bound is not None:
            continue
        ids = {site for site, _ in mine}
        found[connection, account] = (
            name,
            sum(listed for _, listed in mine),
            sum(site in ids and state not in RETIRED for site, state in devices),
            sum(row.is_open and row.site_id in ids and row.connection == connection for row in rows),
        )
    return found


@pytest.mark.parametrize("way", ["bound", "narrowed"])
@pytest.mark.parametrize("organization", [None, ACME, GLOBEX, NOTHING])
async def test_accounts(estate: Hub, rows: list[Row], organization: int | None, way: str) -> None:
    """An account has the sites, devices and findings of whoever asks; who has no site of it does not see it."""
    bound = organization if way == "bound" else None
    listed = await everything(
        scopes.accounts, estate, Filters(organization=organization if way == "narrowed" else None), 2,
        organization_id=bound,
    )  # fmt: skip
    told = {
        (item.connection, item.id): (item.name, item.sites, item.devices, item.open_findings)
        for item in listed
    }
    assert len(told) == len(listed)
    assert told == await accounts_of(estate, rows, organization)
    assert all((item.state, item.counted) == ("active", "exact") for item in listed)
    assert len(told) == {None: 4, ACME: 2, GLOBEX: 2, NOTHING: 0}[organization]


async def test_whose_accounts_are(estate: Hub) -> None:
    """An account is an organization's by a decision about it, else by its connection; others are told to nobody."""
    owners: dict[str, str] = dict(
        await estate.rows(
            "SELECT scope_id::text, organization_uuid::text FROM mapping JOIN organization USING (organization_id)"
            " WHERE kind = 'account'"
        )
    )
    globex = str(
        (await estate.rows("SELECT organization_uuid FROM organization WHERE name = 'Globex'"))[0][0]
    )
    for item in await everything(scopes.accounts, estate):
        owner = globex if item.connection == "other" else owners.get(item.id)
        assert (item.organization.id if item.organization else None) == owner
    for item in await everything(scopes.accounts, estate, organization_id=GLOBEX):
        named = (item.organization.id, item.organization.name) if item.organization else None
        assert named == ((globex, "Globex") if item.connection == "other" else None)


async def test_filters_of_accounts(estate: Hub) -> None:
    """Accounts are found by connection, and by name in any case or id."""
    whole = await everything(scopes.accounts, estate)
    one = whole[1]
    for filters in (Filters(account=(one.name.upper(),)), Filters(account=(one.id,))):
        assert await everything(scopes.accounts, estate, filters) == [
            item for item in whole if item.name == one.name or item.id == one.id
        ]
    there = await everything(scopes.accounts, estate, Filters(connection=("one",)))
    assert there == [item for item in whole if item.connection == "one"]


async def test_an_account_without_sites(hub: Hub) -> None:
    """It is listed for who sees everything, with nothing at it; one that is no longer listed says so."""
    connection = await hub.store()
    await hub.db.execute(
        "INSERT INTO account (connection_id, account_id, name, vendor, gone_at) VALUES (%s, 7, NULL, '{}', now())",
        [connection.connection_id],
    )
    ((item,),) = [(await scopes.accounts(hub.db, ALL)).items]
    assert (item.id, item.name, item.state, item.sites, item.devices, item.open_findings) == (
        "7", "", "gone", 0, 0, 0,
    )  # fmt: skip
    assert (await scopes.accounts(hub.db, Filters(organization=NOBODY))).items == []


@pytest.mark.parametrize("bound", [None, ACME, GLOBEX, NOTHING])
async def test_groups(estate: Hub, bound: int | None) -> None:
    """A group has its site and the devices in it that are not retired; a bound caller sees those of his sites."""
    owners = {
        (connection, site): owner
        for connection, site, owner in await estate.rows(
            "SELECT connection_id, site_id, organization_id FROM site_owner"
        )
    }
    devices = await estate.rows("SELECT connection_id, group_id, state FROM device")
    stored = await estate.rows(
        "SELECT g.connection_id, c.name, g.group_id, g.name, g.site_id, s.name, s.vendor ->> 'accountName'"
        " FROM scope_group g JOIN connection c USING (connection_id)"
        " LEFT JOIN site s ON s.connection_id = g.connection_id AND s.site_id = g.site_id"
    )
    expected = {
        (connection, str(group)): (
            name, str(site), site_name, account,
            sum((where, of) == (place, group) and state not in RETIRED for where, of, state in devices),
        )
        for place, connection, group, name, site, site_name, account in stored
        if bound in (None, owners.get((place, site)))
    }  # fmt: skip
    listed = await everything(scopes.groups, estate, limit=3, organization_id=bound)
    assert {
        (item.connection, item.id): (item.name, item.site_id, item.site, item.account, item.devices)
        for item in listed
    } == expected
    assert len(listed) == len(expected)
    assert bool(expected) == (bound != NOTHING)
    assert {item.state for item in listed} <= {"active"}
    assert bound is not None or sum(item.devices for item in listed) > 30


async def test_filters_of_groups(estate: Hub) -> None:
    """Groups are found by connection, account, site, name and id; names in any case."""
    whole = await everything(scopes.groups, estate)
    one = whole[len(whole) // 2]
    for filters, fits in (
        (Filters(group=(one.name.upper(),)), lambda item: item.name.lower() == one.name.lower()),
        (Filters(group=(one.id,)), lambda item: item.id == one.id),
        (Filters(site=(one.site.upper(),)), lambda item: (item.site or "").lower() == one.site.lower()),
        (Filters(site=(one.site_id,)), lambda item: item.site_id == one.site_id),
        (Filters(account=(one.account,)), lambda item: item.account == one.account),
        (Filters(connection=("other",)), lambda item: item.connection == "other"),
        (Filters(organization=ACME, site=("no such",)), lambda _: False),
    ):
        assert await everything(scopes.groups, estate, filters) == [item for item in whole if fits(item)]


@pytest.mark.parametrize("name", LISTS)
async def test_nothing_of_a_deleted_connection(
    hub: Hub, name: str, start_simulator: Callable[..., Any]
) -> None:
    """What came through a connection that is deleted is in no list, for nobody."""
    console = start_simulator(accounts=1, sites=2, agents=6, risks_per_agent=4)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    assert (await LISTS[name](hub.db, ALL)).items
    await hub.db.execute("UPDATE connection SET state = 'deleted'")
    assert (await LISTS[name](hub.db, ALL)).items == []
    assert (await LISTS[name](hub.db, Filters(organization=NOBODY))).items == []


@pytest.mark.parametrize("name", LISTS)
async def test_what_makes_no_sense(estate: Hub, name: str) -> None:
    """An order that is none, a limit out of range, another list's cursor: each is refused, and the list goes on."""
    list_ = LISTS[name]
    with pytest.raises(errors.FilterError, match="no order 'nmae'") as refusal:
        await list_(estate.db, ALL, sort="nmae")
    assert refusal.value.field == "sort"
    for limit in (0, -1, 100_001):
        with pytest.raises(errors.FilterError, match=f"limit of {limit} is not"):
            await list_(estate.db, ALL, limit=limit)
    cursor = (await list_(estate.db, ALL, limit=1)).next_cursor
    for other in LISTS.keys() - {name}:
        with pytest.raises(errors.FilterError, match="other filters"):
            await LISTS[other](estate.db, ALL, limit=1, cursor=cursor)
    for more in ({"sort": f"-{ORDERS[name][-1]}"}, {"filters": Filters(connection=("one",))}):
        with pytest.raises(errors.FilterError, match="other filters"):
            await list_(estate.db, more.pop("filters", ALL), limit=1, cursor=cursor, **more)
    assert (await list_(estate.db, ALL, limit=2, cursor=cursor)).items
