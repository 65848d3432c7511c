"""Exports that were asked for: made once, by whoever holds them, and gone when their time is over."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.hub import Hub
from waypost import errors
from waypost.access import audit
from waypost.exports import exporting, kept
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.exports.kept import Kept, Taken
from waypost.jobs import exporting as job
from waypost.unified.filters import Filters

ORDER = Order(Kind.DEVICES, Format.CSV)


def files(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


async def asked(hub: Hub, place: Path, order: Order = ORDER) -> Kept:
    export_id = await kept.ask(hub.db, audit.SERVICE, order, str(place))
    return await kept.get(hub.db, export_id, organization_id=None)


async def again(hub: Hub, export: Kept) -> Kept:
    return await kept.get(hub.db, export.export_id, organization_id=None)


async def taken(hub: Hub, worker: str, place: Path) -> Taken:
    found = await kept.take(hub.db, worker, str(place))
    assert found is not None
    return found


async def ran_out(hub: Hub) -> None:
    await hub.db.execute("UPDATE export SET taken_until = now() - interval '1 second'")


async def test_made(hub: Hub, tmp_path: Path) -> None:
    """What is asked for is made by the next worker of its place, with its rows and bytes, and kept for a day."""
    place = tmp_path / "exports"
    export = await asked(hub, place)
    assert (export.state, export.rows, export.bytes) == ("queued", 0, None)
    assert await kept.take(hub.db, "a", str(tmp_path / "another place")) is None
    mine = await taken(hub, "a", place)
    assert (await again(hub, export)).state == "running"
    await job.make(hub.means.database, "a", mine, str(place))
    export = await again(hub, export)
    assert (export.state, export.error) == ("done", None)
    assert files(place) == [export.file] == [mine.file]
    assert export.bytes is not None
    assert export.bytes > 100  # the header
    assert export.expires_at
    assert export.finished_at
    assert export.expires_at - export.finished_at == kept.KEPT


async def test_nobody_makes_it_twice(hub: Hub, tmp_path: Path) -> None:
    """Two workers do not take the same export; the oldest comes first."""
    first, second = await asked(hub, tmp_path), await asked(hub, tmp_path)
    takes = [await kept.take(hub.db, worker, str(tmp_path)) for worker in ("a", "b", "c")]
    assert [take and take.export_id for take in takes] == [first.export_id, second.export_id, None]


async def test_of_a_killed_worker(hub: Hub, tmp_path: Path) -> None:
    """What a killed worker had is taken by another when its lease has run out; the first can no longer finish it."""
    export = await asked(hub, tmp_path)
    first = await taken(hub, "a", tmp_path)
    assert await kept.take(hub.db, "b", str(tmp_path)) is None
    await ran_out(hub)
    second = await taken(hub, "b", tmp_path)
    assert second.file != first.file
    assert not await kept.hold(hub.db, "a", first, 5)
    await job.make(hub.means.database, "a", first, str(tmp_path))  # it was frozen, and goes on
    assert files(tmp_path) == []
    await job.make(hub.means.database, "b", second, str(tmp_path))
    assert (await again(hub, export)).file == second.file
    assert files(tmp_path) == [second.file]


async def test_what_kills_every_worker(hub: Hub, tmp_path: Path) -> None:
    """An export at which worker after worker died is given up."""
    export = await asked(hub, tmp_path)
    for _ in range(kept.MOST_TRIES):
        await taken(hub, "a", tmp_path)
        await ran_out(hub)
    await job.make(hub.means.database, "a", await taken(hub, "a", tmp_path), str(tmp_path))
    export = await again(hub, export)
    assert export.state == "failed"
    assert export.error
    assert "ended 3 times" in export.error["message"]


async def test_stopped(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is stopped leaves the export to another at once, and no half file."""
    begun = asyncio.Event()

    async def slow(*_: Any) -> Any:
        begun.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(exporting, "to_stream", slow)
    export = await asked(hub, tmp_path)
    work = asyncio.create_task(
        job.make(hub.means.database, "a", await taken(hub, "a", tmp_path), str(tmp_path))
    )
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await again(hub, export)).state == "queued"
    assert files(tmp_path) == []
    assert (await taken(hub, "b", tmp_path)).tries == 1


