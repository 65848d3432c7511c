"""The schema comes to this version, or stays what it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from support.server import Server
from waypost import errors
from waypost.settings import Settings
from waypost.storage import database, migrations
from waypost.storage.migrations import Migration

NEXT = migrations.known()[-1].version + 1
LATER = Migration(NEXT, "later", "CREATE TABLE later (one integer PRIMARY KEY)")


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    with postgres.fresh(empty=True) as url:
        yield url


def ask(url: str, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as db:
        cursor = db.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def applied(url: str) -> list[int]:
    return [version for (version,) in ask(url, "SELECT version FROM waypost.schema_migration ORDER BY 1")]


def tables(url: str) -> set[str]:
    return {name for (name,) in ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'waypost'")}


async def prepare(url: str, tmp_path: Path, *, upgrade: bool = False) -> None:
    await database.prepare(Settings(home=tmp_path, database_url=url), upgrade=upgrade)


def test_versions_are_numbered_without_a_gap() -> None:
    """The migrations are 1, 2, 3 .. in the order of their files."""
    assert [migration.version for migration in migrations.known()] == list(range(1, NEXT))


async def test_an_empty_database_is_filled(empty_url: str, tmp_path: Path) -> None:
    """An empty database gets the whole schema without being asked twice."""
    await prepare(empty_url, tmp_path)
    assert applied(empty_url) == list(range(1, NEXT))
    assert {"connection", "credential", "finding", "device", "sync_run"} <= tables(empty_url)


async def test_a_second_time_changes_nothing(empty_url: str, tmp_path: Path) -> None:
    """A database that is up to date stays as it is, with and without an upgrade."""
    await prepare(empty_url, tmp_path)
    before = ask(empty_url, "SELECT xmin::text, * FROM waypost.schema_migration")
    for upgrade in (False, True):
        await prepare(empty_url, tmp_path, upgrade=upgrade)
    assert ask(empty_url, "SELECT xmin::text, * FROM waypost.schema_migration") == before


async def test_programs_that_start_at_once_make_one_schema(empty_url: str, tmp_path: Path) -> None:
    """Several programs that meet an empty database at once all find it ready."""
    await asyncio.gather(*(prepare(empty_url, tmp_path) for _ in range(5)))
    assert applied(empty_url) == list(range(1, NEXT))


async def test_a_newer_schema_is_refused(empty_url: str, tmp_path: Path) -> None:
    """A database of a newer Waypost is not touched, and the error says which version would do."""
    await prepare(empty_url, tmp_path)
    newer = "INSERT INTO waypost.schema_migration (version, slug, checksum) VALUES (%s, 'x', 'x')"
    ask(empty_url, newer, NEXT)
    for upgrade in (False, True):
        with pytest.raises(errors.SchemaError, match=f"version {NEXT}; this Waypost knows") as refusal:
            await prepare(empty_url, tmp_path, upgrade=upgrade)
        assert "newer Waypost" in refusal.value.remedy
    assert applied(empty_url) == list(range(1, NEXT + 1))
    ask(empty_url, "DELETE FROM waypost.schema_migration WHERE version = %s", NEXT)
    await prepare(empty_url, tmp_path)


async def test_a_schema_of_another_making_is_refused(empty_url: str, tmp_path: Path) -> None:
    """A database whose version was made by other SQL than this program's is not touched."""
    await prepare(empty_url, tmp_path)
    ask(empty_url, "UPDATE waypost.schema_migration SET checksum = 'altered' WHERE version = 1")
    for upgrade in (False, True):
        with pytest.raises(errors.SchemaError, match="version 1 is not the one"):
            await prepare(empty_url, tmp_path, upgrade=upgrade)
    ask(
        empty_url,
        "UPDATE waypost.schema_migration SET checksum = %s WHERE version = 1",
        migrations.known()[0].checksum,
    )
    await prepare(empty_url, tmp_path)


async def test_an_older_schema_waits_for_the_operator(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of the operator's is upgraded on request and not before, and then serves."""
    await prepare(empty_url, tmp_path)
    monkeypatch.setattr(migrations, "known", lambda known=migrations.known: [*known(), LATER])
    with pytest.raises(errors.SchemaError, match=f"needs {NEXT}") as refusal:
        await prepare(empty_url, tmp_path)
    assert "waypost db upgrade" in refusal.value.remedy
    assert "later" not in tables(empty_url)
    await prepare(empty_url, tmp_path, upgrade=True)
    assert "later" in tables(empty_url)
    await prepare(empty_url, tmp_path)


async def test_a_migration_that_fails_leaves_nothing(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All missing migrations are applied, or none: what was there goes on as it was."""
    await prepare(empty_url, tmp_path)
    broken = Migration(NEXT + 1, "broken", "SELECT nothing FROM nowhere")
    monkeypatch.setattr(migrations, "known", lambda known=migrations.known: [*known(), LATER, broken])
    with pytest.raises(psycopg.errors.UndefinedTable):
        await prepare(empty_url, tmp_path, upgrade=True)
    assert "later" not in tables(empty_url)
    monkeypatch.undo()
    await prepare(empty_url, tmp_path)


def test_everything_lives_in_one_schema(database_url: str) -> None:
    """A database that is shared with others holds nothing of Waypost's outside its own schema."""
    outside = ask(
        database_url,
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname NOT IN ('waypost', 'information_schema') AND nspname NOT LIKE 'pg\\_%%'",
    )
    assert outside == []


def test_tables_can_be_distributed_by_connection(database_url: str) -> None:
    """In every table of a connection's, the connection leads the primary key and is in every unique index."""
    indexes = ask(
        database_url,
        "SELECT t.relname::text, i.indisprimary, array_agg(a.attname::text ORDER BY k.place) FROM pg_index i"
        " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place)"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number"
        " WHERE n.nspname = 'waypost' AND i.indisunique"
        " GROUP BY t.relname, i.indexrelid, i.indisprimary",
    )
    columns = ask(
        database_url,
        "SELECT table_name::text FROM information_schema.columns JOIN pg_tables"
        " ON schemaname = table_schema AND tablename = table_name"
        " WHERE table_schema = 'waypost' AND column_name = 'connection_id'",
    )
    # Tables that refer to the connection itself are as small as it is, and shared as it is.
    shared = ask(
        database_url,
        "SELECT relname::text FROM pg_constraint JOIN pg_class t ON t.oid = conrelid"
        " WHERE contype = 'f' AND confrelid = 'waypost.connection'::regclass",
    )
    of_connections = {name for (name,) in columns} - {name for (name,) in shared} - {"connection"}
    assert {"finding", "device", "sync_run", "change"} <= of_connections
    primary = {table: keys for table, is_primary, keys in indexes if is_primary}
    assert {table: primary[table][0] for table in of_connections} == dict.fromkeys(
        of_connections, "connection_id"
    )
    unique = [keys for table, _, keys in indexes if table in of_connections]
    assert all("connection_id" in keys for keys in unique)


def test_tables_that_are_not_a_connections_are_few(database_url: str) -> None:
    """What belongs to no connection is small, and shared by all of them."""
    without = tables(database_url) - {
        name
        for (name,) in ask(
            database_url,
            "SELECT table_name::text FROM information_schema.columns"
            " WHERE table_schema = 'waypost' AND column_name = 'connection_id'",
        )
    }
    assert without == {
        "schema_migration", "organization", "mapping_save", "api_key", "audit", "retired_master_key",
        "webhook", "webhook_secret", "webhook_delivery", "change_batch", "feed", "signing_key", "export",
    }  # fmt: skip
