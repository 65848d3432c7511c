"""The form of a connect link: what is plain is accepted, everything else is named at its field."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost import errors
from waypost.connections.links import Link
from waypost.console import form
from waypost.sentinelone.address import Allowed

CONSOLE = "https://usea1-acme.sentinelone.net"
ALLOWED = Allowed.parse("")
KIND = "application/x-www-form-urlencoded"


def link(connection_id: int | None = None) -> Link:
    now = datetime.now(UTC)
    return Link(
        link_id=uuid.uuid4(),
        organization_id=1,
        organization_uuid=uuid.uuid4(),
        organization="ACME",
        connection_id=connection_id,
        connection_uuid=uuid.uuid4() if connection_id else None,
        connection="main" if connection_id else None,
        url=CONSOLE if connection_id else None,
        created_at=now,
        expires_at=now,
        used_at=None,
        revoked_at=None,
        checks=0,
        state="open",
    )


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"url", "token"}),
        ({"url": CONSOLE, "token": " "}, {"token"}),
        ({"url": "https://localhost", "token": "t"}, {"url"}),
        ({"url": f"{CONSOLE}:8443", "token": "t"}, {"url"}),
        ({"url": f"https://u:p@{CONSOLE[8:]}", "token": "t"}, {"url"}),
        ({"url": "http://2130706433/", "token": "t"}, {"url"}),
        ({"url": "http://[::ffff:10.0.0.1]/", "token": "t"}, {"url"}),
        ({"url": CONSOLE.replace("s", "ѕ"), "token": "t"}, {"url"}),  # noqa: RUF001  # a Cyrillic letter
        ({"url": CONSOLE, "token": "t", "name": "x" * 81}, {"name"}),
        ({"url": CONSOLE, "token": "t", "name": "a\u202eb"}, {"name"}),
        ({"url": CONSOLE, "token": "tökén"}, {"token"}),
        ({"url": CONSOLE, "token": "one\ntwo"}, {"token"}),
        ({"url": CONSOLE, "token": "t\u200b"}, {"token"}),
        ({"url": CONSOLE, "token": "t" * 8_001}, {"token"}),
        ({"url": "nowhere", "token": "\x00", "name": "\x1b[2J"}, {"url", "token", "name"}),
    ],
)
def test_each_field_is_judged(fields: dict[str, str], wrong: set[str]) -> None:
    """Missing, foreign, too long or invisible: each fault is named at its field, all of them at once."""
    _, problems = form.judge(fields, link(), ALLOWED)
    assert problems.keys() == wrong
    assert all(problem.message and problem.remedy for problem in problems.values())
    told = "".join(problem.message + problem.remedy for problem in problems.values())
    assert "WAYPOST_TOKEN" not in told


@pytest.mark.parametrize(
    "url",
    [
        CONSOLE,
        f" {CONSOLE}/ ",
        f"{CONSOLE}/dashboard?tab=1#top",
        CONSOLE[8:],
        CONSOLE.upper(),
        f"{CONSOLE}:443",
    ],
)
@pytest.mark.parametrize(
    "token", ["abc.def", "  abc.def\r\n", "ApiToken abc.def", "Authorization: ApiToken abc.def"]
)
@pytest.mark.parametrize("name", ["", "Zürich (Büro)", "東京 本社", "  two   words "])
def test_what_is_plain_is_accepted(url: str, token: str, name: str) -> None:
    """A line of the address bar, the header around a token, white space and any script are understood."""
    given, problems = form.judge({"url": url, "token": token, "name": name}, link(), ALLOWED)
    assert problems == {}
    assert (given.url, given.token, given.name) == (CONSOLE, "abc.def", " ".join(name.split()))


def test_a_link_for_a_connection_takes_the_token_alone() -> None:
    """Address and name of such a link are not asked for, so what is sent for them does not count."""
    given, problems = form.judge({"url": "x", "token": "t", "name": "\x00"}, link(7), ALLOWED)
    assert problems == {}
    assert (given.url, given.token, given.name, given.narrower) == ("", "t", "", False)
    assert form.judge({"token": "t", "narrower": "yes"}, link(7), ALLOWED)[0].narrower
    assert form.judge({"url": "x"}, link(7), ALLOWED)[1].keys() == {"token"}


@given(
    fields=st.dictionaries(st.sampled_from(["url", "token", "name", "narrower", "x"]), st.text(max_size=60))
)
def test_judging_never_breaks(fields: dict[str, Any]) -> None:
    """Whatever is typed in is either usable or a problem at a field."""
    given, problems = form.judge(fields, link(), ALLOWED)
    assert problems.keys() <= {"url", "token", "name"}
    assert bool(given.url) != ("url" in problems)
    assert bool(given.token) != ("token" in problems)


@given(body=st.binary(max_size=200))
def test_reading_never_breaks(body: bytes) -> None:
    """Bytes are the page's form, or are refused as none."""
    try:
        fields = form.read(KIND, body)
    except errors.InvalidFieldError:
        return
    assert fields.keys() <= {"url", "token", "name", "narrower"}


def test_a_form_as_browsers_send_it() -> None:
    """Text of any script arrives as it was typed."""
    body = b"url=https%3A%2F%2Fa&token=t+u&name=Z%C3%BCrich"
    assert form.read(f"{KIND}; charset=UTF-8", body) == {"url": "https://a", "token": "t u", "name": "Zürich"}
