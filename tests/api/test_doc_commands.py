"""Every command of the documentation, run as it stands: page by page, from top to bottom, against a service.

What stands there for something of the reader's is put in by `MEANT`; what cannot be run here is in `NOT_RUN`, with the
reason. The page for newcomers and the reference of the command line have tests of their own (`tests/cli`).
"""

import base64
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from support import simulator
from support.hub import MASTER_KEY
from support.simulator import Simulator

ROOT: Final = Path(__file__).resolve().parent.parent.parent
ELSEWHERE: Final = {"getting-started.md", "cli.md", "benchmarks.md"}
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OF_COMMANDS: Final = ("", "sh", "console")
_COMMAND: Final = re.compile(r"(?:[A-Z_]+=\S* )*(?:waypost|curl|python3?) ")
NOT_RUN: Final = {
    "waypost serve": "runs already",
    "waypost key rotate-master": "needs two master keys: tests/cli/test_master_key.py",
    "s3://": "no such store is reached",
    "--follow": "it never ends: tests/cli/test_changes.py",
    "SCOPE=ORGANIZATION": "says what can be written",
    "python -m sentinelone_simulator": "runs already",
}
AGREED: Final = ("mapping save", "connection remove", "webhook remove")
"""They ask before they change anything."""


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """The commands of a page, each with its line there; one that goes on in the next line is one."""
    text = page.read_text()
    for block in _BLOCK.finditer(text):
        if block[1] not in _OF_COMMANDS:
            continue
        line = text.count("\n", 0, block.start(2)) + 1
        for count, command in _logical(block[2].splitlines()):
            if _COMMAND.match(command):
                yield line, command
            line += count


