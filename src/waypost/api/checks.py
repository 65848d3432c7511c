"""Checks: a live examination of a console and a token, answered at once or told line by line."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.response import Stream
from msgspec import Meta

from waypost.access.keys import Scope
from waypost.api import events, guard, tracing
from waypost.api.bodies import Address, Body, Secret
from waypost.api.events import Event
from waypost.api.service import Service
from waypost.connections import check
from waypost.connections.check import Report, Result

State = Literal["pass", "warn", "fail", "skipped"]


class CheckLine(msgspec.Struct, frozen=True):
    """One line of a check: what was tried, what was found, and the next step where there is one."""

    name: Annotated[str, Meta(description="Stable.", examples=["stream.risks"])]
    group: Annotated[str, Meta(examples=["streams"])]
    title: Annotated[str, Meta(examples=["Risks"])]
    state: State
    found: str
    remedy: str
    owner: Annotated[str, Meta(description="Who must act; empty where nobody must.")]
    seconds: float
    details: dict[str, Any]  # Any: what programs may want beside the sentence


class CheckReport(msgspec.Struct, frozen=True):
    """A whole check; `state` is the worst of its lines."""

    state: State
    results: list[CheckLine]
    requests: Annotated[int, Meta(description="Sent to the console.")]
    seconds: float


class Probe(Body, frozen=True):
    """A console and a token that are not stored."""

    url: Address
    token: Secret


CheckAnswer = Response[CheckReport] | Stream
Examine = Callable[[check.Listener], Awaitable[Report]]

STREAMED = {
    200: ResponseSpec(
        CheckReport,
        description="The report; as server-sent events with `Accept: text/event-stream`: one `result` a line, then "
        "`report`.",
        generate_examples=False,
    )
}


@post(
    "/connections/check",
    operation_id="checkUnsaved",
    tags=["checks"],
    summary="Check a console and a token that are not stored",
    description="Tells what will work and what will not, why, and who must do what. It only reads, sends at most "
    "25 requests, and stores nothing. A check that fails is an answer too: its status is 200.",
    status_code=200,
    opt=guard.needs(Scope.MANAGE),
    responses=STREAMED,
)
async def check_unsaved(request: Request[Any, Any, Any], data: JSONBody[Probe]) -> CheckAnswer:
    service: Service = request.app.state.service
    means = service.means
    return await answer(
        request,
        lambda listen: check.examine(
            data.url, data.token, means.allowed, limiter=means.limiter, listen=listen
        ),
    )


async def answer(request: Request[Any, Any, Any], examine: Examine) -> CheckAnswer:
    """The report of an examination, or its lines as they come if the caller would rather have those."""
    service: Service = request.app.state.service
    if events.wanted(request.headers.get("accept", "")):
        return events.stream(told(examine), service.stopping, tracing.request_id(request.scope))
    return Response(report(await examine(check.silent)))


async def told(examine: Examine) -> AsyncGenerator[Event, None]:
    """The lines of an examination as events, and at the end the whole report."""
    lines: asyncio.Queue[Result | None] = asyncio.Queue()
    task = asyncio.ensure_future(examine(lines.put_nowait))
    task.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (found := await lines.get()) is not None:
            yield Event("result", line(found))
        yield Event("report", report(await task))
    finally:
        task.cancel()


def report(found: Report) -> CheckReport:
    """A report as the API shows it."""
    return CheckReport(
        state=found.state,  # type: ignore[arg-type]  # one of the states of its lines
        results=[line(result) for result in found.results],
        requests=found.requests,
        seconds=found.seconds,
    )


def line(found: Result) -> CheckLine:
    """A line as the API shows it."""
    return CheckLine(
        name=found.name,
        group=found.group,
        title=found.title,
        state=found.state,  # type: ignore[arg-type]  # one of `State`, by its making
        found=found.found,
        remedy=found.remedy,
        owner=found.owner,
        seconds=found.seconds,
        details=found.details,
    )


ROUTES = (check_unsaved,)
