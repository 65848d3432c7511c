"""Each fault does what it says, and stops when it is told to."""

import asyncio
import gzip
import json
import os
import pathlib
import time
from typing import Any

import aiohttp
import pytest

from sentinelone_simulator.faults import Faults

RISKS = "/application-management/risks"


async def put(desk: Any, *faults: dict[str, Any]) -> None:
    await desk.control("PUT", "/faults", {"faults": list(faults)})


async def healed(desk: Any, path: str = "/sites") -> None:
    """The recovery at the end of each test: without faults all is well."""
    await desk.control("DELETE", "/faults")
    status, page = await desk.get(path)
    assert status == 200
    assert page["pagination"]


async def test_latency(desk: Any) -> None:
    """A slow answer is late and right."""
    await put(desk, {"kind": "latency", "ms": 150})
    begin = time.monotonic()
    assert (await desk.get("/sites"))[0] == 200
    assert time.monotonic() - begin >= 0.15
    await healed(desk)


@pytest.mark.parametrize("after", [None, 7])
async def test_limited(desk: Any, after: int | None) -> None:
    """429 comes with and without Retry-After, always as HTML."""
    await put(desk, {"kind": "limited", "retry_after": after})
    answer = await desk.send("/sites")
    assert answer.status == 429
    assert answer.headers.get("Retry-After") == (None if after is None else "7")
    assert answer.content_type == "text/html"
    await healed(desk)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("text", "text/plain", "Bad Gateway"),
        ("html", "text/html", "<html>"),
        ("json", "application/json", '"errors"'),
        ("spring", "application/json", '"timestamp"'),
    ],
)
async def test_status(desk: Any, body: Any, content_type: str, text: str) -> None:
    """Any status comes in any of the bodies that were seen."""
    await put(desk, {"kind": "status", "status": 502, "body": body})
    answer = await desk.send("/sites")
    assert answer.status == 502
    assert answer.content_type == content_type
    assert text in await answer.text()
    await healed(desk)


async def test_reset(desk: Any) -> None:
    """The connection breaks in the middle of an answer."""
    await put(desk, {"kind": "reset"})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await desk.get("/agents", limit="100")
    await healed(desk)


async def test_truncate_by_length(desk: Any) -> None:
    """Fewer bytes than announced."""
    await put(desk, {"kind": "truncate"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await desk.get("/agents", limit="100")
    await healed(desk)


async def test_truncate_clean(desk: Any) -> None:
    """A whole answer of half the JSON."""
    await put(desk, {"kind": "truncate", "clean": True})
    answer = await desk.send("/agents", limit="100")
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        await answer.json()
    await healed(desk)


async def test_repeat_cursor(desk: Any) -> None:
    """A page names the cursor that it was asked with."""
    _, first = await desk.get("/agents")
    await put(desk, {"kind": "repeat_cursor"})
    cursor = first["pagination"]["nextCursor"]
    _, page = await desk.get("/agents", cursor=cursor)
    assert page["pagination"]["nextCursor"] == cursor
    await healed(desk)


async def test_duplicate_row(desk: Any) -> None:
    """The last row of a page comes again as the first of the next."""
    whole = await desk.drain("/agents", limit="25")
    await put(desk, {"kind": "duplicate_row", "times": 1})
    bent = await desk.drain("/agents", limit="25")
    assert len(bent) == len(whole) + 1
    assert bent[24] == bent[25]
    await healed(desk)


async def test_expired_cursor(desk: Any) -> None:
    """A request with a cursor is refused; one without is not."""
    _, first = await desk.get("/agents")
    await put(desk, {"kind": "expired_cursor"})
    assert (await desk.get("/agents"))[0] == 200
    status, page = await desk.get("/agents", cursor=first["pagination"]["nextCursor"])
    assert (status, page["errors"][0]["code"]) == (400, 4000010)
    await healed(desk)


async def test_token_expired(desk: Any) -> None:
    """From the second request on comes 401, three times."""
    await put(desk, {"kind": "token_expired", "at": [2], "times": 3})
    got = [(await desk.get("/sites"))[0] for _ in range(6)]
    assert got == [200, 401, 401, 401, 200, 200]
    await healed(desk)


async def test_scope_lost(desk: Any) -> None:
    """Sites vanish without a word: rows missing, 403 by id, truth unmoved; healed they are back."""
    before = await desk.truth()
    site = next(f["siteId"] for f in before["findings"])
    await put(desk, {"kind": "scope_lost", "siteIds": [site], "path": "/sites", "at": [1]})
    assert site not in {row["id"] for row in await desk.drain("/sites")}
    lost = {f["id"] for f in before["findings"] if f["siteId"] == site}
    assert not lost & {row["id"] for row in await desk.drain(RISKS)}
    assert (await desk.get(RISKS, siteIds=site))[0] == 403
    assert await desk.truth() == before
    await healed(desk)
    assert (await desk.get(RISKS, siteIds=site))[0] == 200


async def test_forbidden(desk: Any) -> None:
    """403 with the detail that was asked for."""
    detail = "This scope does not have Custom Rules enabled."
    await put(desk, {"kind": "forbidden", "detail": detail})
    status, page = await desk.get("/sites")
    assert status == 403
    assert page["errors"] == [{"code": 4030010, "detail": detail, "title": "Insufficient permissions"}]
    await healed(desk)


async def test_wrong_type(desk: Any) -> None:
    """One row of the page has garbage in a field."""
    await put(desk, {"kind": "wrong_type", "field": "severity", "path": RISKS})
    _, page = await desk.get(RISKS)
    assert [type(row["severity"]) for row in page["data"]].count(dict) == 1
    await healed(desk)


async def test_unknown_field(desk: Any) -> None:
    """Rows have one field more, nested lists too."""
    await put(desk, {"kind": "unknown_field", "name": "epss", "value": 0.4})
    _, page = await desk.get(RISKS)
    assert all(row["epss"] == 0.4 for row in page["data"])
    _, page = await desk.get("/sites")
    assert all(row["epss"] == 0.4 for row in page["data"]["sites"])
    await healed(desk)


async def test_missing_pagination(desk: Any) -> None:
    """A page without pagination."""
    await put(desk, {"kind": "missing_pagination"})
    assert "pagination" not in (await desk.get("/sites"))[1]
    await healed(desk)


async def test_empty_string_cursor(desk: Any) -> None:
    """The last page says "" where null is usual."""
    await put(desk, {"kind": "empty_string_cursor"})
    assert (await desk.get("/sites", limit="1000"))[1]["pagination"]["nextCursor"] == ""
    await healed(desk)


async def test_login_pages(desk: Any) -> None:
    """HTML with 200, and a redirect to it."""
    await put(desk, {"kind": "html_200", "at": [1]}, {"kind": "redirect", "at": [2]})
    page = await desk.send("/sites")
    assert (page.status, page.content_type) == (200, "text/html")
    away = await desk.send("/sites")
    assert (away.status, away.headers["Location"]) == (302, "/login")
    await healed(desk)


async def test_when_faults_fire(desk: Any) -> None:
    """By number, by every n-th, on a path only, and not more often than asked."""
    await put(desk, {"kind": "status", "status": 500, "path": "/sites", "every": 3, "times": 2})
    got = [(await desk.send("/sites")).status for _ in range(10)]
    assert got == [200, 200, 500, 200, 200, 500, 200, 200, 200, 200]
    await put(desk, {"kind": "status", "status": 500, "path": "/sites", "at": [1, 4]})
    assert (await desk.send("/agents")).status == 200
    assert [(await desk.send("/sites")).status for _ in range(4)] == [500, 200, 200, 500]
    await healed(desk)


async def test_a_method_of_its_own(desk: Any) -> None:
    """A fault for one method leaves the others alone, and does not count them."""
    await put(desk, {"kind": "missing", "path": "/service-users", "method": "DELETE", "at": [1]})
    assert (await desk.get("/service-users"))[0] == 200
    admin = desk.holder("Admin service user").token
    path = f"/service-users/{desk.holder('Taken back').user_id}"
    status, page = await desk.call("DELETE", path, None, admin)
    assert (status, page["errors"][0]["code"]) == (404, 4040010)
    assert (await desk.call("DELETE", path, None, admin))[0] == 200
    await healed(desk)


async def test_conflict(desk: Any) -> None:
    """409 in the vendor's words."""
    await put(desk, {"kind": "conflict"})
    status, page = await desk.get("/sites")
    assert (status, page["errors"][0]["title"]) == (409, "API token creation conflict")
    await healed(desk)


async def test_drop(desk: Any) -> None:
    """The connection is reset before a word is said."""
    await put(desk, {"kind": "drop"})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await desk.send("/sites")
    await healed(desk)


def test_probability_is_seeded() -> None:
    """The same seed fires at the same requests."""
    plan = b'{"faults":[{"kind":"reset","probability":0.3}]}'

    def fired(seed: Any) -> list[bool]:
        faults = Faults(seed)
        faults.put(plan)
        return [bool(faults.firing("/sites", {})) for _ in range(200)]

    assert fired(1) == fired(1) != fired(2)
    assert 30 < sum(fired(1)) < 90


def test_file_is_read_again(tmp_path: pathlib.Path) -> None:
    """A changed file counts from the next request; a broken one changes nothing."""
    file = tmp_path / "faults.json"
    file.write_text('{"faults":[{"kind":"reset"}]}', encoding="utf-8")
    faults = Faults(1, file)
    assert [fault.kind for fault in faults.firing("/sites", {})] == ["reset"]
    file.write_text('{"faults":[{"kind":"redirect"}]}', encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert [fault.kind for fault in faults.firing("/sites", {})] == ["redirect"]
    file.write_text("{", encoding="utf-8")
    os.utime(file, ns=(2, 2))
    assert [fault.kind for fault in faults.firing("/sites", {})] == ["redirect"]
    file.write_text('{"faults":[]}', encoding="utf-8")
    os.utime(file, ns=(3, 3))
    assert faults.firing("/sites", {}) == []


async def test_a_cut_gzip_is_cut(desk: Any) -> None:
    """Clean truncation compresses the cut JSON, so that it inflates without error."""
    await put(desk, {"kind": "truncate", "clean": True})
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        url = desk.client.make_url("/web/api/v2.1/agents")
        headers = {"Authorization": f"ApiToken {desk.token}", "Accept-Encoding": "gzip"}
        async with session.get(url, headers=headers) as answer:
            assert gzip.decompress(await answer.read()).startswith(b'{"data":[')
    await asyncio.sleep(0)
    await healed(desk)
