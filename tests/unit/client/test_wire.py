"""One request of the client: when it is sent again, what it makes of answers, and that the key stays where it is."""

import asyncio
import gzip
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard
from aiohttp import web
from aiohttp.test_utils import TestServer

from waypost import client
from waypost.client import AsyncWaypost, Retries

KEY = "wp_abcdefghijkl_0123456789"
QUICK = Retries(first=0.001, longest=0.002)
PAGE: dict[str, Any] = {"items": [], "next_cursor": None}
ORGANIZATION: dict[str, Any] = {
    "id": "0b7c7a54-64c6-4a3c-9f2e-2f7a5f1d7c11", "name": "ACME", "external_id": None, "domains": [], "aliases": [],
    "parent": None, "tags": [], "archived_at": None, "created_at": "2026-11-22T08:00:00Z",
    "changed_at": "2026-11-22T08:00:00Z",
}  # fmt: skip
Then = web.StreamResponse | Callable[[web.Request], Any]


class Script:
    """A service that answers as a test says, one answer after the other; the last one for ever."""

    def __init__(self, *then: Then) -> None:
        self.then = list(then)
        self.requests: list[web.Request] = []
        self.times: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.then.pop(0) if len(self.then) > 1 else self.then[0]
        if callable(answer):
            answered: web.StreamResponse = await answer(request)
            return answered
        return web.Response(body=getattr(answer, "body", b""), status=answer.status, headers=answer.headers)


@asynccontextmanager
async def asking(script: Script, **more: Any) -> AsyncIterator[AsyncWaypost]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    async with (
        TestServer(app) as server,
        AsyncWaypost(str(server.make_url("/")), KEY, **{"retries": QUICK, **more}) as waypost,
    ):
        yield waypost


def good(document: object = PAGE, **headers: str) -> web.Response:
    return web.json_response(document, headers=headers)


def problem(status: int, **more: Any) -> web.Response:
    document = {"detail": "It is so.", "remedy": "Do this.", "code": "some.code", "owner": "operator"} | more
    headers = {"Retry-After": more["after"]} if "after" in more else {}
    return web.json_response(
        document, status=status, headers=headers, content_type="application/problem+json"
    )


async def dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cut(request: web.Request) -> web.StreamResponse:
    """Half of an answer."""
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b'{"items": [')
    assert request.transport is not None
    request.transport.close()
    return answer


@pytest.mark.parametrize(
    "first", [problem(429, after="0"), problem(502), problem(503), problem(504), dropped, cut]
)
async def test_reads_are_sent_again(first: Then) -> None:
    """What may work a moment later is asked again, where asking twice does no harm."""
    script = Script(first, first, good())
    async with asking(script) as waypost:
        assert (await waypost.findings().page()).items == []
    assert len(script.requests) == 3


@pytest.mark.parametrize("first", [problem(429, after="0"), problem(503), dropped, cut])
async def test_writes_are_sent_once(first: Then) -> None:
    """Nothing that changes something is sent twice, whatever went wrong; then the caller decides."""
    script = Script(first, good(ORGANIZATION))
    async with asking(script) as waypost:
        with pytest.raises(client.ClientError):
            await waypost.add_organization("ACME")
        assert len(script.requests) == 1
        assert (await waypost.add_organization("ACME")).name == "ACME"
    script = Script(first, good(ORGANIZATION))
    async with asking(script) as waypost:
        with pytest.raises(client.ClientError):
            await waypost.save_mapping(accept="sure")  # a PUT
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 415, 422, 500])
async def test_refusals_are_final(status: int) -> None:
    """What will be refused again is not asked again; the error says all that the service said."""
    fault = {"field": "severity", "detail": "There is no such severity."}
    script = Script(problem(status, errors=[fault], request_id="r1", later="a field of tomorrow"))
    async with asking(script) as waypost:
        with pytest.raises(client.ApiError) as told:
            await waypost.findings().page()
    assert len(script.requests) == 1
    error = told.value
    assert (error.status, error.code, error.owner, error.request_id) == (
        status,
        "some.code",
        "operator",
        "r1",
    )
    assert str(error) == "It is so. Do this."
    assert [(one.field, one.detail) for one in error.errors] == [("severity", "There is no such severity.")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, client.InvalidError), (422, client.InvalidError), (401, client.RefusedError), (403, client.RefusedError),
        (404, client.NotFoundError), (409, client.ConflictError), (410, client.ForgottenError),
        (429, client.LimitedError), (503, client.UnavailableError), (500, client.ApiError), (302, client.ApiError),
    ],
)  # fmt: skip
async def test_kinds(status: int, kind: type[client.ApiError]) -> None:
    """Each status has its error; one whose answer is no problem document too. Redirects are not followed."""
    script = Script(web.Response(status=status, text="<html>", headers={"Location": "/elsewhere"}))
    async with asking(script, retries=Retries(tries=1)) as waypost:
        with pytest.raises(client.ApiError) as told:
            await waypost.findings().page()
    assert type(told.value) is kind
    assert (told.value.status, told.value.code) == (status, "")
    assert len(script.requests) == 1


