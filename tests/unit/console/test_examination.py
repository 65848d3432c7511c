"""A check that runs while its page is watched."""

import asyncio
from typing import Any

import msgspec

from support.hub import Hub
from waypost.access.audit import SERVICE
from waypost.connections import links
from waypost.connections.handover import Handover
from waypost.console.examination import Examination
from waypost.organizations import registry as organizations


async def examination(hub: Hub, console: Any) -> Examination:
    organization = await organizations.add(hub.db, SERVICE, "ACME")
    link, _ = await links.create(hub.db, SERVICE, organization_id=organization.organization_id)
    return Examination(link, Handover(console.url, console.token), None, hub.means)


async def test_it_tells_what_it_reports(hub: Hub, start_simulator: Any) -> None:
    """The lines that are told are those of the report, in the same order, and the verdict comes last."""
    running = await examination(hub, start_simulator(agents=3))
    told = [msgspec.json.decode(line) for line in [line async for line in running.told()]]
    report = await running.report()
    assert [line["line"]["title"] for line in told[:-1]] == [result.title for result in report.results]
    assert told[-1]["verdict"]["ready"]


async def test_a_visitor_who_leaves_ends_it(hub: Hub, start_simulator: Any) -> None:
    """When nobody watches any more, no request to the console goes on."""
    console = start_simulator(agents=3)
    telling = (await examination(hub, console)).told()
    before = asyncio.all_tasks()
    console.fault({"kind": "latency", "ms": 300})
    await anext(telling)
    await telling.aclose()
    assert asyncio.all_tasks() <= before
    asked = console.requests()
    await asyncio.sleep(0.5)
    assert console.requests()["by"] == asked["by"]
