"""What is imported, what is declared and what is locked say the same."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = {"waypost", "sentinelone_simulator"}
LOCKS = ("runtime", "dev", "bench", "docs", "clickhouse")
WITHOUT_WAYPOST = {"docs", "clickhouse"}
"""Locks for a tool alone."""
_PIN = re.compile(r"^([a-z0-9-]+)==([^ ;]+)", re.MULTILINE)


def declared() -> set[str]:
    return {_name(re.split(r"[\[<>=; ]", text, maxsplit=1)[0]) for text in PROJECT["project"]["dependencies"]}


def _name(written: str) -> str:
    """A package's name in its normal form: the same package spells itself in several ways."""
    return re.sub(r"[-_.]+", "-", written).lower()


def imported() -> set[str]:
    """The top-level modules that the packages import from elsewhere."""
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - OURS - set(sys.stdlib_module_names)


def pins(lock: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / "requirements" / f"{lock}.lock").read_text()))


def test_what_is_imported_is_what_is_declared() -> None:
    """No import relies on what another package happens to bring, and nothing is declared in vain."""
    providers = metadata.packages_distributions()

    assert {_name(name) for module in imported() for name in providers[module]} == declared()


def test_each_dependency_has_its_reason() -> None:
    """The decision record names every dependency."""
    record = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text()

    assert [name for name in sorted(declared()) if f"| {name} " not in record] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_places(lock: str) -> None:
    """Any index will do, since a lock names none; only the hashes decide."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    requirements = [block for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if block[:1].isalpha()]

    assert requirements
    assert all("--hash=sha256:" in block for block in requirements)
    assert re.findall(r"://|--(?:index|extra|find)|^ *# +via|(?<!\S)/", text, flags=re.MULTILINE) == []


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock not in WITHOUT_WAYPOST])
def test_a_lock_pins_every_dependency(lock: str) -> None:
    """`make lock` was run after the dependencies changed."""
    assert declared() - pins(lock).keys() == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_all_locks_pin_the_same(lock: str) -> None:
    """What is tested and measured is what is installed."""
    other, runtime = pins(lock), pins("runtime")

    shared = other.keys() & runtime.keys() if lock in WITHOUT_WAYPOST else runtime.keys()
    assert {name: other[name] for name in shared} == {name: runtime[name] for name in shared}
