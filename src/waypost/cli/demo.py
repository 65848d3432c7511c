"""`waypost demo`: the main job end to end, against a simulated console on this machine."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
import msgspec

from waypost import errors
from waypost import settings as settings_module
from waypost.cli import means, output
from waypost.cli.sync import drawing, summary
from waypost.connections import lifecycle, registry
from waypost.connections.connection import Connection
from waypost.settings import Settings
from waypost.storage import database, queries
from waypost.sync import now
from waypost.unified.words import FindingState, Severity, word

NAME: Final = "demo"
_WORST: Final = 10
_NEXT: Final = {
    "Look around in what was pulled:": (
        "finding list --severity critical --limit 10",
        "finding list --cve CVE-2021-44228 --json",
        "device list --state decommissioned",
        "software list --application chrome",
        "runs",
    ),
    "Say which client each site belongs to:": (
        "org import --from-console",
        "mapping suggest",
        "mapping save --accept sure",
        "mapping show --organizations",
    ),
}
"""What to type next, in the demo's own data."""


def demo(
    *, accounts: int = 3, sites: int = 12, agents: int = 400, risks_per_agent: int = 140, seed: int = 1
) -> None:
    """Pull a simulated console, let a day go by, pull what changed. Nothing leaves this machine.

    The demo keeps its data apart, in the folder `demo` of the data folder.
    """
    settings = settings_module.load()
    database.refuse_key(settings)
    apart = Settings(home=settings.home / "demo", allowed_hosts="127.0.0.1", log_level=settings.log_level)
    size = {
        "accounts": accounts,
        "sites": sites,
        "agents": agents,
        "risks-per-agent": risks_per_agent,
        "seed": seed,
    }
    with _simulator(size) as console:
        means.run(_demo(apart, console))
    _next_steps(apart)


async def _demo(settings: Settings, console: dict[str, str]) -> None:
    async with means.session(settings) as session:
        able = session.means()
        for earlier in await registry.find(session.db, [NAME]):
            await lifecycle.remove(session.db, session.actor, earlier, purge=True, no_default=True)
        connection, _ = await registry.add(
            session.db,
            able.vault,
            session.actor,
            name=NAME,
            url=console["url"],
            token=console["token"],
            allowed=able.allowed,
        )
        output.out.print(f"A simulated console answers at {connection.base_url}. Pulling everything:\n")
        with drawing() as listen:
            first = await now.pull(able, connection, listen=listen)
        summary(first)
        await _shape(session, connection)
        output.out.print("\n[bold]A day goes by.[/] Pulling what changed:\n")
        await _advance(console["url"])
        with drawing() as listen:
            second = await now.pull(able, connection, listen=listen)
        summary(second)
        _compare(second.changes, first.requests, second.requests)
        if not (first.ok and second.ok):
            raise errors.WaypostError("The demo's pulls did not end well; see above.")


async def _shape(session: means.Session, connection: Connection) -> None:
    """Findings by severity and state, and where the critical ones are."""
    facts = {
        "connection_id": connection.connection_id,
        "critical": Severity.CRITICAL.value,
        "resolved": FindingState.RESOLVED.value,
        "limit": _WORST,
    }
    counted = {
        (severity, state): count
        for severity, state, count in await _rows(session, queries.lists.by_severity_and_state, facts)
    }
    states = [state for state in FindingState if any(key[1] == state for key in counted)]
    output.out.print()
    output.table(
        ["severity", *(word(state) for state in states)],
        [
            [word(severity), *(counted.get((severity, state), 0) for state in states)]
            for severity in reversed(Severity)
            if any(key[0] == severity for key in counted)
        ],
        title="Findings by severity and state",
        numbers=" ".join(word(state) for state in FindingState),
    )
    output.out.print()
    output.table(
        ["device", "site", "os", "critical", "findings"],
        await _rows(session, queries.lists.worst_devices, facts),
        title=f"The {_WORST} devices with the most critical findings",
        numbers="critical findings",
    )
    output.out.print()
    output.table(
        ["application", "vendor", "versions", "devices", "critical", "findings"],
        await _rows(session, queries.lists.worst_applications, facts),
        title=f"The {_WORST} applications with the most critical findings",
        numbers="versions devices critical findings",
    )


async def _rows(session: means.Session, query: Any, facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    cursor = await session.db.execute(query, facts)
    return await cursor.fetchall()


def _compare(changes: dict[str, int], first: int, second: int) -> None:
    kinds = ("finding_opened", "finding_changed", "finding_resolved", "finding_reopened")
    told = ", ".join(f"{changes.get(kind, 0):,} {kind.removeprefix('finding_')}" for kind in kinds)
    output.out.print(
        f"\n[bold]Findings in that day: {told}.[/] It took {second:,} API requests; everything had taken {first:,}."
    )


async def _advance(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/_simulator/advance") as answer:
        answer.raise_for_status()


@contextlib.contextmanager
def _simulator(size: dict[str, int]) -> Iterator[dict[str, str]]:
    arguments = [text for name, value in size.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "sentinelone_simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own program
        try:
            assert process.stdout is not None  # noqa: S101  # asked for a line above
            try:
                yield msgspec.convert(json.loads(process.stdout.readline()), dict[str, str])
            except ValueError:
                raise errors.WaypostError(
                    "The simulated console did not start; see its message above."
                ) from None
        finally:
            process.terminate()
            process.wait(10)


def _next_steps(settings: Settings) -> None:
    home = f"WAYPOST_HOME={settings.home}"
    waypost = shutil.which("waypost") or str(sys.argv[0])
    waypost = os.path.relpath(waypost) if len(os.path.relpath(waypost)) < len(waypost) else waypost
    for what, commands in _NEXT.items():
        output.out.print(f"\n{what}")
        for command in commands:
            output.out.print(f"  {home} {waypost} {command}", soft_wrap=True, markup=False)
    output.out.print("\nThen connect a real console:")
    output.out.print(
        f"  {waypost} connection add NAME --url https://YOUR-CONSOLE.sentinelone.net",
        soft_wrap=True,
        markup=False,
    )
    output.out.print(f"  {waypost} sync NAME", soft_wrap=True, markup=False)
