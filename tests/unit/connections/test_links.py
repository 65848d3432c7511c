"""Connect links: one secret, one use, one organization."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hub import Hub
from waypost import errors
from waypost.access import audit
from waypost.access.audit import SERVICE
from waypost.connections import handover, lifecycle, links, public_address, registry
from waypost.connections.connection import Connection
from waypost.connections.handover import Handover
from waypost.connections.links import Link
from waypost.connections.probe import Identity
from waypost.organizations import registry as organizations
from waypost.settings import Settings
from waypost.storage.database import Connection as DatabaseConnection

CONSOLE = "https://usea1-acme.sentinelone.net"


async def organization(hub: Hub, name: str = "ACME") -> int:
    return (await organizations.add(hub.db, SERVICE, name)).organization_id


async def stored(hub: Hub, name: str, organization_id: int | None = None) -> Connection:
    """A connection that nobody checked."""
    return await registry.store(
        hub.db,
        hub.means.vault,
        SERVICE,
        name=name,
        origin=CONSOLE,
        token="t",
        identity=Identity(user_id=name),
        organization_id=organization_id,
    )


async def made(hub: Hub, **options: Any) -> tuple[Link, str]:
    return await links.create(hub.db, SERVICE, organization_id=await organization(hub), **options)


@asynccontextmanager
async def sessions(hub: Hub) -> AsyncIterator[tuple[DatabaseConnection, DatabaseConnection]]:
    async with hub.means.database.connect() as one, hub.means.database.connect() as two:
        yield one, two


async def test_a_link_is_found_by_its_secret_alone(hub: Hub) -> None:
    """The secret opens the link; the database holds a hash of it, and nothing from which it could be made again."""
    link, secret = await made(hub)
    assert await links.find(hub.db, secret) == link
    assert (link.state, link.organization, link.connection) == ("open", "ACME", None)
    everything = await hub.rows("SELECT l::text FROM connect_link l UNION ALL SELECT a::text FROM audit a")
    assert not [row for row in everything if secret in row[0] or secret.encode().hex() in row[0]]
    assert secret not in str(link.described())


async def test_secrets_are_long_and_differ(hub: Hub) -> None:
    """Each link has 256 bits of its own."""
    organization_id = await organization(hub)
    made = [await links.create(hub.db, SERVICE, organization_id=organization_id) for _ in range(20)]
    assert {len(secret) for _, secret in made} == {43}
    assert len({secret for _, secret in made}) == 20


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE connect_link SET used_at = now()",
        "UPDATE connect_link SET revoked_at = now()",
        "UPDATE connect_link SET expires_at = now()",
        "DELETE FROM connect_link",
        "UPDATE connection SET state = 'deleted'",
    ],
)
async def test_a_link_that_opens_nothing_does_not_say_why(hub: Hub, sql: str) -> None:
    """Used, revoked, expired, unknown, or for a connection that is gone: the refusal is the same."""
    organization_id = await organization(hub)
    connection = await stored(hub, "one", organization_id)
    _, secret = await links.create(hub.db, SERVICE, organization_id=organization_id, connection=connection)
    await hub.db.execute(sql.encode())
    with pytest.raises(errors.LinkRefusedError) as caught:
        await links.find(hub.db, secret)
    assert str(caught.value) == str(errors.LinkRefusedError())


@pytest.mark.parametrize("secret", ["", "x", "a" * 42, "a" * 44, "ü" * 43, "a\x00" + "a" * 41, "a" * 100_000])
async def test_what_is_no_secret(hub: Hub, secret: str) -> None:
    """Whatever stands in the URL, it is a link that opens nothing."""
    with pytest.raises(errors.LinkRefusedError):
        await links.find(hub.db, secret)


@given(number=st.integers(1, 9_999), unit=st.sampled_from("mhdMHD"), space=st.sampled_from(["", " "]))
def test_lifetimes_as_people_write_them(number: int, unit: str, space: str) -> None:
    """Minutes, hours and days from one minute to seven days are lifetimes; all others are refused at the field."""
    length = (
        number * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[unit.lower()]
    )
    text = f" {number}{space}{unit} "
    if timedelta(minutes=1) <= length <= timedelta(days=7):
        assert links.lifetime(text) == length
    else:
        with pytest.raises(errors.InvalidFieldError) as caught:
            links.lifetime(text)
        assert caught.value.field == "lifetime"


@given(st.text(max_size=12).filter(lambda text: not text.strip().lower().endswith(("m", "h", "d"))))
def test_what_is_no_lifetime(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(errors.InvalidFieldError) as caught:
        links.lifetime(text)
    assert "30m" in caught.value.remedy


async def test_a_link_belongs_to_the_connections_organization(hub: Hub) -> None:
    """No link lets one organization replace the token of another's connection."""
    ours, theirs = await organization(hub, "ours"), await organization(hub, "theirs")
    connection = await stored(hub, "theirs", theirs)
    with pytest.raises(errors.InvalidFieldError, match="another organization") as caught:
        await links.create(hub.db, SERVICE, organization_id=ours, connection=connection)
    assert caught.value.field == "connection"
    link, _ = await links.create(hub.db, SERVICE, organization_id=theirs, connection=connection)
    assert (link.connection, link.url) == ("theirs", CONSOLE)


