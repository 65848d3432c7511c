"""Brings the schema to this program's version: the numbered `.sql` files beside this module, in order.

All missing files run in one transaction under one lock, with a lock timeout so that an upgrade gives way to
the work of a running service instead of blocking it. What was applied is remembered with a checksum.
"""

import hashlib
import re
from importlib import resources
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection

from waypost import errors

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK: Final = 0x5761_7970_6F73_74  # "Waypost": one upgrade at a time per database


class Migration(msgspec.Struct, frozen=True):
    """One file: its number, its slug, its SQL."""

    version: int
    slug: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known() -> list[Migration]:
    """The migrations that this program brings, in order."""
    found = [
        Migration(int(match[1]), match[2], file.read_text())
        for file in resources.files(__name__).iterdir()
        if (match := _FILE.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


async def run(connection: AsyncConnection[tuple[Any, ...]], *, allowed: bool) -> list[Migration]:
    """Apply what is missing and return it.

    Args:
        connection: In autocommit.
        allowed: Whether an existing schema may be changed. An empty database is always filled.

    Raises:
        SchemaError: The schema is newer than this program, differs from what its number says, or is older
            and `allowed` is false. Nothing was changed.
        RowSecurityError: The server's user may not do what a migration does to roles. Nothing was changed.
    """
    migrations = known()
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        applied = await _applied(connection)
        missing = _missing(migrations, applied)
        if missing and applied and not allowed:
            raise errors.SchemaError(
                f"The database has schema version {max(applied)}; this Waypost needs {migrations[-1].version}."
            )
        for migration in missing:
            await _apply(connection, migration)
    return missing


async def fits(connection: AsyncConnection[tuple[Any, ...]]) -> bool:
    """Whether the schema is this program's still: another version may have upgraded it meanwhile."""
    rows = await connection.execute("SELECT max(version) FROM waypost.schema_migration")
    return await rows.fetchone() == (known()[-1].version,)


async def _applied(connection: AsyncConnection[tuple[Any, ...]]) -> dict[int, str]:
    await connection.execute("CREATE SCHEMA IF NOT EXISTS waypost")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS waypost.schema_migration (version integer PRIMARY KEY, slug text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.execute("SELECT version, checksum FROM waypost.schema_migration")
    return dict(await rows.fetchall())


def _missing(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    newest = migrations[-1].version
    if applied and max(applied) > newest:
        raise errors.SchemaError(
            f"The database has schema version {max(applied)}; this Waypost knows versions up to {newest}.",
            remedy="Use the newer Waypost that made this schema, or restore a backup from before it.",
        )
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise errors.SchemaError(
                f"The database's schema version {migration.version} is not the one this Waypost knows.",
                remedy="Was the database made by a version that was never released? Restore a backup or start anew.",
            )
    return [migration for migration in migrations if migration.version not in applied]


async def _apply(connection: AsyncConnection[tuple[Any, ...]], migration: Migration) -> None:
    await connection.execute("SET LOCAL search_path TO waypost")
    await connection.execute("SET LOCAL lock_timeout TO '4s'")
    try:
        await connection.execute(migration.sql)  # the text ships with the program
    except psycopg.errors.InsufficientPrivilege as problem:
        raise errors.RowSecurityError(
            f"The database's user may not make or use the role waypost_capped: {problem.diag.message_primary}."
        ) from None
    await connection.execute(
        "INSERT INTO waypost.schema_migration (version, slug, checksum) VALUES (%s, %s, %s)",
        (migration.version, migration.slug, migration.checksum),
    )
