"""Whether the service lives and whether it can work, and its figures: for whatever watches it.

Health is open to everybody and tells little. Figures name connections, so they are for this machine alone, or
for a key.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

import msgspec
import psycopg
import structlog
from litestar import Request, Response, get
from litestar.enums import MediaType

from waypost import errors
from waypost.access.keys import Scope
from waypost.api import callers, guard
from waypost.api.metrics import CONTENT_TYPE
from waypost.api.service import Service
from waypost.connections.vault import Sealed
from waypost.storage import migrations, queries
from waypost.storage.database import Connection

Word = Literal["ok", "failed"]
log = structlog.get_logger()


class Readiness(msgspec.Struct, frozen=True):
    """Whether the service can work, and what of it cannot."""

    status: Word
    checks: Annotated[dict[str, Word], msgspec.Meta(examples=[{"database": "ok", "worker": "ok"}])]


@get(
    "/health/live",
    operation_id="live",
    tags=["health"],
    summary="Whether the process answers",
    description="Answers as long as the process does. Restart it when this fails.",
)
async def live() -> Readiness:
    return Readiness("ok", {})


@get(
    "/health/ready",
    operation_id="ready",
    tags=["health"],
    summary="Whether the service can work",
    description="200 if the database answers, its schema fits, the master key opens the stored tokens and the "
    "worker runs; 503 otherwise. Send no requests here while this fails.",
)
async def ready(request: Request[Any, Any, Any]) -> Response[Readiness]:
    service: Service = request.app.state.service
    checks = {"worker": _word(fine=service.working and not service.stopping.is_set())}
    try:
        async with service.means.database.connect() as db:
            checks["database"] = "ok"
            for name, check in _OF_DATABASE.items():
                checks[name] = _word(fine=await check(service, db))
    except (errors.StorageError, psycopg.Error) as problem:
        log.warning("not ready", error=type(problem).__name__)
        checks["database"] = "failed"
    fine = all(word == "ok" for word in checks.values())
    return Response(Readiness(_word(fine=fine), checks), status_code=200 if fine else 503)


@get(
    "/metrics",
    operation_id="metrics",
    tags=["health"],
    summary="Figures for Prometheus",
    description="In the text format of Prometheus. From this machine itself it needs no key; from elsewhere, and "
    "through a proxy, one with the scope `read` that is bound to no organization.",
    media_type=MediaType.TEXT,
    opt={guard.PROBLEMS: (401, 403, 429)},
)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    service: Service = request.app.state.service
    if not callers.local(request.scope):
        await guard.let_in(request, Scope.READ, whole=True)
    async with service.means.database.connect() as db:
        return Response(await service.metrics.text(db), media_type=CONTENT_TYPE)


async def _schema_fits(_: Service, db: Connection) -> bool:
    return await migrations.fits(db)


async def _key_fits(service: Service, db: Connection) -> bool:
    cursor = await db.execute(queries.metrics.a_token)
    row = await cursor.fetchone()
    if row is None:
        return True
    connection_uuid, credential_id, sealed_key, sealed_token = row
    try:
        service.means.vault.unseal(Sealed(sealed_key, sealed_token), f"{connection_uuid}:{credential_id}")
    except errors.VaultError:
        return False
    return True


_OF_DATABASE: Final[dict[str, Callable[[Service, Connection], Awaitable[bool]]]] = {
    "schema": _schema_fits,
    "master_key": _key_fits,
}


def _word(*, fine: bool) -> Word:
    return "ok" if fine else "failed"
