"""What commands need before they can do anything: settings, database, vault; and running to the end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec

from waypost import errors, telemetry
from waypost import settings as settings_module
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Connection, Database
from waypost.sync.now import Means

T = TypeVar("T")


class Session(msgspec.Struct, frozen=True):
    """An opened database and the settings it was opened by."""

    settings: Settings
    database: Database
    db: Connection

    def means(self) -> Means:
        """What a pull needs.

        Raises:
            VaultError: There is no usable master key.
            SettingsError: The allowed hosts make no sense.
        """
        return Means(self.database, Vault.open(self.settings), Allowed.parse(self.settings.allowed_hosts))


@contextlib.asynccontextmanager
async def session(settings: Settings | None = None) -> AsyncIterator[Session]:
    """The database of these settings, ready for use."""
    settings = settings or settings_module.load()
    telemetry.configure(settings.log_level)
    prepared = await database.prepare(settings)
    async with prepared.connect() as db:
        yield Session(settings, prepared, db)


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
