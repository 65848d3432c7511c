"""The program `waypost` as a process of its own, on a test's database, with a token in the vault that `Hub` uses."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import psycopg
from psycopg.pq import ExecStatus

from support.hub import MASTER_KEY

_AS_TESTS_NEED_IT = """
from waypost.cli.main import main
from waypost.sentinelone import limits, pages
limits.Limiter.__init__.__kwdefaults__.update(concurrent=1000, table=(), unknown=None)
pages.walk.__kwdefaults__["limit"] = {rows}
{also}
main()
"""


class Program:
    """Starts `waypost` with these settings, without rate limits.

    Pages hold so few rows that small estates have chains of them. `also` is Python to run before it.
    """

    def __init__(
        self, home: Path, database_url: str, *, page_rows: int = 25, also: str = "", **settings: str
    ) -> None:
        self.database_url = database_url
        self._start = [sys.executable, "-c", _AS_TESTS_NEED_IT.format(rows=page_rows, also=also)]
        self._home = home
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")},
            "WAYPOST_HOME": str(home),
            "WAYPOST_DATABASE_URL": database_url,
            "WAYPOST_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "WAYPOST_ALLOWED_HOSTS": "127.0.0.1",
            "WAYPOST_RATE_LIMIT": "100000",
            **settings,
        }
        self._count = 0

    def start(self, *arguments: str) -> "Running":
        """Start it and go on."""
        self._count += 1
        output = self._home / f"output-{self._count}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*self._start, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        return Running(process, output, self.database_url)

    def run(self, *arguments: str) -> "Running":
        """Start it and wait for its end."""
        with self.start(*arguments) as running:
            running.wait()
        return running


class Running:
    """A started program; as a context manager it is killed at the end, should it still run."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path, database_url: str) -> None:
        self._process = process
        self._output = output
        self._database_url = database_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(20)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def stopped(self) -> bool:
        """Whether a SIGSTOP has reached it."""
        return "State:\tT" in Path(f"/proc/{self.pid}/status").read_text()

    @property
    def output(self) -> str:
        """What it has written to standard output and standard error."""
        return self._output.read_text()

    def wait(self, seconds: float = 60) -> int:
        return self._process.wait(seconds)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_until(self, condition: Callable[[], object], seconds: float = 30) -> bool:
        """Wait for something to come about; whether it did while the program ran."""
        until = time.monotonic() + seconds
        while not condition():
            if self.ended:
                return False
            assert time.monotonic() < until, f"waited too long; the program says: {self.output}"
            time.sleep(0.005)
        return True

    def wait_until_at(self, stream: str, *, pages: int = 0) -> bool:
        """Wait until it works on this stream and has stored so many pages of it."""
        query = (
            "SELECT FROM waypost.sync_run WHERE worker LIKE %s AND state = 'running' AND stream = %s"
            " AND coalesce((counts ->> 'pages')::int, 0) >= %s"
        )
        with psycopg.connect(self._database_url, autocommit=True) as db:
            return self.wait_until(
                lambda: db.execute(query, (f"%:{self.pid}", stream, pages)).fetchall(), seconds=30
            )


def rows(database_url: str, query: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
    """Ask the database once."""
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=waypost") as db:
        cursor = db.execute(query.encode(), parameters)
        result = cursor.pgresult
        return cursor.fetchall() if result and result.status == ExecStatus.TUPLES_OK else []
