"""What every answer has, whatever it says."""

import asyncio
import time
import uuid
from typing import Any

import pytest

LISTS = [
    "/accounts",
    "/sites",
    "/groups",
    "/agents",
    "/application-management/risks",
    "/application-management/inventory",
]


@pytest.mark.parametrize("path", ["/sites", "/nowhere", "/agents?what=1"])
async def test_headers(desk: Any, path: str) -> None:
    """Good and bad answers carry a request id, the simulated date and the console's other headers."""
    answer = await desk.send(path)
    assert uuid.UUID(answer.headers["X-RQID"]).version == 4
    assert answer.headers["Date"] == "Mon, 01 Jun 2026 08:00:00 GMT"
    assert answer.headers["Server"] == "nginx"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_date_follows_the_days(desk: Any) -> None:
    """The clock stands still until a day passes."""
    await desk.control("POST", "/advance")
    assert (await desk.send("/sites")).headers["Date"] == "Tue, 02 Jun 2026 08:00:00 GMT"


async def test_gzip_only_when_asked(desk: Any) -> None:
    """An answer is compressed for those who accept it and plain for those who do not."""
    url = "/web/api/v2.1/sites"
    headers = {"Authorization": f"ApiToken {desk.token}"}
    packed = await desk.client.get(url, headers=headers | {"Accept-Encoding": "gzip"})
    plain = await desk.client.get(url, headers=headers | {"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert await packed.json() == await plain.json()


async def test_unknown_path_and_method(desk: Any) -> None:
    """A path that is not there, and a write, are 404 in JSON."""
    assert (await desk.get("/nowhere"))[0] == 404
    headers = {"Authorization": f"ApiToken {desk.token}"}
    assert (await desk.client.post("/web/api/v2.1/sites", headers=headers)).status == 404


@pytest.mark.parametrize("path", LISTS)
async def test_unknown_parameter(desk: Any, path: str) -> None:
    """A parameter the vendor does not know is refused in the recorded words."""
    status, page = await desk.get(path, agentIds="1")
    assert status == 400
    assert page["errors"][0]["code"] == 4000010
    assert page["errors"][0]["detail"] == "dict_values(['agentIds']): Unknown field"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/agents", "adQuery"),
        ("/application-management/risks", "domains"),
        ("/sites", "sku"),
        ("/user", "siteIds"),
    ],
)
async def test_filter_that_is_not_simulated(desk: Any, path: str, name: str) -> None:
    """A filter the vendor knows and the simulator does not is a 501, never ignored."""
    status, page = await desk.get(path, **{name: "1"})
    assert (status, page["errors"][0]["code"]) == (501, 5010010)


async def test_five_thousand_ids(desk: Any) -> None:
    """A query with 5,000 ids is read; 5,001 are refused."""
    ids = [str(2_000_000_000_000_000_000 + n) for n in range(5001)]
    assert (await desk.get("/agents", ids=",".join(ids[:5000])))[0] == 200
    assert (await desk.get("/agents", ids=",".join(ids)))[0] == 400


async def test_latency_is_concurrent(open_desk: Any) -> None:
    """Latency delays each answer, not one after the other."""
    desk = await open_desk(latency=0.2)
    begin = time.monotonic()
    await asyncio.gather(*(desk.get("/sites") for _ in range(5)))
    assert 0.2 <= time.monotonic() - begin < 0.9
    assert (await desk.control("GET", "/requests"))["maxConcurrent"] == 5
