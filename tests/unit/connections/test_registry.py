"""Connections as they are stored: tested first, unique by name, with tokens that only the vault opens."""

from typing import Any

import pytest

from support.hub import Hub
from waypost import errors
from waypost.connections import credentials, registry
from waypost.connections.vault import Vault
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
    other = await hub.add(console.url, token, "other")
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


@pytest.mark.parametrize("name", ["", " ", "-x", ".x", "_x", "x" * 81, "a\nb", "a/b", "a\0b", "x;y"])
async def test_names_that_are_none(hub: Hub, console: Any, token: str, name: str) -> None:
    """A name that could be mistaken for something else is refused before anybody is called."""
    with pytest.raises(errors.UsageError, match="is no name"):
        await hub.add(console.url, token, name)
    assert (console.asked, await stored(hub)) == ([], [])


@pytest.mark.parametrize("name", ["a", "9", "ACME GmbH & Co", "Łódź (EU)", "o'brien", "a.b@c", "x" * 80])
async def test_names(hub: Hub, console: Any, token: str, name: str) -> None:
    """Names as people give them are taken as they are."""
    assert (await hub.add(console.url, token, name)).name == name
    assert [connection.name for connection in await registry.get(hub.db, [name])] == [name]


async def test_a_name_that_is_taken(hub: Hub, console: Any, token: str) -> None:
    """A second connection of one name is refused, and the first stays; another name will do."""
    await hub.add(console.url, token, "ACME")
    asked = len(console.asked)
    with pytest.raises(errors.ConnectionExistsError, match="'ACME' already"):
        await hub.add(console.url, token, "ACME")
    assert len(console.asked) == asked
    await hub.add(console.url, token, "ACME 2")
    assert [row[0] for row in await stored(hub)] == ["ACME", "ACME 2"]


@pytest.mark.parametrize("bad", ["token", "url", "console"])
async def test_nothing_is_stored_of_what_fails(hub: Hub, console: Any, token: str, bad: str) -> None:
    """A connection whose test fails leaves nothing behind, and can be added once it succeeds."""
    if bad == "console":
        console.answers["/sites"] = "<html>Welcome</html>"
    with pytest.raises(errors.WaypostError):
        await hub.add(
            "http://10.0.0.1" if bad == "url" else console.url, token + "x" * (bad == "token"), "ACME"
        )
    assert await stored(hub) == []
    assert await hub.rows("SELECT FROM credential") == []
    console.answers.update(type(console)().answers)
    await hub.add(console.url, token, "ACME")


async def test_finding_and_getting(hub: Hub, console: Any, token: str) -> None:
    """Those that are there are found by name; one that is not is told when it is asked for."""
    with pytest.raises(errors.NoSuchConnectionError, match="no connection yet") as refusal:
        await registry.get(hub.db, [])
    assert "connection add" in refusal.value.remedy
    for name in ("b", "a"):
        await hub.add(console.url, token, name)
    assert [one.name for one in await registry.find(hub.db)] == ["a", "b"]
    assert [one.name for one in await registry.find(hub.db, ["b", "c"])] == ["b"]
    with pytest.raises(errors.NoSuchConnectionError, match="'c'"):
        await registry.get(hub.db, ["a", "c"])


async def test_removing(hub: Hub, console: Any, token: str) -> None:
    """A connection goes with its token; the others stay, and the name is free again."""
    one = await hub.add(console.url, token, "one")
    await hub.add(console.url, token, "other")
    await registry.remove(hub.db, one)
    assert [row[0] for row in await stored(hub)] == ["other"]
    assert await hub.rows("SELECT FROM credential WHERE connection_id = %s", one.connection_id) == []
    await hub.add(console.url, token, "one")


async def test_states(hub: Hub, console: Any, token: str) -> None:
    """A state is written when it changes, and not otherwise."""
    connection = await hub.add(console.url, token)
    await registry.set_state(hub.db, connection, "active")
    ((changed,),) = await hub.rows("SELECT changed_at FROM connection")
    await registry.set_state(hub.db, connection, "active")
    assert await hub.rows("SELECT state, changed_at FROM connection") == [("active", changed)]


async def test_counts(hub: Hub, console: Any, token: str) -> None:
    """A connection that nothing was pulled through holds nothing."""
    connection = await hub.add(console.url, token)
    assert await registry.counts(hub.db, connection) == {"devices": 0, "findings": 0}
