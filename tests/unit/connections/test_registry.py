"""Connections as they are stored: checked first, each name and identity once, with tokens that only the vault opens."""

import asyncio
import itertools
import socket
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hub import Hub
from waypost import errors
from waypost.access.audit import SERVICE, Actor
from waypost.api.connections import ConnectionItem
from waypost.connections import credentials, registry, rhythm
from waypost.connections.connection import Connection, Rhythm, described
from waypost.connections.probe import Identity
from waypost.connections.rhythm import BOUNDS
from waypost.connections.vault import Vault
from waypost.organizations import registry as organizations
from waypost.sentinelone.address import Allowed


async def stored(hub: Hub) -> list[Any]:
    return await hub.rows("SELECT name, base_url, state, identity FROM connection ORDER BY name")


async def test_what_is_stored(hub: Hub, console: Any, token: str) -> None:
    """A connection keeps its address, who its token is, and the token sealed."""
    added = await hub.add(console.url + "dashboard?x=1", token, "ACME")
    ((name, base_url, state, identity),) = await stored(hub)
    assert (name, base_url, state) == ("ACME", console.url.rstrip("/"), "pending")
    assert (identity["user"], identity["scope"]) == ("Ada", "account")
    assert added.expires_at is not None
    ((row,),) = await hub.rows("SELECT credential::text || connection::text FROM credential, connection")
    assert token not in row
    assert token.encode().hex() not in row


async def test_reaching_a_stored_connection(hub: Hub, console: Any, token: str) -> None:
    """A stored connection calls its console with the token that it was added with."""
    connection = await hub.add(console.url, token)
    client = await credentials.reach(
        hub.db, hub.means.vault, connection, hub.means.allowed, hub.means.limiter
    )
    async with client:
        assert (await client.get("/agents")).body
    assert token not in repr(connection) + repr(client)


async def test_another_master_key_opens_nothing(hub: Hub, console: Any, token: str) -> None:
    """A token that was sealed with another key is told as such; with its own key it opens."""
    connection = await hub.add(console.url, token)
    with pytest.raises(errors.VaultError, match="another master key"):
        await credentials.reach(hub.db, Vault(bytes(32)), connection, hub.means.allowed)
    await credentials.reach(hub.db, hub.means.vault, connection, hub.means.allowed)


async def test_a_token_copied_to_another_connection(hub: Hub, console: Any, token: str) -> None:
    """Whoever can write to the database cannot make one connection use another's token."""
    await hub.add(console.url, token, "one")
    other = await hub.add(console.url, console.admit("6"), "other")
    await hub.db.execute(
        "UPDATE credential k SET sealed_key = o.sealed_key, sealed_token = o.sealed_token"
        " FROM credential o WHERE o.connection_id <> k.connection_id AND k.connection_id = %s",
        [other.connection_id],
    )
    with pytest.raises(errors.VaultError, match="moved to another row"):
        await credentials.reach(hub.db, hub.means.vault, other, hub.means.allowed)


async def test_a_host_that_is_no_longer_allowed(hub: Hub, console: Any, token: str) -> None:
    """What the operator no longer allows is no longer called, though it is stored."""
    connection = await hub.add(console.url, token)
    with pytest.raises(errors.AddressError):
        await credentials.reach(hub.db, hub.means.vault, connection, Allowed.parse(""))


@pytest.mark.parametrize("name", ["", " ", "-x", ".x", "_x", "x" * 81, "a\nb", "a\0b", "a\u202eb", "\u200b"])
async def test_names_that_are_none(hub: Hub, console: Any, token: str, name: str) -> None:
    """A name that could be mistaken for something else is refused at its field, before anybody is called."""
    with pytest.raises(errors.ConnectionNameError, match="is no name") as refusal:
        await hub.add(console.url, token, name)
    assert (refusal.value.field, console.asked, await stored(hub)) == ("name", [], [])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a", "a"),
        ("9", "9"),
        ("ACME GmbH & Co", "ACME GmbH & Co"),
        ("Łódź (EU)", "Łódź (EU)"),
        ("日本支社", "日本支社"),
        ("شركة", "شركة"),
        ("o'brien / EMEA; 2", "o'brien / EMEA; 2"),
        ("  ACME \u00a0 Europe\n", "ACME Europe"),
        ("Cafe\u0301", "Café"),
        ("x" * 80, "x" * 80),
    ],
)
async def test_names(hub: Hub, given: str, kept: str) -> None:
    """Names in any script are kept, without what is around them, and found as they were given."""
    assert (await hub.store((await renamed(hub, given)).name + " 2")).name.removesuffix(" 2") == kept
    assert [connection.name for connection in await registry.get(hub.db, [given])] == [kept]


