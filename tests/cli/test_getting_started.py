"""The page that newcomers begin with: its commands do what it says, one after the other."""

import csv
import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waypost.storage import embedded

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"
PORTS = ("8630", "8700")
"""Those of the service and of the simulator on the page, which need not be free where tests run."""
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEXT = "== the next block"


def _free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.fixture(scope="module")
def told(make_waypost: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder in which all blocks of the page were run, in one shell, and what each printed."""
    waypost, folder = make_waypost(), tmp_path_factory.mktemp("newcomer")
    del waypost.environ["WAYPOST_ALLOWED_HOSTS"]
    script = f"echo '{_NEXT}'\n".join(_COMMANDS.findall(PAGE.read_text()))
    environ = dict(waypost.environ)
    for port in PORTS:
        free = _free_port()
        script = script.replace(port, free)
        environ["WAYPOST_PORT"] = free if port == "8630" else environ["WAYPOST_PORT"]
    embedded.start(waypost.home)  # keeps the server running between commands
    ended = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended
    assert "Traceback" not in ended.stderr, ended.stderr
    return folder, ended.stdout.split(_NEXT)


def _block(told: tuple[Path, list[str]], command: str) -> str:
    """What the block with this command printed."""
    blocks = _COMMANDS.findall(PAGE.read_text())
    (number,) = (number for number, block in enumerate(blocks) if command in block)
    return told[1][number]


def test_a_newcomer_sees_findings(told: tuple[Path, list[str]]) -> None:
    """After the first pull the lists show the worst of them, and the summary how many there are."""
    shown = _block(told, "waypost finding list --severity critical,high")

    assert shown.count("critical") > 5
    assert re.search(r"[\d,]+ in all", shown)


def test_a_newcomer_says_whose_a_site_is(told: tuple[Path, list[str]]) -> None:
    """The decision is shown first, saved when it is said so, and the organization's findings are its site's."""
    saved = _block(told, "mapping save --accept sure --yes")

    assert saved.count("1 decision for 1 site") == 2
    assert saved.count("Saved 1 decision") == 1
    assert len(re.findall(r"^critical .* Northwind", saved, re.MULTILINE)) == 5


def test_a_newcomer_reads_the_api(told: tuple[Path, list[str]]) -> None:
    """The key that was made reads findings, and the feed from the present on, in which nothing is yet."""
    findings = json.loads(_block(told, "/api/v1/findings"))
    feed = json.loads(_block(told, "/api/v1/changes"))

    assert [item["severity"] for item in findings["items"]] == ["critical", "critical"]
    assert (feed["items"], feed["has_more"], bool(feed["next_cursor"])) == ([], False, True)


def test_a_newcomer_takes_everything_away(told: tuple[Path, list[str]]) -> None:
    """The export has as many findings as the summary counted."""
    (counted,) = re.findall(r"([\d,]+) in all", _block(told, "waypost summary"))
    with (told[0] / "findings.csv").open(newline="") as file:
        rows = sum(1 for _ in csv.DictReader(file))

    assert rows == int(counted.replace(",", ""))
