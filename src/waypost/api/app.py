"""The application: routes, what is around them, and the worker beside them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

import structlog
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from waypost import errors
from waypost.api import (
    audit,
    bodies,
    calls,
    checks,
    connections,
    documents,
    guard,
    health,
    keys,
    links,
    lists,
    mapping,
    openapi,
    organizations,
    problems,
    syncs,
    tracing,
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
        await tracing.traced(super().__call__, service.metrics, scope, receive, send)


def create(
    means: Means,
    *,
    behind_proxy: bool = False,
    public_url: str = "http://127.0.0.1:8630",
    work: Work | None = None,
) -> Api:
    """The application on these means.

    Args:
        means: Database, vault, and what may be called.
        behind_proxy: Whether `X-Forwarded-For` is to be believed.
        public_url: Where others reach the service, for links.
        work: The worker to run beside it until its event is set; None for the API alone.
    """
    service = Service(means, behind_proxy=behind_proxy, public_url=public_url, work=work)
    guarded = Router(
        PREFIX,
        route_handlers=[
            *connections.ROUTES,
            *checks.ROUTES,
            *syncs.ROUTES,
            *organizations.ROUTES,
            *mapping.ROUTES,
            *lists.ROUTES,
            *links.ROUTES,
            *keys.ROUTES,
            *audit.ROUTES,
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
        before_request=bodies.look,
        exception_handlers={Exception: problems.answer},
        request_max_body_size=bodies.MOST_BYTES,
        openapi_config=None,
        logging_config=None,
    )


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
