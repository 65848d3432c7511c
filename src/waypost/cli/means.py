"""What commands need before they can do anything: settings, database, vault; and running to the end.

With WAYPOST_KEY a command acts as that API key. What the key must be allowed to do is said by the command where it
opens its session; one that says nothing is closed to keys that may only read, or are bound to an organization.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec

from waypost import errors, telemetry
from waypost import settings as settings_module
from waypost.access import audit, keys
from waypost.access.audit import Actor
from waypost.access.keys import Principal, Scope
from waypost.connections.vault import Vault
from waypost.organizations import whose
from waypost.sentinelone.address import Allowed
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Connection, Database
from waypost.sync.now import Means
from waypost.unified import cursors

T = TypeVar("T")


class Session(msgspec.Struct, frozen=True):
    """An opened database and the settings it was opened by; and the key that the command acts as, if any."""

    settings: Settings
    database: Database
    db: Connection
    principal: Principal | None = None

    @property
    def organization_id(self) -> int | None:
        """The organization that the key is bound to: nothing else exists for the command."""
        return self.principal.organization_id if self.principal else None

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit log."""
        return self.principal.actor() if self.principal else audit.command()

    async def narrowed(self, organization: str) -> int | None:
        """What `--organization` narrows a list to.

        Raises:
            NoSuchOrganizationError: There is none, or not for this key.
            OrganizationNameError: There are several of this name.
        """
        return await whose.narrowed(self.db, organization, self.organization_id)

    def means(self) -> Means:
        """What a pull needs.

        Raises:
            VaultError: There is no usable master key.
            SettingsError: The allowed hosts make no sense.
        """
        return Means(
            self.database,
            Vault.open(self.settings),
            Allowed.parse(self.settings.allowed_hosts),
            exports=self.settings.exports_place,
        )


@contextlib.asynccontextmanager
async def session(
    settings: Settings | None = None, *, needs: Scope = Scope.MANAGE, whole: bool = True
) -> AsyncIterator[Session]:
    """The database of these settings, ready for use.

    Args:
        settings: Those of the environment by default.
        needs: What a key must be allowed to do, should the command act as one.
        whole: Whether the key must not be bound to an organization. A command that sets this to false keeps to
            the session's `organization_id`.

    Raises:
        KeyRefusedError: WAYPOST_KEY is no good key.
        KeyScopeError: It may not do this.
    """
    settings = settings or settings_module.load()
    telemetry.configure(settings.log_level)
    prepared = await database.prepare(msgspec.structs.replace(settings, key=""))
    async with prepared.connect() as db:
        await cursors.adopt(db)
        principal = await _admitted(db, settings.key, needs, whole=whole) if settings.key else None
        yield Session(settings, prepared, db, principal)


async def _admitted(db: Connection, key: str, needs: Scope, *, whole: bool) -> Principal:
    try:
        principal = await keys.authenticate(db, key)
    except errors.KeyRefusedError as refusal:
        raise errors.KeyRefusedError(
            str(refusal), remedy="Set WAYPOST_KEY to a good key, or unset it to work without one."
        ) from None
    keys.check(principal, needs, whole=whole)
    return principal


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work. Ctrl-C and a polite kill cancel it, so that it can leave things in order."""

    async def main() -> T:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise errors.InterruptedRunError("Stopped on request; what was stored stays.") from None

    return asyncio.run(main())


def no_terminal() -> bool:
    """Whether nobody watches: progress is then told in lines instead of bars."""
    return not sys.stderr.isatty()
