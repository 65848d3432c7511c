"""What becomes of accounts and sites: each change is an entry of the change log, once, and nothing else is."""

from collections.abc import Callable
from typing import Any

import pytest

from support.hub import Hub
from support.simulator import Simulator
from waypost.connections.connection import Connection
from waypost.sync import streams
from waypost.sync.pull import PullResult
from waypost.unified.words import ChangeKind

Told = tuple[str, str, str | None, str | None, str | None]
"""Kind, scope, name, was, is."""
SMALL: dict[str, Any] = {"accounts": 3, "sites": 6, "agents": 6, "risks_per_agent": 2}


class Log:
    """Pulls the tree, and tells what the change log says of it since the last time."""

    def __init__(self, hub: Hub, connection: Connection) -> None:
        self.hub = hub
        self.connection = connection
        self.last: PullResult | None = None

    async def news(self) -> list[Told]:
        ((newest,),) = await self.hub.rows("SELECT coalesce(max(change_id), 0) FROM change")
        self.last = await self.hub.pull(self.connection, streams=(streams.ACCOUNTS, streams.SITES))
        rows = await self.hub.rows(
            "SELECT kind, detail, site_id, subject_id, run_id FROM change"
            " WHERE change_id > %s AND kind BETWEEN 31 AND 47 ORDER BY change_id",
            newest,
        )
        for _, detail, site_id, subject_id, run_id in rows:
            assert subject_id == self.connection.connection_uuid
            assert run_id is not None
            assert str(site_id) == (detail["id"] if detail["kind"] == "site" else "None")
        return [
            (ChangeKind(kind).name.lower(), detail["kind"], detail["name"], detail["was"], detail["is"])
            for kind, detail, *_ in rows
        ]


@pytest.fixture
def console(start_simulator: Callable[..., Simulator]) -> Simulator:
    return start_simulator(**SMALL)


@pytest.fixture
async def log(hub: Hub, console: Simulator) -> Log:
    """Of a connection whose tree was pulled once."""
    log = Log(hub, await hub.add(console.url, console.token))
    assert {kind for kind, *_ in await log.news()} == {"account_added", "site_added"}
    return log


def active(console: Simulator, place: int = 0) -> dict[str, Any]:
    """One of the sites that are active."""
    return [site for site in console.truth()["sites"] if site["state"] == "active"][place]


async def test_everything_is_new_at_first(hub: Hub, console: Simulator) -> None:
    """The first pull tells of each account and site, deleted ones too, and the second of none."""
    log = Log(hub, await hub.add(console.url, console.token))
    truth = console.truth()
    expected = [("account_added", "account", row["name"], None, row["state"]) for row in truth["accounts"]]
    expected += [("site_added", "site", row["name"], None, row["state"]) for row in truth["sites"]]
    assert sorted(await log.news(), key=str) == sorted(expected, key=str)
    assert log.last is not None
    assert (log.last.changes["account_added"], log.last.changes["site_added"]) == (3, 6)
    assert await log.news() == []


async def test_a_site_that_came(log: Log, console: Simulator) -> None:
    """A site that came is told once, with how it stands."""
    account = console.truth()["accounts"][0]["id"]
    console.change("add_site", name="Newcomer", account=account)
    assert await log.news() == [("site_added", "site", "Newcomer", None, "active")]
    assert await log.news() == []


async def test_new_names(log: Log, console: Simulator) -> None:
    """A renamed site and a renamed account are told with both names; its sites are not renamed by that."""
    site, account = active(console), console.truth()["accounts"][1]
    console.change("rename", id=site["id"], name="Site B")
    console.change("rename", id=account["id"], name="Account B")
    assert await log.news() == [
        ("account_renamed", "account", "Account B", account["name"], "Account B"),
        ("site_renamed", "site", "Site B", site["name"], "Site B"),
    ]
    assert await log.news() == []