def _logical(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines, those that go on in the next one together; and how many they are."""
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if not line.endswith("\\") and _is_whole("\n".join(gathered)):
            yield len(gathered), "\n".join(gathered)
            gathered = []


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quotation is open
        return not _COMMAND.match(command)
    return True


def pages() -> list[Path]:
    return [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in ELSEWHERE]


EVERY: Final = [pytest.param(page, id=page.name) for page in pages() if any(True for _ in commands(page))]


class Estate:
    """A service with two connections, their clients, and a folder to work in."""

    def __init__(
        self, api: Any, consoles: tuple[Simulator, Simulator], environ: Mapping[str, str], folder: Path
    ) -> None:
        self.api = api
        self.folder = folder
        self.environ = environ
        console, main_console = consoles
        connection = api.add("acme", console)
        self.pull = (
            api("POST", f"/api/v1/connections/{connection['id']}/sync", {}).done(202).document["pull_id"]
        )
        while api.get(f"/api/v1/syncs/{self.pull}")["state"] in ("queued", "running"):
            pass
        sites = api.get("/api/v1/sites")["items"]
        for site, name in zip(sites, ("Warehouse", "Lab"), strict=False):
            console.change("rename", id=site["id"], name=name)
        api("POST", "/api/v1/mapping/refresh", {}).done()
        self.site = next(one["id"] for one in api.get("/api/v1/sites")["items"] if one["name"] == "Warehouse")
        for name in ("ACME Ltd", "Nordwind Holding", "Old Client"):
            self.post("/api/v1/organizations", {"name": name})
        holding = {"name": "Nordwind Logistics", "parent": "Nordwind Holding"}
        self.logistics = self.post("/api/v1/organizations", holding)["id"]
        api.add("Main console", main_console, organization="Nordwind Logistics")
        self.key = api.make_key("read", "manage").key
        self.spare = api.make_key("read").key
        self.webhook = {"name": "tickets", "url": "http://127.0.0.1:9/waypost", "kinds": ["finding_opened"]}
        self.cursor = api.get("/api/v1/changes?after=now")["next_cursor"]

    def post(self, path: str, body: object) -> Any:
        return self.api("POST", path, body).done(201).document

    def meant(self, page: str, command: str) -> str:
        """The command with what it means here."""
        for written, is_here in {
            "http://127.0.0.1:8630": self.api.url,
            "https://waypost.example.com": self.api.url,
            "https://hooks.example.com/waypost": self.webhook["url"],
            "4fK2mZ8qLr0T": self.spare.split("_")[1],
            "wp_…": self.key,
            "after=WyJh…": f"after={self.cursor}",
            "/syncs/…/": f"/syncs/{self.pull}/",
            "1654059016548421632": self.site,
            '"version": 0': f'"version": {self._version()}',
            # Clients are made in both ways that the page names, so this one is decided about already.
            "acme/Warehouse=ACME Ltd'": "acme/Warehouse=ACME Ltd' --replace",
            "/data/waypost": str(self.folder / "data"),
            "jq .software_name": "grep software_name",
        }.items():
            command = command.replace(written, is_here)
        if any(asks in command for asks in AGREED):
            command = command.split(" #")[0] + " --yes"
        if page == "webhooks.md" and "-d '{" in command:
            command = command.replace('"name": "tickets"', '"name": "tickets by API"')
        return command

    def _version(self) -> int:
        """How often it was decided whose the site is."""
        mapped = self.api.get("/api/v1/mapping?connection=acme&limit=1000")["items"]
        return next(one["version"] for one in mapped if one["id"] == self.site)

    def run(self, page: str, command: str) -> "subprocess.CompletedProcess[str]":
        """Run it in a shell, in which the service's address and a key are known to what asks the service."""
        words = self.meant(page, command)
        known = {"KEY": self.key, "WAYPOST_URL": self.api.url, "CURSOR": self.cursor}
        if words.startswith("curl"):
            known["WAYPOST_KEY"] = self.key
            words = words.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
        return subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", words],
            cwd=self.folder, env=self.environ | known, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def estate(
    serve: Callable[..., Any], postgres: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Estate]:
    """The service that commands are about, and what the pages take for granted."""
    folder = tmp_path_factory.mktemp("reader")
    options = simulator.arguments(accounts=2, sites=3, agents=9, risks_per_agent=6)
    others = simulator.arguments(accounts=1, sites=2, agents=4, risks_per_agent=4, seed=7)
    with (
        postgres.fresh() as url,
        simulator.running(options) as console,
        simulator.running(others) as main_console,
    ):
        api, _ = serve(database_url=url)
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "WAYPOST_HOME": str(folder / "home"),
            "WAYPOST_DATABASE_URL": url,
            "WAYPOST_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "WAYPOST_ALLOWED_HOSTS": "127.0.0.1",
            "COLUMNS": "200",
        }
        yield Estate(api, (console, main_console), environ, folder)


@pytest.mark.parametrize("page", EVERY)
def test_every_command_does(page: Path, estate: Estate) -> None:
    """Each ends well; a page may count on what it has done itself further up."""
    _sheets(page, estate.folder)
    if page.name == "organizations.md":  # it adds this one itself
        estate.api(
            "PATCH", f"/api/v1/organizations/{estate.logistics}", {"name": "Nordwind of before"}
        ).done()
    for line, command in commands(page):
        if any(part in command for part in NOT_RUN):
            continue
        ended = estate.run(page.name, command)
        told = f"{page.name}:{line}: {command}\n{ended.stdout}\n{ended.stderr}"
        assert ended.returncode == 0, told
        assert "Traceback" not in ended.stderr, told


def test_nothing_is_left_out_in_vain() -> None:
    """What is said not to run is there."""
    every = [command for page in pages() for _, command in commands(page)]
    assert [part for part in NOT_RUN if not any(part in command for command in every)] == []
    assert len(every) > 40


def _sheets(page: Path, folder: Path) -> None:
    """The CSV files that a page shows: the block that begins with the columns of clients."""
    found = re.search(r"^```\n(name,external_id,.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    sheet = found[1] if found else "name\nACME Ltd\n"
    (folder / "clients.csv").write_text(sheet)
