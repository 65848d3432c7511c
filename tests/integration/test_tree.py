"""The consoles' trees over time: what happens there is pulled, told, asked about, and settled by what is told."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from support.hub import Hub
from support.simulator import Document, Simulator
from waypost.access.audit import Actor
from waypost.connections.connection import Connection
from waypost.organizations import drift, registry
from waypost.organizations.drift import Drift
from waypost.organizations.drift.items import DriftItem
from waypost.organizations.mapping import saving
from waypost.organizations.mapping.decisions import Decided, Kind, Wish
from waypost.sync import refresh, streams
from waypost.unified.words import ChangeKind

WHO = Actor("key", "tester")
SMALL: dict[str, Any] = {"accounts": 3, "sites": 9, "agents": 40, "risks_per_agent": 5}


class Provider:
    """A provider with one console, all of whose accounts and sites were decided about: a client for each account."""

    def __init__(self, hub: Hub, console: Simulator, connection: Connection) -> None:
        self.hub = hub
        self.console = console
        self.connection = connection

    async def decide(self) -> None:
        for account in self.console.truth()["accounts"]:
            await registry.add(self.hub.db, WHO, f"Client {account['name']}")
        wishes = [
            Wish("console", Kind.SITE, Decided.MAPPED, site["id"], organization=f"Client {site['account']}")
            for site in self.sites()
        ]
        await saving.save(self.hub.db, WHO, wishes)

    def sites(self) -> list[Document]:
        """All that can have data, with the name of their account."""
        truth = self.console.truth()
        names = {account["id"]: account["name"] for account in truth["accounts"]}
        return [
            {**site, "account": names[site["accountId"]]}
            for site in truth["sites"]
            if site["state"] != "deleted"
        ]

    def peopled(self, place: int = 0) -> Document:
        """An active site that has devices which are there."""
        homes = {
            device["siteId"] for device in self.console.truth()["devices"] if device["state"] == "active"
        }
        return [site for site in self.sites() if site["id"] in homes and site["state"] == "active"][place]

    async def refresh(self) -> list[str]:
        """Read the tree again; what became of it."""
        (found,) = await refresh.refresh(self.hub.means)
        assert found.problem is None
        return [change.kind for change in found.changes]

    async def asked(self) -> list[DriftItem]:
        """What needs a person, without anybody having looked for it."""
        return await drift.listed(self.hub.db, limit=100)

    async def take(self, item: DriftItem, place: int = 0) -> None:
        """Take a step as it is told."""
        step = item.remedies[place]
        if step.body is not None:
            await saving.save(self.hub.db, WHO, msgspec.convert(step.body["items"], list[Wish]))
        elif step.path.endswith("/keep"):
            await drift.keep(self.hub.db, WHO, UUID(step.path.split("/")[-2]))
        else:
            *_, organization, verb = step.path.split("/")
            do = {"archive": registry.archive, "restore": registry.restore}[verb]
            await do(self.hub.db, WHO, await registry.get(self.hub.db, organization))

    async def log(self) -> list[tuple[str, str]]:
        """What the change log says about drift: whether it began or settled, and its kind."""
        rows = await self.hub.rows(
            "SELECT kind, detail ->> 'drift' FROM change WHERE kind = ANY (%s) ORDER BY change_id",
            [ChangeKind.MAPPING_DRIFTED.value, ChangeKind.MAPPING_SETTLED.value],
        )
        return [(ChangeKind(kind).name.lower(), drifted) for kind, drifted in rows]

    async def owner(self, site: str) -> str | None:
        rows = await self.hub.rows(
            "SELECT o.name FROM site_owner w JOIN organization o USING (organization_id) WHERE w.site_id = %s",
            int(site),
        )
        return rows[0][0] if rows else None


@pytest.fixture
async def provider(hub: Hub, start_simulator: Callable[..., Simulator]) -> Provider:
    console = start_simulator(**SMALL)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    provider = Provider(hub, console, connection)
    await provider.decide()
    return provider


async def test_all_is_asked_about_and_then_nothing(
    hub: Hub, start_simulator: Callable[..., Simulator]
) -> None:
    """After the first pull each site asks whose it is; once all is decided nothing needs anybody, pull after pull."""
    console = start_simulator(**SMALL)
    connection = await hub.add(console.url, console.token)
    await hub.pull(connection)
    provider = Provider(hub, console, connection)
    expired = {site["id"] for site in provider.sites() if site["state"] == "expired"}
    asked = {item.scope_id: item.kind for item in await provider.asked()}
    assert set(asked) == {site["id"] for site in provider.sites()}
    assert {scope_id for scope_id, kind in asked.items() if kind == Drift.EXPIRED_SITE} <= expired
    await provider.decide()
    assert await provider.asked() == []
    before = await provider.log()
    assert len([turn for turn, _ in before if turn == "mapping_drifted"]) == len(
        [turn for turn, _ in before if turn == "mapping_settled"]
    )
    for _ in range(2):
        await hub.pull(connection)
    assert await provider.refresh() == []
    assert await provider.asked() == []
    assert await provider.log() == before


def rename(console: Simulator, site: Document) -> None:
    other = next(one for one in console.truth()["accounts"] if one["id"] != site["accountId"])
    console.change("rename", id=site["id"], name=f"Client {other['name']}")


def move(console: Simulator, site: Document) -> None:
    other = next(one for one in console.truth()["accounts"] if one["id"] != site["accountId"])
    console.change("move", id=site["id"], account=other["id"])


def expire(console: Simulator, site: Document) -> None:
    console.change("expire", id=site["id"])


def lose(console: Simulator, site: Document) -> None:
    console.fault({"kind": "scope_lost", "siteIds": [site["id"]], "path": "/sites"})


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("happens", "event", "kind"),
    [
        (rename, "site_renamed", Drift.RENAMED_SITE),
        (move, "site_moved", Drift.MOVED_SITE),
        (expire, "site_expired", Drift.EXPIRED_SITE),
        (lose, "site_gone", Drift.GONE_SITE),
    ],
)
async def test_what_happens_to_a_site(
    provider: Provider,
    happens: Callable[[Simulator, Document], None],
    event: str,
    kind: Drift,
    place: int,
) -> None:
    """Each is told once, asked about once while the mapping holds, and settled by any step that is told."""
    site = provider.peopled()
    start = len(await provider.log())
    happens(provider.console, site)
    assert await provider.refresh() == [event]
    assert await provider.owner(site["id"]) == f"Client {site['account']}"
    (item,) = await provider.asked()
    assert (item.kind, item.scope_id, item.connection) == (kind, site["id"], "console")
    assert await provider.refresh() == []
    if place < len(item.remedies):
        await provider.take(item, place)
        assert await provider.asked() == []
        assert (await provider.log())[start:] == [("mapping_drifted", kind), ("mapping_settled", kind)]
        await provider.refresh()
        assert await provider.asked() == []


async def test_it_settles_by_itself_when_it_is_taken_back(provider: Provider) -> None:
    """What is taken back in the console needs nobody any more."""
    site = provider.peopled()
    start = len(await provider.log())
    expire(provider.console, site)
    await provider.refresh()
    provider.console.change("reactivate", id=site["id"])
    assert await provider.refresh() == ["site_reactivated"]
    assert await provider.asked() == []
    turns = [("mapping_drifted", "expired_site"), ("mapping_settled", "expired_site")]
    assert (await provider.log())[start:] == turns


async def test_a_site_that_came(provider: Provider) -> None:
    """A new site asks whose it is; one in an account that is mapped as a whole is its organization's at once."""
    account = provider.console.truth()["accounts"][0]
    came = provider.console.change("add_site", name="Newcomer", account=account["id"], agents=2)
    assert await provider.refresh() == ["site_added"]
    (item,) = await provider.asked()
    assert (item.kind, item.name) == (Drift.NEW_SITE, "Newcomer")
    client = f"Client {account['name']}"
    wish = Wish("console", Kind.ACCOUNT, Decided.MAPPED, account["id"], organization=client)
    await saving.save(provider.hub.db, WHO, [wish])
    assert await provider.asked() == []
    assert await provider.owner(came["id"]) == client
    later = provider.console.change("add_site", name="Later", account=account["id"])
    await provider.refresh()
    assert await provider.asked() == []
    assert await provider.owner(later["id"]) == client