async def renamed(hub: Hub, name: str) -> Connection:
    return await registry.rename(hub.db, SERVICE, await hub.store("before"), name)


async def test_a_name_that_is_taken(hub: Hub, console: Any, token: str) -> None:
    """A second connection of one name is refused before anybody is called, and the first stays."""
    await hub.add(console.url, token, "ACME")
    asked = len(console.asked)
    with pytest.raises(
        errors.ConnectionExistsError, match=f"'ACME' already, to {console.url[:-1]}"
    ) as refusal:
        await hub.add(console.url, console.admit("6"), " ACME ")
    assert (len(console.asked), refusal.value.field) == (asked, "name")
    await hub.add(console.url, console.admit("6"), "ACME 2")
    assert [row[0] for row in await stored(hub)] == ["ACME", "ACME 2"]


async def test_an_identity_that_is_taken(hub: Hub, console: Any, token: str) -> None:
    """The same console and user under another name and token is refused with the name of the first."""
    await hub.add(console.url, token, "first")
    console.holders["another token of the same user"] = "5"
    for force in (False, True):
        with pytest.raises(errors.SameIdentityError, match="'first' has this console and user") as refusal:
            await add(hub, console.url, "anothertokenofthesameuser", "second", console, force=force)
        assert refusal.value.field == "token"
    assert [row[0] for row in await stored(hub)] == ["first"]
    assert len(await hub.rows("SELECT FROM credential")) == 1
    await hub.add(console.url, console.admit("6"), "second")


async def add(hub: Hub, url: str, token: str, name: str, console: Any, **more: Any) -> Connection:
    console.holders[token] = "5"
    facts = {"allowed": hub.means.allowed, "limiter": hub.means.limiter, **more}
    connection, _ = await registry.add(
        hub.db, hub.means.vault, SERVICE, name=name, url=url, token=token, **facts
    )
    return connection


async def test_what_strangers_are_not_told(hub: Hub) -> None:
    """Whoever acts for one organization is not told whose a name or an identity is, if it is another's."""
    theirs = await organizations.add(hub.db, SERVICE, "theirs")
    ours = await organizations.add(hub.db, SERVICE, "ours")
    first = await hub.store("Secret client", organization_id=theirs.organization_id)
    link = Actor("link", "1", organization_id=ours.organization_id)
    origin, user = first.base_url, Identity(user_id=first.identity["user_id"])
    for name, identity in (("Secret client", Identity()), ("other", user)):
        with pytest.raises(errors.UsageError) as refusal:
            await registry.store(
                hub.db, hub.means.vault, link, name=name, origin=origin, token="x", identity=identity
            )
        told = str(refusal.value) + refusal.value.remedy
        assert origin not in told
        assert name == "Secret client" or "Secret client" not in told


@pytest.mark.parametrize("same", ["name", "identity"])
async def test_two_at_once(hub: Hub, same: str) -> None:
    """Of two that are added at once under one name, or with one identity, one is stored and the other told why."""

    async def add(number: int) -> object:
        name = "ACME" if same == "name" else f"ACME {number}"
        user = "same" if same == "identity" else str(number)
        async with hub.means.database.connect() as db:
            try:
                return await registry.store(
                    db,
                    hub.means.vault,
                    SERVICE,
                    name=name,
                    origin="https://usea1-example.sentinelone.net",
                    token=f"token {number}",
                    identity=Identity(user_id=user),
                )
            except errors.WaypostError as problem:
                return type(problem)

    ends = await asyncio.gather(*map(add, range(6)))
    refusal = errors.ConnectionExistsError if same == "name" else errors.SameIdentityError
    assert sorted(map(str, (end for end in ends if not isinstance(end, Connection)))) == [str(refusal)] * 5
    assert len(await stored(hub)) == 1
    assert await hub.rows("SELECT count(*) FROM credential") == [(1,)]
    assert await hub.rows("SELECT count(*) FROM audit WHERE action = 'connection.added'") == [(1,)]


