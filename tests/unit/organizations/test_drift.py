"""Drift: what needs a person is told once, with what ends it, and is over once that was done."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from support.estates import Client, Grounds, ignored, mapped, undecided
from support.hub import Hub
from waypost import errors
from waypost.access.audit import Actor
from waypost.connections.connection import Connection
from waypost.connections.probe import Identity
from waypost.organizations import drift, registry
from waypost.organizations.drift import Drift, items, remedies
from waypost.organizations.drift.items import DriftItem
from waypost.organizations.mapping import saving
from waypost.organizations.mapping.decisions import Kind, Wish
from waypost.storage import queries
from waypost.unified.words import ChangeKind

WHO = Actor("key", "tester")
SITE = 11


class Watch:
    """A console `main` with one site `Place` of two devices in the account `West`, and a look at its drift."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.db = hub.db
        self.grounds = Grounds(hub)
        self.main: Connection
        self.client: Client

    async def build(self) -> None:
        self.main = await self.grounds.console("main")
        self.client = await self.grounds.client("Acme Ltd")
        await self.grounds.account(self.main, 1, "West")
        await self.grounds.account(self.main, 2, "East")
        await self.grounds.site(self.main, SITE, "Place", 1)
        await self.grounds.devices(self.main, SITE, 2, domain="acme.example", findings=1)

    async def save(self, *wishes: Wish) -> int:
        return (await saving.save(self.db, WHO, wishes)).version

    async def change(self, columns: str, *values: object, site: int = SITE) -> None:
        """Write to the site what a pull would have."""
        await self.hub.rows(f"UPDATE site SET {columns} WHERE site_id = {site} RETURNING 1", *values)  # noqa: S608

    async def told(self) -> list[tuple[str, str]]:
        """What needs a person now: kind, and the name of the site, account or else organization."""
        await drift.reconcile(self.db)
        return sorted(
            (item.kind, item.name or (item.organization.name if item.organization else ""))
            for item in await self.items()
        )

    async def items(self, **filters: Any) -> list[DriftItem]:
        return await drift.listed(self.db, limit=100, **filters)

    async def one(self, kind: Drift) -> DriftItem:
        (item,) = await self.items(kind=kind)
        assert item.remedy == f"{item.remedies[0].text}: `{item.remedies[0].command}`"
        return item

    async def log(self, kind: Drift) -> list[str]:
        """What the change log says of a kind of drift, in order."""
        rows = await self.hub.rows(
            "SELECT kind FROM change WHERE detail ->> 'drift' = %s AND kind = ANY (%s) ORDER BY change_id",
            kind,
            [ChangeKind.MAPPING_DRIFTED.value, ChangeKind.MAPPING_SETTLED.value],
        )
        return [ChangeKind(number).name.lower().removeprefix("mapping_") for (number,) in rows]

    async def take(self, item: DriftItem, place: int = 0) -> None:
        """Take one of the steps that a drift names, as the API does: by its method, path and body."""
        step = item.remedies[place]
        if step.path == "/api/v1/mapping" and step.method == "PUT":
            assert step.body is not None
            await self.save(*msgspec.convert(step.body["items"], list[Wish]))
        elif step.path.endswith("/keep"):
            await drift.keep(self.db, WHO, UUID(step.path.split("/")[-2]))
        else:
            *_, organization, verb = step.path.split("/")
            do = {"archive": registry.archive, "restore": registry.restore}[verb]
            await do(self.db, WHO, await registry.get(self.db, organization))


@pytest.fixture
async def watch(hub: Hub) -> Watch:
    watch = Watch(hub)
    await watch.build()
    return watch


async def test_a_new_site(watch: Watch) -> None:
    """A site that nothing is decided about is told, with where to see whose it may be, until something is decided."""
    assert await watch.told() == [
        ("empty_organization", "Acme Ltd"),
        ("new_account", "East"),
        ("new_site", "Place"),
    ]
    item = await watch.one(Drift.NEW_SITE)
    assert (item.connection, item.scope, item.scope_id, item.organization) == (
        "main",
        "site",
        str(SITE),
        None,
    )
    assert item.message == "Nothing is decided about the site 'Place' of 'main'."
    assert item.remedies[0].command == "waypost mapping suggest --connection main --kind site"
    assert item.remedies[1].command == "waypost mapping save --ignore main/Place --reason 'not a client'"
    await watch.save(mapped("main", SITE, "Acme Ltd"))
    assert await watch.told() == [("new_account", "East")]
    assert await watch.log(Drift.NEW_SITE) == ["drifted", "settled"]