async def test_an_account_that_came(provider: Provider) -> None:
    """A new account without sites asks; with its first site that asks instead."""
    account = provider.console.change("add_account", name="New customer")
    assert await provider.refresh() == ["account_added"]
    assert [item.kind for item in await provider.asked()] == [Drift.NEW_ACCOUNT]
    provider.console.change("add_site", name="HQ", account=account["id"])
    await provider.refresh()
    assert [(item.kind, item.name) for item in await provider.asked()] == [(Drift.NEW_SITE, "HQ")]


async def test_computers_that_join_another_domain(provider: Provider) -> None:
    """A site whose computers join another client's domain asks with the pull that learns it."""
    site = provider.peopled()
    other = next(
        one for one in await registry.find(provider.hub.db) if one.name != f"Client {site['account']}"
    )
    await registry.change(provider.hub.db, WHO, other, domains=["globex.example"])
    provider.console.change("set_domain", id=site["id"], domain="GLOBEX.example")
    await provider.hub.pull(provider.connection)
    (item,) = await provider.asked()
    assert (item.kind, item.detail.domains) == (Drift.DOMAIN_CONTRADICTION, ("globex.example",))
    await provider.take(item)
    await provider.hub.pull(provider.connection)
    assert await provider.asked() == []


async def test_a_deleted_site(provider: Provider) -> None:
    """A deleted site keeps what it had until its devices are pulled; with nothing left it needs nobody."""
    site = provider.peopled()
    provider.console.change("delete", id=site["id"])
    assert await provider.refresh() == ["site_deleted"]
    (item,) = await provider.asked()
    assert (item.kind, item.detail.standing) == (Drift.GONE_SITE, "deleted")
    await provider.hub.pull(provider.connection, full=True)
    assert [item for item in await provider.asked() if item.scope_id == site["id"]] == []


async def test_organizations_that_change(provider: Provider) -> None:
    """One that loses its last site, and one that is archived with sites, ask; both steps can be taken."""
    first, *_ = await registry.find(provider.hub.db)
    await registry.archive(provider.hub.db, WHO, first)
    (item,) = await provider.asked()
    assert (item.kind, item.organization and item.organization.name) == (
        Drift.ARCHIVED_ORGANIZATION, first.name,
    )  # fmt: skip
    await provider.take(item)
    assert await provider.asked() == []
    await registry.add(provider.hub.db, WHO, "Without a site")
    (item,) = await provider.asked()
    assert item.kind == Drift.EMPTY_ORGANIZATION
    await provider.take(item)
    assert await provider.asked() == []


async def test_drift_that_cannot_be_looked_for(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull is no failure because drift could not be looked for; the next one finds it."""
    site = provider.peopled()
    expire(provider.console, site)
    with monkeypatch.context() as broken:
        broken.setitem(drift.__dict__, "_LOCK", "no number")
        result = await provider.hub.pull(provider.connection, streams=(streams.ACCOUNTS, streams.SITES))
        assert result.ok
    assert await provider.asked() == []
    await provider.hub.pull(provider.connection, streams=(streams.ACCOUNTS, streams.SITES))
    assert [item.kind for item in await provider.asked()] == [Drift.EXPIRED_SITE]