@pytest.mark.parametrize("bad", ["token", "url", "console"])
async def test_nothing_is_stored_of_what_fails(hub: Hub, console: Any, token: str, bad: str) -> None:
    """A connection whose address or token fails leaves nothing behind, and can be added once it is mended."""
    if bad == "console":
        console.answers.update(
            {"/system/status": "<html>Welcome</html>", "/system/info": "<html>Welcome</html>"}
        )
    with pytest.raises(errors.WaypostError) as refusal:
        await hub.add(
            "http://10.0.0.1" if bad == "url" else console.url, token + "x" * (bad == "token"), "ACME"
        )
    assert refusal.value.field == ("token" if bad == "token" else "url")
    assert await stored(hub) == []
    assert await hub.rows("SELECT FROM credential") == []
    console.answers.clear()
    console.answers.update(type(console)().answers)
    await hub.add(console.url, token, "ACME")


async def test_a_check_that_fails_tells_everything(hub: Hub, console: Any, token: str) -> None:
    """The error has the lines of the check, the remedy and the owner of the first failure, and not the token."""
    with pytest.raises(errors.CheckFailedError) as refusal:
        await hub.add(console.url, token + "x")
    error = refusal.value
    assert error.reaction is errors.Reaction.NEEDS_ATTENTION
    assert error.owner is errors.Owner.CUSTOMER
    assert "Service Users" in error.remedy
    assert {"name": "token.accepted", "state": "fail"}.items() <= next(
        line for line in error.results if line["name"] == "token.accepted"
    ).items()
    assert token not in repr(error.results) + str(error) + error.remedy


async def test_what_only_warns_is_stored(hub: Hub, console: Any, token: str) -> None:
    """A stream that the console refuses keeps nobody from adding the connection; the report tells of it."""
    console.refuse("/application-management/risks", 403, 4030010)
    connection, report = await registry.add(
        hub.db,
        hub.means.vault,
        SERVICE,
        name="ACME",
        url=console.url,
        token=token,
        allowed=hub.means.allowed,
        limiter=hub.means.limiter,
    )
    assert connection.state == "pending"
    assert "stream.risks" in {line.name for line in report.results if line.state != "pass"}


async def test_a_forced_token_waits_for_another(hub: Hub, console: Any, token: str) -> None:
    """A token that the console refuses is stored if it is forced, and the connection needs attention at once."""
    connection = await forced(hub, console.url, token + "x")
    assert connection.state == "needs_attention"
    assert connection.reason is not None
    assert connection.reason["code"] == "console.token_refused"
    assert connection.health.state == "failing"
    assert connection.health.owner == "customer"
    rotated = await credentials.rotate(
        hub.db,
        hub.means.vault,
        SERVICE,
        connection,
        token=token,
        allowed=hub.means.allowed,
        limiter=hub.means.limiter,
    )
    assert not rotated.refused
    mended = await hub.again(connection)
    assert (mended.state, mended.reason, mended.health.state) == ("pending", None, "unknown")