async def test_an_organization_sees_its_own_links_only(hub: Hub) -> None:
    """Of another organization's links neither the list nor an id tells anything."""
    ours, theirs = await organization(hub, "ours"), await organization(hub, "theirs")
    own, _ = await links.create(hub.db, SERVICE, organization_id=ours)
    other, _ = await links.create(hub.db, SERVICE, organization_id=theirs)
    assert (await links.page(hub.db, organization_id=ours))[0] == [own]
    with pytest.raises(errors.NotFoundError):
        await links.get(hub.db, other.link_id, organization_id=ours)
    assert await links.get(hub.db, other.link_id) == other


async def test_pages_of_links_hold_each_once(hub: Hub) -> None:
    """Page after page, every link comes once, the newest first."""
    organization_id = await organization(hub)
    made = [(await links.create(hub.db, SERVICE, organization_id=organization_id))[0] for _ in range(7)]
    seen: list[Link] = []
    cursor: str | None = ""
    while cursor is not None:
        found, cursor = await links.page(hub.db, limit=3, cursor=cursor)
        seen += found
    assert seen == made[::-1]
    with pytest.raises(errors.FilterError):
        await links.page(hub.db, cursor="nonsense")


async def test_one_of_two_uses_wins(hub: Hub) -> None:
    """Of two who use a link at the same moment the second waits for the first, and is refused."""
    link, _ = await made(hub)
    async with sessions(hub) as (one, two):
        async with one.transaction():
            await links.use(one, link)
            second = asyncio.create_task(links.use(two, link))
            await asyncio.sleep(0.2)
            assert not second.done()
        with pytest.raises(errors.LinkRefusedError):
            await second


async def test_a_use_that_fails_leaves_the_link_open(hub: Hub) -> None:
    """What is rolled back has not used the link up."""
    link, secret = await made(hub)
    async with hub.db.transaction(force_rollback=True):
        await links.use(hub.db, link)
    assert (await links.find(hub.db, secret)).state == "open"


async def test_a_link_is_tried_so_often_and_no_more(hub: Hub) -> None:
    """Trying tokens out by machine ends soon, also where many tries come at once."""
    link, _ = await made(hub)
    ends = await asyncio.gather(*(_try(hub, link) for _ in range(links.MOST_CHECKS + 5)))
    assert sorted(map(str, ends)).count("None") == links.MOST_CHECKS
    refused = [end for end in ends if end is not None]
    assert len(refused) == 5
    assert all("times" in str(end) for end in refused)


async def _try(hub: Hub, link: Link) -> errors.LinkRefusedError | None:
    async with hub.means.database.connect() as db:
        try:
            await links.count_check(db, link)
        except errors.LinkRefusedError as error:
            return error
    return None


