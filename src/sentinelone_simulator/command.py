"""The command line: read the arguments, found a console, serve it until told to stop."""

import argparse
import asyncio
import gc
import json
import pathlib
import signal
import ssl
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from sentinelone_simulator import founding, server, tenants
from sentinelone_simulator.faults import Faults, FaultsFile
from sentinelone_simulator.limits import Limits
from sentinelone_simulator.wire.scopes import MODULES

DESCRIPTION = """\
A SentinelOne console to test against: the Management API 2.1 over an estate made up from a seed.

When it is ready it prints one line of JSON to standard output, {"url": ..., "token": ...}, and
nothing after. The control plane is under /_simulator: truth, advance, tokens, requests, faults.
"""


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
        return number

    return read


def _readable(text: str) -> pathlib.Path:
    path = pathlib.Path(text)
    try:
        path.read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from None
    return path


def _faults_file(text: str) -> pathlib.Path:
    path = _readable(text)
    try:
        msgspec.json.decode(path.read_bytes(), type=FaultsFile)
    except msgspec.MsgspecError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return path


def parser() -> argparse.ArgumentParser:
    size = founding.Size()
    known = argparse.ArgumentParser(
        prog="python -m sentinelone_simulator",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = known.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=_whole(0, 65_535), default=0, help="port; 0 picks a free one (default)")
    add("--accounts", type=_whole(1, 100), default=size.accounts, help="default %(default)s")
    add("--sites", type=_whole(1, 5000), default=size.sites, help="default %(default)s")
    add("--agents", type=_whole(0, 200_000), default=size.agents, help="default %(default)s")
    add(
        "--risks-per-agent",
        type=_whole(1, 400),
        default=size.risks_per_agent,
        help="on average (default %(default)s)",
    )
    add(
        "--tenants",
        type=_whole(1, 10_000),
        default=1,
        help="so many consoles of this size, each with its own seed and tokens, behind one address",
    )
    add("--seed", type=_whole(0, 2**31), default=1, help="same seed, same estate (default %(default)s)")
    add("--token", help="use this as the tenant viewer's token instead of one made from the seed")
    add("--latency", type=_whole(0, 600_000), default=0, metavar="MS", help="delay every API answer")
    add("--limits", action="store_true", help="enforce the vendor's rate limits (429)")
    add(
        "--without",
        action="append",
        default=[],
        choices=sorted(MODULES),
        metavar="MODULE",
        help="a licence module that no site has: %(choices)s; may be given more than once",
    )
    add(
        "--not-deployed",
        action="append",
        default=[],
        metavar="PATH",
        help="answer 404 for what begins with this path, as a console does that lacks it",
    )
    add("--tls", nargs=2, type=_readable, metavar=("CERT", "KEY"), help="serve https with these PEM files")
    add("--faults", type=_faults_file, metavar="FILE", help="JSON of faults; read again when it changes")
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 2 for bad arguments, 1 when it cannot listen."""
    given = parser().parse_args(arguments)
    without = frozenset(given.without)
    size = founding.Size(given.accounts, given.sites, given.agents, given.risks_per_agent, without)
    gc.disable()  # what is built stays
    built = tenants.build(size, given.seed, given.tenants, given.token)
    built.undeployed = tuple(given.not_deployed)
    gc.freeze()
    gc.enable()
    limits = Limits() if given.limits else None
    faults = Faults(given.seed, given.faults)
    app = server.application(built, faults, limits, given.latency / 1000)
    token = next(iter(built.first.tokens))
    try:
        asyncio.run(_serve(app, given.host, given.port, token, _tls(given.tls)))
    except ssl.SSLError as error:
        parser().exit(2, f"--tls: {error}\n")
    except OSError as error:
        parser().exit(1, f"cannot listen on {given.host}:{given.port}: {error.strerror}\n")
    return 0


def _tls(files: list[pathlib.Path] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate, key = files
    context.load_cert_chain(certificate, key)
    return context


async def _serve(app: web.Application, host: str, port: int, token: str, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = server.runner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    await site.start()
    address = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
    print(json.dumps({"url": address, "token": token}), flush=True)
    await stop.wait()
    await runner.cleanup()
