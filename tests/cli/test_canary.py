"""Secrets are planted and looked for in everything that Waypost says, stores, starts and leaves behind."""

import http.server
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg
import pytest

from support import canary, simulator
from support.canary import Canary
from support.service_users import Administrator
from waypost.storage import embedded

pytestmark = pytest.mark.timeout(900)  # the journey is some fifty commands long

TOKEN = "canary7f3e9d1b5aZ8-canary7f3e9d1b5aZ8"
SECOND = "canaryB2c6E0a4d8-canaryB2c6E0a4d8"
REFUSED = "canaryNever9a3c5e7-canaryNever9a3c5e7"
Answer = Callable[[str], tuple[int, dict[str, str], str]]

SAYS: dict[str, Answer] = {
    "401": lambda sent: (401, {}, json.dumps({"errors": [{"code": 4010010, "detail": f"bad token {sent}"}]})),
    "401 in its header": lambda sent: (401, {"WWW-Authenticate": sent, "X-RQID": sent}, "{}"),
    "403": lambda sent: (403, {}, json.dumps({"errors": [{"code": 4030010, "detail": sent, "title": sent}]})),
    "403 as a list": lambda sent: (403, {}, json.dumps({"errors": [{"detail": {sent: [sent]}}]})),
    "400": lambda sent: (
        400,
        {},
        json.dumps({"errors": [{"code": 4000040, "detail": quote(sent, safe="")}]}),
    ),
    "500": lambda sent: (500, {}, json.dumps({"message": f"Exception in {sent}"})),
    "502 as a page": lambda sent: (502, {}, f"<html><title>Bad gateway {sent}</title></html>"),
    "200 as a page": lambda sent: (200, {}, f"<html><title>{sent}</title></html>"),
    "200 broken": lambda sent: (200, {}, f'{{"data": "{sent}'),
    "200 of another shape": lambda sent: (200, {}, json.dumps({"data": {sent: sent}, "pagination": sent})),
    "redirect": lambda sent: (302, {"Location": f"https://{sent}.example.org/{sent}"}, sent),
}
"""What a console, or what stands before it, may make of a request: it says back what was sent."""


@contextmanager
def echo() -> Iterator[tuple[str, dict[str, Answer]]]:
    """Something that answers every request with the token that it was sent; its address, and how it answers."""
    mood: dict[str, Answer] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = self.headers.get("Authorization", "").removeprefix("ApiToken ")
            status, headers, body = mood["says"](sent)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # names of the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", mood
        finally:
            server.shutdown()
            thread.join()


class Journey:
    """Everything that was done with planted secrets, what was said, and what was planted."""

    def __init__(self, waypost: Any) -> None:
        self.waypost = waypost
        self.said: list[tuple[str, str]] = []
        self.canaries = [
            Canary("token", TOKEN),
            Canary("second token", SECOND),
            Canary("refused token", REFUSED),
        ]

    def run(self, *arguments: str, secret_out: bool = False, **options: Any) -> Any:
        """Run a command; of one that shows a secret once, the error output only is examined."""
        ended = self.waypost(*arguments, **options)
        self.said.append((" ".join(arguments), ended.err if secret_out else ended.out + ended.err))
        return ended

    def plant(self, name: str, secret: str | bytes) -> None:
        self.canaries.append(Canary(name, secret))


@pytest.fixture(scope="module")
def journey(make_waypost: Callable[[], Any]) -> Journey:
    """Through all that is done with tokens, keys and links, at the most talkative, with everything going wrong."""
    waypost = make_waypost()
    waypost.environ["WAYPOST_LOG_LEVEL"] = "debug"
    embedded.start(waypost.home)
    journey = Journey(waypost)
    size = simulator.arguments(accounts=1, sites=2, agents=5, risks_per_agent=5, token=TOKEN)
    with simulator.running(size) as console:
        _through_tokens(journey, console)
        _through_keys_and_links(journey)
        _through_renewal(journey, console)
        journey.run("connection", "rotate", "two", stdin=REFUSED)
        console.fault({"kind": "forbidden", "detail": f"token {TOKEN} may not"})
        journey.run("sync", "ACME", "--full")
        console.heal()
        console.change_token(TOKEN, state="revoked")
        for command in (
            ("sync", "ACME"),
            ("connection", "check", "ACME"),
            ("sync", "ACME", "--full", "--json"),
        ):
            journey.run(*command)
    journey.run("sync")  # the console is gone
    _through_echoes(journey)
    _through_lists(journey)
    key = (waypost.home / "master.key").read_text().strip()
    journey.plant("master key in base64", key)
    journey.plant("database password", (waypost.home / "embedded-postgres.password").read_text().strip())
    return journey


