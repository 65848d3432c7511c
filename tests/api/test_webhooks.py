"""`/webhooks`: added with a secret told once, delivered by the service, pinged, replayed, kept apart."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from support import simulator
from support.receiver import Got
from support.simulator import Simulator

Document = dict[str, Any]
HOOKS = "/api/v1/webhooks"
NOBODY = "00000000-0000-4000-8000-000000000000"
URL = "https://hooks.example.com/waypost"
PATIENCE = 60


@dataclass
class Listening:
    """A receiver in a thread of its own, since these tests have no event loop."""

    url: str = ""
    status: int = 200
    got: list[Got] = field(default_factory=list)

    def changes(self) -> list[Got]:
        return [got for got in self.got if got.document["type"] == "changes"]

    def until(self, condition: Callable[[], object]) -> None:
        ends = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < ends, [got.document for got in self.got]
            time.sleep(0.05)


@contextmanager
def listening() -> Iterator[Listening]:
    state = Listening()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append(
                Got({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            )
            self.send_response(state.status)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def own_console() -> Iterator[Simulator]:
    """A console that no other test has a connection to."""
    options = simulator.arguments(accounts=1, sites=2, agents=8, risks_per_agent=6, seed=41)
    with simulator.running(options) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Listening]:
    with listening() as state:
        yield state


def add(api: Any, name: str, url: str = URL, **more: Any) -> Document:
    made: Document = api("POST", HOOKS, {"name": name, "url": url, **more}).done(201).document
    return made


def test_what_a_pull_changes_arrives(service: Any, receiver: Listening, own_console: Simulator) -> None:
    """Everything that a first pull finds is delivered, signed, in the order of the feed and as the feed has it."""
    start = service.get("/api/v1/changes?after=now")["next_cursor"]
    made = add(service, "arrives", receiver.url, kinds=["finding_opened", "device_added"], most=50)
    connection = service.add("told by webhook", own_console, own_console.of_scope("account"))
    pull = service("POST", f"/api/v1/connections/{connection['id']}/sync").done(202).document
    while service.get(f"/api/v1/syncs/{pull['pull_id']}")["state"] in ("queued", "running"):
        time.sleep(0.1)
    feed, has_more = list[Document](), True
    while has_more:
        page = service.get(f"/api/v1/changes?after={start}&limit=1000")
        feed, start, has_more = feed + page["items"], page["next_cursor"], page["has_more"]
    wanted = [item for item in feed if item["kind"] in ("finding_opened", "device_added")]
    assert wanted
    receiver.until(lambda: sum(len(got.subjects) for got in receiver.changes()) >= len(wanted))
    sent = [item for got in receiver.changes() for item in got.document["data"]["items"]]
    assert sent[: len(wanted)] == wanted
    assert all(got.verified_by(made["secret"]) for got in receiver.got)
    shown = service.get(f"{HOOKS}/{made['webhook']['id']}")
    assert shown["state"] == "active"

    log = service.get(f"{HOOKS}/{shown['id']}/deliveries?state=accepted")["items"]
    assert [one["id"] for one in log[::-1]] == [got.id for got in receiver.changes()]
    one = service.get(f"{HOOKS}/{shown['id']}/deliveries/{log[0]['id']}")
    assert one["body"].encode() == receiver.changes()[-1].body
    assert (one["delivery"]["status"], one["delivery"]["answer"]) == (200, "hello")

    last = receiver.changes()[-1].document["data"]["cursor"]
    behind = service.get(f"/api/v1/changes?after={last}")["items"]
    assert not [item for item in behind if item in wanted]
    first, told = receiver.changes()[0], len(receiver.got)
    service("POST", f"{HOOKS}/{shown['id']}/replay", {"after": first.document["data"]["cursor"]}).done()
    rest = len(wanted) - len(first.subjects)
    receiver.until(lambda: sum(len(got.subjects) for got in receiver.got[told:]) >= rest)
    service("DELETE", f"{HOOKS}/{shown['id']}").done(204)
    service("DELETE", f"/api/v1/connections/{connection['id']}?purge=true&no_default=true").done(204)
    service("GET", f"{HOOKS}/{shown['id']}").refused(404, "request.not_found")


def test_the_secret_is_told_once(service: Any) -> None:
    """Only the answer that made it holds the secret; what is shown later, and the audit log, do not."""
    made = add(service, "told once", URL + "?token=hidden")
    secret, hook = made["secret"], made["webhook"]
    assert secret.startswith("whsec_")
    path = f"{HOOKS}/{hook['id']}"
    rotated = service("POST", f"{path}/rotate-secret", {"overlap_hours": 1}).done().document
    assert rotated["secret"] not in ("", secret)
    assert rotated["old_ends_at"]
    at_once = service("POST", f"{path}/rotate-secret", {"overlap_hours": 0}).done().document
    assert len(service.get(path)["secrets"]) == 1
    text = (
        service("GET", HOOKS).text + service("GET", path).text + service("GET", "/api/v1/audit?limit=50").text
    )
    assert not [one for one in (secret, rotated["secret"], at_once["secret"]) if one in text]
    actions = [entry["action"] for entry in service.get(f"/api/v1/audit?subject_id={hook['id']}")["items"]]
    assert actions == ["webhook.secret_rotated", "webhook.secret_rotated", "webhook.added"]
    assert "hidden" not in service("GET", f"/api/v1/audit?subject_id={hook['id']}").text
    service("DELETE", path).done(204)


def test_a_change(service: Any) -> None:
    """What is given is changed, what is not stays, and a name that is taken changes nothing."""
    hook = add(service, "to change", kinds=["finding_opened"])["webhook"]
    other = add(service, "taken")["webhook"]
    path = f"{HOOKS}/{hook['id']}"
    changed = service("PATCH", path, {"name": "changed", "kinds": [], "most": 7}).done().document
    assert (changed["name"], changed["kinds"], changed["most"], changed["url"]) == ("changed", [], 7, URL)
    service("PATCH", path, {"name": "taken", "most": 8}).refused(409, "webhook.exists")
    assert service.get(path) == changed
    assert service("PATCH", path, {}).done().document["name"] == "changed"
    for one in (hook, other):
        service("DELETE", f"{HOOKS}/{one['id']}").done(204)


def test_a_ping(service: Any, receiver: Listening) -> None:
    """A ping tells at once whether the receiver answers; a receiver that is not there fails it, with the reason."""
    made = add(service, "pinged", receiver.url)
    path = f"{HOOKS}/{made['webhook']['id']}"
    pinged = service("POST", f"{path}/ping").done().document
    assert (pinged["accepted"], pinged["status"], pinged["answer"]) == (True, 200, "hello")
    assert receiver.got[0].verified_by(made["secret"])
    assert receiver.got[0].id == pinged["id"]
    service("PATCH", path, {"url": "http://127.0.0.1:9/"}).done()
    failed = service("POST", f"{path}/ping").done().document
    assert (failed["accepted"], failed["status"]) == (False, None)
    assert "refused" in failed["error"]
    log = service.get(f"{path}/deliveries")["items"]
    assert [one["state"] for one in log if one["kind"] == "ping"] == ["failed", "accepted"]
    service("DELETE", path).done(204)


def test_disabled_and_enabled(service: Any, receiver: Listening, own_console: Simulator) -> None:
    """A receiver that is gone is disabled, which log and figures say; enabled, it gets what it missed."""
    receiver.status = 410
    made = add(service, "gone", receiver.url, kinds=["connection_added"])
    path = f"{HOOKS}/{made['webhook']['id']}"
    connection = service.add("added for a webhook", own_console, own_console.of_scope("site", 1))
    receiver.until(lambda: service.get(path)["state"] == "disabled")
    shown = service.get(path)
    assert shown["reason"]["code"] == "webhook.gone"
    assert "enable" in shown["reason"]["remedy"]
    entry = service.get("/api/v1/changes?kind=webhook_disabled")["items"][0]
    assert (entry["subject_id"], entry["subject"]) == (made["webhook"]["id"], "webhook")
    metrics = service("GET", "/metrics").text
    assert 'waypost_webhooks{state="disabled"} 0.0' not in metrics
    assert "waypost_webhook_lag_seconds" in metrics
    receiver.status = 200
    assert service("POST", f"{path}/enable").done().document["state"] == "active"
    receiver.until(lambda: len(receiver.changes()) >= 2)
    assert receiver.changes()[0].id == receiver.changes()[1].id
    assert receiver.changes()[0].subjects == [connection["id"]]
    assert service("POST", f"{path}/enable", {"skip": True}).done().document["lag_seconds"] == 0
    service("DELETE", path).done(204)
    service("DELETE", f"/api/v1/connections/{connection['id']}?purge=true&no_default=true").done(204)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "url"]),
        ({"name": "", "url": URL}, ["name"]),
        ({"name": "x" * 81, "url": URL}, ["name"]),
        ({"name": "x", "url": "http://hooks.example.com"}, ["url"]),
        ({"name": "x", "url": "https://169.254.169.254/"}, ["url"]),
        ({"name": "x", "url": "https://10.0.0.1/"}, ["url"]),
        ({"name": "x", "url": URL, "kinds": ["nothing"]}, ["kinds"]),
        ({"name": "x", "url": URL, "kinds": "finding_opened"}, ["kinds"]),
        ({"name": "x", "url": URL, "connections": ["nowhere"]}, ["connections"]),
        ({"name": "x", "url": URL, "organization": "nowhere"}, ["organization"]),
        ({"name": "x", "url": URL, "most": 0}, ["most"]),
        ({"name": "x", "url": URL, "secret": "mine"}, ["secret"]),
    ],
)
def test_what_is_refused(service: Any, body: Document, fields: list[str]) -> None:
    """A webhook that cannot be is refused at its fields, and nothing is added."""
    before = service.get(HOOKS)
    answer = service("POST", HOOKS, body)
    assert answer.status == 422, answer.text
    assert {*fields} <= {error["field"] for error in answer.document["errors"]}
    assert service.get(HOOKS) == before


@pytest.mark.parametrize(
    "body",
    [{}, {"since": "2026-11-01"}, {"since": "2026-11-01T00:00:00"}, {"after": ""},
     {"since": "2026-11-01T00:00:00Z", "after": "x"}],
)  # fmt: skip
def test_a_replay_from_nowhere(service: Any, body: Document) -> None:
    """A replay names one point, a time with its zone or a cursor."""
    hook = add(service, "nowhere")["webhook"]
    assert service("POST", f"{HOOKS}/{hook['id']}/replay", body).status == 422
    service("POST", f"{HOOKS}/{hook['id']}/replay", {"after": "abc"}).refused(400, "filter", "after")
    service("DELETE", f"{HOOKS}/{hook['id']}").done(204)


def test_organizations_are_kept_apart(service: Any) -> None:
    """What a bound key makes is its organization's; webhooks of others do not exist for it, whatever it asks."""
    for name in ("Hooked", "Unhooked"):
        service("POST", "/api/v1/organizations", {"name": name}).done(201)
    mine = service.make_key("read", "manage", organization="Hooked")
    theirs = service.make_key("read", "manage", organization="Unhooked")
    made = add(mine, "same name")["webhook"]
    assert made["organization"]["name"] == "Hooked"
    other, whole = add(theirs, "same name")["webhook"], add(service, "same name")["webhook"]
    for path in (f"{HOOKS}/{other['id']}", f"{HOOKS}/{whole['id']}", f"{HOOKS}/{NOBODY}"):
        mine("GET", path).refused(404, "request.not_found")
        mine("PATCH", path, {"most": 1}).refused(404, "request.not_found")
        mine("DELETE", path).refused(404, "request.not_found")
        for action in ("ping", "enable", "rotate-secret"):
            mine("POST", f"{path}/{action}").refused(404, "request.not_found")
        mine("POST", f"{path}/replay", {"since": "2026-11-01T00:00:00Z"}).refused(404, "request.not_found")
        mine("GET", f"{path}/deliveries").refused(404, "request.not_found")
    assert [one["id"] for one in mine.get(HOOKS)["items"]] == [made["id"]]
    mine("POST", HOOKS, {"name": "x", "url": URL, "organization": "Unhooked"}).refused(
        422, "organization.unknown"
    )
    assert {made["id"], other["id"], whole["id"]} <= {one["id"] for one in service.get(HOOKS)["items"]}
    reader = service.make_key("read")
    assert reader.get(f"{HOOKS}/{whole['id']}")["name"] == "same name"
    reader("POST", f"{HOOKS}/{whole['id']}/ping").refused(403, "access.scope")
    for one in (made, other, whole):
        service("DELETE", f"{HOOKS}/{one['id']}").done(204)


def test_pages(service: Any) -> None:
    """The list comes in pages by name."""
    ids = [add(service, f"paged {number}")["webhook"]["id"] for number in range(3)]
    first = service.get(f"{HOOKS}?limit=2")
    second = service.get(f"{HOOKS}?limit=1000&cursor={first['next_cursor']}")
    listed = [one["id"] for one in first["items"] + second["items"]]
    assert [one for one in listed if one in ids] == ids
    for one in ids:
        service("DELETE", f"{HOOKS}/{one}").done(204)
