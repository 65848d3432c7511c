"""What a connect link answers to anything but its own page: refusals, limits, headers, and nothing of anyone else."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waypost.console import assets


@pytest.fixture(scope="module")
def organization(service: Any) -> str:
    return str(service.organization("Südwind & Söhne <b>GmbH</b>"))


@pytest.fixture(scope="module")
def link(service: Any, organization: str) -> str:
    """A link that no test uses up or revokes."""
    return str(service.link(organization))


def path(link: str) -> str:
    return urlsplit(link).path


def test_every_answer_is_shut_in(service: Any, link: str) -> None:
    """Page, refusal and document alike are kept by nobody, framed by nobody, and load nothing of anybody else's."""
    answers = [
        service.ask("GET", path(link)),
        service.ask("GET", "/connect/" + "x" * 43),
        service.submit(link, "check", url="", token=""),
        service.ask("POST", f"{path(link)}/save", b"", accept="application/json"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 422, 422]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "set-cookie" not in answer.headers


def test_the_address_of_a_sent_form_opens_the_page(service: Any, link: str) -> None:
    """Who reloads by hand what a form without script was sent to sees the page again."""
    pages = [service.ask("GET", path(link) + end) for end in ("", "/", "/check", "/save")]
    assert {(page.status, page.text) for page in pages} == {(200, pages[0].text)}


def test_pages_hold_no_script_or_style_of_their_own(service: Any, link: str) -> None:
    """Everything that the policy would refuse is not there to begin with, and names are written as text."""
    page = service.ask("GET", path(link)).text
    assert not re.search(
        r"<style|\sstyle=|\son\w+=|javascript:|<script(?! type=\"module\" src=\"/connect/)", page
    )
    assert not re.search(r"(?:src|href|action)=\"(?!/connect/|#)", page)
    assert "Südwind &amp; Söhne &lt;b&gt;GmbH&lt;/b&gt;" in page


def test_files_are_kept_for_ever_under_a_name_that_changes(service: Any) -> None:
    """A file's address changes with its content, so that browsers need not ask again; others do not exist."""
    for name, asset in assets.ALL.items():
        answer = service.ask("GET", asset.url)
        assert (answer.status, answer.text) == (200, asset.content.decode())
        assert answer.headers["content-type"].startswith(asset.media_type), name
        assert "immutable" in answer.headers["cache-control"]
    assert service.ask("GET", "/connect/assets/connect.py").status == 404
    assert service.ask("GET", "/connect/assets/..%2fconnect.py").status == 404


def test_links_that_open_nothing_are_answered_alike(service: Any, organization: str) -> None:
    """Unknown, revoked, expired and used links have one answer, to the byte."""
    urls = [service.link(organization) for _ in range(3)]
    newest = [item["id"] for item in service.call("GET", "/connect-links")["items"][:3]]
    service.call("DELETE", f"/connect-links/{newest[2]}")
    service.rows("UPDATE connect_link SET expires_at = now() WHERE link_id = %s", newest[1])
    service.rows("UPDATE connect_link SET used_at = now() WHERE link_id = %s", newest[0])
    pages = [
        service.ask("GET", where, x_forwarded_for="203.0.113.1")
        for where in (
            *map(path, urls),
            "/connect/" + "x" * 43,
            "/connect/x",
            "/connect/%00",
            "/connect/%F0%9F",
        )
    ]
    assert {(page.status, page.text) for page in pages} == {(404, pages[0].text)}
    assert "opens nothing" in pages[0].text


def test_whoever_guesses_links_must_wait(service: Any, link: str) -> None:
    """After ten wrong links an address is told how long to wait, even with a right one; other addresses are not."""
    guesses = [
        service.ask("GET", f"/connect/{place:043}", x_forwarded_for="203.0.113.7").status
        for place in range(12)
    ]
    assert guesses == [404] * 10 + [429] * 2
    waiting = service.ask("GET", path(link), x_forwarded_for="203.0.113.7")
    assert (waiting.status, "wait" in waiting.text) == (429, True)
    assert 0 < int(waiting.headers["retry-after"]) <= 60
    assert service.ask("GET", path(link), x_forwarded_for="203.0.113.8").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
def test_forms_of_other_sites_are_refused(service: Any, link: str, headers: dict[str, str]) -> None:
    """A form that another site's page sends does nothing, though it knew the link."""
    kind = "application/x-www-form-urlencoded"
    answer = service.ask("POST", f"{path(link)}/check", b"token=t", content_type=kind, **headers)
    assert answer.status == 403
    assert "Another site" in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("", b"token=t"),
        ("application/x-www-form-urlencoded", b"token=t&token=u"),
        ("application/x-www-form-urlencoded", b"token=t&admin=1"),
        ("application/x-www-form-urlencoded", b"token=%ff"),
        ("application/x-www-form-urlencoded", "token=ü".encode()),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % place for place in range(99))),
        ("multipart/form-data; boundary=x", b"--x--"),
    ],
)
@pytest.mark.parametrize("what", ["check", "save"])
def test_what_is_not_the_pages_form(service: Any, link: str, what: str, kind: str, body: bytes) -> None:
    """Anything but the page's own form is refused with a next step, and calls no console."""
    answer = service.ask("POST", f"{path(link)}/{what}", body, content_type=kind, accept="application/json")
    assert (answer.status, answer.document["remedy"]) == (422, "Open the link and fill in its form.")