def _through_tokens(journey: Journey, console: Any) -> None:
    journey.run("connection", "add", "ACME", "--url", console.url, stdin=TOKEN).done()
    journey.run("connection", "add", "twice", "--url", console.url, stdin=TOKEN)
    journey.run("connection", "add", "bad", "--url", console.url, stdin=REFUSED)
    journey.run(
        "connection", "add", "bad", "--url", f"{console.url}/login?token={TOKEN}", stdin=f"ApiToken {REFUSED}"
    )
    journey.run("connection", "check", "ACME").done()
    journey.run("connection", "check", "ACME", "--json").done()
    journey.run("sync", "ACME").done()
    console.fault(
        {"kind": "status", "status": 502, "times": 2}, {"kind": "limited", "retry_after": 0, "times": 2}
    )
    journey.run("sync", "ACME", "--full", "--json")
    console.heal()


def _through_keys_and_links(journey: Journey) -> None:
    journey.run("org", "add", "ACME Ltd").done()
    made = journey.run("key", "create", "canary", "--scope", "read", "--json", secret_out=True).done()
    key = re.search(r"wp_[0-9A-Za-z]+_([0-9A-Za-z]+)", made.out)
    assert key, made.out
    journey.plant("API key", key[1])
    link = journey.run("connection", "link", "--organization", "ACME Ltd", secret_out=True).done()
    secret = re.search(r"/connect/([0-9A-Za-z_-]{20,})", link.out)
    assert secret, link.out
    journey.plant("link secret", secret[1])


def _through_renewal(journey: Journey, console: Any) -> None:
    people = Administrator(console)
    first = people.token_of(name="Reader")
    journey.plant("token of a service user", first)
    journey.run("connection", "add", "two", "--url", console.url, stdin=first).done()
    console.fault(
        {
            "kind": "status",
            "status": 500,
            "path": "/service-users",
            "method": "POST",
            "after": True,
            "times": 1,
        }
    )
    journey.run("connection", "renew", "two")
    console.heal()
    journey.run("connection", "renew", "two").done()
    (made,) = people.ours()
    renewed = next(token["token"] for token in console.tokens() if token["userId"] == made["id"])
    journey.plant("renewed token", renewed)
    journey.run("sync", "two").done()
    journey.run("connection", "renew", "two").done()
    second = people.token_of(name="second")
    journey.plant("rotated token", second)
    journey.run("connection", "rotate", "two", stdin=second).done()
    journey.run("key", "rotate-master").done()
    journey.run("connection", "renew", "ACME")  # its role may not


def _through_echoes(journey: Journey) -> None:
    """A console that says the token back, in every way that one can refuse."""
    with echo() as (url, mood):
        for name, says in SAYS.items():
            mood["says"] = says
            journey.run("connection", "add", name, "--url", url, stdin=SECOND, WAYPOST_TOKEN=SECOND)
        mood["says"] = SAYS["403"]
        journey.run("connection", "add", "forced", "--url", url, "--force", stdin=SECOND)


def _through_lists(journey: Journey) -> None:
    lists = (
        "connection list", "connection show ACME", "connection show two", "connection health", "runs", "finding list",
        "device list", "software list", "quarantine list", "org list", "key list", "connection link list",
    )  # fmt: skip
    for command in lists:
        journey.run(*command.split(), "--json")
    for command in ("connection list", "connection show ACME", "connection show two", "runs"):
        journey.run(*command.split())


def test_what_looks_for_secrets_finds_them() -> None:
    """Each way of writing a secret down is found, packed or not."""
    canary.self_test()


def test_nothing_says_a_secret(journey: Journey) -> None:
    """No output, error or log line at debug level has a secret in it, whatever a console says back."""
    assert sum("console request" in said for _, said in journey.said) > 15  # the log did talk
    assert sum("Traceback" in said for _, said in journey.said) == 0
    for command, said in journey.said:
        assert canary.found(journey.canaries, said) == [], command


