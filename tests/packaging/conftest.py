"""A built wheel, and an environment in which nothing of Waypost is but that wheel."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of WAYPOST_TEST_WHEEL, or else one built from this checkout."""
    if given := os.environ.get("WAYPOST_TEST_WHEEL"):
        return Path(given)
    into = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = into.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of WAYPOST_TEST_INSTALLED, or else one with the wheel in it.

    The latter borrows the packages that Waypost depends on, so that it needs no network.
    """
    if given := os.environ.get("WAYPOST_TEST_INSTALLED"):
        return Path(given)
    made = tmp_path_factory.mktemp("installed")
    venv.create(made, with_pip=True)
    subprocess.run(
        [made / "bin" / "python", "-m", "pip", "install", "--no-deps", "--no-index", wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    # A path in a .pth file adds that folder, and not what its own .pth files add: no editable checkout.
    for folder in made.glob("lib/python*/site-packages"):
        (folder / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Runs a program of that environment in an empty folder, with an empty HOME and nothing set."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(installed / "bin" / program), *arguments],
            cwd=tmp_path, env={"PATH": os.defpath, "HOME": str(tmp_path), "COLUMNS": "120"},
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run
