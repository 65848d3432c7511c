"""`waypost serve`: it starts, says where it is, gives out the first key once, and stops in order."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support import simulator
from support.hub import Hub
from support.program import Program, Running, rows
from support.server import Server
from support.simulator import Simulator
from waypost.access import keys
from waypost.api.service import ASKING

Start = Callable[..., tuple[Any, Running]]


def test_it_is_ready(service: Any) -> None:
    """A service that has started lives, is ready, and says so to whoever asks without a key."""
    stranger = service.with_key("")
    assert stranger.get("/health/live") == {"status": "ok", "checks": {}}
    checks = stranger.get("/health/ready")["checks"]
    assert checks == {"worker": "ok", "database": "ok", "schema": "ok", "master_key": "ok"}


def test_the_first_key_is_shown_once(postgres: Server, serve: Start, tmp_path: Path) -> None:
    """The administrator's key is printed at the first start of a database and never again, and is in no log."""
    with postgres.fresh() as url:
        first, running = serve("--no-worker", home=tmp_path, database_url=url)
        first.with_key(first.key).get("/api/v1/keys")
        assert re.search(r"^  wp_\w{56}$", running.output, re.MULTILINE)
        assert running.output.count(first.key) == 1
        running.send(signal.SIGTERM)
        assert running.wait() == 0
        again, second = serve("--no-worker", home=tmp_path, database_url=url)
        assert "wp_" not in second.output
        assert [key["name"] for key in again.with_key(first.key).get("/api/v1/keys")["items"]] == [
            "administrator"
        ]
        second.send(signal.SIGTERM)
        assert second.wait() == 0


def test_a_port_that_is_taken(postgres: Server, tmp_path: Path, service: Any) -> None:
    """Two services do not share a port silently: the second says that it is taken, and what to do."""
    port = service.url.rpartition(":")[2]
    with postgres.fresh() as url, Program(tmp_path, url).start("serve", "--port", port) as running:
        assert running.wait() == 2
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in running.output
    assert "Next: Choose another with --port" in " ".join(running.output.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--host", "0.0.0.0"],  # noqa: S104  # it is refused
            "API keys would pass in the clear",
        ),
        (["--host", "192.0.2.1", "--behind-proxy"], "cannot listen at 192.0.2.1"),
        (["--port", "70000"], "There is no port 70000"),
        (["--tls-cert", "cert.pem"], "needs both"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "cannot be used: No such file"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, arguments: list[str], words: str) -> None:
    """A place that is unsafe, or is none, is refused before the database is touched."""
    running = Program(tmp_path, "postgresql://nobody@127.0.0.1:1/none").run("serve", *arguments)
    assert running.wait() == 2
    assert words in " ".join(running.output.split())
    assert "Next:" in running.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order(
    serve: Start, start_simulator: Callable[..., Simulator], number: signal.Signals
) -> None:
    """Asked to stop in the middle of a pull that somebody follows, it ends the stream and leaves the pull."""
    api, running = serve()
    console = start_simulator(accounts=1, sites=3, agents=60, risks_per_agent=30, latency=150)
    added = api.add("slow", console)
    asked = api("POST", f"/api/v1/connections/{added['id']}/sync").done(202)
    told: list[str] = []
    following = threading.Thread(
        target=lambda: told.append(api("GET", asked.headers["Location"] + "/events").text)
    )
    following.start()
    assert running.wait_until_at("agents")
    running.send(number)
    assert running.wait() == 0, running.output
    following.join(20)
    assert not following.is_alive()
    last = json.loads(told[0].rpartition("data: ")[2])
    assert last["state"] in ("queued", "running", "interrupted")
    states = {state for (state,) in rows(running._database_url, "SELECT state FROM sync_run")}
    assert "running" not in states
    assert "interrupted" in states
    assert "Traceback" not in running.output


def test_a_stop_between_requests(serve: Start) -> None:
    """A client that keeps its connection open does not keep the service from stopping."""
    api, running = serve("--no-worker")
    host, _, port = api.url.rpartition("/")[2].partition(":")
    with socket.create_connection((host, int(port))) as kept:
        kept.sendall(b"GET /health/live HTTP/1.1\r\nHost: waypost\r\n\r\n")
        assert b"200 OK" in kept.recv(65_536)
        running.send(signal.SIGTERM)
        assert running.wait(30) == 0


