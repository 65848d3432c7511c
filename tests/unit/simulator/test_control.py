"""The control plane's own manners."""

from typing import Any

import pytest


async def test_requests_are_counted_and_forgotten(desk: Any) -> None:
    """Requests are counted by method and path until they are reset."""
    await desk.drain("/sites")
    await desk.get("/agents")
    seen = await desk.control("GET", "/requests")
    assert seen["total"] == 2
    assert seen["by"] == {"GET /agents": 1, "GET /sites": 1}
    assert (await desk.control("DELETE", "/requests"))["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/advance", {"days": -1}, 400),
        ("POST", "/advance", {"weeks": 1}, 400),
        ("POST", "/tokens/nobody", {"state": "valid"}, 404),
        ("POST", "/tokens/{}", {"state": "asleep"}, 400),
        ("PUT", "/faults", {"faults": [{"kind": "gremlin"}]}, 400),
        ("PUT", "/faults", {"faults": [{"kind": "status", "often": 1}]}, 400),
        ("PUT", "/faults", {"faults": [{"kind": "status", "every": 0}]}, 400),
    ],
)
async def test_nonsense_is_refused_with_a_reason(
    desk: Any, method: str, path: str, body: Any, status: int
) -> None:
    """Wrong wishes are refused with a reason in JSON, and change nothing."""
    answer = await desk.client.request(method, f"/_simulator{path.format(desk.token)}", json=body)
    assert answer.status == status
    assert (await answer.json())["error"]
    assert (await desk.get("/sites"))[0] == 200


async def test_advance_without_a_body(desk: Any) -> None:
    """An empty wish is one day."""
    answer = await desk.client.post("/_simulator/advance")
    assert (await answer.json())["day"] == 1
