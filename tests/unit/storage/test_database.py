"""Finding the database, and saying what is wrong with it without its password."""

import socket
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from support import old_server
from support.server import Server
from waypost import errors
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Database

SECRET = "canary-pa55"


@pytest.mark.parametrize("version", ["14.13", "9.6.24", "14.0 (Debian 14.0-1)"])
async def test_an_old_server_is_refused(version: str, tmp_path: Path, database_url: str) -> None:
    """A server older than PostgreSQL 15 is told from others before anything is written; a newer one serves."""
    with old_server.running(version, SECRET) as url, pytest.raises(errors.DatabaseTooOldError) as refusal:
        await database.prepare(Settings(home=tmp_path, database_url=url))
    assert f"PostgreSQL {version.partition('.')[0]};" in str(refusal.value)
    assert "15" in refusal.value.remedy
    await database.prepare(Settings(home=tmp_path, database_url=database_url))


def _nobody_there() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:{secret}@{nobody}/waypost",
        "postgresql://user:{secret}@no-such-host.invalid/waypost",
        "host=/nowhere/at/all user=user password={secret}",
        "user={secret} postgres",
        "mysql://user:{secret}@127.0.0.1/waypost",
        "postgresql://user:{secret}@127.0.0.1:port/waypost",
        "{secret}",
    ],
)
async def test_a_server_that_cannot_be_reached(url: str, tmp_path: Path, database_url: str) -> None:
    """Whatever keeps the server from answering, the error says so, names the setting and holds no password."""
    address = url.format(secret=SECRET, nobody=_nobody_there())
    with pytest.raises(errors.DatabaseUnreachableError) as refusal:
        await database.prepare(Settings(home=tmp_path, database_url=address))
    assert "WAYPOST_DATABASE_URL" in refusal.value.remedy
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # an empty folder
    await database.prepare(Settings(home=tmp_path, database_url=database_url))


async def test_a_wrong_password(postgres: Server, tmp_path: Path) -> None:
    """A server that refuses the password is one that cannot be reached, and the password is not told."""
    url = conninfo.make_conninfo(postgres.url, password=SECRET)
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        pass
    else:
        pytest.skip("this server asks for no password")
    with pytest.raises(errors.DatabaseUnreachableError) as refusal:
        await database.prepare(Settings(home=tmp_path, database_url=url))
    assert SECRET not in str(refusal.value)
    await database.prepare(Settings(home=tmp_path, database_url=postgres.url))


async def test_connections_work_in_the_schema_and_in_utc(database_url: str) -> None:
    """Every connection sees Waypost's tables first, has its times in UTC and commits by itself."""
    opened = Database(url=database_url, embedded=False)
    async with opened.connect() as db:
        facts = []
        for name in ("search_path", "TimeZone", "application_name"):
            cursor = await db.execute("SELECT current_setting(%s)", [name])
            facts.append(await cursor.fetchone())
        assert facts == [("waypost",), ("UTC",), ("waypost",)]
        assert db.autocommit
    assert db.closed


async def test_a_pool_hands_out_clean_sessions(database_url: str) -> None:
    """A session that was used is used again, and nothing of what was set or locked in it is left."""
    async with Database(url=database_url, embedded=False).pooled(1) as database:
        async with database.connect() as first:
            pid = first.info.backend_pid
            await first.execute("SET synchronous_commit TO off; SET idle_in_transaction_session_timeout TO 9")
            await first.execute("LISTEN somebody; SELECT pg_advisory_lock(1, 2)")
        async with database.connect() as second:
            facts = []
            for name in ("search_path", "synchronous_commit", "idle_in_transaction_session_timeout"):
                cursor = await second.execute("SELECT current_setting(%s)", [name])
                facts += await cursor.fetchall()
            held = await second.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            heard = await second.execute("SELECT count(*) FROM pg_listening_channels()")
            assert (second.info.backend_pid, second.autocommit) == (pid, True)
            assert facts == [("waypost",), ("on",), ("0",)]
            assert await held.fetchone() == (0,)
            assert await heard.fetchone() == (0,)


async def test_a_pool_outlives_its_sessions(database_url: str) -> None:
    """A session that the server ended is replaced before anybody gets it."""
    async with Database(url=database_url, embedded=False).pooled(2) as database:
        async with database.connect() as db:
            pid = db.info.backend_pid
        async with Database(url=database_url, embedded=False).connect() as other:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        async with database.connect() as db:
            cursor = await db.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)


async def test_a_pool_that_is_used_up_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long for a session is told by an error of Waypost's own, and is served once one is free."""
    monkeypatch.setattr("waypost.storage.database._PATIENCE", 0.2)
    async with Database(url=database_url, embedded=False).pooled(1) as database:
        async with database.connect():
            with pytest.raises(errors.DatabaseUnreachableError):
                async with database.connect():
                    pass
        async with database.connect() as db:
            assert not db.closed


async def test_a_pool_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool whose server does not answer says so, without the password."""
    monkeypatch.setattr("waypost.storage.database._PATIENCE", 0.5)
    url = f"postgresql://user:{SECRET}@{_nobody_there()}/waypost"
    async with Database(url=url, embedded=False).pooled(1) as database:
        with pytest.raises(errors.DatabaseUnreachableError) as refusal:
            async with database.connect():
                pass
    assert SECRET not in str(refusal.value)


def test_addresses_are_not_shown() -> None:
    """Neither settings nor a database show their URL when they are printed."""
    url = f"postgresql://user:{SECRET}@host/db"
    assert SECRET not in repr(Database(url=url, embedded=False))
    assert SECRET not in repr(Settings(home=Path("/x"), database_url=url, master_key=SECRET))


async def test_a_session_given_back_in_the_middle(database_url: str) -> None:
    """What was begun and not ended in a session is undone before anybody else gets it, or the session is replaced."""
    async with Database(url=database_url, embedded=False).pooled(1) as database:
        for as_it_was in (False, True):
            db = await database.take()
            await db.execute("BEGIN; CREATE TABLE waypost.begun (id bigint)")
            await database.give_back(db, as_it_was=as_it_was)
            async with database.connect() as other:
                cursor = await other.execute("SELECT to_regclass('waypost.begun')")
                assert await cursor.fetchone() == (None,)


async def test_a_session_that_ended_meanwhile(database_url: str) -> None:
    """A session that broke while it was used is given back without an error, and replaced."""
    async with Database(url=database_url, embedded=False).pooled(1) as database:
        db = await database.take()
        async with Database(url=database_url, embedded=False).connect() as other:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", [db.info.backend_pid])
        await database.give_back(db)
        async with database.connect() as again:
            assert await (await again.execute("SELECT 1")).fetchone() == (1,)
