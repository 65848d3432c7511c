"""One call of the API: who calls, for whom, and the database to answer from."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency

from waypost import errors
from waypost.access.audit import Actor
from waypost.access.keys import Principal
from waypost.api import sessions, tracing
from waypost.api.service import Service
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.organizations import whose
from waypost.storage.database import Connection as DatabaseConnection
from waypost.sync.now import Means


class Call:
    """What a handler works with."""

    def __init__(
        self, service: Service, principal: Principal, db: DatabaseConnection, request_id: str
    ) -> None:
        self.service = service
        self.principal = principal
        self.db = db
        self.request_id = request_id

    @property
    def means(self) -> Means:
        return self.service.means

    @property
    def actor(self) -> Actor:
        return self.principal.actor(self.request_id)

    @property
    def organization_id(self) -> int | None:
        """The organization that the key is bound to; everything else does not exist for it."""
        return self.principal.organization_id

    async def connection(self, connection_uuid: UUID) -> Connection:
        """A connection that the caller may see.

        Raises:
            NotFoundError: There is none, or not for this caller.
        """
        try:
            found = await registry.by_uuid(self.db, connection_uuid)
        except errors.NoSuchConnectionError:
            found = None
        if found is None or self.organization_id not in (None, found.organization_id):
            raise errors.NotFoundError("There is no connection with this id.")
        return found

    async def organization(self, name: str | None) -> int | None:
        """The organization of this name or id; by default the one that the key is bound to.

        Raises:
            NoSuchOrganizationError: There is none, or not for this caller.
        """
        if name is None:
            return self.organization_id
        return await whose.chosen(self.db, name, self.organization_id)

    async def narrowed(self, organization: str) -> int | None:
        """What the parameter `organization` narrows a list to.

        Raises:
            NoSuchOrganizationError: As for `organization`.
        """
        return await whose.narrowed(self.db, organization, self.organization_id)


Called = NamedDependency[Call]
"""The call, as a handler takes it."""


@contextlib.asynccontextmanager
async def opened(request: Request[Any, Principal, Any]) -> AsyncGenerator[Call, None]:
    """The call of a request that was let in, with the database for the block alone."""
    service: Service = request.app.state.service
    async with sessions.of_answer(request.scope, service.means.database) as db:
        yield Call(service, request.auth, db, tracing.request_id(request.scope))


@contextlib.asynccontextmanager
async def asking(request: Request[Any, Principal, Any]) -> AsyncGenerator[Call, None]:
    """As `opened`, for what asks a console: slow consoles must leave sessions for everybody else."""
    service: Service = request.app.state.service
    async with service.asking, opened(request) as call:
        yield call


async def provide(request: Request[Any, Principal, Any]) -> AsyncGenerator[Call, None]:
    """The call, for as long as its handler works."""
    async with opened(request) as call:
        yield call