async def test_a_forced_address_waits_for_its_first_pull(hub: Hub, token: str) -> None:
    """A console that does not answer now is stored if it is forced, and pulled as soon as it does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert (await forced(hub, nobody, token)).state == "pending"


async def forced(hub: Hub, url: str, token: str) -> Connection:
    connection, _ = await registry.add(
        hub.db,
        hub.means.vault,
        SERVICE,
        name="ACME",
        url=url,
        token=token,
        allowed=hub.means.allowed,
        limiter=hub.means.limiter,
        force=True,
    )
    return connection


@pytest.mark.parametrize("url", ["", "http://10.0.0.1", "not a url"])
async def test_what_no_force_stores(hub: Hub, token: str, url: str) -> None:
    """What is no address, or no token, is stored by nobody."""
    with pytest.raises(errors.AddressError):
        await forced(hub, url, token)
    with pytest.raises(errors.TokenShapeError):
        await forced(hub, "https://usea1-example.sentinelone.net", "two words")
    assert await stored(hub) == []


@pytest.mark.parametrize("form", [" {}\n", "ApiToken {}", "Authorization: ApiToken {}", "bearer  {}", '"{}"'])
async def test_tokens_as_people_paste_them(hub: Hub, console: Any, token: str, form: str) -> None:
    """What people paste around a token is not part of it."""
    connection = await hub.add(console.url, form.format(token))
    async with await credentials.reach(
        hub.db, hub.means.vault, connection, hub.means.allowed, hub.means.limiter
    ) as client:
        assert (await client.get("/agents")).body


async def test_finding_and_getting(hub: Hub) -> None:
    """Those that are there are found by name; one that is not is told when it is asked for."""
    with pytest.raises(errors.NoSuchConnectionError, match="no connection yet") as refusal:
        await registry.get(hub.db, [])
    assert "connection add" in refusal.value.remedy
    for name in ("b", "a"):
        await hub.store(name)
    assert [one.name for one in await registry.find(hub.db)] == ["a", "b"]
    assert [one.name for one in await registry.find(hub.db, ["b", "c"])] == ["b"]
    with pytest.raises(errors.NoSuchConnectionError, match="'c'"):
        await registry.get(hub.db, ["a", "c"])
    with pytest.raises(errors.NoSuchConnectionError):
        await registry.by_uuid(hub.db, uuid.uuid4())


async def test_pages_and_organizations(hub: Hub) -> None:
    """Pages go on after a name, and hold those of one organization where it is given."""
    ours = await organizations.add(hub.db, SERVICE, "ours")
    for name in "dbac":
        await hub.store(name, organization_id=ours.organization_id if name in "ac" else None)
    assert [one.name for one in await registry.after(hub.db, None, limit=2)] == ["a", "b"]
    assert [one.name for one in await registry.after(hub.db, "b", limit=9)] == ["c", "d"]
    own = await registry.find(hub.db, organization_id=ours.organization_id)
    assert [(one.name, one.organization and one.organization.name) for one in own] == [
        ("a", "ours"),
        ("c", "ours"),
    ]


async def test_renaming(hub: Hub) -> None:
    """A name changes freely, but not to another connection's; the audit log tells both names."""
    one, other = await hub.store("one"), await hub.store("other")
    with pytest.raises(errors.ConnectionExistsError, match="'other' already"):
        await registry.rename(hub.db, SERVICE, one, " other")
    with pytest.raises(errors.ConnectionNameError):
        await registry.rename(hub.db, SERVICE, one, "-x")
    assert (await registry.rename(hub.db, SERVICE, one, "one")).name == "one"
    assert (await registry.rename(hub.db, SERVICE, one, "uno")).name == "uno"
    assert (await registry.rename(hub.db, SERVICE, other, "one")).name == "one"
    told = await hub.rows(
        "SELECT before ->> 'name', after ->> 'name' FROM audit WHERE action = 'connection.renamed' ORDER BY audit_id"
    )
    assert told == [("one", "uno"), ("other", "one")]


async def test_renaming_at_once(hub: Hub) -> None:
    """Of several that take one name at once, one has it."""
    connections = [await hub.store(f"number {number}") for number in range(5)]

    async def rename(connection: Connection) -> bool:
        async with hub.means.database.connect() as db:
            try:
                await registry.rename(db, SERVICE, connection, "the name")
            except errors.ConnectionExistsError:
                return False
            return True

    assert sum(await asyncio.gather(*map(rename, connections))) == 1
    assert len(await registry.find(hub.db, ["the name"])) == 1


async def test_the_default(hub: Hub) -> None:
    """No connection is the default until one is chosen, and then at most one is."""
    one, other = await hub.store("one"), await hub.store("other")
    assert await defaults(hub) == []
    for chosen in (one, one, other, None, one):
        await registry.set_default(hub.db, SERVICE, chosen)
        assert await defaults(hub) == ([chosen.name] if chosen else [])
    third = await hub.store("third", default=True)
    assert await defaults(hub) == [third.name]
    told = await hub.rows(
        "SELECT before ->> 'default', after ->> 'default' FROM audit"
        " WHERE action = 'connection.default_set' ORDER BY audit_id"
    )
    steps = [None, "one", "other", None, "one", "third"]
    assert told == list(itertools.pairwise(steps))


