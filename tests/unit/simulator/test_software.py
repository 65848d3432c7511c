"""The application inventory."""

import html
from typing import Any

PATH = "/application-management/inventory"


async def test_inventory_counts_installations(desk: Any) -> None:
    """An application's endpoint count is what its drill-down lists."""
    rows = await desk.drain(PATH)
    for row in rows[:40:4]:
        asked = {"applicationName": row["applicationName"], "applicationVendor": row["applicationVendor"]}
        installed = await desk.drain(f"{PATH}/endpoints", **asked)
        assert len({each["endpointId"] for each in installed}) == row["endpointsCount"]
        assert len({each["version"] for each in installed}) == row["applicationVersionsCount"]


async def test_vendor_is_taken_escaped_and_plain(desk: Any) -> None:
    """The drill-down accepts the vendor as shown and as it is."""
    row = next(row for row in await desk.drain(PATH) if "&lt;" in row["applicationVendor"])
    asked = {"applicationName": row["applicationName"]}
    shown = await desk.drain(f"{PATH}/endpoints", applicationVendor=row["applicationVendor"], **asked)
    plain = await desk.drain(
        f"{PATH}/endpoints", applicationVendor=html.unescape(row["applicationVendor"]), **asked
    )
    assert shown == plain != []


async def test_required_parameters(desk: Any) -> None:
    """A drill-down without its parameters is refused in the recorded words."""
    status, page = await desk.get(f"{PATH}/endpoints")
    assert status == 400
    assert page["errors"][0]["detail"] == "applicationName: Missing data for required field."
    assert (await desk.get(f"{PATH}/applications"))[0] == 400


async def test_applications_of_agents(desk: Any) -> None:
    """An agent's applications are listed without pages, 20 to 60 of them on most computers."""
    agents = await desk.drain("/agents")
    sizes = []
    for agent in agents[:20]:
        _, page = await desk.get(f"{PATH}/applications", ids=agent["id"])
        assert page.keys() == {"data"}
        sizes.append(len(page["data"]))
    assert 15 <= sorted(sizes)[len(sizes) // 2] <= 60


async def test_every_risk_is_of_an_installed_application(desk: Any) -> None:
    """A detected risk names an application that the inventory knows on that endpoint."""
    agent = (await desk.drain("/agents"))[0]
    _, page = await desk.get(f"{PATH}/applications", ids=agent["id"])
    installed = {row["name"] for row in page["data"]}
    risks = await desk.drain("/application-management/risks", includeRemovals="true")
    own = {row["application"] for row in risks if row["endpointId"] == agent["id"]}
    assert own <= installed


async def test_scope_and_filters(desk: Any) -> None:
    """Site, name and vendor narrow the inventory."""
    site = desk.first("site")
    own = await desk.drain(PATH, siteIds=site.scope_ids[0])
    assert sum(r["endpointsCount"] for r in own) < sum(r["endpointsCount"] for r in await desk.drain(PATH))
    chrome = await desk.drain(PATH, name__contains="chrome")
    assert [row["applicationName"] for row in chrome] == ["Google Chrome"]
    assert await desk.drain(PATH, vendors="Google LLC") == await desk.drain(PATH, vendor__contains="google")
