"""A running service with its pages, a console to connect, and a browser to do it with."""

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from support import program, simulator
from support.program import Program, Running
from support.server import Server
from support.simulator import Simulator

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
_ADMINISTRATOR = "wp_"


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


def _answer(answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status, headers, answer.read().decode())


class Service:
    """`waypost serve` on a database of its own, and its API with the administrator's key."""

    def __init__(self, running: Running, database_url: str) -> None:
        self.database_url = database_url
        self._running = running
        words = running.output.split()
        self.url = words[words.index("at") + 1]
        self._key = next(word for word in words if word.startswith(_ADMINISTRATOR))

    @property
    def log(self) -> str:
        return self._running.output

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request, with header names in lower case and `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=body, headers=named, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback
                return _answer(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return _answer(refused)

    def call(self, method: str, path: str, document: object = None) -> Any:
        """The API."""
        body = None if document is None else json.dumps(document).encode()
        answer = self.ask(
            method,
            f"/api/v1{path}",
            body,
            authorization=f"Bearer {self._key}",
            content_type="application/json",
        )
        assert answer.status < 300, answer.text
        return answer.document if answer.text else None

    def organization(self, name: str) -> str:
        """Add one; its name."""
        return str(self.call("POST", "/organizations", {"name": name})["name"])

    def link(self, organization: str, **options: object) -> str:
        """Make a link; its URL."""
        return str(self.call("POST", "/connect-links", {"organization": organization, **options})["url"])

    def submit(self, link: str, what: str, *, _accept: str = "text/html", **fields: str) -> Answer:
        """Send the form as a browser without JavaScript does."""
        body = urllib.parse.urlencode(fields).encode()
        return self.ask("POST", f"{urllib.parse.urlsplit(link).path}/{what}", body, accept=_accept)

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        return program.rows(self.database_url, query, parameters)


@dataclass
class Visitor:
    """A browser's page, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._told)
        self.page.on("request", self._asked)

    def _told(self, message: Any) -> None:
        # A browser also notes each answer that is not a success, though the script has dealt with it.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            self.complaints.append(f"asked a stranger: {request.url}")


@pytest.fixture(scope="module")
def console() -> Iterator[Simulator]:
    """A small console that nobody changes."""
    size = simulator.arguments(accounts=2, sites=4, agents=12, risks_per_agent=6)
    with simulator.running(size) as running:
        yield running


@pytest.fixture(scope="module")
def service(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that says all it has to say, without a worker."""
    with postgres.fresh() as url:
        waypost = Program(tmp_path_factory.mktemp("service"), url, WAYPOST_LOG_LEVEL="debug")
        with waypost.start("serve", "--port", "0", "--no-worker", "--behind-proxy") as running:
            assert running.wait_until(lambda: _ADMINISTRATOR in running.output), running.output
            yield Service(running, url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("WAYPOST_TEST_BROWSER") == "required":
            pytest.fail("WAYPOST_TEST_BROWSER is required, and no Chromium is found")
        pytest.skip("no Chromium is found")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Opens pages: `visit(url, width=360, color_scheme="dark")`. No page may complain about anything."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def opened(url: str, *, width: int = 1280, height: int = 900, **options: Any) -> Visitor:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        visitors.append(Visitor(contexts[-1].new_page()))
        visitors[-1].page.goto(url)
        return visitors[-1]

    yield opened
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go, to be looked at by people: WAYPOST_TEST_PICTURES, or the test's own folder."""
    named = os.environ.get("WAYPOST_TEST_PICTURES")
    folder = Path(named) if named else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder
