"""A database of the operator's: down, too old, of another schema; and the way back."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from support import old_server
from support.server import Server

KEY = "A" * 43 + "="
SECRET = "canary-pa55"
COMMANDS = ["finding list --json", "sync", "db upgrade"]


@pytest.fixture
def waypost(make_waypost: Callable[[], Any], database_url: str) -> Any:
    made = make_waypost()
    made.environ |= {"WAYPOST_DATABASE_URL": database_url, "WAYPOST_MASTER_KEY": KEY}
    return made


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    with postgres.fresh(empty=True) as url:
        yield url


def versions(url: str) -> list[int]:
    with psycopg.connect(url) as db:
        return [
            version for (version,) in db.execute("SELECT version FROM waypost.schema_migration ORDER BY 1")
        ]


def test_nothing_is_written_beside_the_server(waypost: Any, console: Any) -> None:
    """With a server and a key of the operator's nothing is kept on this machine."""
    waypost.add("ACME", console.url, console.token).done()
    waypost("sync").done()
    assert waypost("finding", "list", "--json").done().document["items"]
    assert not waypost.home.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_down(waypost: Any, command: str) -> None:
    """A server that does not answer is told as such, without its password; when it is back, commands go on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://user:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/waypost"
    ended = waypost(*command.split(), WAYPOST_DATABASE_URL=url)
    ended.refused(1, "Code: storage.unreachable", "WAYPOST_DATABASE_URL")
    assert SECRET not in ended.err
    waypost("finding", "list").done()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_too_old(waypost: Any, command: str) -> None:
    """A server older than PostgreSQL 15 is refused by every command."""
    with old_server.running("14.13", SECRET) as url:
        ended = waypost(*command.split(), WAYPOST_DATABASE_URL=url)
    ended.refused(1, "PostgreSQL 14", "Code: storage.too_old", "15")
    assert SECRET not in ended.err
    waypost("finding", "list").done()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_schema(waypost: Any, database_url: str, command: str) -> None:
    """A database of a newer Waypost is left alone; its own Waypost, or a backup, is the next step."""
    with psycopg.connect(database_url) as db:
        db.execute("INSERT INTO waypost.schema_migration (version, slug, checksum) VALUES (999, 'x', 'x')")
    waypost(*command.split()).refused(1, "version 999", "Code: storage.schema", "newer Waypost")
    assert versions(database_url)[-1] == 999
    with psycopg.connect(database_url) as db:
        db.execute("DELETE FROM waypost.schema_migration WHERE version = 999")
    waypost("finding", "list").done()


def test_an_empty_database(waypost: Any, empty_url: str) -> None:
    """`db upgrade` fills an empty database, and then has nothing to do."""
    for _ in range(2):
        out = waypost("db", "upgrade", WAYPOST_DATABASE_URL=empty_url).done().out
        assert f"schema version {versions(empty_url)[-1]}" in out


def test_no_master_key(waypost: Any, console: Any) -> None:
    """For a server of the operator's no key is made in silence; reading needs none."""
    ended = waypost.add("ACME", console.url, console.token, WAYPOST_MASTER_KEY="")
    ended.refused(1, "no master key", "WAYPOST_MASTER_KEY")
    assert not waypost.home.exists()
    waypost("finding", "list", WAYPOST_MASTER_KEY="").done()
    waypost.add("ACME", console.url, console.token).done()


def test_a_server_that_goes_away(waypost: Any, console: Any, database_url: str) -> None:
    """A server that is lost in the midst of a pull is told as such, and the next pull goes on."""
    waypost.add("ACME", console.url, console.token).done()
    console.fault({"kind": "latency", "ms": 300})
    with waypost.start("sync") as process:
        with psycopg.connect(database_url, autocommit=True) as db:
            while not db.execute("SELECT FROM waypost.sync_run").fetchall():
                assert process.poll() is None
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'waypost' AND datname = current_database()"
            )
        out, err = process.communicate(timeout=60)
    console.heal()
    assert (process.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert "Code: storage.unreachable" in err
    waypost("sync").done()
