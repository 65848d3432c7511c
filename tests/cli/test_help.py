"""Every command explains itself, and explaining changes nothing."""

from collections.abc import Callable

import pytest

from waypost import __version__

COMMANDS = [
    "", "demo", "connection", "connection add", "connection list", "connection show", "connection check",
    "connection rotate", "connection renew", "connection rename", "connection default", "connection pause",
    "connection resume", "connection rhythm", "connection health", "connection remove", "connection link",
    "connection link list", "connection link revoke", "org", "org add", "org list", "org show", "org change",
    "org archive", "org restore", "org import", "org export", "mapping", "mapping refresh", "mapping suggest",
    "mapping save", "mapping show", "mapping drift", "mapping export", "mapping import", "mapping history",
    "mapping undo", "sync", "runs", "serve", "worker", "key", "key create", "key list", "key revoke",
    "key rotate-master", "finding", "finding list", "finding show",
    "device", "device list", "device show", "software", "software list", "site",
    "site list", "account", "account list", "group", "group list", "cve", "cve list",
    "summary", "summary findings",
    "summary trend", "summary resolution", "summary age", "change", "change list",
    "quarantine", "quarantine list", "db", "db upgrade", "export",
    "export findings", "export devices", "export software",
    "webhook", "webhook add", "webhook list", "webhook show", "webhook ping", "webhook deliveries", "webhook replay",
    "webhook rotate", "webhook enable", "webhook remove",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, make_waypost: Callable[[], object]) -> None:
    """Help says how a command is used and what it does, and makes no file."""
    waypost = make_waypost()
    ended = waypost(*command.split(), "--help").done()
    assert ended.out.startswith("Usage: waypost" + (f" {command}" if command else ""))
    assert len(ended.out.splitlines()) > 3
    assert ended.err == ""
    assert not waypost.home.exists()


def test_every_command_is_known_here(make_waypost: Callable[[], object]) -> None:
    """The commands that help names are those that are tested."""
    out = make_waypost()("--help").out
    named = {line.split()[1] for line in out.splitlines() if line.startswith("│ ") and line[2].isalpha()}
    assert named == {command.split()[0] for command in COMMANDS if command}


def test_the_token_is_no_argument(make_waypost: Callable[[], object]) -> None:
    """No command takes a token as an argument, where other users of the machine could read it."""
    waypost = make_waypost()
    assert "--token" not in waypost("connection", "add", "--help").out
    assert waypost("connection", "add", "x", "--url", "x", "--token", "x").code == 2


def test_version(make_waypost: Callable[[], object]) -> None:
    """The version is a line of its own."""
    assert make_waypost()("--version").done().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("bogus", "bogus"),
        ("finding", "Usage"),
        ("finding lst", "lst"),
        ("finding list --colour red", "--colour"),
        ("finding list --limit many", "many"),
        ("connection add", "name"),
        ("connection add x", "--url"),
        ("connection show", "name"),
        ("sync x --full=maybe", "maybe"),
    ],
)
def test_wrong_use(arguments: str, words: str, make_waypost: Callable[[], object]) -> None:
    """What cannot be understood is named, ends with 2 and makes no file; a group alone shows its commands."""
    waypost = make_waypost()
    ended = waypost(*arguments.split(), stdin="token")
    assert words in ended.out + ended.err
    assert "Traceback" not in ended.err
    assert (ended.code, ended.out == "") == ((0, False) if words == "Usage" else (2, True))
    assert not waypost.home.exists()