async def test_deleted_while_it_is_made(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that nobody wants any more is given up, and the worker goes on."""
    monkeypatch.setattr(kept, "LEASE", timedelta(seconds=0.3))
    begun = asyncio.Event()

    async def slow(*_: Any) -> Any:
        begun.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(exporting, "to_stream", slow)
    export = await asked(hub, tmp_path)
    work = asyncio.create_task(
        job.make(hub.means.database, "a", await taken(hub, "a", tmp_path), str(tmp_path))
    )
    await begun.wait()
    await kept.delete(hub.db, audit.SERVICE, export)
    await asyncio.wait_for(work, 10)
    await job.tidy(hub.db, str(tmp_path))
    assert files(tmp_path) == []
    assert await hub.rows("SELECT FROM export") == []


async def test_what_cannot_be_made(hub: Hub, tmp_path: Path) -> None:
    """Why an export failed is told to whoever asked, with what to do; the next one is made."""
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "below"
    export = await asked(hub, place)
    await job.make(hub.means.database, "a", await taken(hub, "a", place), str(place))
    export = await again(hub, export)
    assert (export.state, export.file) == ("failed", None)
    assert export.error
    assert export.error["code"] == "export.place"
    assert export.error["remedy"]
    await asked(hub, tmp_path)
    await job.make(hub.means.database, "a", await taken(hub, "a", tmp_path), str(tmp_path))
    assert len(files(tmp_path)) == 2


async def test_what_has_expired(hub: Hub, tmp_path: Path) -> None:
    """After its time an export's file is removed, and the export says so; what others left half done goes too."""
    place = tmp_path / "exports"
    export = await asked(hub, place)
    await job.make(hub.means.database, "a", await taken(hub, "a", place), str(place))
    await job.tidy(hub.db, str(place))
    assert len(files(place)) == 1
    await hub.db.execute("UPDATE export SET expires_at = now() - interval '1 second'")
    await job.tidy(hub.db, str(place))
    assert files(place) == []
    assert (await again(hub, export)).state == "expired"


async def test_too_many(hub: Hub, tmp_path: Path) -> None:
    """Who has asked for many is told to wait; others may still ask."""
    for _ in range(kept.MOST_OPEN):
        await asked(hub, tmp_path)
    with pytest.raises(errors.ExportStateError, match="20 exports are being made already"):
        await asked(hub, tmp_path)
    ((number,),) = await hub.rows("INSERT INTO organization (name) VALUES ('Acme') RETURNING organization_id")
    await asked(hub, tmp_path, Order(Kind.DEVICES, Format.CSV, organization_id=number))


@pytest.mark.parametrize(
    ("kind", "filters", "words"),
    [
        (Kind.DEVICES, Filters(severity=("high",)), "no filter 'severity'"),
        (Kind.SOFTWARE, Filters(state=("open",)), "no filter 'state'"),
        (Kind.FINDINGS, Filters(detected_since="yesterday"), "is no time"),
    ],
)
async def test_filters(hub: Hub, tmp_path: Path, kind: Kind, filters: Filters, words: str) -> None:
    """What means nothing is refused when it is asked for, not when it is made."""
    with pytest.raises(errors.FilterError, match=words):
        await asked(hub, tmp_path, Order(kind, Format.CSV, filters))
    assert await hub.rows("SELECT FROM export") == []


async def test_the_loop(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker makes one after the other, and tidies between them."""
    monkeypatch.setattr(job, "_LOOK", 0.01)
    exports = [await asked(hub, tmp_path) for _ in range(3)]
    running = asyncio.create_task(job.run(hub.means.database, "a", str(tmp_path)))
    async with asyncio.timeout(30):
        while [(await again(hub, export)).state for export in exports] != ["done"] * 3:  # noqa: ASYNC110  # the worker tells nobody but the database
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(files(tmp_path)) == 3
