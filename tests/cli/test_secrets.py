"""The token goes nowhere but to its console."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import simulator
from waypost.storage import embedded

CANARY = "canary7f3e9d1b5aZ8-canary7f3e9d1b5aZ8"


@pytest.fixture(scope="module")
def journey(make_waypost: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """Everything that commands say at the most talkative, from adding to a refused token, and what is stored."""
    waypost = make_waypost()
    waypost.environ["WAYPOST_LOG_LEVEL"] = "debug"
    said = []
    size = simulator.arguments(accounts=1, sites=2, agents=5, risks_per_agent=5, token=CANARY)
    with simulator.running(size) as console:
        said.append(waypost.add("ACME", console.url, CANARY).done())
        embedded.start(waypost.home)  # from here on it runs between commands
        said.append(waypost.add("ACME", console.url, CANARY))
        said.append(waypost.add("two", console.url + "/" + CANARY[:5], CANARY, WAYPOST_TOKEN=CANARY))
        said.append(waypost("sync", "ACME").done())
        console.fault(
            {"kind": "status", "status": 502, "times": 2}, {"kind": "limited", "retry_after": 0, "times": 2}
        )
        said.append(waypost("sync", "ACME", "--full", "--json"))
        console.heal()
        console.fault({"kind": "forbidden", "path": "/agents", "detail": f"token {CANARY} may not"})
        said.append(waypost("sync", "ACME"))
        console.heal()
        console.change_token(CANARY, state="revoked")
        said.append(waypost("sync"))
        said.append(waypost.add("three", console.url, CANARY))
    commands = (
        "connection list",
        "connection show ACME",
        "runs",
        "finding list",
        "device list",
        "quarantine list",
    )
    said += [waypost(*command.split(), "--json").done() for command in commands]
    said += [waypost(*command.split()).done() for command in commands]
    return waypost, said


def test_nothing_says_the_token(journey: tuple[Any, list[Any]]) -> None:
    """Neither output nor errors nor the log at its most talkative hold the token."""
    _, said = journey
    assert "console request" in "".join(ended.err for ended in said)  # the log did talk
    for ended in said:
        assert CANARY not in ended.out
        assert CANARY not in ended.err
        assert "Traceback" not in ended.err


def test_nothing_stores_the_token(journey: tuple[Any, list[Any]]) -> None:
    """The database holds the token sealed only."""
    waypost, _ = journey
    stored = waypost.stored()
    assert len(stored["credential"]) == 1
    text = "\n".join(row for rows in stored.values() for row in rows)
    assert CANARY not in text
    assert CANARY.encode().hex() not in text


def test_no_file_holds_the_token(journey: tuple[Any, list[Any]]) -> None:
    """No file of the data folder, the database's own among them, holds the token."""
    waypost, _ = journey
    files = [file for file in waypost.home.rglob("*") if file.is_file()]
    assert len(files) > 100
    assert not any(CANARY.encode() in file.read_bytes() for file in files)


def test_join_secrets_are_not_stored(journey: tuple[Any, list[Any]]) -> None:
    """What the console hands out to join new agents is not kept."""
    waypost, _ = journey
    text = "\n".join(row for rows in waypost.stored().values() for row in rows)
    assert '"name"' in text or "name" in text
    assert "registrationToken" not in text
    assert "licenseKey" not in text


def test_the_token_is_no_argument_of_any_process(make_waypost: Callable[[], Any], console: Any) -> None:
    """While a connection is added and pulled, no process of this machine shows the token in its arguments."""
    waypost = make_waypost()
    console.fault({"kind": "latency", "ms": 100})
    with waypost.start("connection", "add", "ACME", "--url", console.url) as process:
        assert process.stdin is not None
        process.stdin.write(console.token)
        process.stdin.close()
        process.stdin = None
        shown = b""
        while process.poll() is None:
            shown += b"".join(_arguments(process))
        process.communicate()
    console.heal()
    assert process.returncode == 0
    assert b"connection" in shown
    assert console.token.encode() not in shown


def _arguments(parent: "subprocess.Popen[str]") -> list[bytes]:
    """The arguments of the process and of those that it started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if folder.name == str(parent.pid) or status[1] == str(parent.pid):
                found.append((folder / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def test_files_of_secrets_are_the_users_alone(journey: tuple[Any, list[Any]]) -> None:
    """The master key and the database's password can be read by their user only."""
    waypost, _ = journey
    for name in ("master.key", "embedded-postgres.password"):
        assert (waypost.home / name).stat().st_mode & 0o777 == 0o600
