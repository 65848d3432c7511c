"""What strangers install: the built wheel, without the checkout that it came from."""

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import waypost

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_carries_every_file_of_the_source(wheel: Path) -> None:
    """The wheel has each file of both packages, SQL and data too, and nothing else."""
    wanted = {
        str(path.relative_to(SOURCE))
        for package in ("waypost", "sentinelone_simulator")
        for path in (SOURCE / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert carried == wanted
    assert any(name.endswith("0001_core.sql") for name in carried)


def test_it_carries_its_licence(wheel: Path) -> None:
    """The licence travels with the code."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))

        assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


def test_it_runs_by_itself(run: Run) -> None:
    """What runs is the installed code, not the checkout."""
    ended = run("python", "-c", "import waypost; print(waypost.__file__)")

    assert ended.returncode == 0, ended.stderr
    assert not Path(ended.stdout.strip()).is_relative_to(ROOT / "src")


def test_help_and_version(run: Run) -> None:
    """`waypost` is on the path and says what it can do and which it is."""
    told = run("waypost", "--help")
    version = run("waypost", "--version")

    assert (told.returncode, version.returncode) == (0, 0), told.stderr + version.stderr
    assert {"demo", "connection", "sync", "finding", "db"} <= set(told.stdout.split())
    assert version.stdout.strip() == waypost.__version__


def test_it_makes_its_database(run: Run) -> None:
    """`waypost db upgrade` brings up an embedded database with the schema, and does nothing the next time."""
    first = run("waypost", "db", "upgrade")
    again = run("waypost", "db", "upgrade")

    assert first.returncode == 0, first.stderr
    assert "schema version" in first.stdout
    assert (again.returncode, again.stdout) == (0, first.stdout)


def test_the_demo_runs(run: Run) -> None:
    """The demo, simulator and all, works where only the wheel is."""
    ended = run("waypost", "demo", "--agents", "15", "--sites", "3", "--risks-per-agent", "20")

    assert ended.returncode == 0, ended.stderr
    assert "Findings by severity and state" in ended.stdout
    assert "Findings in that day:" in ended.stdout