def test_no_table_holds_a_secret(journey: Journey) -> None:
    """A dump of every table, as text and in binary, has none in it: tokens are sealed, the rest is hashed."""
    with psycopg.connect(embedded.start(journey.waypost.home)) as db:
        tables = db.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'waypost' ORDER BY 1"
        ).fetchall()
        assert len(tables) > 25
        for (table,) in tables:
            for form in ("text", "binary", "csv"):
                copy = psycopg.sql.SQL("COPY waypost.{} TO STDOUT (FORMAT {})").format(
                    psycopg.sql.Identifier(table), psycopg.sql.SQL(form)
                )
                with db.cursor() as cursor, cursor.copy(copy) as dump:
                    content = b"".join(map(bytes, dump))
                assert canary.found(journey.canaries, content) == [], (table, form)


def test_no_file_holds_a_secret(journey: Journey) -> None:
    """No file of the data folder, the database's own and its log among them, has one but those two made for it."""
    own = {"master.key", "embedded-postgres.password"}
    plain = [
        needle for one in journey.canaries for way, needle in one.ways.items() if way in ("plain", "hex")
    ]
    files = [file for file in journey.waypost.home.rglob("*") if file.is_file() and file.name not in own]
    assert len(files) > 100
    for file in files:
        content = file.read_bytes()
        assert [needle for needle in plain if needle in content] == [], file


def test_no_answer_of_the_api_says_a_secret(journey: Journey) -> None:
    """Whatever is asked of the service, and whatever is sent to it, no secret comes back or into its log."""
    waypost = journey.waypost
    scopes = ("--scope", "read", "--scope", "manage")
    made = waypost("key", "create", "administrator", *scopes, "--json").done().document
    log: list[str] = []
    with echo() as (url, mood), waypost.start("serve", "--port", "0", WAYPOST_LOG_LEVEL="debug") as service:
        assert service.stderr is not None
        reader = threading.Thread(target=log.extend, args=(service.stderr,))
        reader.start()
        try:
            api = Api(_address(service), made["key"])
            identifier = api.ask("GET", "/api/v1/connections")["items"][0]["id"]
            for name, says in SAYS.items():
                mood["says"] = says
                body = {"name": name, "url": url, "token": SECOND}
                api.ask("POST", "/api/v1/connections/check", body)
                api.ask("POST", "/api/v1/connections", body)
            api.ask("PUT", f"/api/v1/connections/{identifier}/credential", {"token": REFUSED})
            api.ask("POST", "/api/v1/connections", {"name": TOKEN, "url": 5, "token": [SECOND]})
            api.ask(
                "POST", "/api/v1/connections", {"token": SECOND, "url": f"https://{SECOND}@x.sentinelone.net"}
            )
            for path in (
                "connections",
                f"connections/{identifier}",
                "organizations",
                "keys",
                "audit",
                "connect-links",
            ):
                api.ask("GET", f"/api/v1/{path}")
            for path in ("/metrics", "/health/ready", "/api/v1/openapi.json"):
                api.ask("GET", path)
            api.key = "wp_" + "0" * 16 + "_" + SECOND.replace("-", "")
            api.ask("GET", "/api/v1/keys")
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)
            reader.join(60)
    assert len(api.answers) > 30
    # A request that is refused may say back what was sent as a name; it is no secret then.
    allowed = [one for one in journey.canaries if one.name != "token"]
    for what, answer in api.answers:
        assert canary.found(allowed if "POST" in what else journey.canaries, answer) == [], what
    assert "console request" in "".join(log)
    assert canary.found(allowed, "".join(log)) == []


