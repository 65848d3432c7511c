"""The thread through which code without an event loop runs coroutines."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from waypost.client import ClosedError
from waypost.client.portal import Portal


async def nothing() -> None:
    return


async def seven() -> int:
    return 7


def running() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "waypost-client"}


def test_what_fails_fails_for_its_caller() -> None:
    """A coroutine that fails fails for its caller alone; a closed portal runs nothing, and leaves no thread."""

    async def failing() -> None:
        raise LookupError

    before = running()
    portal = Portal(nothing)
    with pytest.raises(LookupError):
        portal.run(failing())
    assert portal.run(seven()) == 7
    portal.close()
    portal.close()
    assert running() == before
    with pytest.raises(ClosedError):
        portal.run(seven())


def test_cleanup() -> None:
    """What has to be cleaned up is, in the loop, also when the portal is merely forgotten, or cleaning up fails."""
    loops: list[object] = []

    async def cleanup() -> None:
        loops.append(asyncio.get_running_loop())

    async def broken() -> None:
        raise LookupError

    before = running()
    for end in (Portal.close, lambda _: None):
        portal = Portal(cleanup)
        end(portal)
        del portal
        gc.collect()
    assert len(loops) == 2
    Portal(broken).close()
    assert running() == before


def test_work_under_way_ends_with_the_portal() -> None:
    """Whoever waits when the portal is closed does not wait for ever."""
    portal, begun, outcomes = Portal(nothing), threading.Event(), list[BaseException]()

    async def long() -> None:
        begun.set()
        await asyncio.sleep(60)

    def wait() -> None:
        try:
            portal.run(long())
        except BaseException as outcome:  # noqa: BLE001  # whatever it is
            outcomes.append(outcome)

    waiting = threading.Thread(target=wait)
    waiting.start()
    begun.wait(10)
    portal.close()
    waiting.join(10)
    assert len(outcomes) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks() -> None:
    """A process that was forked from this one is told to make a client of its own, and does not hang."""
    portal = Portal(nothing)
    child = os.fork()
    if child == 0:
        try:
            portal.run(seven())
        except ClosedError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert portal.run(seven()) == 7
    portal.close()


def test_its_own_thread() -> None:
    """Work in the portal's thread that asks the portal is refused, and does not wait for itself."""
    portal = Portal(nothing)

    async def within() -> int:
        return portal.run(seven())

    with pytest.raises(RuntimeError, match="own calls"):
        portal.run(within())
    portal.close()


def test_a_program_ends() -> None:
    """A program that closes nothing ends all the same, without a warning."""
    program = (
        "from waypost.client import Waypost, ClientError, Retries\n"
        "waypost = Waypost('http://127.0.0.1:9', 'wp_key', retries=Retries(tries=1))\n"
        "try: waypost.findings().page()\n"
        "except ClientError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert "did not answer" in done.stdout
    assert done.stderr == ""


def test_inside_an_event_loop() -> None:
    """Code without `await` may use it even where an event loop runs in its own thread."""
    portal = Portal(nothing)

    async def outer(run: Callable[..., int]) -> int:
        return run(seven())

    assert asyncio.run(outer(portal.run)) == 7
    portal.close()
