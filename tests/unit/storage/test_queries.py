"""The named SQL: every block is found, explained and used, and PostgreSQL understands it."""

import re
from importlib import resources
from pathlib import Path

import psycopg
import pytest

import waypost
from support.hub import Hub
from waypost.storage import queries
from waypost.storage.queries import Queries

FILES = sorted(
    file.name.removesuffix(".sql")
    for file in resources.files("waypost.storage").joinpath("queries").iterdir()
    if file.name.endswith(".sql")
)
LOADED = {name: value for name, value in vars(queries).items() if isinstance(value, Queries)}
BLOCKS = [(file, name) for file, loaded in LOADED.items() for name, _ in loaded]


def source(file: str) -> str:
    return resources.files("waypost.storage").joinpath("queries", f"{file}.sql").read_text()


def test_every_file_is_loaded() -> None:
    """Each file of queries is an attribute of its name."""
    assert sorted(LOADED) == FILES


@pytest.mark.parametrize("file", FILES)
def test_names_are_unique(file: str) -> None:
    """No block hides another."""
    names = re.findall(r"^-- name:(.*)$", source(file), re.MULTILINE)
    assert [name.strip() for name in names] == [name for name, _ in LOADED[file]]


@pytest.mark.parametrize(("file", "name"), BLOCKS)
def test_every_block_says_what_it_is_for(file: str, name: str) -> None:
    """A block begins with a sentence, and then comes one statement."""
    comment, *rest = dict(iter(LOADED[file]))[name].splitlines()
    if file == "purge":  # all of its blocks are explained by the first
        comment = dict(iter(LOADED[file]))["changes"].splitlines()[0]
    else:
        assert rest
    assert re.match(r"-- \S", comment)


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, name in BLOCKS if file != "purge"])
def test_every_block_is_used(file: str, name: str) -> None:
    """There is no SQL that nobody runs."""
    call = re.compile(rf"queries\.{file}\.{name}\b")
    code = Path(waypost.__file__).parent.rglob("*.py")
    assert any(call.search(module.read_text()) for module in code)


def test_purging_reaches_every_table(database_url: str) -> None:
    """Removing a connection leaves no row of it in any table: it is purged, or goes with the connection itself."""
    of_connections = (
        "SELECT table_name::text FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name)"
        " WHERE table_schema = 'waypost' AND column_name = 'connection_id' AND table_type = 'BASE TABLE'"
    )
    gone_with_it = (
        "SELECT conrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND confdeltype = 'c' AND confrelid = 'waypost.connection'::regclass"
    )
    with psycopg.connect(database_url, options="-c search_path=waypost") as db:
        tables = {table for (table,) in db.execute(of_connections.encode()).fetchall()}
        cascading = {table for (table,) in db.execute(gone_with_it.encode()).fetchall()}
    purged = set(re.findall(r"DELETE FROM (\w+) WHERE connection_id", source("purge")))
    assert {"credential", "schedule", "outage"} <= cascading
    assert tables - purged - cascading == {"connection"}
    assert not purged & cascading


SERVES_THE_SESSION = re.compile(r"\A(--.*\n)*(LOCK|LISTEN|UNLISTEN|NOTIFY|SET)\b")
"""Statements that are not prepared; they are run as they are."""

NOT_PREPARED = {
    # no such statement can be prepared
    ("findings", "make_stage"), ("findings", "copy_stage"), ("drift", "make_stage"),
    ("findings", "upsert"), ("devices", "upsert"),  # their types follow from the driver's; every pull runs them
}  # fmt: skip

PUT_TOGETHER = {(file, name) for file, name in BLOCKS if file == "summaries" and name.startswith("by_")}
"""Ends of statements that look like whole ones."""
STATEMENT = re.compile(
    r"\A(--.*\n)*(WITH|SELECT|INSERT|UPDATE|DELETE|COPY|CREATE|EXPLAIN|LOCK|LISTEN|UNLISTEN|NOTIFY|SET)\b"
)
"""Anything else is a part; who puts parts together runs them in a test of his own, as he does those with braces."""


def _numbered(statement: str) -> str:
    """The statement with numbered parameters, as PREPARE wants them."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return re.sub(r"%\((\w+)\)s", number, statement).replace("%%", "%")


async def test_postgresql_understands_every_block(hub: Hub) -> None:
    """Each statement names tables and columns that there are, with types that fit."""
    await hub.db.execute(queries.findings.make_stage)
    await hub.db.execute(queries.drift.make_stage)
    failures = []
    for file, name in BLOCKS:
        statement = _numbered(dict(iter(LOADED[file]))[name])
        if (
            (file, name) not in NOT_PREPARED | PUT_TOGETHER
            and STATEMENT.search(statement)
            and "{" not in statement
        ):
            prepared = "" if SERVES_THE_SESSION.search(statement) else f"PREPARE {file}_{name} AS "
            try:
                async with hub.db.transaction(force_rollback=True):
                    await hub.db.execute(f"{prepared}{statement}".encode())
            except psycopg.Error as problem:
                failures.append((file, name, str(problem)))
    assert failures == []


def test_a_block_that_is_not_there() -> None:
    """A call of a block that does not exist says where it was looked for."""
    with pytest.raises(AttributeError, match=r"queries/runs.sql has no block 'nothing'"):
        _ = queries.runs.nothing
    assert "sync_run" in queries.runs.start
