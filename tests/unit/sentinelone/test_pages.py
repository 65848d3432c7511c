"""A walk hands out every page in order, or ends in an error that says why it is not whole."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from aiohttp import web

from waypost import errors
from waypost.sentinelone import pages
from waypost.sentinelone.client import Client

Connect = Callable[..., Client]
Console = Any
"""The script of conftest.py, which cannot be imported from a folder that is no package."""

MISSING: dict[str, Any] = {}


def decode(body: bytes) -> pages.Decoded[int]:
    """Rows are numbers; anything else in the list is unreadable."""
    page = msgspec.json.decode(body, type=dict[str, Any])
    if not isinstance(page["data"], list):
        raise msgspec.ValidationError("data is no list")
    pagination = page.get("pagination")
    return pages.Decoded(
        rows=[row for row in page["data"] if isinstance(row, int)],
        unreadable=[
            pages.Unreadable(msgspec.json.encode(row), "no number")
            for row in page["data"]
            if not isinstance(row, int)
        ],
        next_cursor=(pagination or {}).get("nextCursor"),
        total=None,
        has_pagination=pagination is not None,
    )


def listing(console: Console, chain: dict[str | None, tuple[list[Any], Any]]) -> None:
    """Serve pages by the cursor that asks for them; a next cursor of MISSING leaves the block out."""

    def answer(request: web.Request) -> web.Response:
        rows, following = chain[request.query.get("cursor")]
        block = {} if following is MISSING else {"pagination": {"nextCursor": following, "totalItems": 0}}
        return web.json_response({"data": rows, **block}, headers={"X-RQID": f"rq-{rows}"})

    console.answers.append(answer)


def walk(client: Client, **options: Any) -> AsyncIterator[pages.Page[int]]:
    settings: dict[str, Any] = {"row_id": lambda row: row, **options}
    return pages.walk(client, "/agents", {"siteIds": "7"}, decode, **settings)


async def collect(client: Client, **options: Any) -> list[pages.Page[int]]:
    return [page async for page in walk(client, **options)]


async def gather(found: list[pages.Page[int]], client: Client, *, pause: float = 0, **options: Any) -> None:
    """Keep the pages that come before an error."""
    async for page in walk(client, **options):
        found.append(page)
        await asyncio.sleep(pause)


def rows(found: list[pages.Page[int]]) -> list[list[int]]:
    return [page.rows for page in found]


def asked(console: Console) -> list[str | None]:
    return [request.query.get("cursor") for request in console.requests]


async def test_pages_in_order(console: Console, connect: Connect) -> None:
    """All pages come in order, each knowing what fetched it and what fetches the next."""
    listing(console, {None: ([1, 2], "a"), "a": ([3, 4], "b"), "b": ([5], None)})
    async with connect(console.url) as client:
        found = await collect(client, limit=2)

    assert rows(found) == [[1, 2], [3, 4], [5]]
    assert [(page.cursor, page.next_cursor) for page in found] == [(None, "a"), ("a", "b"), ("b", None)]
    assert [page.request_id for page in found] == ["rq-[1, 2]", "rq-[3, 4]", "rq-[5]"]
    assert all(page.date and page.seconds > 0 and page.bytes > 0 for page in found)
    assert all(request.query["siteIds"] == "7" for request in console.requests)
    assert all(request.query["limit"] == "2" for request in console.requests)


async def test_a_walk_that_goes_on(console: Console, connect: Connect) -> None:
    """A walk from a stored cursor begins with the page that the cursor names."""
    listing(console, {"b": ([5], None)})
    async with connect(console.url) as client:
        found = await collect(client, cursor="b")

    assert rows(found) == [[5]]
    assert found[0].cursor == "b"


@pytest.mark.parametrize("last", ["", None, MISSING])
async def test_the_last_page(console: Console, connect: Connect, last: Any) -> None:
    """Null, an empty cursor, or no pagination at all on a short page ends the walk."""
    listing(console, {None: ([1, 2], "a"), "a": ([3], last)})
    async with connect(console.url) as client:
        found = await collect(client, limit=2)

    assert rows(found) == [[1, 2], [3]]
    assert found[-1].next_cursor is None


async def test_an_empty_list(console: Console, connect: Connect) -> None:
    """A list without rows is one page without rows."""
    listing(console, {None: ([], None)})
    async with connect(console.url) as client:
        assert rows(await collect(client)) == [[]]


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("eyJpZCI6MX0=", "eyJpZCI6MX0="),
        ("a+b/c==&x", "a+b/c==&x"),
        ("eyJpZCI6MX0%3D", "eyJpZCI6MX0="),
        ("100%", "100%"),
    ],
)
async def test_cursors_are_encoded_once(console: Console, connect: Connect, sent: str, arrives: str) -> None:
    """A cursor reaches the console as meant, also when it came percent-encoded."""
    listing(console, {None: ([1], sent), arrives: ([2], None)})
    async with connect(console.url) as client:
        found = await collect(client)

    assert rows(found) == [[1], [2]]
    assert found[0].next_cursor == sent


async def test_unreadable_rows_come_along(console: Console, connect: Connect) -> None:
    """Rows that cannot be read are handed out beside the others."""
    listing(console, {None: ([1, "x"], None)})
    async with connect(console.url) as client:
        (page,) = await collect(client)

    assert page.rows == [1]
    assert page.unreadable == [pages.Unreadable(b'"x"', "no number")]


async def test_repeated_rows(console: Console, connect: Connect) -> None:
    """A row that comes again at a seam, or on the same page, is left out and counted."""
    listing(console, {None: ([1, 2, 2], "a"), "a": ([2, 3], "b"), "b": ([4, 1], None)})
    async with connect(console.url) as client:
        found = await collect(client)

    assert rows(found) == [[1, 2], [3], [4]]
    assert [page.duplicates for page in found] == [1, 1, 1]


async def test_memory_for_repeated_rows_is_bounded(console: Console, connect: Connect) -> None:
    """A row that comes again much later is handed out again."""
    listing(console, {None: ([1], "a"), "a": ([2], "b"), "b": ([3], "c"), "c": ([4], "d"), "d": ([1], None)})
    async with connect(console.url) as client:
        found = await collect(client)

    assert rows(found)[-1] == [1]


@pytest.mark.parametrize("back", ["a", "b"])
async def test_circles(console: Console, connect: Connect, back: str) -> None:
    """A cursor that comes again is asked about once more, then ends the walk in an error."""
    listing(console, {None: ([1], "a"), "a": ([2], "b"), "b": ([3], back)})
    async with connect(console.url) as client:
        found: list[pages.Page[int]] = []
        with pytest.raises(errors.IncompleteWalkError, match=r"/agents .* page 3.* cursor"):
            await gather(found, client)

    assert rows(found) == [[1], [2]]
    assert asked(console) == [None, "a", "b", "b"]


async def test_a_circle_that_was_a_slip(console: Console, connect: Connect) -> None:
    """When the second try gives another cursor the walk goes on, and no row is taken for a repeated one."""
    console.say('{"data":[1],"pagination":{"nextCursor":"a"}}')
    console.say('{"data":[2],"pagination":{"nextCursor":"a"}}')
    console.say('{"data":[2],"pagination":{"nextCursor":null}}')
    async with connect(console.url) as client:
        found = await collect(client)

    assert rows(found) == [[1], [2]]
    assert [page.duplicates for page in found] == [0, 0]


async def test_a_circle_back_to_a_stored_cursor(console: Console, connect: Connect) -> None:
    """The cursor from which a walk went on is one of those that may not come again."""
    listing(console, {"a": ([1], "b"), "b": ([2], "a")})
    async with connect(console.url) as client:
        with pytest.raises(errors.IncompleteWalkError):
            await collect(client, cursor="a")


async def test_too_many_pages(console: Console, connect: Connect) -> None:
    """A chain that does not end is stopped, with the number of pages in the error."""
    listing(console, {None: ([0], "1"), **{str(n): ([n], str(n + 1)) for n in range(1, 20)}})
    async with connect(console.url) as client:
        found: list[pages.Page[int]] = []
        with pytest.raises(errors.IncompleteWalkError, match="more than 5 pages"):
            await gather(found, client, page_cap=5)

    assert rows(found) == [[0], [1], [2], [3], [4]]


async def test_exactly_as_many_pages_as_allowed(console: Console, connect: Connect) -> None:
    """A chain that ends at the cap is whole."""
    listing(console, {None: ([1], "a"), "a": ([2], None)})
    async with connect(console.url) as client:
        assert rows(await collect(client, page_cap=2)) == [[1], [2]]


async def test_empty_pages_in_between(console: Console, connect: Connect) -> None:
    """Up to three empty pages in a row are passed over."""
    chain: dict[str | None, Any] = {None: ([1], "a"), "a": ([], "b"), "b": ([], "c"), "c": ([], "d")}
    listing(console, {**chain, "d": ([2], "e"), "e": ([], "f"), "f": ([3], None)})
    async with connect(console.url) as client:
        found = await collect(client)

    assert [row for page in found for row in page.rows] == [1, 2, 3]


async def test_too_many_empty_pages(console: Console, connect: Connect) -> None:
    """Four empty pages in a row that all promise more end the walk in an error."""
    listing(console, {None: ([], "a"), "a": ([], "b"), "b": ([], "c"), "c": ([], "d"), "d": ([1], None)})
    async with connect(console.url) as client:
        with pytest.raises(errors.IncompleteWalkError, match="no rows"):
            await collect(client)


async def test_a_full_page_without_pagination(console: Console, connect: Connect) -> None:
    """A full page that is silent about the next is asked for again: it may not pass for the last."""
    console.say('{"data":[1,"x"]}')
    console.say('{"data":[1,2],"pagination":{"nextCursor":null}}')
    async with connect(console.url) as client:
        assert rows(await collect(client, limit=2)) == [[1, 2]]
        assert client.requests == 2


async def test_full_pages_without_pagination_for_ever(console: Console, connect: Connect) -> None:
    """When it stays silent the walk ends in an error."""
    console.say('{"data":[1,2]}')
    async with connect(console.url) as client:
        with pytest.raises(errors.UnreadableAnswerError, match="whether there is another"):
            await collect(client, limit=2)


async def test_a_page_that_cannot_be_read(console: Console, connect: Connect) -> None:
    """A page of another shape is asked for again."""
    console.say('{"data":7}')
    console.say('{"data":[1],"pagination":{"nextCursor":null}}')
    async with connect(console.url) as client:
        assert rows(await collect(client)) == [[1]]


async def test_errors_come_in_their_place(console: Console, connect: Connect) -> None:
    """Pages before a failing one are handed out before its error, which comes as it is."""
    console.say('{"data":[1],"pagination":{"nextCursor":"a"}}')
    console.say('{"data":[2],"pagination":{"nextCursor":"b"}}')
    console.say('{"errors":[{"code":4000010}]}', 400)
    console.say('{"data":[3],"pagination":{"nextCursor":null}}')
    async with connect(console.url) as client:
        found: list[pages.Page[int]] = []
        with pytest.raises(errors.CursorRefusedError):
            await gather(found, client, pause=0.02)  # by when the fetch ahead has failed
        assert rows(found) == [[1], [2]]

        assert rows(await collect(client, cursor="b")) == [[3]]


async def test_one_page_ahead(console: Console, connect: Connect) -> None:
    """The next page is fetched while one is handled, and no further one."""
    listing(console, {None: ([1], "a"), "a": ([2], "b"), "b": ([3], "c"), "c": ([4], None)})
    async with connect(console.url) as client:
        async for _ in walk(client):
            before = len(console.requests)
            await asyncio.sleep(0.05)
            assert len(console.requests) <= before + 1
        assert asked(console) == [None, "a", "b", "c"]


async def test_stopping_early(console: Console, connect: Connect) -> None:
    """A caller that stops leaves nothing under way, and the client is as good as before."""
    running = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        running.set()
        await asyncio.sleep(1)
        return web.json_response({})

    console.say('{"data":[1],"pagination":{"nextCursor":"a"}}')
    console.answers.append(slow)
    console.say('{"data":[9],"pagination":{"nextCursor":null}}')
    async with connect(console.url) as client:
        before = asyncio.all_tasks()
        began = time.monotonic()
        async with aclosing(walk(client)) as found:
            async for page in found:
                assert page.rows == [1]
                await running.wait()
                break
        left = [task for task in asyncio.all_tasks() - before if "_Chain" in repr(task)]
        assert not left
        assert time.monotonic() - began < 0.9  # the slow page was not waited for
        assert rows(await collect(client)) == [[9]]


async def test_stopping_beside_a_failure(console: Console, connect: Connect) -> None:
    """A caller that stops does not hear of a page it never asked for."""
    console.say('{"data":[1],"pagination":{"nextCursor":"a"}}')
    console.say('{"errors":[]}', 403)
    async with connect(console.url) as client, aclosing(walk(client)) as found:
        async for _ in found:
            await asyncio.sleep(0.05)
            break


async def test_cancelling(console: Console, connect: Connect) -> None:
    """A caller that is cancelled takes the fetch ahead with it."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response({})

    console.answers.append(slow)
    async with connect(console.url) as client:
        task = asyncio.create_task(collect(client))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [one for one in asyncio.all_tasks() if "_Chain" in repr(one)]
