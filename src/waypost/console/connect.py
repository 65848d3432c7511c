"""The page behind a connect link: how to make a service user, the check as it runs, and saving.

The link's secret is in the path, and nothing of the page is shown without it. The script asks for lines and
documents; a browser without it gets whole pages from the same addresses.
"""

from typing import Any, Final

import psycopg
from litestar import Response, Router, get, post
from litestar.response import Stream

from waypost import errors
from waypost.connections import handover, links
from waypost.connections.handover import Handover
from waypost.connections.links import Link
from waypost.console import answers, assets, form, pages, visitors
from waypost.console.examination import Examination
from waypost.console.form import Problem
from waypost.console.visitors import Visit

_FOR_EVER: Final = pages.HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
_AT_ONCE: Final = pages.HEADERS | {"X-Accel-Buffering": "no"}  # no proxy keeps lines back


@get("/assets/{name:str}", include_in_schema=False)
async def asset(name: str, v: str = "") -> Response[bytes]:  # noqa: ARG001  # the version makes the URL another
    """A file that the pages load."""
    found = assets.ALL.get(name)
    if found is None:
        return Response(b"", status_code=404)
    return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)


@get(["/{secret:str}", "/{secret:str}/check", "/{secret:str}/save"], include_in_schema=False)
async def show(secret: str, request: Visit) -> Response[str]:
    """The page itself, also for who opens anew the address of a form that was sent."""
    return answers.form(secret, await _opened(request, secret))


@post("/{secret:str}/check", status_code=200, include_in_schema=False, request_max_body_size=form.MOST_BYTES)
async def check(secret: str, request: Visit) -> Response[Any] | Stream:  # Any: a page or a document
    """Check what was typed in: line by line for the script, as a page for everybody else."""
    link, given, problems = await _handed_over(request, secret)
    if problems:
        return answers.unfit(request, secret, link, given, problems)
    means = visitors.service(request).means
    async with means.database.connect() as db:
        await links.count_check(db, link)
        before = await handover.expected(db, link)
    examination = Examination(link, given, before, means)
    if answers.LINES in request.headers.get("accept", ""):
        return Stream(examination.told(), media_type=answers.LINES, headers=_AT_ONCE)
    return answers.checked(secret, link, given, await examination.report())


@post("/{secret:str}/save", status_code=200, include_in_schema=False, request_max_body_size=form.MOST_BYTES)
async def save(secret: str, request: Visit) -> Response[Any]:  # Any: as above
    """Save what was typed in, and use the link up."""
    link, given, problems = await _handed_over(request, secret)
    if problems:
        return answers.unfit(request, secret, link, given, problems)
    service = visitors.service(request)
    means, actor = service.means, link.actor(service.request_id(request.scope))
    try:
        async with service.asking, means.database.connect() as db:
            saved = await handover.save(db, means.vault, actor, link, given, means.allowed, means.limiter)
    except errors.UsageError as error:
        return answers.not_saved(request, secret, link, given, error)
    return answers.saved(request, link, saved)


async def _opened(request: Visit, secret: str) -> Link:
    """The link of this visit; whoever tries out secrets is made to wait."""
    service = visitors.service(request)
    caller = service.caller(request.scope)
    service.attempts.check(caller)
    async with service.means.database.connect() as db:
        try:
            return await links.find(db, secret)
        except errors.LinkRefusedError:
            service.attempts.failed(caller)
            raise


async def _handed_over(request: Visit, secret: str) -> tuple[Link, Handover, dict[str, Problem]]:
    link = await _opened(request, secret)
    fields = form.read(request.headers.get("content-type", ""), await request.body())
    given, problems = form.judge(fields, link, visitors.service(request).means.allowed)
    return link, given, problems


router: Final = Router(
    "/connect",
    route_handlers=[asset, show, check, save],
    exception_handlers={errors.WaypostError: answers.refused, psycopg.OperationalError: answers.refused},
    before_request=visitors.refuse_other_sites,
)