def test_a_database_that_goes_away(serve: Start, postgres: Server) -> None:
    """Without its database the service lives, is not ready, answers 503 with a next step, and comes back by itself."""
    with postgres.fresh() as url:
        api, running = serve("--no-worker", database_url=url)
        api.get("/api/v1/connections")
        name = url.rpartition("dbname=")[2].split()[0]
        rows(url.replace(name, "postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        rows(url.replace(name, "postgres"), kill, [name])
        problem = api("GET", "/api/v1/connections").refused(503, "storage.unreachable")
        assert "postgres" not in problem["detail"]
        assert api("GET", "/health/ready").done(503).document["checks"]["database"] == "failed"
        api("GET", "/health/live").done()
        rows(url.replace(name, "postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        running.wait_until(lambda: api("GET", "/health/ready").status == 200)
        api.get("/api/v1/connections")
        running.send(signal.SIGTERM)
        assert running.wait() == 0


def test_metrics(service: Any, console: Simulator) -> None:
    """Figures tell of requests, connections, tokens, pulls and the worker, to this machine without a key."""
    service.add("measured", console, console.of_scope("site", 1))
    text = service.with_key("")("GET", "/metrics").done().text
    assert 'waypost_connections{state="' in text
    left = re.search(
        r'^waypost_credential_expires_seconds\{connection="measured"\} (\S+)$', text, re.MULTILINE
    )
    assert left
    assert float(left[1]) > 0
    assert 'waypost_http_requests_total{method="POST",route="/api/v1/connections",status="201"}' in text
    for name in ("waypost_build_info", "waypost_worker_places", "waypost_connections_due", "waypost_outages"):
        assert f"# TYPE {name}" in text
    assert service.key not in text


def test_metrics_from_elsewhere(service: Any) -> None:
    """What comes through a proxy is not this machine: it needs a key that may read and is bound to nobody."""
    stranger = service.with_key("")
    stranger("GET", "/metrics", X_Forwarded_For="192.0.2.7").refused(401, "access.key")
    service("GET", "/metrics", X_Forwarded_For="192.0.2.7").done()
    service("POST", "/api/v1/organizations", {"name": "of metrics"}).done(201)
    bound = service.make_key("read", organization="of metrics")
    bound("GET", "/metrics", X_Forwarded_For="192.0.2.7").refused(403, "access.scope")


def test_figures_by_method_are_few(service: Any) -> None:
    """Methods that somebody makes up are counted as one, so that nobody fills the memory with them."""
    stranger = service.with_key("")
    for number in range(3):
        stranger(f"MADEUP{number}", "/health/live").refused(405, "request.method")
    text = stranger("GET", "/metrics").done().text
    assert "MADEUP" not in text
    assert re.search(r'^waypost_http_requests_total\{method="other".* 3\.0$', text, re.MULTILINE)


def test_slow_consoles_hold_up_nobody_else(serve: Start) -> None:
    """However many consoles are being added, and however slow they are, other calls are answered meanwhile."""
    api, _ = serve("--no-worker")
    options = simulator.arguments(accounts=1, sites=2, agents=2, latency=2000)
    with simulator.running(options) as slow, ThreadPoolExecutor(24) as pool:
        body = {"url": slow.url, "token": slow.token}
        added = [
            pool.submit(api, "POST", "/api/v1/connections", {**body, "name": f"{number}"})
            for number in range(24)
        ]
        while slow.requests()["total"] < ASKING:
            time.sleep(0.05)
        api("GET", "/health/ready").done()
        api("GET", "/api/v1/connections").done()
        assert not any(one.done() for one in added)
        assert sorted(one.result().status for one in added) == [201] + [409] * 23


async def test_two_starts_make_one_key(hub: Hub) -> None:
    """Services that start at once on one database make one key between them."""

    async def start() -> str | None:
        async with hub.means.database.connect() as db:
            return await keys.first(db)

    made = await asyncio.gather(*(start() for _ in range(5)))
    assert sum(key is not None for key in made) == 1


def test_time_passes(service: Any) -> None:
    """The worker is seen to look for work again and again."""

    def seen() -> float:
        text = service("GET", "/metrics").text
        return float(re.search(r"^waypost_worker_alive_timestamp_seconds (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]

    before = seen()
    until = time.monotonic() + 30
    while seen() == before:
        assert time.monotonic() < until
        time.sleep(0.2)
