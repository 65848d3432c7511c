"""`waypost serve`: the API, the scheduler and a worker, in one process."""

import asyncio
import signal
from datetime import timedelta
from typing import Annotated

import msgspec
from cyclopts import Parameter

from waypost import errors, telemetry
from waypost import settings as settings_module
from waypost.access import keys
from waypost.api import app, server
from waypost.api.server import Place
from waypost.api.service import Work
from waypost.cli import means, output
from waypost.connections import custody, public_address
from waypost.connections.vault import Vault
from waypost.jobs import worker
from waypost.sentinelone.address import Allowed
from waypost.settings import Settings
from waypost.storage import database
from waypost.storage.database import Database
from waypost.sync.now import Means
from waypost.unified import cursors

SESSIONS = 16
"""Of the database for the API; the worker has its own."""
DEADLINE = timedelta(seconds=10)
"""Of a statement of the API: nobody waits longer for a page, and a slow one must not hold up the others."""


def serve(
    *,
    host: str = "",
    port: int | None = None,
    tls_cert: str = "",
    tls_key: str = "",
    behind_proxy: Annotated[bool, Parameter(negative=())] = False,
    no_worker: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Run the service: the API, and a worker that pulls every connection when it is due.

    The first start makes an administrator's key and shows it this once. Stop with Ctrl-C: pulls under way are
    gone on with by the next start, or by another worker. More work is done by `waypost worker` on other machines.

    Parameters
    ----------
    host
        An address of this machine; by default 127.0.0.1. Any other needs TLS, or a proxy in front.
    port
        By default 8630; 0 takes one that is free.
    tls_cert
        A file with the certificate and its chain, in PEM.
    tls_key
        A file with the certificate's private key, in PEM.
    behind_proxy
        A proxy in front terminates TLS and sets X-Forwarded-For.
    no_worker
        The API alone; workers run elsewhere.
    """
    given = {
        "host": host or None,
        "port": port,
        "tls_cert": tls_cert or None,
        "tls_key": tls_key or None,
        "behind_proxy": behind_proxy or None,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    settings = settings_module.checked(msgspec.structs.replace(settings_module.load(), **changed))
    means.run(_serve(settings, alone=no_worker))


async def _serve(settings: Settings, *, alone: bool) -> None:
    telemetry.configure(settings.log_level)
    stop = _asked_to_stop()
    where = server.place(settings)
    prepared = await database.prepare(settings)
    vault, allowed = Vault.open(settings), Allowed.parse(settings.allowed_hosts)
    async with prepared.connect() as db:
        await custody.assure(db, vault)
        await cursors.adopt(db)
    async with prepared.pooled(SESSIONS, deadline=DEADLINE) as pooled:
        api = app.create(
            Means(pooled, vault, allowed, exports=settings.exports_place),
            behind_proxy=settings.behind_proxy,
            public_url=public_address.base(settings) if settings.public_url else where.url,
            rate_limit=settings.rate_limit,
            work=None if alone else _work(Means(prepared, vault, allowed, exports=settings.exports_place)),
        )
        async with server.listening(api, where, settings) as task:
            await _welcome(pooled, where)
            waiting = asyncio.ensure_future(stop.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not stop.is_set():
                raise errors.WaypostError("The server ended by itself.") from task.exception()
    output.err.print("Stopped.")


def _work(able: Means) -> Work:
    async def work(stop: asyncio.Event) -> None:
        await worker.run(able, stop)

    return work


def _asked_to_stop() -> asyncio.Event:
    """Set by Ctrl-C and by a polite kill."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _welcome(pooled: Database, where: Place) -> None:
    """Where the service is, and the first key, which goes to standard output and nowhere else."""
    async with pooled.connect() as db:
        key = await keys.first(db)
    lines = [f"Waypost listens at {where.url}", f"The API is described at {where.url}/api/v1/docs"]
    if key:
        lines += ["", "This is the administrator's API key. It is shown this once:", f"  {key}"]
    # All at once: whoever waits for the address in a log finds the key beside it.
    output.out.print("\n".join(lines), markup=False, soft_wrap=True)
    output.out.file.flush()
