"""Another master key: every token opens with it afterwards, whatever happens in between."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.hub import MASTER_KEY, Hub
from support.scissors import Cut, Scissors
from support.service_users import Administrator
from support.simulator import Simulator
from waypost import errors
from waypost.access import audit
from waypost.connections import credentials, custody, master_key, registry, rekeying, renewal
from waypost.connections.connection import Connection
from waypost.connections.vault import Vault
from waypost.settings import Settings

Start = Callable[..., Simulator]
NEW = bytes(range(32, 64))


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    """Settings whose master key Waypost keeps itself: that of the hub."""
    master_key.write(tmp_path / "master.key", [MASTER_KEY])
    return Settings(home=tmp_path)


@pytest.fixture
def console(start_simulator: Start) -> Simulator:
    return start_simulator(accounts=1, sites=1, agents=1, risks_per_agent=1)


@pytest.fixture
async def connection(hub: Hub, console: Simulator) -> Connection:
    return await hub.add(console.url, console.token)


async def opened(hub: Hub, vault: Vault, connection: Connection) -> str:
    return await custody.token(hub.db, vault, connection)


async def tokens(hub: Hub) -> list[Any]:
    return await hub.rows("SELECT sealed_token FROM credential ORDER BY credential_id")


def encoded(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


async def test_a_new_key_that_waypost_keeps(
    hub: Hub, kept: Settings, connection: Connection, console: Simulator
) -> None:
    """A new key is made and kept, the old one opens nothing any more, and the tokens' own seals are untouched."""
    before = await tokens(hub)

    done = await rekeying.replace(hub.db, kept, audit.command())

    assert (done.tokens, done.kept) == (1, True)
    assert await opened(hub, Vault.open(kept), connection) == console.token
    assert await tokens(hub) == before
    with pytest.raises(errors.VaultError, match="another master key"):
        await opened(hub, Vault(MASTER_KEY), connection)
    file = kept.home / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().split()) == 1
    assert not list(kept.home.glob("*.new"))
    ((before_facts, after),) = await hub.rows(
        "SELECT before, after FROM audit WHERE action = 'master_key.rotated'"
    )
    assert after["tokens"] == 1
    assert MASTER_KEY.hex() not in str(before_facts) + str(after)


async def test_a_token_that_is_being_renewed(hub: Hub, kept: Settings, console: Simulator) -> None:
    """The token of a renewal under way gets the new key as well, and the renewal goes on."""
    people = Administrator(console)
    connection = await hub.add(console.url, people.token_of())
    console.fault({"kind": "forbidden", "path": "/service-users", "method": "GET", "at": [3]})
    with pytest.raises(errors.ForbiddenRoleError):
        await renewal.renew(hub.db, hub.means.vault, connection, hub.means.allowed, hub.means.limiter)
    console.heal()
    assert (await rekeying.replace(hub.db, kept, audit.command())).tokens == 2
    state = await renewal.renew(hub.db, Vault.open(kept), connection, hub.means.allowed, hub.means.limiter)
    assert state is renewal.State.WAITING


async def test_services_that_run_take_the_new_key_up(
    hub: Hub, kept: Settings, connection: Connection, console: Simulator
) -> None:
    """A program that opened its vault before the change opens and seals with the new key."""
    running = Vault.open(kept)
    await rekeying.replace(hub.db, kept, audit.command())
    assert await opened(hub, running, connection) == console.token
    assert running.seal("x", "row").master == Vault.open(kept).key_ids[0]


async def test_a_program_that_still_seals_with_the_old_key(
    hub: Hub, connection: Connection, console: Simulator
) -> None:
    """What a program with the old key would store could never be opened: it is refused, and told why."""
    await rekeying.rotate_master(hub.db, Vault(MASTER_KEY), Vault(NEW), audit.command())
    people = Administrator(console)
    stale = hub.means.vault
    with pytest.raises(errors.VaultError, match="has been replaced") as refusal:
        await credentials.rotate(
            hub.db, stale, audit.SERVICE, connection,
            token=people.token_of(), allowed=hub.means.allowed, limiter=hub.means.limiter,
        )  # fmt: skip
    assert "new master key" in refusal.value.remedy
    assert await opened(hub, Vault(NEW), connection) == console.token
    assert (await registry.by_uuid(hub.db, connection.connection_uuid)).identity == connection.identity
    await rekeying.rotate_master(hub.db, Vault(NEW), stale, audit.command())  # and back again
    assert await opened(hub, stale, connection) == console.token


async def test_a_key_that_is_given(
    hub: Hub, tmp_path: Path, connection: Connection, console: Simulator
) -> None:
    """Where the operator keeps the key, the new one is given in a file, and nothing is written."""
    settings = Settings(home=tmp_path, master_key=encoded(MASTER_KEY))
    done = await rekeying.replace(hub.db, settings, audit.command(), NEW)
    assert (done.tokens, done.kept) == (1, False)
    assert not (tmp_path / "master.key").exists()
    assert await opened(hub, Vault(NEW), connection) == console.token