async def test_a_revoked_link_cannot_be_tried(hub: Hub) -> None:
    """A page that was open when its link was taken back gets nowhere; taking it back twice is once."""
    link, _ = await made(hub)
    revoked = await links.revoke(hub.db, audit.command(), link)
    assert revoked.state == "revoked"
    assert await links.revoke(hub.db, audit.command(), revoked) == revoked
    with pytest.raises(errors.LinkRefusedError):
        await links.count_check(hub.db, link)
    with pytest.raises(errors.LinkRefusedError):
        await links.use(hub.db, link)
    assert await hub.rows("SELECT count(*) FROM audit WHERE action = 'link.revoked'") == [(1,)]


async def test_a_used_link_cannot_be_taken_back(hub: Hub) -> None:
    """What a link saved stays saved, and who would revoke it is told so."""
    link, _ = await made(hub)
    await links.use(hub.db, link)
    with pytest.raises(errors.UsageError, match="used already"):
        await links.revoke(hub.db, SERVICE, link)
    assert (await links.get(hub.db, link.link_id)).state == "used"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8630"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),  # noqa: S104
        ({"host": "::1", "tls_cert": "c"}, "https://[::1]:8630"),
        ({"public_url": "https://waypost.example.com/"}, "https://waypost.example.com"),
        ({"public_url": "https://example.com/waypost"}, None),
        ({"public_url": "http://localhost:9000"}, "http://localhost:9000"),
        ({"public_url": "http://waypost.example.com"}, None),
        ({"public_url": "waypost.example.com"}, None),
        ({"public_url": "https://user:secret@example.com"}, None),
        ({"public_url": "https://example.com/?x=1"}, None),
        ({"public_url": "https://[::1"}, None),
        ({"public_url": "ftp://example.com"}, None),
    ],
)
def test_the_address_of_a_link(tmp_path: Path, settings: dict[str, Any], url: str | None) -> None:
    """A link leads to the public address, else to where the service listens; never over plain http elsewhere."""
    made = Settings(home=tmp_path, **settings)
    if url is None:
        with pytest.raises(errors.SettingsError, match="WAYPOST_PUBLIC_URL"):
            public_address.base(made)
    else:
        assert public_address.base(made) == url
        assert public_address.link(url, "s") == f"{url}/connect/s"


async def save(hub: Hub, link: Link, handed_over: Handover) -> Connection:
    means = hub.means
    async with means.database.connect() as db:
        actor = link.actor("request")
        return (
            await handover.save(db, means.vault, actor, link, handed_over, means.allowed, means.limiter)
        ).connection


async def test_what_is_handed_over_is_saved_for_the_organization(hub: Hub, start_simulator: Any) -> None:
    """A saved connection belongs to the link's organization, the link to the connection, and both to the audit log."""
    console = start_simulator(agents=3)
    link, secret = await made(hub)
    connection = await save(hub, link, Handover(console.url, console.token))
    assert connection.organization
    assert (connection.organization.name, connection.name) == ("ACME", "ACME 127.0.0.1")
    used = await links.get(hub.db, link.link_id)
    assert (used.state, used.connection) == ("used", "ACME 127.0.0.1")
    entries = await hub.rows(
        "SELECT action, actor_kind, actor, request_id FROM audit ORDER BY audit_id DESC LIMIT 2"
    )
    who = ("link", str(link.link_id), "request")
    assert entries == [("link.used", *who), ("connection.added", *who)]
    with pytest.raises(errors.LinkRefusedError):
        await links.find(hub.db, secret)


