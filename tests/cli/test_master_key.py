"""`waypost key rotate-master`, and programs that have no master key."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.server import Server
from waypost.storage import embedded

NEW = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


def test_a_key_that_waypost_keeps(make_waypost: Callable[[], Any], console: Any) -> None:
    """The key in the data folder is replaced; connections go on as if nothing had happened."""
    waypost = make_waypost()
    embedded.start(waypost.home)
    waypost.add("ACME", console.url, console.token).done()
    old = (waypost.home / "master.key").read_text()
    stored = waypost.stored()["credential"]

    said = waypost("key", "rotate-master").done().out

    assert "1 stored token is" in " ".join(said.split())
    new = (waypost.home / "master.key").read_text()
    assert (new != old, len(new.split())) == (True, 1)
    assert waypost.stored()["credential"] != stored
    waypost("sync", "ACME").done()
    waypost("sync", "ACME", WAYPOST_MASTER_KEY=old).refused(1, "another master key", "WAYPOST_MASTER_KEY")
    assert old.strip() not in said + str(waypost.stored())


def test_a_key_that_is_given(make_waypost: Callable[[], Any], console: Any, tmp_path: Path) -> None:
    """A key of the operator's is replaced by one in a file; what to do next is told, and no key is shown."""
    waypost = make_waypost()
    embedded.start(waypost.home)
    waypost.environ["WAYPOST_MASTER_KEY"] = OTHER
    waypost.add("ACME", console.url, console.token).done()
    waypost("key", "rotate-master").refused(2, "no new master key", "--new-key-file")
    file = tmp_path / "new"
    file.write_text("not a key")
    waypost("key", "rotate-master", "--new-key-file", str(file)).refused(1, "not base64")
    file.write_text(f"{NEW}\n{OTHER}\n")
    waypost("key", "rotate-master", "--new-key-file", str(file)).refused(2, "2 keys")
    file.write_text(NEW + "\n")

    said = waypost("key", "rotate-master", "--new-key-file", str(file)).done().out

    assert "WAYPOST_MASTER_KEY" in said
    assert NEW not in said
    assert OTHER not in said
    waypost("sync", "ACME").refused(1, "another master key")
    waypost.environ["WAYPOST_MASTER_KEY"] = NEW
    waypost("sync", "ACME").done()
    assert not (waypost.home / "master.key").exists()


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]])
def test_no_service_without_a_master_key(
    make_waypost: Callable[[], Any], postgres: Server, command: list[str]
) -> None:
    """On a server of the operator's nothing starts without a master key: one made here would be lost one day."""
    waypost = make_waypost()
    with postgres.fresh() as url:
        waypost(*command, WAYPOST_DATABASE_URL=url).refused(1, "no master key", "WAYPOST_MASTER_KEY")
    assert not (waypost.home / "master.key").exists()
