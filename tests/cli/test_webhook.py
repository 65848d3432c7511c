"""`waypost webhook`: add, list, show, ping, deliveries, replay, rotate, enable, remove."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from support.receiver import Got
from waypost.storage import embedded

URL = "https://hooks.example.com/waypost"


@pytest.fixture(scope="module")
def waypost(make_waypost: Callable[[], Any]) -> Any:
    made = make_waypost()
    embedded.start(made.home)
    made("org", "add", "ACME GmbH").done()
    return made


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Got]]]:
    """The address of a receiver, and what it got."""
    got: list[Got] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(Got({name.lower(): value for name, value in self.headers.items()}, body, self.path))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()
        thread.join()


def hook(waypost: Any, *arguments: str, **environ: str) -> Any:
    return waypost("webhook", *arguments, **environ)


def test_the_secret_is_told_once(waypost: Any) -> None:
    """The secret alone is on standard output, so that it can be piped; nothing stored or shown later holds it."""
    assert "There is no webhook yet" in hook(waypost, "list").done().out
    ended = hook(waypost, "add", "ops", "--url", URL, "--kind", "finding_opened,device_added").done()
    (secret,) = ended.out.splitlines()
    assert secret.startswith("whsec_")
    assert "Next: waypost webhook ping ops" in ended.err
    new = hook(waypost, "rotate", "ops", "--overlap", "1h").done()
    assert new.out.startswith("whsec_")
    assert "1:00:00" in new.err
    stored = "\n".join(row for rows in waypost.stored().values() for row in rows)
    shown = hook(waypost, "show", "ops", "--json").done()
    for text in (secret, new.out.strip()):
        assert text not in stored + shown.out + hook(waypost, "list", "--json").done().out
    assert len(shown.document["secrets"]) == 2
    hook(waypost, "remove", "ops", "--yes").done()


def test_lists(waypost: Any) -> None:
    """A table for people, one document for machines; a webhook is found by its name and by its id."""
    hook(waypost, "add", "first", "--url", URL).done()
    made = hook(
        waypost, "add", "second one", "--url", URL, "--organization", "ACME GmbH", "--most", "7", "--json"
    ).done().document["webhook"]  # fmt: skip
    table = hook(waypost, "list").done().out
    assert all(word in table for word in ("first", "second one", "ACME GmbH", made["id"], "active"))
    listed = hook(waypost, "list", "--limit", "1", "--json").done().document
    assert [item["name"] for item in listed["items"]] == ["first"]
    following = hook(waypost, "list", "--cursor", listed["next_cursor"], "--json").done().document
    assert [(item["name"], item["most"]) for item in following["items"]] == [("second one", 7)]
    assert hook(waypost, "show", made["id"], "--json").done().document["name"] == "second one"
    card = hook(waypost, "show", "second one").done().out
    assert all(word in card for word in (URL, "all", "signed since"))
    for name in ("first", "second one"):
        hook(waypost, "remove", name, "--yes").done()


def test_a_ping_and_its_log(waypost: Any, receiver: tuple[str, list[Got]]) -> None:
    """A ping says what the receiver answered, and is in the log with its body; one that fails ends with 1."""
    url, got = receiver
    secret = hook(waypost, "add", "pinged", "--url", url).done().out.strip()
    assert "answered 200" in hook(waypost, "ping", "pinged").done().out
    assert got[0].verified_by(secret)
    (entry,) = hook(waypost, "deliveries", "pinged", "--json").done().document["items"]
    assert (entry["kind"], entry["state"], entry["status"]) == ("ping", "accepted", 200)
    whole = hook(waypost, "deliveries", "pinged", "--delivery", entry["id"]).done().document
    assert whole["body"].encode() == got[0].body
    assert entry["id"] in hook(waypost, "deliveries", "pinged").done().out
    hook(waypost, "add", "dead", "--url", "http://127.0.0.1:9/").done()
    failed = hook(waypost, "ping", "dead")
    assert (failed.code, failed.out) == (1, "")
    assert "refused" in failed.err
    assert not hook(waypost, "ping", "dead", "--json").document["accepted"]
    states = hook(waypost, "deliveries", "dead", "--state", "failed", "--json").done().document["items"]
    assert len(states) == 2
    for name in ("pinged", "dead"):
        hook(waypost, "remove", name, "--yes").done()


def test_enable_and_replay(waypost: Any) -> None:
    """Enabling and replaying say what came of it; a replay names one point."""
    hook(waypost, "add", "moved", "--url", URL).done()
    assert "is active" in hook(waypost, "enable", "moved", "--skip").done().out
    hook(waypost, "replay", "moved", "--since", "2026-11-01").done()
    assert hook(waypost, "show", "moved", "--json").done().document["state"] == "active"
    hook(waypost, "replay", "moved").refused(2, "Either --since or --after")
    hook(waypost, "replay", "moved", "--since", "soon").refused(2, "since")
    hook(waypost, "replay", "moved", "--after", "abc").refused(2, "cursor")
    hook(waypost, "remove", "moved", "--yes").done()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "x", "--url", "http://hooks.example.com"], ["http", "WAYPOST_ALLOWED_HOSTS"]),
        (["add", "x", "--url", URL, "--kind", "nothing"], ["no kind of change", "finding_opened"]),
        (["add", "x", "--url", URL, "--connection", "nowhere"], ["no connection 'nowhere'"]),
        (["add", "x", "--url", URL, "--organization", "nowhere"], ["no organization 'nowhere'"]),
        (["add", "x", "--url", URL, "--most", "0"], ["1 to 500"]),
        (["show", "nobody"], ["There is no webhook 'nobody'", "waypost webhook list"]),
        (["remove", "nobody", "--yes"], ["There is no webhook"]),
    ],
)
def test_what_is_refused(waypost: Any, arguments: list[str], words: list[str]) -> None:
    """What cannot be is refused with the next step, and nothing is stored."""
    hook(waypost, *arguments).refused(2, *words)
    assert hook(waypost, "list", "--json").done().document["items"] == []


def test_removing_asks(waypost: Any) -> None:
    """Without a terminal to ask at nothing is removed, unless it is said beforehand."""
    hook(waypost, "add", "kept", "--url", URL).done()
    hook(waypost, "remove", "kept").refused(2, "--yes")
    hook(waypost, "remove", "kept", "--yes").done()