async def test_ignoring_is_a_step(watch: Watch) -> None:
    """The step that ignores a site or an account is one that can be taken as it is told."""
    await watch.told()
    for kind in (Drift.NEW_SITE, Drift.NEW_ACCOUNT):
        await watch.take(await watch.one(kind), 1)
    assert await watch.told() == [("empty_organization", "Acme Ltd")]


async def test_undecided_again(watch: Watch) -> None:
    """What is made undecided is told again, as a drift of its own."""
    await watch.told()
    version = await watch.save(mapped("main", SITE, "Acme Ltd"))
    await watch.told()
    await watch.save(undecided("main", SITE, version=version))
    assert ("new_site", "Place") in await watch.told()
    assert await watch.log(Drift.NEW_SITE) == ["drifted", "settled", "drifted"]


async def test_an_account_decides_about_its_sites(watch: Watch) -> None:
    """A site whose account is decided about is not new, and an account whose sites are told is not told besides."""
    assert ("new_account", "West") not in await watch.told()
    await watch.save(mapped("main", 1, "Acme Ltd", kind=Kind.ACCOUNT))
    assert await watch.told() == [("new_account", "East")]


async def test_a_connection_decides_about_its_sites(watch: Watch) -> None:
    """Nothing is new on a console that was connected for an organization."""
    await watch.hub.rows("UPDATE connection SET organization_id = %s RETURNING 1", watch.client.id)
    assert await watch.told() == []


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        ("gone_at = now()", Drift.GONE_SITE, "is no longer listed"),
        ("state = 'deleted'", Drift.GONE_SITE, "was deleted"),
        ("state = 'expired'", Drift.EXPIRED_SITE, "has expired"),
    ],
)
async def test_a_lost_site_with_data(watch: Watch, columns: str, kind: Drift, said: str, place: int) -> None:
    """A mapped site that is gone, deleted or expired and has data is told until it is ignored, or kept on purpose."""
    await watch.save(mapped("main", SITE, "Acme Ltd"), ignored("main", 2, kind=Kind.ACCOUNT))
    assert await watch.told() == []
    await watch.change(columns)
    assert (str(kind), "Place") in await watch.told()
    item = await watch.one(kind)
    assert item.message == f"The site 'Place' of 'main' {said} and has data; it belongs to 'Acme Ltd'."
    await watch.take(item, place)
    assert (str(kind), "Place") not in await watch.told()
    assert await watch.log(kind) == ["drifted", "settled"]


async def test_an_undecided_lost_site(watch: Watch) -> None:
    """One that nobody has decided about is told once, as what was lost and not as new, and can be ignored."""
    await watch.save(ignored("main", 2, kind=Kind.ACCOUNT))
    await watch.change("state = 'expired'")
    assert await watch.told() == [("empty_organization", "Acme Ltd"), ("expired_site", "Place")]
    await watch.take(await watch.one(Drift.EXPIRED_SITE))
    assert await watch.told() == [("empty_organization", "Acme Ltd")]


async def test_a_lost_site_without_data(watch: Watch) -> None:
    """A site that is gone and has neither devices nor unresolved findings needs nobody."""
    await watch.hub.rows("DELETE FROM device RETURNING 1")
    await watch.hub.rows("DELETE FROM finding WHERE state <> 6 RETURNING 1")
    await watch.change("gone_at = now()")
    assert {kind for kind, _ in await watch.told()}.isdisjoint({"gone_site", "new_site"})


