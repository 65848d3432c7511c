"""Errors as problem documents: each has a status, and what nobody foresaw tells nothing but its request's id."""

import inspect
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
import structlog
from litestar import Litestar, get, post
from litestar.testing import TestClient

from waypost import errors, telemetry
from waypost.api import problems
from waypost.api.bodies import Body, Name, faults
from waypost.errors import WaypostError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, WaypostError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_is_a_problem(kind: type[WaypostError]) -> None:
    """Every error has a status, a title and all the rest; wrong use is never the service's own fault."""
    problem = problems.described(kind(), "r-1")
    assert 400 <= problem.status < 600
    assert problem.title.endswith(".")
    assert (problem.type, problem.request_id) == (f"/problems/{problem.code}", "r-1")
    assert (problem.status < 500) is issubclass(
        kind, errors.UsageError | errors.AccessError
    ) or not issubclass(kind, errors.UsageError | errors.AccessError)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is logged."""
    stream = StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    telemetry.configure("info")
    yield stream
    structlog.reset_defaults()


@pytest.fixture
def client(log: StringIO) -> Iterator[TestClient[Litestar]]:
    """An application in which things go wrong."""
    del log  # it is there first

    @get("/unforeseen")
    async def unforeseen() -> None:
        raise RuntimeError("with ApiToken eyJabcdefghijk.lmnopqrstuvw in it, and wp_123456789012_" + "s" * 43)

    @get("/database")
    async def database() -> None:
        raise psycopg.OperationalError("connection to server at db.internal failed: password wrong")

    @post("/known")
    async def known() -> None:
        raise errors.TooManyAttemptsError(retry_after=12.4)

    app = Litestar(
        [unforeseen, database, known], exception_handlers={Exception: problems.answer}, openapi_config=None,
        logging_config=None,
    )  # fmt: skip
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def test_what_nobody_foresaw(client: TestClient[Litestar], log: StringIO) -> None:
    """The answer says nothing of what happened; the log has the traceback, without what looks like a secret."""
    answer = client.get("/unforeseen")
    assert answer.status_code == 500
    assert "ApiToken" not in answer.text
    assert "RuntimeError" not in answer.text
    (line,) = [json.loads(line) for line in log.getvalue().splitlines() if "Traceback" in line]
    assert "in unforeseen" in line["exception"]
    assert "eyJ" not in line["exception"]
    assert "s" * 20 not in line["exception"]


def test_a_database_that_is_away(client: TestClient[Litestar]) -> None:
    """That the database does not answer is told without what the driver says of it."""
    answer = client.get("/database")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unreachable")
    assert answer.headers["Retry-After"] == "5"
    assert "db.internal" not in answer.text


def test_headers_of_refusals(client: TestClient[Litestar]) -> None:
    """Who must wait is told how long."""
    answer = client.post("/known")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "13")


class Inner(Body, frozen=True):
    size: int


class Outer(Body, frozen=True):
    name: Name
    inner: Inner | None = None
    flag: bool = False


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({"name": "x"}, {}),
        ({"name": "x", "inner": None}, {}),
        ({"name": "x", "inner": {"size": 1}}, {}),
        ({}, {"name": "It is missing."}),
        ({"name": 5}, {"name": "Expected a text, got a whole number."}),
        ({"name": ""}, {"name": "Expected a text of length at least 1."}),
        ({"name": "a\tb"}, {"name": "It may not contain control characters."}),
        ({"name": "x", "flag": 1}, {"flag": "Expected true or false, got a whole number."}),
        ({"name": "x", "inner": {}}, {"inner.size": "It is missing."}),
        ({"name": "x", "inner": 5}, {"inner": "Expected an object or nothing, got a whole number."}),
        ({"name": "x", "b": 1}, {"b": "There is no such field. There are name, inner, flag."}),
    ],
)
def test_faults(document: dict[str, Any], wrong: dict[str, str]) -> None:
    """Each fault is told at its field, in words."""
    assert dict(faults(document, Outer)) == wrong