async def test_a_move(log: Log, console: Simulator) -> None:
    """A site that was moved is told with the names of both accounts, and remembers which it left."""
    site, accounts = active(console), console.truth()["accounts"]
    left = next(one for one in accounts if one["id"] == site["accountId"])
    other = next(one for one in accounts if one["id"] != site["accountId"])
    console.change("move", id=site["id"], account=other["id"])
    assert await log.news() == [("site_moved", "site", site["name"], left["name"], other["name"])]
    assert await log.news() == []
    ((moved_from, moved),) = await log.hub.rows(
        "SELECT moved_from, moved_at IS NOT NULL FROM site WHERE site_id = %s", int(site["id"])
    )
    assert (str(moved_from), moved) == (left["id"], True)


async def test_expired_deleted_and_back(log: Log, console: Simulator) -> None:
    """How a site or account stands is told whenever it changes, and what it was."""
    site = active(console)
    name = site["name"]
    console.change("expire", id=site["id"])
    assert await log.news() == [("site_expired", "site", name, "active", "expired")]
    console.change("delete", id=site["id"])
    assert await log.news() == [("site_deleted", "site", name, "expired", "deleted")]
    console.change("reactivate", id=site["id"])
    assert await log.news() == [("site_reactivated", "site", name, "deleted", "active")]
    account = console.change("add_account", name="Short-lived")["id"]
    await log.news()
    for do, kind, was, now in (
        ("expire", "account_expired", "active", "expired"),
        ("reactivate", "account_reactivated", "expired", "active"),
        ("delete", "account_deleted", "active", "deleted"),
    ):
        console.change(do, id=account)
        assert await log.news() == [(kind, "account", "Short-lived", was, now)]
    assert await log.news() == []


async def test_gone_from_the_list_and_back(log: Log, console: Simulator) -> None:
    """A site that the token no longer sees is gone, and comes back; each is told once."""
    site = active(console)
    console.fault({"kind": "scope_lost", "siteIds": [site["id"]], "path": "/sites"})
    assert await log.news() == [("site_gone", "site", site["name"], "active", "gone")]
    assert await log.news() == []
    console.heal()
    assert await log.news() == [("site_reactivated", "site", site["name"], "gone", "active")]


async def test_all_at_once_is_told_in_order(log: Log, console: Simulator) -> None:
    """A site that was renamed, moved and expired between two pulls is told so three times, under its new name."""
    site = active(console)
    other = next(one for one in console.truth()["accounts"] if one["id"] != site["accountId"])
    console.change("rename", id=site["id"], name="All of it")
    console.change("move", id=site["id"], account=other["id"])
    console.change("expire", id=site["id"])
    news = await log.news()
    assert [kind for kind, *_ in news] == ["site_renamed", "site_moved", "site_expired"]
    assert {name for _, _, name, *_ in news} == {"All of it"}


async def test_what_nobody_calls_news(log: Log, console: Simulator) -> None:
    """Counts and licences that move by themselves are stored, and are nobody's news."""
    site = active(console)
    console.change("set_external_id", id=site["id"], externalId="CRM-77")
    assert await log.news() == []
    assert log.last is not None
    assert sum(run.counts.get("written", 0) for run in log.last.runs) == 1
    ((external,),) = await log.hub.rows(
        "SELECT vendor ->> 'externalId' FROM site WHERE site_id = %s", int(site["id"])
    )
    assert external == "CRM-77"


async def test_accounts_that_only_sites_name(hub: Hub, console: Simulator) -> None:
    """A token that may not list accounts learns of them from its sites: what came and was renamed is told."""
    log = Log(hub, await hub.add(console.url, console.of_scope("site")))
    added = await log.news()
    assert sorted(kind for kind, *_ in added) == ["account_added", "site_added"]
    account = next(name for kind, _, name, *_ in added if kind == "account_added")
    ((account_id,),) = await hub.rows("SELECT account_id FROM account")
    console.change("rename", id=str(account_id), name="Renamed MSP")
    assert await log.news() == [("account_renamed", "account", "Renamed MSP", account, "Renamed MSP")]
    assert await log.news() == []


async def test_a_page_that_comes_twice(
    log: Log, console: Simulator, page_rows: Callable[[int], None]
) -> None:
    """Rows that are repeated by a chain that begins again are told once."""
    page_rows(2)
    account = console.truth()["accounts"][0]["id"]
    console.change("add_site", name="Once", account=account)
    console.fault({"kind": "expired_cursor", "path": "/sites", "at": [2], "times": 1})
    assert await log.news() == [("site_added", "site", "Once", None, "active")]
