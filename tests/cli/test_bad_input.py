"""Bad input: each has its own error with the next step and leaves everything as it was."""

import socket
from pathlib import Path
from typing import Any

import pytest

from support.simulator import Simulator
from waypost.storage import embedded

GOOD_URL = "https://usea1-example.sentinelone.net"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no address"),
        ("not a url", "spaces"),
        ("ftp://usea1-example.sentinelone.net", "begin with https://"),
        ("https://www.sentinelone.com", "web site"),
        ("sentinelone.com", "web site"),
        ("http://usea1-example.sentinelone.net", "over http"),
        ("https://example.com", "example.com is not a SentinelOne console"),
        ("https://sentinelone.net.example.com", "is not a SentinelOne console"),
        ("https://evilsentinelone.net", "is not a SentinelOne console"),
        ("https://user:pw@usea1-example.sentinelone.net", "password"),
        ("http://10.0.0.5", "IP address"),
        ("http://169.254.169.254/latest", "IP address"),
        ("https://[::1]:9", "IP address"),
    ],
)
def test_addresses(unchanged: Any, url: str, words: str) -> None:
    """An address that cannot be a console's is refused before anything is called, and says what would do."""
    unchanged.add("new", url, "some-token").refused(2, words, "Code: connection.address")


def test_an_allowed_suffix(unchanged: Any) -> None:
    """What the operator allows is called."""
    ended = unchanged.add(
        "new", "https://no-such-console.example.invalid", "x", WAYPOST_ALLOWED_HOSTS="example.invalid"
    )
    ended.refused(1, "no-such-console.example.invalid", "Code: connection.check_failed")