async def test_bounds() -> None:
    """There are so many tries and no more, and the last error is told; a pause that is too long is not begun."""
    script = Script(problem(503))
    async with asking(script, retries=Retries(tries=3, first=0.001, longest=0.002)) as waypost:
        with pytest.raises(client.UnavailableError):
            await waypost.findings().page()
    assert len(script.requests) == 3
    script = Script(problem(429, after="61"))
    async with asking(script) as waypost:
        with pytest.raises(client.LimitedError) as told:
            await waypost.findings().page()
    assert told.value.retry_after == 61
    assert len(script.requests) == 1


async def test_retry_after() -> None:
    """The service is not asked again before the time it says."""
    script = Script(problem(429, after="1"), good())
    async with asking(script) as waypost:
        await waypost.findings().page()
    assert script.times[1] - script.times[0] >= 0.99


def test_pauses() -> None:
    """Pauses double up to the longest, each somewhere in its upper half; after the last try there is none."""
    retries = Retries(tries=9, first=1, longest=10)
    for attempt, whole in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (8, 10)):
        pauses = [retries.pause(attempt, None) or 0 for _ in range(50)]
        assert all(whole / 2 <= pause <= whole for pause in pauses)
        assert len(set(pauses)) > 1
    assert retries.pause(9, None) is None
    assert retries.pause(1, 33) == 33