@pytest.mark.parametrize("place", [0, 1])
async def test_a_new_name_that_speaks_of_another(watch: Watch, place: int) -> None:
    """A mapped site whose new name is another organization's holds and asks, until it is kept or mapped to that one."""
    other = await watch.grounds.client("Globex Corporation")
    await watch.save(
        mapped("main", SITE, "Acme Ltd"), mapped("main", 2, "Globex Corporation", kind=Kind.ACCOUNT)
    )
    await watch.change("name = 'Globex Corporation'")
    assert await watch.told() == [("renamed_site", "Globex Corporation")]
    item = await watch.one(Drift.RENAMED_SITE)
    assert item.message == (
        "The site 'Globex Corporation' of 'main' was 'Place' when it was mapped; the new name speaks of "
        "'Globex Corporation'. It still belongs to 'Acme Ltd'."
    )
    assert item.detail.other is not None
    assert (item.detail.was, item.detail.other.id, item.detail.grade) == ("Place", other.uuid, "sure")
    assert (await watch.grounds.owners())["main", SITE] == "Acme Ltd"
    command = "waypost mapping save --replace 'main/Globex Corporation=Globex Corporation'"
    assert item.remedies[1].command == command
    await watch.take(item, place)
    assert await watch.told() == ([] if place == 0 else [("empty_organization", "Acme Ltd")])
    assert (await watch.grounds.owners())["main", SITE] == ("Acme Ltd", "Globex Corporation")[place]
    assert await watch.log(Drift.RENAMED_SITE) == ["drifted", "settled"]


async def test_a_new_name_that_speaks_of_nobody_else(watch: Watch) -> None:
    """A new name that is the organization's own, or nobody's, is no drift; nor is that of an ignored site."""
    await watch.grounds.client("Globex Corporation")
    version = await watch.save(mapped("main", SITE, "Acme Ltd"))
    for name in ("ACME", "Acme Limited", "Warehouse 9", "Servers", None):
        await watch.change("name = %s", name)
        assert "renamed_site" not in {kind for kind, _ in await watch.told()}
    await watch.save(ignored("main", SITE, version=version))
    await watch.change("name = 'Globex Corporation'")
    assert "renamed_site" not in {kind for kind, _ in await watch.told()}


async def test_a_renamed_account(watch: Watch) -> None:
    """An account that was mapped as a whole asks as a site does."""
    await watch.grounds.client("Globex Corporation")
    await watch.save(mapped("main", 1, "Acme Ltd", kind=Kind.ACCOUNT))
    await watch.hub.rows("UPDATE account SET name = 'Globex Corporation' WHERE account_id = 1 RETURNING 1")
    assert ("renamed_account", "Globex Corporation") in await watch.told()
    item = await watch.one(Drift.RENAMED_ACCOUNT)
    assert item.remedies[1].command.startswith("waypost mapping save --kind account --replace ")
    await watch.take(item)
    assert "renamed_account" not in {kind for kind, _ in await watch.told()}


@pytest.mark.parametrize("wish", [mapped("main", SITE, "Acme Ltd"), ignored("main", SITE)])
async def test_a_moved_site(watch: Watch, wish: Wish) -> None:
    """A site that was moved to another account after it was decided about asks until that is confirmed."""
    await watch.save(wish)
    await watch.told()
    await watch.change("account_id = 2, moved_at = now(), moved_from = 1")
    assert ("moved_site", "Place") in await watch.told()
    item = await watch.one(Drift.MOVED_SITE)
    whose = "it belongs to 'Acme Ltd'" if wish.organization else "it is ignored"
    assert item.message == f"The site 'Place' of 'main' was moved from the account 'West' to 'East'; {whose}."
    await watch.take(item)
    assert "moved_site" not in {kind for kind, _ in await watch.told()}
    assert await watch.log(Drift.MOVED_SITE) == ["drifted", "settled"]


async def test_a_site_that_was_moved_along_with_its_data(watch: Watch) -> None:
    """A site that follows its account, and so went to another organization by a move, asks until it has its own."""
    await watch.grounds.client("Globex Corporation")
    await watch.save(
        mapped("main", 1, "Acme Ltd", kind=Kind.ACCOUNT),
        mapped("main", 2, "Globex Corporation", kind=Kind.ACCOUNT),
    )
    assert "moved_site" not in {kind for kind, _ in await watch.told()}
    await watch.change("account_id = 2, moved_at = now(), moved_from = 1")
    assert ("moved_site", "Place") in await watch.told()
    item = await watch.one(Drift.MOVED_SITE)
    assert item.message.endswith("it belongs to 'Globex Corporation'.")
    assert item.remedies[0].command == "waypost mapping save 'main/Place=Globex Corporation'"
    await watch.take(item)
    assert "moved_site" not in {kind for kind, _ in await watch.told()}


