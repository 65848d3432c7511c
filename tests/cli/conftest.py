"""The program as a stranger uses it: a process of its own, an empty home, the embedded database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support import simulator
from support.simulator import Simulator
from waypost.storage import embedded


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document that is all of standard output."""
        return json.loads(self.out)

    def refused(self, code: int, *words: str) -> None:
        """It ended with this code, said these words and a next step, and put nothing on standard output."""
        assert (self.code, self.out) == (code, ""), self
        assert "Traceback" not in self.err, self.err
        for word in (*words, "Next: "):
            assert word in self.err, self.err

    def done(self) -> "Ended":
        assert (self.code, "Traceback" in self.err) == (0, False), self.err
        return self


class Waypost:
    """The command, with a data folder of its own and nothing else of this machine's settings."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home.parent),
            "WAYPOST_HOME": str(home),
            "WAYPOST_ALLOWED_HOSTS": "127.0.0.1",
            "COLUMNS": "200",
        }

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("waypost")), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environ | environ,
        )  # fmt: skip

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        with self.start(*arguments, **environ) as process:
            out, err = process.communicate(stdin, timeout=120)
        return Ended(process.returncode, out, err)

    def add(self, name: str, url: str, token: str, **environ: str) -> Ended:
        return self("connection", "add", name, "--url", url, stdin=token + "\n", **environ)

    def stored(self) -> dict[str, list[str]]:
        """Everything that the database holds, as text."""
        read = psycopg.sql.SQL("SELECT t::text FROM waypost.{} t ORDER BY 1")
        with psycopg.connect(embedded.start(self.home)) as db:
            tables = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'waypost' ORDER BY 1")
            return {
                table: [row for (row,) in db.execute(read.format(psycopg.sql.Identifier(table)))]
                for (table,) in tables.fetchall()
            }


@pytest.fixture(scope="session")
def make_waypost(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Waypost]:
    """Makes empty homes."""
    return lambda: Waypost(tmp_path_factory.mktemp("stranger") / "home")


@pytest.fixture(scope="session")
def console() -> Iterator[Simulator]:
    """A small console that nobody changes."""
    with simulator.running(simulator.arguments(accounts=2, sites=4, agents=15, risks_per_agent=8)) as running:
        yield running


@pytest.fixture(scope="session")
def pulled(make_waypost: Callable[[], Waypost], console: Simulator) -> Waypost:
    """A home with one connection, ACME, that was pulled. Whoever changes it changes it back."""
    waypost = make_waypost()
    embedded.start(waypost.home)  # keeps the server running between commands
    waypost.add("ACME", console.url, console.token).done()
    waypost("sync", "ACME").done()
    return waypost


@pytest.fixture
def unchanged(pulled: Waypost) -> Iterator[Waypost]:
    """The pulled home, which the test must leave as it was.

    The audit log alone remembers; and of what was purged the feed keeps the places, in which nothing is any more.
    """
    before = pulled.stored()
    yield pulled
    after = pulled.stored()
    remembered: dict[str, list[str]] = {"audit": [], "change_batch": [], "feed": []}
    assert after | remembered == before | remembered
