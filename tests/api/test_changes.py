"""`/changes`: a list for looking back, and a feed that is followed while pulls go on."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from support import simulator
from support.clients import ACME, GLOBEX, INITECH, NAMES, Clients
from support.simulator import Simulator

Document = dict[str, Any]  # Any: straight from JSON
CHANGES = "/api/v1/changes"


def follow(api: Any, after: str = "start", more: str = "", limit: int = 1000) -> tuple[list[Document], str]:
    """The feed from there to its present end, and where to go on."""
    items: list[Document] = []
    while True:
        page = api.get(f"{CHANGES}?after={after}&limit={limit}{more}")
        items += page["items"]
        after = page["next_cursor"]
        if not page["has_more"]:
            return items, after


def pull(api: Any, connection: str) -> None:
    """Pull once, to the end."""
    pull_id = api("POST", f"/api/v1/connections/{connection}/sync").done(202).document["pull_id"]
    until = time.monotonic() + 120
    while api.get(f"/api/v1/syncs/{pull_id}")["state"] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def followed(serve: Callable[..., tuple[Any, Any]]) -> Any:
    """A service of its own."""
    api, _ = serve()
    return api


def test_followed_through_days(followed: Any) -> None:
    """Whoever stores the last cursor gets every entry of a connection's first days once, pull after pull."""
    nothing, cursor = follow(followed)
    assert nothing == []
    options = simulator.arguments(accounts=1, sites=2, agents=6, risks_per_agent=5)
    seen: list[Document] = []
    with simulator.running(options) as console:
        connection = followed.add("followed", console)["id"]
        for day in range(3):
            if day:
                console.advance()
            pull(followed, connection)
            items, cursor = follow(followed, cursor, limit=7)
            seen += items
        pull(followed, connection)
        assert follow(followed, cursor)[0] == []  # it found nothing new
    listed = followed.get(f"{CHANGES}?limit=1000")
    assert (listed["next_cursor"], listed["has_more"]) == (None, False)
    assert sorted(seen, key=lambda item: int(item["id"])) == listed["items"][::-1]
    assert follow(followed, "start", limit=3)[0] == seen
    kinds = [item["kind"] for item in seen]
    assert (kinds[0], kinds.count("connection_added"), kinds.count("connection_pulled")) == (
        "connection_added",
        1,
        1,
    )
    runs = [item for item in seen if item["kind"] == "run_finished"]
    assert {item["detail"]["stream"] for item in runs} >= {"agents", "risks", "sites"}
    assert {item["subject"] for item in runs} == {"run"}
    opened = [item for item in seen if item["kind"] == "finding_opened"]
    assert {item["run_id"] for item in opened} <= {item["subject_id"] for item in runs}
    assert sum(item["detail"]["counts"].get("finding_opened", 0) for item in runs) == len(opened) > 0


def test_from_now_on(followed: Any, console: Simulator) -> None:
    """`after=now` is a cursor and nothing else; what comes later is behind it."""
    now = followed.get(f"{CHANGES}?after=now")
    assert (now["items"], now["has_more"]) == ([], False)
    added = followed.add("later", console, console.of_scope("account", 0))
    items, _ = follow(followed, now["next_cursor"])
    assert items[0]["kind"] == "connection_added"
    assert (items[0]["connection"], items[0]["subject_id"]) == ("later", added["id"])


def test_waiting_for_something(followed: Any, console: Simulator) -> None:
    """A request that waits is answered as soon as there is something that fits, or when its time is over."""
    cursor = followed.get(f"{CHANGES}?after=now&kind=connection_added")["next_cursor"]
    began = time.monotonic()
    empty = followed.get(f"{CHANGES}?after={cursor}&kind=connection_added&wait=2")
    assert (empty["items"], empty["has_more"]) == ([], False)
    assert 1.9 < time.monotonic() - began < 10
    adding = threading.Timer(1.0, lambda: followed.add("waited for", console))
    adding.start()
    began = time.monotonic()
    page = followed.get(f"{CHANGES}?after={empty['next_cursor']}&kind=connection_added&wait=30")
    adding.join()
    assert [item["detail"]["name"] for item in page["items"]] == ["waited for"]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", NAMES)
def test_each_its_own(of: Callable[[str], Any], clients: Clients, name: str) -> None:
    """A bound key follows what changed about findings and devices at its sites: all of it, and nothing else."""
    sites = {site["id"] for site in clients.of(name)}
    mine, end = follow(of(name), limit=11)
    whole, _ = follow(of("everybody"))
    about = [item for item in whole if item["subject"] in ("finding", "device")]
    assert mine == [item for item in about if item["site_id"] in sites]
    assert {item["organization"]["name"] for item in mine} == ({name} if mine else set())
    assert bool(mine) == (name != INITECH)
    assert follow(of(name), end) == ([], end)
    narrowed, _ = follow(of("everybody"), more=f"&organization={name}")
    assert [item for item in narrowed if item in about] == mine
    listed = of(name).get(f"{CHANGES}?limit=1000")["items"]
    assert sorted(item["id"] for item in listed) == sorted(item["id"] for item in mine)


def test_filters_of_the_feed(of: Callable[[str], Any], clients: Clients) -> None:
    """The feed of a filter has what fits of the whole feed, in its order; of a client's others there is nothing."""
    whole, _ = follow(of("everybody"))
    site = clients.of(GLOBEX)[0]
    for parameter, fits in (
        ("&kind=device_added,connection_added", lambda item: item["kind"] in ("device_added", "connection_added")),
        ("&connection=Globex console", lambda item: item["connection"] == "Globex console"),
        (f"&site={site['id']}", lambda item: item["site_id"] == site["id"]),
    ):  # fmt: skip
        found, _ = follow(of("everybody"), more=parameter.replace(" ", "%20"), limit=13)
        assert found == [item for item in whole if fits(item)]
        assert found
    assert follow(of(ACME), more=f"&site={site['id']}")[0] == []


REFUSED = (
    ("after=nonsense", "filter", "after"),
    ("after=start&cursor=x", "filter", "after"),
    ("after=start&changed_since=2026-01-01", "filter", "changed_since"),
    ("wait=3", "filter", "wait"),
    ("after=start&wait=31", "request.fields", "wait"),
    ("after=start&kind=findings_opened", "filter", "kind"),
    ("after={cursor}&kind=device_added", "filter", "after"),
    ("cursor={cursor}", "filter", "cursor"),
    ("after={list_cursor}", "filter", "after"),
)


@pytest.mark.parametrize(("parameters", "code", "field"), REFUSED)
def test_refused(of: Callable[[str], Any], parameters: str, code: str, field: str) -> None:
    """What cannot be meant is refused by name: cursors of others, the list and the feed at once, odd times to wait."""
    api = of("everybody")
    cursors = {
        "cursor": api.get(f"{CHANGES}?after=now")["next_cursor"],
        "list_cursor": api.get(f"{CHANGES}?limit=1")["next_cursor"],
    }
    answer = api("GET", f"{CHANGES}?{parameters.format(**cursors)}")
    assert answer.status in (400, 422)
    problem = answer.refused(answer.status, answer.document["code"], field)
    assert code == "request.fields" or problem["code"] == code