async def test_a_move_that_was_seen(watch: Watch) -> None:
    """No question is asked where the account was decided about after the move, or both are one organization's."""
    await watch.grounds.client("Globex Corporation")
    await watch.save(mapped("main", 1, "Acme Ltd", kind=Kind.ACCOUNT))
    await watch.change("account_id = 2, moved_at = now(), moved_from = 1")
    assert ("new_site", "Place") in await watch.told()
    version = await watch.save(mapped("main", 2, "Globex Corporation", kind=Kind.ACCOUNT))
    assert "moved_site" not in {kind for kind, _ in await watch.told()}
    await watch.save(mapped("main", 2, "Acme Ltd", kind=Kind.ACCOUNT, version=version))
    await watch.change("account_id = 1, moved_at = now(), moved_from = 2")
    assert "moved_site" not in {kind for kind, _ in await watch.told()}


@pytest.mark.parametrize("place", [0, 1])
async def test_domains_that_contradict(watch: Watch, place: int) -> None:
    """A site most of whose devices are in another organization's domain asks; half of them are too few."""
    await watch.grounds.client("Globex Corporation", domains=["globex.example"])
    await watch.save(
        mapped("main", SITE, "Acme Ltd"), mapped("main", 2, "Globex Corporation", kind=Kind.ACCOUNT)
    )
    await watch.grounds.devices(watch.main, SITE, 2, domain="GLOBEX.example")
    assert await watch.told() == []
    await watch.grounds.devices(watch.main, SITE, 1, domain="globex.example")
    assert await watch.told() == [("domain_contradiction", "Place")]
    item = await watch.one(Drift.DOMAIN_CONTRADICTION)
    assert item.message == (
        "Most devices of the site 'Place' of 'main' are in 'globex.example', which is 'Globex Corporation'; "
        "it belongs to 'Acme Ltd'."
    )
    assert item.detail.domains == ("globex.example",)
    await watch.take(item, place)
    assert "domain_contradiction" not in {kind for kind, _ in await watch.told()}
    assert await watch.log(Drift.DOMAIN_CONTRADICTION) == ["drifted", "settled"]


async def test_domains_that_were_there_or_are_shared(watch: Watch) -> None:
    """Domains that were there when somebody decided, or that are shared with the other one, contradict nothing."""
    await watch.grounds.client("Globex Corporation", domains=["acme.example"])
    part = await watch.grounds.client("Acme West", parent=watch.client)
    await watch.save(mapped("main", SITE, "Acme Ltd"))
    assert "domain_contradiction" not in {kind for kind, _ in await watch.told()}
    await watch.hub.rows("UPDATE device SET domain = 'both.example' RETURNING 1")
    for domains in (["both.example"], []):
        for client in (watch.client, part):
            await watch.hub.rows(
                "UPDATE organization SET domains = %s WHERE organization_id = %s RETURNING 1",
                domains,
                client.id,
            )
    await watch.hub.rows(
        "UPDATE organization SET domains = '{both.example}' WHERE name = 'Acme West' RETURNING 1"
    )
    assert "domain_contradiction" not in {kind for kind, _ in await watch.told()}