async def test_two_keys_that_are_given(
    hub: Hub, tmp_path: Path, connection: Connection, console: Simulator
) -> None:
    """With the new key before the old one, nothing is closed at any time; then the old one can go."""
    settings = Settings(home=tmp_path, master_key=encoded(NEW, MASTER_KEY))
    both = Vault.open(settings)
    assert await opened(hub, both, connection) == console.token
    await rekeying.replace(hub.db, settings, audit.command())
    assert await opened(hub, both, connection) == console.token
    assert await opened(hub, Vault(NEW), connection) == console.token
    assert (
        await rekeying.replace(hub.db, settings, audit.command())
    ).tokens == 1  # once more changes nothing


@pytest.mark.parametrize("new", [None, MASTER_KEY])
async def test_no_new_key(hub: Hub, tmp_path: Path, connection: Connection, new: bytes | None) -> None:
    """Without a new key, or with the old one again, it says what to give."""
    settings = Settings(home=tmp_path, master_key=encoded(MASTER_KEY))
    with pytest.raises(errors.UsageError):
        await rekeying.replace(hub.db, settings, audit.command(), new)
    assert await opened(hub, Vault(MASTER_KEY), connection)


async def test_a_token_of_yet_another_key(
    hub: Hub, kept: Settings, connection: Connection, console: Simulator
) -> None:
    """One token that does not open, and nothing is changed for any; whatever opened before still does."""
    other = await hub.add(console.url, Administrator(console).token_of(), "other")
    await rekeying.rotate_master(hub.db, Vault(MASTER_KEY), Vault(bytes(32)), audit.command())
    await hub.db.execute("DELETE FROM retired_master_key")
    await hub.db.execute("DELETE FROM credential WHERE connection_id = %s", [connection.connection_id])
    async with hub.db.transaction():
        await credentials.store(
            hub.db, hub.means.vault, connection.connection_id, connection.connection_uuid,
            console.token, credentials.stored_identity(connection),
        )  # fmt: skip
    with pytest.raises(errors.VaultError, match="another master key"):
        await rekeying.replace(hub.db, kept, audit.command())
    assert await opened(hub, Vault.open(kept), connection) == console.token
    assert await opened(hub, Vault(bytes(32)), other)


async def test_cut_off_at_every_point(
    hub: Hub, kept: Settings, connection: Connection, console: Simulator
) -> None:
    """Wherever the change is cut off, the kept keys open every token, and the next change comes to its end."""
    place, cut = 0, True
    while cut:
        place += 1
        cut = await cut_off(hub, kept, Scissors(place))
        assert await opened(hub, Vault.open(kept), connection) == console.token, f"cut at {place}"
        await rekeying.replace(hub.db, kept, audit.command())
        assert await opened(hub, Vault.open(kept), connection) == console.token
        assert len((kept.home / "master.key").read_text().split()) == 1
    assert place > 8


async def cut_off(hub: Hub, kept: Settings, scissors: Scissors) -> bool:
    """Replace the key until cut off, before a statement or on either side of writing the file; whether it was."""
    write = master_key.write

    def written(path: Path, keys: Sequence[bytes]) -> None:
        scissors.point()
        write(path, keys)
        scissors.point()

    with pytest.MonkeyPatch.context() as patch:
        scissors.at_statements(patch)
        patch.setattr(master_key, "write", written)
        try:
            await rekeying.replace(hub.db, kept, audit.command())
        except Cut:
            return True
    return False


async def test_tokens_stored_meanwhile(hub: Hub, kept: Settings, console: Simulator) -> None:
    """Connections that are added while the key changes, by a program that runs, can be opened afterwards."""
    people = Administrator(console)
    given = [people.token_of(name=f"reader {number}") for number in range(6)]
    running = Vault.open(kept)

    async def add(number: int, token: str) -> None:
        async with hub.means.database.connect() as db:
            await registry.add(
                db, running, audit.SERVICE, name=f"c{number}", url=console.url, token=token,
                allowed=hub.means.allowed, limiter=hub.means.limiter,
            )  # fmt: skip

    adding = [asyncio.create_task(add(number, token)) for number, token in enumerate(given)]
    while not all(task.done() for task in adding):
        await rekeying.replace(hub.db, kept, audit.command())
        await asyncio.sleep(0)
    ended = await asyncio.gather(*adding, return_exceptions=True)
    refused = sum(isinstance(end, errors.VaultError) for end in ended)
    vault = Vault.open(kept)
    found = [await opened(hub, vault, connection) for connection in await registry.find(hub.db)]
    assert set(found) <= set(given)
    assert len(found) + refused == len(
        given
    )  # refused where the key changed twice while one token was stored
