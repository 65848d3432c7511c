"""Each key may make so many requests; who makes more is told when to go on."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.program import Program, Running

RATE = 5
Start = Callable[..., tuple[Any, Running]]


@pytest.fixture(scope="module")
def slow(serve: Start) -> Any:
    """A service that allows little."""
    api, _ = serve("--no-worker", WAYPOST_RATE_LIMIT=str(RATE))
    return api


def _until_refused(api: Any, path: str = "/api/v1/organizations") -> Iterator[Any]:
    for _ in range(20 * RATE):
        answer = api("GET", path)
        yield answer
        if answer.status == 429:
            return


def test_a_key_that_asks_too_often(slow: Any) -> None:
    """It is told what it has left, then refused with the time to wait, and served again after that."""
    key = slow.make_key("read")
    *served, refused = _until_refused(key)
    assert len(served) >= 2 * RATE
    assert {answer.status for answer in served} == {200}
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in served]
    assert left[0] == 2 * RATE - 1
    assert served[0].headers["RateLimit-Policy"] == f'"key";q={2 * RATE};w=2'
    assert re.fullmatch(rf'"key";r={left[0]};t=\d', served[0].headers["RateLimit"])
    problem = refused.refused(429, "access.rate_limited")
    assert "Retry-After" in problem["remedy"]
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_others_do_not_notice(slow: Any) -> None:
    """One key's requests are missing to no other, and what needs no key is not counted."""
    greedy, modest = slow.make_key("read"), slow.make_key("read")
    assert [answer.status for answer in _until_refused(greedy)][-1] == 429
    modest("GET", "/api/v1/organizations").done()
    answers = [slow.with_key("")("GET", "/health/live") for _ in range(4 * RATE)]
    assert {answer.status for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_a_wrong_key_takes_from_nobody(slow: Any) -> None:
    """Whoever knows the id of a key and not its secret cannot use it up."""
    key = slow.make_key("read")
    wrong = slow.with_key(key.key[:-8] + "00000000")
    for _ in range(3):
        wrong("GET", "/api/v1/organizations").refused(401, "access.key")
    assert key("GET", "/api/v1/organizations").headers["X-RateLimit-Remaining"] == str(2 * RATE - 1)


def test_refused_requests_tell_too(service: Any) -> None:
    """A request that is refused for another reason counts, and tells what is left."""
    answer = service("GET", "/api/v1/findings?nothing=1")
    answer.refused(422, "request.field")
    assert int(answer.headers["X-RateLimit-Remaining"]) > 0


def test_no_limit(serve: Start) -> None:
    """Where an operator wants none there is none, and nothing is told of it."""
    api, _ = serve("--no-worker", WAYPOST_RATE_LIMIT="0")
    answers = [api("GET", "/api/v1/organizations").done() for _ in range(50)]
    assert not [name for name in answers[-1].headers if "ratelimit" in name.lower()]


def test_a_rate_that_cannot_be(tmp_path: Path) -> None:
    """A rate below nothing is refused before the database is touched."""
    program = Program(tmp_path, "postgresql://nobody@127.0.0.1:1/none", WAYPOST_RATE_LIMIT="-1")
    running = program.run("serve", "--port", "0")
    assert running.wait() == 2
    assert "There is no rate of -1" in running.output