def test_nobody_there(unchanged: Any, console: Any) -> None:
    """An address where nothing answers is told from a wrong one; the right one is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    token = console.of_scope("account")
    unchanged.add("new", nobody, token).refused(1, "Address:", "Code: connection.check_failed")
    unchanged.add("new", console.url, token).done()
    unchanged("connection", "remove", "new", "--yes", "--purge").done()


@pytest.mark.parametrize("allowed", ["http://x", "*.com", "com", "0.0.0.0/0", "a b"])
def test_allowed_hosts_that_make_no_sense(unchanged: Any, console: Any, allowed: str) -> None:
    """A setting that would allow nearly everything, or nothing that there is, is refused."""
    ended = unchanged.add("new", console.url, console.token, WAYPOST_ALLOWED_HOSTS=allowed)
    ended.refused(2, "WAYPOST_ALLOWED_HOSTS", "Code: settings")


@pytest.mark.parametrize("which", ["wrong", "cut off", "Ended last week", "Taken back"])
def test_tokens_that_are_refused(unchanged: Any, console: Any, which: str) -> None:
    """A wrong, mangled, expired or revoked token is one that the console refuses: a new one is needed."""
    token = {"wrong": "0" * 80, "cut off": console.token[:-3]}.get(which) or console.holder(which)
    ended = unchanged.add("new", console.url, token)
    ended.refused(3, "Token:", "Code: connection.check_failed", "Service Users")
    assert token not in ended.err


@pytest.mark.parametrize("token", ["two words", "new\nline", "käse", "tab\tbed", "\x01"])
def test_tokens_that_cannot_travel(unchanged: Any, console: Any, token: str) -> None:
    """A token that no header can carry was mangled on the way here; nothing is sent."""
    ended = unchanged.add("new", console.url, token)
    ended.refused(2, "Code: connection.token_shape")
    assert token not in ended.err


@pytest.mark.parametrize("name", ["", "-x", "_", "a\u202eb", "x" * 81])
def test_names(unchanged: Any, console: Any, name: str) -> None:
    """A name that could be mistaken for something else is refused."""
    ended = unchanged("connection", "add", f"--name={name}", f"--url={console.url}", stdin=console.token)
    ended.refused(2, "is no name", "1 to 80 characters", "Code: connection.name")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("finding list --severity severe", "unknown, none, low, medium, high, critical"),
        ("finding list --state closed", "open, reopened, in_progress, on_hold, ignored, resolved"),
        ("device list --state open", "active, inactive, decommissioned, uninstalled, gone"),
        ("software list --severity x", "unknown, none, low"),
        ("finding list --detected-since yesterday", "2026-11-21"),
        ("device list --changed-since 1.1.2026", "2026-11-21"),
        ("finding list --limit 0", "limit"),
        ("finding list --limit 10000000", "limit"),
        ("software list --limit -5", "limit"),
        ("finding list --cursor abc", "cut short or altered"),
        ("device list --cursor ä", "cut short or altered"),
        ("sync --stream everything", "accounts, sites, groups, agents, risks"),
    ],
)
def test_filters(unchanged: Any, arguments: str, words: str) -> None:
    """A filter that means nothing is refused with those that mean something, with --json as without."""
    as_json = () if arguments.startswith("sync") else ("--json",)
    unchanged(*arguments.split(), *as_json).refused(2, words)


def test_cursors_of_other_lists(unchanged: Any) -> None:
    """A cursor goes on with its own list only, and with that it does."""
    command = ("finding", "list", "--severity", "critical,high,medium,low", "--limit", "1", "--json")
    cursor = unchanged(*command).done().document["next_cursor"]
    unchanged("finding", "list", "--limit", "1", "--cursor", cursor).refused(2, "other filters")
    unchanged("device", "list", "--limit", "1", "--cursor", cursor).refused(2, "other filters")
    assert unchanged(*command, "--cursor", cursor).done().document["items"]


def test_bytes_that_are_no_text(unchanged: Any) -> None:
    """An argument that is no text is refused, and is no crash."""
    unchanged("finding", "list", "--application", "\udcff").refused(2, "no text")


def test_a_token_that_is_revoked_later(pulled: Any, console: Any) -> None:
    """A pull with a revoked token ends with 3 and marks the connection; with the token valid again it goes on."""
    token = console.of_scope("account")
    pulled.add("later", console.url, token).done()
    console.change_token(token, state="revoked")
    before = pulled.stored()
    pulled("sync", "later").refused(3, "Code: console.token_refused")
    after = pulled.stored()
    changed = {table for table in before if before[table] != after[table]}
    assert changed <= {
        "connection", "sync_run", "sync_walk", "schedule", "outage", "change", "change_batch", "feed", "audit",
    }  # fmt: skip
    states = {
        item["name"]: item["state"] for item in pulled("connection", "list", "--json").document["items"]
    }
    assert states == {"ACME": "active", "later": "needs_attention"}
    console.change_token(token, state="valid")
    pulled("sync", "later").done()
    pulled("connection", "remove", "later", "--yes", "--purge").done()


def test_a_second_sync(pulled: Any, console: Any) -> None:
    """While a connection is pulled, a second pull of it is refused and the first is not disturbed."""
    pulled.add("busy", console.url, console.of_scope("account")).done()
    console.fault({"kind": "latency", "ms": 1500})
    with pulled.start("sync", "busy", "--full") as first:
        assert first.stdout is not None
        while not [
            run for run in pulled("runs", "busy", "--json").document["items"] if run["state"] == "running"
        ]:
            assert first.poll() is None
        pulled("sync", "busy").refused(1, "is being pulled already", "Code: sync.running", "waypost runs")
        console.heal()
        first.communicate(timeout=60)
    assert first.returncode == 0
    pulled("sync", "busy").done()
    pulled("connection", "remove", "busy", "--yes", "--purge").done()


# The data folder and the settings


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("/proc/waypost", "finding list --json"),
        ("/proc/waypost", "demo --agents 5"),
        ("{file}", "sync"),
        ("{file}/home", "db upgrade"),
    ],
)
def test_a_folder_that_cannot_be_written(unchanged: Any, tmp_path: Path, folder: str, command: str) -> None:
    """A data folder that cannot be one is named, with the settings that would help."""
    (tmp_path / "file").write_text("")
    home = folder.format(file=tmp_path / "file")
    ended = unchanged(*command.split(), WAYPOST_HOME=home)
    assert ended.out == ""
    ended.refused(ended.code, home, "WAYPOST_HOME")
    assert ended.code in (1, 2)


def test_settings_that_cannot_be_used(unchanged: Any, tmp_path: Path) -> None:
    """A mistake in the settings file stops every command before it does anything."""
    file = tmp_path / "settings.toml"
    file.write_text("databse_url = 'x'")
    unchanged("finding", "list", WAYPOST_CONFIG=str(file)).refused(2, "'databse_url'", "docs/settings.md")
    unchanged("finding", "list", WAYPOST_CONFIG=str(tmp_path / "none")).refused(2, "does not exist")


@pytest.mark.parametrize("key", ["not base64!", "AAAA"])
def test_a_master_key_that_is_none(unchanged: Any, key: str) -> None:
    """Tokens that cannot be opened stop a pull, and nothing is called; with the right key it goes on."""
    ended = unchanged("sync", "ACME", WAYPOST_MASTER_KEY=key)
    ended.refused(1, "master key", "Code: vault.key")
    assert key not in ended.err


def test_another_master_key(pulled: Any, console: Simulator) -> None:
    """A key that the tokens were not sealed with is told from one that is none; the next pull is well again.

    No token is sealed with it beside them.
    """
    mixed = pulled.add("mixed", console.url, console.of_scope("site"), WAYPOST_MASTER_KEY="A" * 43 + "=")
    mixed.refused(1, "another master key", "Code: vault.key")
    pulled("sync", "ACME", WAYPOST_MASTER_KEY="A" * 43 + "=").refused(
        1, "another master key", "WAYPOST_MASTER_KEY"
    )
    (health,) = pulled("connection", "health", "ACME", "--json").document["items"]
    assert (health["state"], health["owner"]) == ("failing", "operator")
    pulled("sync", "ACME").done()
    (health,) = pulled("connection", "health", "ACME", "--json").document["items"]
    assert health["state"] == "ok"


def test_after_all_this(pulled: Any) -> None:
    """Whatever went wrong before, the connection is pulled and its findings are listed."""
    pulled("sync").done()
    assert pulled("finding", "list", "--limit", "1", "--json").done().document["items"]


def test_the_server_stays_for_others(pulled: Any) -> None:
    """Commands that end do not take the database away from those that still run."""
    url = embedded.start(pulled.home)
    pulled("finding", "list").done()
    assert embedded.start(pulled.home) == url