async def test_two_organizations_by_two_connections(watch: Watch) -> None:
    """The same site of one console under two organizations is told once, and settled by mapping both to one."""
    globex = await watch.grounds.client("Globex Corporation")
    second = await watch.grounds.console("second", identity=Identity(user_id="2", scope="tenant"))
    await watch.grounds.account(second, 1, "West")
    await watch.grounds.site(second, SITE, "Place", 1)
    await watch.save(mapped("main", SITE, "Acme Ltd"), ignored("main", 2, kind=Kind.ACCOUNT))
    await watch.hub.rows(
        "UPDATE connection SET organization_id = %s WHERE name = 'second' RETURNING 1", globex.id
    )
    assert await watch.told() == [("two_organizations", "Place")]
    item = await watch.one(Drift.TWO_ORGANIZATIONS)
    assert item.message == (
        "The site 'Place' of 'main' belongs to 'Acme Ltd', and to 'Globex Corporation' by 'second', "
        "which is the same console."
    )
    assert item.remedies[0].command == f"waypost mapping save 'second/{SITE}=Acme Ltd'"
    with pytest.raises(errors.DecisionError, match="'two_organizations'"):
        await drift.keep(watch.db, WHO, item.id)
    await watch.take(item)
    assert await watch.told() == []
    assert await watch.log(Drift.TWO_ORGANIZATIONS) == ["drifted", "settled"]


async def test_an_organization_without_a_site(watch: Watch) -> None:
    """An organization without a site is told, unless a part of it has one; archiving it is the step."""
    holding = await watch.grounds.client("Holding")
    await watch.grounds.client("Branch", parent=holding)
    await watch.save(mapped("main", SITE, "Branch"), ignored("main", 2, kind=Kind.ACCOUNT))
    assert await watch.told() == [("empty_organization", "Acme Ltd")]
    item = await watch.one(Drift.EMPTY_ORGANIZATION)
    assert (item.connection, item.scope) == (None, None)
    assert item.remedies[0].command == "waypost org archive 'Acme Ltd'"
    ((about,),) = await watch.hub.rows(
        "SELECT subject_id FROM change WHERE detail ->> 'drift' = 'empty_organization'"
    )
    assert about == watch.main.connection_uuid
    await watch.take(item)
    assert await watch.told() == []


async def test_organizations_before_there_is_a_site(hub: Hub) -> None:
    """Whoever imports organizations first is not told that none of them has a site."""
    await Grounds(hub).client("Acme Ltd")
    assert (await drift.reconcile(hub.db)).began == {}


async def test_an_archived_organization_with_sites(watch: Watch) -> None:
    """An archived organization that owns sites is told until it is restored or its sites are somebody else's."""
    await watch.save(mapped("main", SITE, "Acme Ltd"), ignored("main", 2, kind=Kind.ACCOUNT))
    await watch.grounds.archive(watch.client)
    assert await watch.told() == [("archived_organization", "Acme Ltd")]
    item = await watch.one(Drift.ARCHIVED_ORGANIZATION)
    await watch.take(item)
    assert await watch.told() == []


async def test_once_and_not_twice(watch: Watch) -> None:
    """Looked for by many at once and again, each drift begins once and is logged once."""

    async def look() -> None:
        async with watch.hub.means.database.connect() as db:
            await drift.reconcile(db)

    await asyncio.gather(*(look() for _ in range(6)))
    await look()
    assert await watch.hub.rows("SELECT kind, count(*) FROM drift GROUP BY kind ORDER BY kind") == [
        ("empty_organization", 1), ("new_account", 1), ("new_site", 1),
    ]  # fmt: skip
    for kind in (Drift.NEW_SITE, Drift.NEW_ACCOUNT, Drift.EMPTY_ORGANIZATION):
        assert await watch.log(kind) == ["drifted"]


async def test_a_connection_that_is_purged_meanwhile(watch: Watch) -> None:
    """A connection that is purged while drift is looked for takes its own along and fails nobody's look."""
    second = await watch.grounds.console("second", origin="https://usea2-example.sentinelone.net")
    await watch.grounds.site(second, 21, "Other")
    async with watch.hub.means.database.connect() as other, watch.hub.means.database.connect() as db:
        async with other.transaction():
            await other.execute("DELETE FROM connection WHERE connection_id = %s", [second.connection_id])
            looking = asyncio.create_task(drift.reconcile(db))
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
            async with asyncio.timeout(20):
                while await watch.hub.rows(waits, db.info.backend_pid) != [(1,)]:  # noqa: ASYNC110  # it comes about in the database
                    await asyncio.sleep(0.01)
        assert (await looking).began["new_site"] == 1
    assert [item.connection for item in await watch.items(kind=Drift.NEW_SITE)] == ["main"]