async def test_choosing_the_default_at_once(hub: Hub) -> None:
    """Several that choose at once leave one default."""
    connections = [await hub.store(f"number {number}") for number in range(6)]

    async def choose(connection: Connection) -> None:
        async with hub.means.database.connect() as db:
            await registry.set_default(db, SERVICE, connection)

    await asyncio.gather(*map(choose, connections))
    assert len(await defaults(hub)) == 1


async def defaults(hub: Hub) -> list[str]:
    return [one.name for one in await registry.find(hub.db) if one.is_default]


async def test_the_rhythm(hub: Hub) -> None:
    """A rhythm is kept with the connection, in part or whole, and a shorter one begins now."""
    connection = await hub.store()
    assert connection.rhythm == Rhythm()
    await hub.db.execute("UPDATE schedule SET next_at = now() + interval '1 day'")
    changed = await registry.set_rhythm(hub.db, SERVICE, connection, delta=30, reconcile=7200)
    assert changed.rhythm == Rhythm(30, 900, 7200)
    assert changed.next_at is not None
    ((left,),) = await hub.rows("SELECT %s - now() < interval '1 minute'", changed.next_at)
    assert left
    assert (await registry.set_rhythm(hub.db, SERVICE, changed)).rhythm == changed.rhythm
    actions = await hub.rows("SELECT before, after FROM audit WHERE action = 'connection.rhythm_set'")
    assert actions == [(msgspec.structs.asdict(Rhythm()), msgspec.structs.asdict(changed.rhythm))]


@given(part=st.sampled_from(sorted(BOUNDS)), seconds=st.floats() | st.integers(-10, 10**8))
def test_rhythms_are_within_their_bounds(part: str, seconds: float) -> None:
    """Whatever is asked for, a rhythm is whole seconds within its bounds, or an error at its field."""
    shortest, longest = BOUNDS[part]
    if shortest <= seconds <= longest and seconds == int(seconds):
        changed = rhythm.changed(Rhythm(), **{part: seconds})
        assert getattr(changed, part) == seconds
    else:
        with pytest.raises(errors.InvalidFieldError) as refusal:
            rhythm.changed(Rhythm(), **{part: seconds})
        assert refusal.value.field == f"rhythm.{part}"


def test_a_rhythm_that_cannot_be_is_told_in_full() -> None:
    """The length that was asked for is written out, and so are the bounds."""
    with pytest.raises(errors.InvalidFieldError, match="delta cannot be 34,560,000 seconds") as refusal:
        rhythm.changed(Rhythm(), delta_seconds=34_560_000.0)
    assert "15 to 86,400" in refusal.value.remedy


async def test_days_left(hub: Hub) -> None:
    """Every connection tells the whole days that its newest token has left."""
    connection = await hub.store()
    assert connection.days_left is None
    for interval, expected in (("30 days 1 hour", 30), ("23 hours", 0), ("-1 hour", -1)):
        await hub.db.execute("UPDATE credential SET expires_at = now() + %s::interval", [interval])
        assert (await hub.again(connection)).days_left == expected


async def test_what_users_read(hub: Hub) -> None:
    """One function describes a connection, with nothing of the vault or of the inner ids in it."""
    ours = await organizations.add(hub.db, SERVICE, "ours")
    told = described(await hub.store(organization_id=ours.organization_id))
    assert msgspec.json.decode(msgspec.json.encode(told)).keys() == told.keys()
    assert told["organization"] == {"id": ours.organization_uuid, "name": "ours"}
    assert told["health"].keys() >= {"state", "owner", "since", "streams"}
    assert told["rhythm"] == {"delta_seconds": 60, "tree_seconds": 900, "reconcile_seconds": 86400}
    assert {field.name for field in msgspec.structs.fields(ConnectionItem)} == told.keys()
    assert "connection_id" not in told


async def test_counts(hub: Hub) -> None:
    """A connection that nothing was pulled through holds nothing."""
    assert await registry.counts(hub.db, await hub.store()) == {"devices": 0, "findings": 0}
