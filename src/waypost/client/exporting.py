"""Exports: asked for, waited for, fetched."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final, Unpack

import aiohttp

from waypost.client import errors, filters, parameters
from waypost.client.answers import Export
from waypost.client.errors import ClientError
from waypost.client.lists import LIMIT, listing
from waypost.client.parameters import Id, path
from waypost.client.walking import AsyncListing, Page
from waypost.client.wire import Wire

PATIENCE: Final = 3_600.0
_FIRST_LOOK: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_PIECE: Final = 1 << 18
_SEVERAL: Final = frozenset(
    {"connection", "account", "site", "group", "device"}  # one name, which may have a comma in it
)
_WORDS: Final = frozenset({"cve", "severity", "state"})


async def ask_export(
    wire: Wire, kind: str, form: str = "ndjson", **narrowed: Unpack[filters.ExportFilters]
) -> Export:
    """Ask for an export of `findings`, `devices` or `software` as `ndjson`, `ocsf`, `csv` or `parquet`."""
    body = {"kind": kind, "format": form, "filters": _filters(dict(narrowed))}
    return await wire.send("POST", "/exports", Export, body)


def exports(wire: Wire, *, limit: int = LIMIT) -> AsyncListing[Export]:
    """The exports, the newest first."""
    return listing(wire, "/exports", Page[Export], {"limit": limit})


async def export(wire: Wire, export_id: Id) -> Export:
    """How far an export is."""
    return await wire.get(path("exports", export_id), Export)


async def delete_export(wire: Wire, export_id: Id) -> None:
    """Delete an export, or give it up."""
    await wire.remove(path("exports", export_id))


async def finished_export(wire: Wire, export_id: Id, *, patience: float = PATIENCE) -> Export:
    """Wait until an export is done.

    Raises:
        ExportFailedError: It failed, or is not done after so many seconds of patience.
    """
    until, pause = time.monotonic() + patience, _FIRST_LOOK
    while True:
        found = await export(wire, export_id)
        if found.state == "done":
            return found
        if found.state not in ("queued", "running"):
            told = (found.error or {}).get("message", "")
            raise errors.ExportFailedError(f"The export is {found.state}. {told}".rstrip())
        if time.monotonic() + pause > until:
            raise errors.ExportFailedError(f"The export is still {found.state} after {patience:g} seconds.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def download_export(wire: Wire, export_id: Id, to: str | Path) -> Path:
    """Fetch the file of an export that is done. It is there whole, or not at all; one of this name is replaced."""
    target = Path(to)
    part = target.with_name(f".{target.name}.part")

    async def once() -> Path | ClientError:
        async with wire.download(path("exports", export_id, "download")) as answer:
            await _write(answer, part)
        return part.replace(target)

    try:
        return await wire.again("GET", once)
    finally:
        part.unlink(missing_ok=True)


async def export_to(
    wire: Wire,
    to: str | Path,
    kind: str,
    form: str = "ndjson",
    *,
    patience: float = PATIENCE,
    **narrowed: Unpack[filters.ExportFilters],
) -> Export:
    """Ask for an export, wait for it, and fetch it into a file."""
    asked = await ask_export(wire, kind, form, **narrowed)
    done = await finished_export(wire, asked.id, patience=patience)
    await download_export(wire, asked.id, to)
    return done


async def _write(answer: aiohttp.ClientResponse, part: Path) -> None:
    with part.open("wb") as file:
        async for piece in answer.content.iter_chunked(_PIECE):
            await asyncio.to_thread(file.write, piece)


def _filters(narrowed: dict[str, Any]) -> dict[str, Any]:  # Any: whatever filters may be
    given = {
        name: [value] if name in _SEVERAL and isinstance(value, str) else value
        for name, value in narrowed.items()
    }
    return parameters.body(
        given, _WORDS | _SEVERAL - {name for name in given if isinstance(given[name], list)}
    )