class Api:
    """Asks the service, and keeps what it says."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key
        self.answers: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.address + path, data=data, method=method, headers=headers)  # noqa: S310  # loopback
        try:
            with urlopen(request, timeout=120) as answer:  # noqa: S310  # loopback
                text = f"{answer.headers}{answer.read().decode()}"
        except HTTPError as answer:
            with answer:
                text = f"{answer.headers}{answer.read().decode()}"
        self.answers.append((f"{method} {path}", text))
        return json.loads(text[text.index("\n\n") + 2 :]) if "application/json" in text else None


def _address(service: "subprocess.Popen[str]") -> str:
    """Where a service listens that was just started."""
    assert service.stdout is not None
    said = ""
    while not (found := re.search(r"listens at (\S+)", said)):
        line = service.stdout.readline()
        assert line, said
        said += line
    return found[1]


# Processes


def test_no_process_shows_a_secret(make_waypost: Callable[[], Any], console: Any) -> None:
    """No process has a secret among its arguments, and the database server, which stays, not in its environment."""
    waypost = make_waypost()
    secrets = [
        Canary("token", console.token),
        Canary("master key", "bWFzdGVyLWtleS1jYW5hcnktMDEyMzQ1Njc4OTAxMjM="),
    ]
    environ = {
        "WAYPOST_TOKEN": console.token,
        "WAYPOST_MASTER_KEY": "bWFzdGVyLWtleS1jYW5hcnktMDEyMzQ1Njc4OTAxMjM=",
    }
    console.fault({"kind": "latency", "ms": 60})
    arguments, environments = b"", {}
    with waypost.start("connection", "add", "ACME", "--url", console.url, **environ) as process:
        while process.poll() is None:
            for folder in _of(waypost, process.pid):
                # Asked for first: what was forked off, and is not another program yet, is the program itself.
                program = _program(folder)
                line = _read(folder / "cmdline")
                arguments += line
                if program and not program.startswith("python"):
                    environments[line] = _read(folder / "environ")
        process.communicate()
    console.heal()
    assert process.returncode == 0
    assert b"postgres" in arguments
    assert any(b"PATH=" in environment for environment in environments.values())
    assert canary.found(secrets, arguments) == []
    for line, environment in environments.items():
        assert canary.found(secrets, environment) == [], line


def _of(waypost: Any, pid: int) -> list[Path]:
    """The program, and the processes of its database."""
    mine = []
    for folder in Path("/proc").glob("[0-9]*"):
        line = _read(folder / "cmdline")
        if folder.name == str(pid) or str(waypost.home).encode() in line or _parent(folder) == pid:
            mine.append(folder)
    return mine


def _parent(folder: Path) -> int:
    status = _read(folder / "stat").rpartition(b")")[2].split()
    return int(status[1]) if len(status) > 1 else 0


def _program(folder: Path) -> str:
    """The name of the program that a process runs; "" when it has ended."""
    try:
        return (folder / "exe").readlink().name
    except OSError:
        return ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended, or is nobody's to look at
        return b""


# Crashes

CRASH = """
import faulthandler, sys
faulthandler.enable()
from waypost.sentinelone import client

def broken(*_):
    {how}

client.Client._read = broken
from waypost.cli.main import main
main()
"""


@pytest.mark.parametrize(
    "how",
    ["raise RuntimeError('a bug')", "faulthandler._sigabrt()", "raise MemoryError", "sys.exit('a bug')"],
    ids=["bug", "abort", "memory", "exit"],
)
def test_a_crash_says_no_secret(
    make_waypost: Callable[[], Any], console: Any, tmp_path: Path, how: str
) -> None:
    """A bug in the midst of a call, or the death of the interpreter, leaves lines of code, no values and no core."""
    waypost = make_waypost()
    command = [sys.executable, "-c", CRASH.format(how=how), "connection", "add", "ACME", "--url", console.url]
    environ = waypost.environ | {"WAYPOST_TOKEN": console.token, "WAYPOST_LOG_LEVEL": "debug"}
    ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert said
    assert canary.found([Canary("token", console.token)], said) == []
    assert not list(tmp_path.iterdir())


def test_no_core_is_written(make_waypost: Callable[[], Any], console: Any) -> None:
    """A dump of the program's memory would hold everything: it asks the system to write none."""
    waypost = make_waypost()
    console.fault({"kind": "latency", "ms": 60})
    limits = ""
    with waypost.start(
        "connection", "add", "ACME", "--url", console.url, WAYPOST_TOKEN=console.token
    ) as process:
        while process.poll() is None:
            if b"connection" in _read(Path(f"/proc/{process.pid}/cmdline")):
                limits = _read(Path(f"/proc/{process.pid}/limits")).decode() or limits
        process.communicate()
    console.heal()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4] == "0"
