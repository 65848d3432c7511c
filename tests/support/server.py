"""A PostgreSQL server for the tests, and databases on it that are quick to make.

It is the embedded one, in a folder of its own, unless WAYPOST_TEST_DATABASE_URL names another. Migrations
run once; every further database is a copy of the migrated one.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
from psycopg import conninfo, sql

from waypost.settings import Settings
from waypost.storage import database, embedded


class Server:
    """Makes databases and drops them; `url` is a connection string with all rights."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"waypost_test_{secrets.token_hex(4)}"
        self._template = f"{self._prefix}_template"
        self._made = 0

    @contextmanager
    def databases(self, home: Path) -> Iterator["Server"]:
        """Hold a migrated database to copy from while the block runs."""
        self._run(sql.SQL("CREATE DATABASE {}"), self._template)
        try:
            settings = Settings(home=home, database_url=self._url(self._template))
            migrating = Thread(target=lambda: asyncio.run(database.prepare(settings)))
            migrating.start()  # apart, because the test may have an event loop of its own here
            migrating.join()
            yield self
        finally:
            self._drop(self._template)

    @contextmanager
    def fresh(self, *, empty: bool = False) -> Iterator[str]:
        """A database of its own, migrated unless it is to be empty; its connection string."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        if empty:
            self._run(sql.SQL("CREATE DATABASE {}"), name)
        else:
            self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, self._template)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def _url(self, name: str) -> str:
        return conninfo.make_conninfo(self.url, dbname=name)

    def _drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)

    def _run(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))


@contextmanager
def running(home: Path, url: str = "") -> Iterator[Server]:
    """The server at this URL, or else the embedded one of this folder."""
    with Server(url or embedded.start(home)).databases(home) as server:
        yield server