async def test_two_saves_at_once_make_one_connection(hub: Hub, start_simulator: Any) -> None:
    """A double click saves once; the other is refused, and leaves nothing behind."""
    console = start_simulator(agents=3)
    tokens = [console.holder(token["name"]) for token in console.tokens() if token["state"] == "valid"][:2]
    link, _ = await made(hub)
    ends = await asyncio.gather(
        *(save(hub, link, Handover(console.url, token)) for token in tokens), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["Connection", "LinkRefusedError"]
    assert await hub.rows("SELECT count(*) FROM connection") == [(1,)]
    assert await hub.rows("SELECT count(*) FROM credential") == [(1,)]
    assert await hub.rows("SELECT count(*) FROM audit WHERE action = 'link.used'") == [(1,)]


async def test_a_connection_that_is_removed_during_the_check(
    hub: Hub, start_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link for a connection that is removed while the token is checked opens nothing, and no token is kept."""
    console = start_simulator(agents=3)
    connection = await hub.add(console.url, console.token)
    link, _ = await made(hub, connection=connection)
    use = links.use

    async def removed_first(db: DatabaseConnection, link: Link) -> None:
        async with hub.means.database.connect() as other:
            await lifecycle.remove(other, SERVICE, connection)
        await use(db, link)

    monkeypatch.setattr(links, "use", removed_first)
    with pytest.raises(errors.LinkRefusedError):
        await save(hub, link, Handover("", console.token))
    assert await hub.rows("SELECT FROM credential") == []


async def test_a_wrong_token_does_not_use_the_link_up(hub: Hub, start_simulator: Any) -> None:
    """After a failed save the same link saves with the right token."""
    console = start_simulator(agents=3)
    link, secret = await made(hub)
    with pytest.raises(errors.CheckFailedError) as caught:
        await save(hub, link, Handover(console.url, "wrong"))
    assert caught.value.field == "token"
    again = await links.find(hub.db, secret)
    assert again.checks == 1
    assert (await save(hub, again, Handover(console.url, console.token))).state == "pending"


async def test_taken_names_are_numbered_silently(hub: Hub, start_simulator: Any) -> None:
    """A customer does not learn which names other connections have: a taken one is numbered."""
    console = start_simulator(agents=3)
    await stored(hub, "Headquarters")
    await stored(hub, "Headquarters 2")
    link, _ = await made(hub)
    saved = await save(hub, link, Handover(console.url, console.token, name="Headquarters"))
    assert saved.name == "Headquarters 3"


async def test_a_service_user_that_another_organization_has(hub: Hub, start_simulator: Any) -> None:
    """The same identity twice is refused without a word about whose connection the first is."""
    console = start_simulator(agents=3)
    await hub.add(console.url, console.token, name="Globex secret project")
    link, _ = await made(hub)
    with pytest.raises(errors.SameIdentityError) as caught:
        await save(hub, link, Handover(console.url, console.token))
    assert "Globex" not in f"{caught.value} {caught.value.remedy}"
    assert (await links.get(hub.db, link.link_id)).state == "open"


async def test_a_link_for_a_connection_replaces_its_token_only(hub: Hub, start_simulator: Any) -> None:
    """The connection keeps its name and address whatever is typed in, and has the new token at once."""
    console = start_simulator(agents=3)
    connection = await hub.add(console.url, console.token, name="main")
    organization_id = await organization(hub)
    link, _ = await links.create(hub.db, SERVICE, organization_id=organization_id, connection=connection)
    other = next(
        token["token"] for token in console.tokens() if token["scope"] == "tenant" and token["state"] == "valid"
        and token["token"] != console.token
    )  # fmt: skip
    assert await handover.expected(hub.db, link) is not None
    saved = await save(hub, link, Handover("https://elsewhere.sentinelone.net", other, name="other"))
    assert (saved.name, saved.base_url) == ("main", console.url)
    assert await hub.rows("SELECT count(*) FROM connection") == [(1,)]
    assert await hub.rows("SELECT count(*) FROM credential") == [(2,)]


async def test_a_narrower_token_is_confirmed_first(hub: Hub, start_simulator: Any) -> None:
    """A token that sees less is refused until it is said to be meant, and the link stays open meanwhile."""
    console = start_simulator(agents=3)
    connection = await hub.add(console.url, console.token, name="main")
    organization_id = await organization(hub)
    link, _ = await links.create(hub.db, SERVICE, organization_id=organization_id, connection=connection)
    narrow = console.of_scope("site")
    with pytest.raises(errors.NarrowerScopeError):
        await save(hub, link, Handover("", narrow))
    assert (await links.get(hub.db, link.link_id)).state == "open"
    await save(hub, link, Handover("", narrow, narrower=True))
    assert (await links.get(hub.db, link.link_id)).state == "used"


def test_a_handover_does_not_show_its_token() -> None:
    """Where a handover is printed by mistake, the token is not."""
    assert "canary" not in repr(Handover(CONSOLE, "canary"))
