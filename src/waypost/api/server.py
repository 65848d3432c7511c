"""Listening: where, with which certificate, and the server that does it, in the event loop of the worker.

Nobody but this machine is listened to in the clear, unless a proxy is said to stand in front.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server

from waypost import errors
from waypost.api.app import Api
from waypost.settings import Settings

GRACE: Final = 10
"""Seconds that answers under way have to end, once the service is to stop."""


class Place(msgspec.Struct, frozen=True):
    """Where a service listens."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def place(settings: Settings) -> Place:
    """Where these settings say to listen, once it is sure that it is safe and free.

    Raises:
        SettingsError: It would be reached from elsewhere in the clear, or the certificate is of no use.
        PortError: Another program listens there, or this machine has no such address.
    """
    tls = bool(settings.tls_cert or settings.tls_key)
    if tls:
        _check_certificate(settings)
    elif not settings.behind_proxy and not _loopback(settings.host):
        raise errors.SettingsError(
            f"At {settings.host} others would reach the service, and API keys would pass in the clear.",
            remedy="Give a certificate with --tls-cert and --tls-key, or say --behind-proxy if a proxy in front "
            "terminates TLS.",
        )
    return Place(settings.host, _free_port(settings.host, settings.port), tls)


@contextlib.asynccontextmanager
async def listening(app: Api, where: Place, settings: Settings) -> AsyncIterator["asyncio.Task[None]"]:
    """The application at this place while the block runs; the task ends early only if the server breaks.

    At the end streams of events are closed, and answers under way have a while to end.
    """
    server = Server(
        app,
        address=where.host,
        port=where.port,
        interface=Interfaces.ASGINL,  # the lifespan is entered here, where its errors are seen
        websockets=False,
        log_enabled=False,  # `tracing` logs, and knows what may not be in a log
        ssl_cert=Path(settings.tls_cert) if where.tls else None,
        ssl_key=Path(settings.tls_key) if where.tls else None,
    )
    server.workers_kill_timeout = GRACE
    async with app.lifespan():
        task = asyncio.create_task(server.serve())
        try:
            await _reachable(where, task)
            yield task
        finally:
            app.state.service.stopping.set()
            server.stop()  # type: ignore[no-untyped-call]  # it says nothing of what it gives
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, GRACE + 5)


async def _reachable(where: Place, task: "asyncio.Task[None]") -> None:
    """Wait until connections are accepted."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104  # no binding
    while not task.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, where.port)
            writer.close()
            return
        await asyncio.sleep(0.02)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _free_port(host: str, port: int) -> int:
    """The port, or one that the system chooses for 0, found free by taking it for a moment.

    The server itself would share a port with another that shares it too, and nobody would notice.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            return int(taken.getsockname()[1])
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise errors.PortError(f"The service cannot listen at {host}, port {port}: {reason}.") from None


def _check_certificate(settings: Settings) -> None:
    if not (settings.tls_cert and settings.tls_key):
        raise errors.SettingsError("TLS needs both --tls-cert and --tls-key, and one is missing.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=_no_passphrase
        )
    except (OSError, ValueError) as problem:  # what is wrong with a certificate is an OSError as well
        reason = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or str(problem)
        raise errors.SettingsError(f"The certificate and its key cannot be used: {reason}.") from None


def _no_passphrase() -> str:
    raise ValueError("the key asks for a passphrase, and nobody is there to type it in")