async def test_one_connection_alone(watch: Watch) -> None:
    """A look at one connection leaves what is told of others as it is, and ends what was told of removed ones."""
    second = await watch.grounds.console("second", origin="https://usea2-example.sentinelone.net")
    await watch.grounds.site(second, 21, "Other")
    await watch.told()
    await watch.hub.rows("DELETE FROM site RETURNING 1")
    turned = await drift.reconcile(watch.db, watch.main.connection_id, overall=False)
    assert turned.settled == {"new_site": 1}
    assert turned.began == {"new_account": 1}  # West, which has no site any more
    assert [item.connection for item in await watch.items(kind=Drift.NEW_SITE)] == ["second"]
    await watch.hub.rows("UPDATE connection SET state = 'deleted' WHERE name = 'second' RETURNING 1")
    assert await watch.items(kind=Drift.NEW_SITE) == []
    assert (await drift.reconcile(watch.db, watch.main.connection_id, overall=False)).settled == {
        "new_site": 1
    }


async def test_pages_and_filters(watch: Watch) -> None:
    """Pages follow one another without a gap, and kind, connection and organization narrow them."""
    for number in range(7):
        await watch.grounds.site(watch.main, 100 + number, f"Site {number}", 1)
    await watch.told()
    every = await watch.items()
    pages: list[DriftItem] = []
    while page := await drift.listed(
        watch.db, limit=3, after=(pages[-1].began_at, pages[-1].id) if pages else (None, None)
    ):
        pages += page
    assert pages == every
    assert len(every) == 10
    assert len(await watch.items(kind=Drift.NEW_SITE)) == 8
    assert len(await watch.items(connection_id=watch.main.connection_id)) == 9
    assert [item.kind for item in await watch.items(organization_id=watch.client.id)] == [
        "empty_organization"
    ]


async def test_names_that_need_an_id(watch: Watch) -> None:
    """Where a name could mean something else, the command has the id: signs in it, the same name twice, none."""
    for number, name in enumerate(("A=B", "A/B", "Twice", "Twice", None, "4711")):
        await watch.grounds.site(watch.main, 100 + number, name, 1)
    await watch.told()
    commands = [item.remedies[1].command for item in await watch.items(kind=Drift.NEW_SITE)]
    named = {command.split("--ignore ")[1].split(" --reason")[0] for command in commands}
    assert named == {"main/Place", *(f"main/{100 + number}" for number in range(6))}


async def test_keeping_what_cannot_be_kept(watch: Watch) -> None:
    """What nobody decided cannot be kept, and what is over or never was is not found; nothing is changed by asking."""
    await watch.told()
    item = await watch.one(Drift.NEW_SITE)
    with pytest.raises(errors.DecisionError, match="'new_site'"):
        await drift.keep(watch.db, WHO, item.id)
    await watch.save(mapped("main", SITE, "Acme Ltd"))
    await watch.told()
    for drift_id in (item.id, UUID(int=7)):
        with pytest.raises(errors.NotFoundError):
            await drift.keep(watch.db, WHO, drift_id)
    assert await watch.hub.rows("SELECT FROM audit WHERE action = 'mapping.kept'") == []


async def test_who_kept_it_is_in_the_audit_log(watch: Watch) -> None:
    """Keeping a decision is somebody's deed, and leaves its version as it is."""
    version = await watch.save(mapped("main", SITE, "Acme Ltd"))
    await watch.change("account_id = 2, moved_at = now(), moved_from = 1")
    await watch.told()
    await drift.keep(watch.db, WHO, (await watch.one(Drift.MOVED_SITE)).id)
    ((actor, name, after),) = await watch.hub.rows(
        "SELECT actor, subject_name, after FROM audit WHERE action = 'mapping.kept'"
    )
    assert (actor, name, after) == ("tester", "Place", {"drift": "moved_site"})
    assert await watch.hub.rows("SELECT save_id FROM mapping") == [(version,)]


def test_every_kind_is_told_and_ended() -> None:
    """No kind of drift is without a sentence or a step, and the metric tells each."""
    assert set(items._MESSAGES) == set(remedies._STEPS) == set(Drift)
    assert all(f"'{kind}'" in queries.metrics.drift for kind in Drift)
