"""`waypost demo`: the main job end to end, with nothing set up."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def demo(make_waypost: Callable[[], Any]) -> tuple[Any, Any]:
    waypost = make_waypost()
    del waypost.environ["WAYPOST_ALLOWED_HOSTS"]
    return waypost, waypost("demo", "--agents", "30", "--risks-per-agent", "20").done()


@pytest.mark.parametrize(
    "words",
    [
        "requests in", "rows/s", "accounts", "sites", "groups", "agents", "risks",  # what was pulled
        "Findings by severity and state", "critical", "open",
        "The 10 devices with the most critical findings",
        "The 10 applications with the most critical findings",
        "A day goes by", "opened", "changed", "resolved", "reopened", "API requests",
        "waypost connection add NAME --url", "sync NAME", "finding list --severity critical",
        "org import --from-console", "mapping suggest", "mapping save --accept sure",  # whose the sites are
    ],
)  # fmt: skip
def test_all_parts_are_shown(demo: tuple[Any, Any], words: str) -> None:
    """A stranger sees what was pulled, what it looks like, what a day changes, and what to type next."""
    _, ended = demo
    assert words in ended.out


def test_it_told_how_it_went_on(demo: tuple[Any, Any]) -> None:
    """Progress goes to standard error, where it does not disturb the result."""
    _, ended = demo
    assert "demo: risks done" in ended.err


def test_the_next_commands_work(demo: tuple[Any, Any]) -> None:
    """The commands that the demo names do what they say."""
    waypost, ended = demo
    lines = [line.strip() for line in ended.out.splitlines() if line.strip().startswith("WAYPOST_HOME=")]
    assert len(lines) >= 9
    for line in lines:
        home, _, *arguments = line.split()
        asks = ["--yes"] if arguments[:2] in (["org", "import"], ["mapping", "save"]) else []
        waypost(*arguments, *asks, WAYPOST_HOME=home.partition("=")[2]).done()


def test_it_can_be_run_again(demo: tuple[Any, Any]) -> None:
    """A second demo begins anew, and the demo's data is apart from the user's own."""
    waypost, _ = demo
    again = waypost(
        "demo", "--agents", "5", "--risks-per-agent", "3", "--sites", "2", "--accounts", "1"
    ).done()
    assert "A day goes by" in again.out
    assert waypost("connection", "list", "--json").done().document["items"] == []


@pytest.mark.parametrize("arguments", [("--accounts", "0"), ("--agents", "-1"), ("--agents", "many")])
def test_sizes_that_make_no_sense(make_waypost: Callable[[], Any], arguments: tuple[str, ...]) -> None:
    """An estate that cannot be is refused without a trace of the inside."""
    ended = make_waypost()("demo", *arguments)
    assert ended.code in (1, 2)
    assert "Traceback" not in ended.err
