"""The application: routes, what is around them, and the worker beside them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

import structlog
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from waypost import errors, settings
from waypost.api import (
    audit,
    bodies,
    calls,
    changes,
    checks,
    connections,
    documents,
    exports,
    guard,
    health,
    inventory,
    keys,
    links,
    lists,
    mapping,
    methods,
    openapi,
    organizations,
    packing,
    problems,
    runs,
    sessions,
    summaries,
    syncs,
    tracing,
    webhooks,
)
from waypost.api.service import Service, Work
from waypost.console import connect
from waypost.sync.now import Means

PREFIX: Final = "/api/v1"
AGAIN_AFTER: Final = 5.0
"""Seconds until a worker that broke is started again."""

log = structlog.get_logger()


class Api(Litestar):
    """The framework's application, with tracing around all of it, its own refusals included."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        service: Service | None = self.state.get("service")
        if service is None:
            raise errors.WaypostError("The application is not assembled yet.")
        await tracing.traced(self._packed, service.metrics, scope, receive, send)

    async def _packed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await packing.packed(super().__call__, scope, receive, send)
        finally:
            await sessions.end(scope, self.state.service.means.database)


def create(
    means: Means,
    *,
    behind_proxy: bool = False,
    public_url: str = "http://127.0.0.1:8630",
    rate_limit: int = settings.RATE_LIMIT,
    work: Work | None = None,
) -> Api:
    """The application on these means.

    Args:
        means: Database, vault, and what may be called.
        behind_proxy: Whether `X-Forwarded-For` is to be believed.
        public_url: Where others reach the service, for links.
        rate_limit: Requests a second that each key may make; 0 for no limit.
        work: The worker to run beside it until its event is set; None for the API alone.
    """
    service = Service(
        means, behind_proxy=behind_proxy, public_url=public_url, rate_limit=rate_limit, work=work
    )
    guarded = Router(
        PREFIX,
        route_handlers=[
            *connections.ROUTES,
            *checks.ROUTES,
            *syncs.ROUTES,
            *organizations.ROUTES,
            *mapping.ROUTES,
            *lists.ROUTES,
            *inventory.ROUTES,
            *summaries.ROUTES,
            *runs.ROUTES,
            *changes.ROUTES,
            *exports.ROUTES,
            *links.ROUTES,
            *keys.ROUTES,
            *audit.ROUTES,
            *webhooks.ROUTES,
        ],
        guards=[guard.admit],
        dependencies={"call": Provide(calls.provide)},
        security=[{openapi.SCHEME: []}],
    )
    open_to_all: list[ControllerRouterHandler] = [
        health.live,
        health.ready,
        health.metrics,
        documents.problem,
    ]
    described: list[ControllerRouterHandler] = [guarded, *open_to_all]
    return Api(
        route_handlers=[
            *described,
            *documents.routes(lambda: openapi.document(described)),
            connect.router,
        ],
        state=State({"service": service}),
        lifespan=[_working],
        before_request=_look,
        exception_handlers={Exception: problems.answer},
        request_max_body_size=bodies.MOST_BYTES,
        openapi_config=None,
        logging_config=None,
    )


async def _look(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer to what asks for methods; look at everything else before its handler does."""
    if request.method == "OPTIONS":
        return methods.answer(request)
    await bodies.look(request)
    return None


@contextlib.asynccontextmanager
async def _working(app: Litestar) -> AsyncGenerator[None, None]:
    """Keep the worker running while the application does; at the end give it time to put its work down."""
    service: Service = app.state.service
    task = asyncio.create_task(_work(service)) if service.work else None
    try:
        yield
    finally:
        service.stopping.set()
        if task is not None:
            await task


async def _work(service: Service) -> None:
    """The worker, again and again should it break: the API goes on telling what is wrong meanwhile."""
    assert service.work is not None  # noqa: S101  # asked above
    while not service.stopping.is_set():
        try:
            await service.work(service.stopping)
        except Exception:
            log.exception("the worker broke; it is started again", seconds=AGAIN_AFTER)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(service.stopping.wait(), AGAIN_AFTER)