async def test_removing() -> None:
    """What a lost try has removed is removed; what never was there is told."""
    script = Script(dropped, problem(404))
    async with asking(script) as waypost:
        await waypost.remove_webhook("w")
    async with asking(Script(problem(404))) as waypost:
        with pytest.raises(client.NotFoundError):
            await waypost.remove_webhook("w")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress), ("", bytes)],
)
async def test_packed(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Answers may be packed as the client says that it understands; one that lies about it is told."""
    raw = json.dumps(PAGE).encode()
    headers = {"Content-Encoding": encoding} if encoding else {}
    script = Script(web.Response(body=pack(raw), headers=headers))
    async with asking(script) as waypost:
        assert (await waypost.findings().page()).items == []
    assert script.requests[0].headers["Accept-Encoding"] == "zstd, gzip"
    if encoding:
        async with asking(Script(web.Response(body=raw, headers=headers))) as waypost:
            with pytest.raises(client.UnreadableError):
                await waypost.findings().page()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items": 7}', b"\xff"])
async def test_unreadable(body: bytes) -> None:
    """An answer that is not of this API is told, and not asked for again."""
    script = Script(web.Response(body=body))
    async with asking(script) as waypost:
        with pytest.raises(client.UnreadableError):
            await waypost.findings().page()
    assert len(script.requests) == 1


async def test_fields_of_tomorrow() -> None:
    """What a newer service tells besides is passed over."""
    async with asking(Script(good(ORGANIZATION | {"colour": "red"}))) as waypost:
        assert (await waypost.organization("o")).name == "ACME"


async def test_circles() -> None:
    """A list whose page leads to itself is not gone through for ever."""
    async with asking(Script(good(PAGE | {"next_cursor": "same"}))) as waypost:
        with pytest.raises(client.UnreadableError, match="circles"):
            [finding async for finding in waypost.findings()]


async def test_what_is_asked() -> None:
    """Words, times, flags and ids stand in the address as the API wants them; what is not given does not."""
    script = Script(good())
    async with asking(script) as waypost:
        await waypost.findings(
            cve=("CVE-1", "CVE-2"),
            site="A & B / C, Ltd.+",
            has_fix=False,
            score_min=0,
            detected_since="2026-11-21",
        ).page("c=")
    assert dict(script.requests[0].query) == {
        "cve": "CVE-1,CVE-2", "site": "A & B / C, Ltd.+", "has_fix": "false", "score_min": "0", "count": "false",
        "detected_since": "2026-11-21", "limit": "100", "cursor": "c=",
    }  # fmt: skip
    with pytest.raises(TypeError, match="nothing that can be asked for"):
        async with asking(script) as waypost:
            await waypost.rows("findings", severity=object()).page()


async def test_generators() -> None:
    """Words may come from a generator; every page is asked for with all of them."""
    script = Script(good(PAGE | {"next_cursor": "a"}), good())
    async with asking(script) as waypost:
        assert [one async for one in waypost.cves(cve=(f"CVE-{number}" for number in (1, 2)))] == []
    assert [request.query["cve"] for request in script.requests] == ["CVE-1,CVE-2"] * 2


async def test_slow() -> None:
    """A service that says nothing is given up; one that may hold a request is given so much longer."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return good(PAGE | {"next_cursor": "c", "has_more": False})

    async with asking(Script(slow), timeout=0.1, retries=Retries(tries=1)) as waypost:
        with pytest.raises(client.UnreachableError, match="too long"):
            await waypost.findings().page()
        waiting = waypost.changes(follow=True, wait=1).pages()
        step = asyncio.ensure_future(anext(waiting))
        done, _ = await asyncio.wait([step], timeout=0.7)
        assert not done  # it goes on waiting
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step


async def test_nobody_there() -> None:
    """Where nothing listens that is told, and the key is nowhere in it."""
    async with AsyncWaypost("http://127.0.0.1:9", KEY, retries=QUICK) as waypost:
        with pytest.raises(client.UnreachableError) as told:
            await waypost.findings().page()
    assert told.value.__cause__ is None
    assert told.value.__context__ is None


@pytest.mark.parametrize("answer", [problem(403), problem(503), dropped, cut, web.Response(text="<html>")])
async def test_the_key_does_not_show(answer: Then, caplog: pytest.LogCaptureFixture) -> None:
    """It goes out in its header, and neither errors nor logs have it."""
    script = Script(answer)
    with caplog.at_level(logging.DEBUG):
        async with asking(script) as waypost:
            with pytest.raises(client.ClientError) as told:
                await waypost.findings().page()
    assert {request.headers["Authorization"] for request in script.requests} == {f"Bearer {KEY}"}
    shown = "".join(traceback.format_exception(told.value)) + repr(vars(told.value)) + repr(told.value)
    assert KEY not in shown + caplog.text


async def test_downloads(tmp_path: Path) -> None:
    """A file is fetched anew when it breaks off, and is there whole or not at all."""
    content = b"line\n" * 100_000

    async def half(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await answer.prepare(request)
        await answer.write(content[:300_000])
        assert request.transport is not None
        request.transport.close()
        return answer

    file = tmp_path / "export.csv"
    file.write_text("of before")
    async with asking(Script(half)) as waypost:
        with pytest.raises(client.UnreachableError):
            await waypost.download_export("e", file)
    assert file.read_text() == "of before"
    async with asking(Script(half, problem(503), web.Response(body=content))) as waypost:
        assert await waypost.download_export("e", file) == file
    assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]  # noqa: ASYNC240  # a test may wait for it
    async with asking(Script(problem(409))) as waypost:
        with pytest.raises(client.ConflictError):
            await waypost.download_export("e", file)


async def test_closed() -> None:
    """A closed client asks nobody, and says so."""
    script = Script(good())
    async with asking(script) as waypost:
        await waypost.close()
        with pytest.raises(client.ClosedError):
            await waypost.findings().page()
    assert script.requests == []