def test_a_form_that_is_too_long(service: Any, link: str) -> None:
    """A body of megabytes is not read."""
    kind = "application/x-www-form-urlencoded"
    assert (
        service.ask("POST", f"{path(link)}/check", b"token=" + b"t" * 200_000, content_type=kind).status
        == 413
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    url=st.one_of(
        st.text(max_size=80), st.sampled_from(["", "http://169.254.169.254", "https://10.0.0.1/", "\x00"])
    ),
    token=st.one_of(st.text(max_size=80), st.just("t" * 9_000)),
    name=st.text(max_size=120),
)
def test_fields_with_anything_in_them(service: Any, link: str, url: str, token: str, name: str) -> None:
    """Whatever is typed in, the answer is the form with what is wrong at its field, and never the token."""
    marked = f"\t{token}canary7f3e\u200b"
    fields = {"url": url, "token": marked, "name": name}
    answer = service.submit(
        link, "check", **{key: text.encode("utf-8", "ignore").decode() for key, text in fields.items()}
    )
    assert answer.status == 422
    assert 'id="token"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "canary7f3e" not in answer.text


def test_neither_log_nor_database_holds_a_secret(service: Any, organization: str, console: Any) -> None:
    """At its most talkative the log names the route, not the link; nothing keeps a token or a link in clear."""
    url = service.link(organization)
    wrong = "canary7f3e9d1b5aZ8"
    for what, token in (("check", wrong), ("save", wrong), ("check", console.token), ("save", console.token)):
        answer = service.submit(url, what, url=console.url, token=token)
        assert token not in answer.text
    assert "is connected" in answer.text
    assert service.ask("GET", path(url), x_forwarded_for="203.0.113.9").status == 404
    tables = service.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'waypost'")
    stored = [row for (table,) in tables for row in service.rows(f"SELECT t::text FROM {table} t")]  # noqa: S608
    assert "/connect/{secret}/save" in service.log
    for secret in (url.rpartition("/")[2], wrong, console.token):
        assert secret not in service.log
        assert not [row for row in stored if secret in str(row)]


def test_a_link_allows_so_many_tries(service: Any, organization: str, console: Any) -> None:
    """Trying tokens out through a link ends with a refusal that says where to get another link."""
    url = service.link(organization)
    service.rows("UPDATE connect_link SET checks = 19 WHERE used_at IS NULL AND revoked_at IS NULL")
    first, second = (service.submit(url, "check", url=console.url, token="wrong") for _ in range(2))
    assert (first.status, second.status) == (200, 404)
    assert "tried 20 times" in second.text
    assert "Ask whoever sent it" in second.text


def test_lines_come_one_by_one(service: Any, organization: str, console: Any) -> None:
    """The script's answer is one document a line: the lines of the check, and at the end what they come to."""
    url = service.link(organization)
    answer = service.submit(
        url, "check", _accept="application/x-ndjson", url=console.url, token=console.token
    )
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [list(one) for one in told] == [["line"]] * (len(told) - 1) + [["verdict"]]
    assert told[0]["line"] | {"found": ""} == {
        "group": "Address", "title": "Address", "state": "pass", "word": "OK", "found": "", "remedy": "",
    }  # fmt: skip
    assert told[-1]["verdict"]["ready"] is True
