"""Every Python example of the documentation, run as it stands: page by page, from top to bottom, against a service.

An example has the service's address in WAYPOST_URL, a key in WAYPOST_KEY, and a folder of its own to write to. On the
service are one console, pulled, whose sites are those of the organization ACME. What an example only defines, as a
receiver of webhooks, is tried by a function in `THEN`.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from support import simulator
from waypost.changes.webhooks import signing
from waypost.client import NewDecision, SignatureError, Waypost

DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs"
Names = dict[str, Any]  # Any: whatever an example defines
_EXAMPLE: Final = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples(page: str) -> Iterator[tuple[str, Any]]:
    """The examples of a page, compiled so that a fault names its line there."""
    text = (DOCS / page).read_text()
    for found in _EXAMPLE.finditer(text):
        line = text.count("\n", 0, found.start(1))
        yield found[1], compile("\n" * line + found[1], str(DOCS / page), "exec")


@pytest.fixture(scope="module")
def estate(serve: Callable[..., Any]) -> Iterator[Any]:
    """The service that examples are about."""
    api, _ = serve()
    options = simulator.arguments(accounts=1, sites=2, agents=8, risks_per_agent=6)
    with simulator.running(options) as console, Waypost(api.url, api.key) as waypost:
        waypost.add_organization("ACME")
        added = waypost.add_connection("ACME console", console.url, console.token)
        pull = waypost.pull(waypost.sync(added.connection.id, full=True).pull_id)
        while pull.state in ("queued", "running"):
            pull = waypost.pull(pull.pull_id)
        assert pull.state == "done"
        waypost.save_mapping(
            NewDecision(
                connection=one.connection, kind=one.kind, id=one.id, decision="mapped", organization="ACME",
                version=one.version,
            )
            for one in waypost.mapping(kind="site")
        )  # fmt: skip
        yield api


def _client(names: Names, estate: Any) -> None:
    """What the page about the client defines does what it says."""
    with Waypost(estate.url, estate.key) as waypost:
        place, told = Path("place"), list[str]()

        def take(entry: Any) -> None:
            told.append(entry.id)
            if len(told) == 2:
                raise InterruptedError

        place.write_text("start")
        with pytest.raises(InterruptedError):
            names["follow"](waypost, place, take)
        assert place.read_text() == "start"
        assert told == [entry.id for entry in waypost.changes(limit=2).pages().__next__().items]

    secret, now = signing.fresh(), datetime.now(UTC)
    body = msgspec.json.encode({"type": "ping", "timestamp": now, "data": {}})
    headers = signing.headers("d", now, body, [secret])
    assert names["received"](secret, headers, body) == 204
    assert names["received"](secret, headers, body + b" ") == 401
    with pytest.raises(SignatureError):
        names["verify"](signing.fresh(), headers, body)


def _changes(names: Names, estate: Any) -> None:
    """The reader of the page about changes goes on where it stopped: nothing is left out, nothing comes twice."""
    told, places = list[str](), ["start"]

    def handle(items: list[dict[str, Any]], cursor: str) -> None:
        told.extend(item["id"] for item in items)
        places.append(cursor)
        raise InterruptedError

    with Waypost(estate.url, estate.key) as waypost:
        everything = [entry.id for entry in waypost.changes(after="start")]
    while len(told) < len(everything):
        with pytest.raises(InterruptedError):
            names["follow"](estate.url, estate.key, places[-1], handle)
    assert told == everything


def _simulator(names: Names, _: Any) -> None:
    """The test that the page about the simulator shows starts a console in process."""
    asyncio.run(names["test_my_client"]())


THEN: Final[dict[str, Callable[[Names, Any], None]]] = {
    "changes.md": _changes,
    "client.md": _client,
    "simulator.md": _simulator,
}
"""The pages whose examples are run, with what tries what they only define."""


def _nothing(_: Names, __: Any) -> None:
    """Running the examples says it all."""


PAGES: Final = ("changes.md", "client.md", "simulator.md")


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, estate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the page runs, after those above it, and does what it says."""
    monkeypatch.setenv("WAYPOST_URL", estate.url)
    monkeypatch.setenv("WAYPOST_KEY", estate.key)
    monkeypatch.chdir(tmp_path)
    names: Names = {"__name__": "__main__"}
    ran = 0
    for ran, (_, program) in enumerate(examples(page), 1):  # noqa: B007  # counted below
        exec(program, names)  # noqa: S102  # our own documentation
    assert ran
    THEN.get(page, _nothing)(names, estate)
