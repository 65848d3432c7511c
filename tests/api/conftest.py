"""The service as others meet it: a process of its own, on a test's database, asked over HTTP."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from support import clients as estates
from support import simulator
from support.clients import Clients
from support.program import Program, Running
from support.server import Server
from support.simulator import Simulator

Document = dict[str, Any]  # Any: straight from JSON
PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)

    def done(self, status: int = 200) -> "Answer":
        assert self.status == status, (self.status, self.text)
        return self

    def refused(self, status: int, code: str, *fields: str) -> Document:
        """It is a problem document with this status and code, about these fields, that says everything it must."""
        assert self.status == status, (self.status, self.text)
        assert self.headers["Content-Type"] == "application/problem+json"
        problem: Document = self.document
        assert (problem["status"], problem["code"]) == (status, code), problem
        assert problem["request_id"] == self.headers["X-Request-ID"]
        assert all(problem[part] for part in ("type", "title", "detail", "remedy", "owner"))
        assert {*fields} <= {error["field"] for error in problem.get("errors", ())}, problem
        return problem


class Api:
    """The service at an address, asked with a key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key

    def with_key(self, key: str) -> "Api":
        return Api(self.url, key)

    def __call__(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        data = raw
        if body is not None:
            data, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        request = Request(self.url + path, data=data, method=method, headers=sent)  # noqa: S310  # loopback
        try:
            with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return Answer(answer.status, answer.headers, answer.read().decode())
        except HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.headers, answer.read().decode())

    def get(self, path: str, **headers: str) -> Any:
        """A document that is there."""
        return self("GET", path, **headers).done().document

    def make_key(self, *scopes: str, organization: str | None = None, **more: Any) -> "Api":
        """The same service with a new key."""
        body = {"name": "made by a test", "scopes": list(scopes), "organization": organization, **more}
        made = self("POST", "/api/v1/keys", body).done(201).document
        return self.with_key(made["text"])

    def add(self, name: str, console: Simulator, token: str = "", **more: Any) -> Document:
        body = {"name": name, "url": console.url, "token": token or console.token, **more}
        added: Document = self("POST", "/api/v1/connections", body).done(201).document["connection"]
        return added


def started(running: Running) -> Api:
    """The service of a program that was just started, once it listens; with its first key, if it made one."""
    running.wait_until(lambda: "described at" in running.output, seconds=PATIENCE)
    url = re.search(r"listens at (\S+)", running.output)
    assert url, running.output
    running.wait_until(lambda: "described at" in running.output and _whole(running.output), seconds=PATIENCE)
    key = re.search(r"wp_\w+", running.output)
    return Api(url[1], key[0] if key else "")


def _whole(output: str) -> bool:
    """Whether the first key is there, if it is to be shown."""
    return "shown this once" not in output or re.search(r"wp_\w{56}", output) is not None


@pytest.fixture(scope="session")
def serve(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[Api, Running]]]:
    """Starts services, each on a database of its own: `serve("--no-worker", WAYPOST_PORT="0")`."""
    with ExitStack() as stack:

        def start(
            *arguments: str, home: Path | None = None, database_url: str = "", also: str = "", **settings: str
        ) -> tuple[Api, Running]:
            url = database_url or stack.enter_context(postgres.fresh())
            program = Program(home or tmp_path_factory.mktemp("service"), url, also=also, **settings)
            running = stack.enter_context(program.start("serve", "--port", "0", *arguments))
            return started(running), running

        yield start


@pytest.fixture(scope="session")
def service(serve: Callable[..., tuple[Api, Running]]) -> Api:
    """A service that all tests share; what a test makes has names of its own."""
    api, _ = serve()
    return api


@pytest.fixture(scope="session")
def console() -> Iterator[Simulator]:
    """A small console that nobody changes."""
    options = simulator.arguments(accounts=3, sites=6, agents=12, risks_per_agent=6)
    with simulator.running(options) as running:
        yield running


@pytest.fixture(scope="session")
def clients(postgres: Server) -> Iterator[Clients]:
    """Clients on shared consoles, decided about in every way; whoever changes that changes it back."""
    with estates.running(postgres) as made:
        yield made


@pytest.fixture(scope="session")
def of(serve: Callable[..., tuple[Api, Running]], clients: Clients) -> Callable[[str], Api]:
    """The service on the clients' database, as a key of theirs sees it: `of("Acme")`, `of("everybody")`."""
    api, _ = serve("--no-worker", "--behind-proxy", database_url=clients.url)
    return lambda name: api.with_key(clients.keys.get(name, name))


@pytest.fixture(scope="session")
def description(service: Api) -> Document:
    """The API's own description."""
    found: Document = service.get("/api/v1/openapi.json")
    return found


def operations(description: Document) -> Iterator[tuple[str, str, Document]]:
    """Every operation of a description: method, path and what is said of it."""
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method.upper(), path, operation
