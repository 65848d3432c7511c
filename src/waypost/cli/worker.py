"""`waypost worker`: only work, on as many machines as wanted, against the same database."""

import asyncio
import signal
from typing import Annotated

from cyclopts import Parameter

from waypost import errors
from waypost.cli import means, output
from waypost.connections import custody
from waypost.jobs import worker as jobs


def worker(
    *, concurrency: Annotated[int, Parameter(help="Connections pulled at once.")] = jobs.CONCURRENCY
) -> None:
    """Pull every connection by its rhythm until stopped; any number of workers share the work.

    A worker that is stopped leaves what it was pulling to the others, or to its next start.
    """
    if concurrency < 1:
        raise errors.UsageError(
            f"A worker cannot pull {concurrency} connections at once.", remedy="Use 1 or more."
        )
    means.run(_worker(concurrency))


async def _worker(concurrency: int) -> None:
    stop = asyncio.Event()
    async with means.session() as session:
        able = session.means()
        await custody.assure(session.db, able.vault)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        output.err.print(f"Working with {concurrency} places. Stop with Ctrl-C.")
        await jobs.run(able, stop, concurrency=concurrency)
    output.err.print("Stopped. What was stored stays, and is gone on with.")
