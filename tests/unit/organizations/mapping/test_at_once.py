"""People who decide at the same time, each in a session of his own."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from support.estates import Grounds, ignored, mapped
from waypost import errors
from waypost.access.audit import Actor
from waypost.connections import lifecycle
from waypost.organizations.mapping import saving, undoing
from waypost.organizations.mapping.decisions import Saved, Wish

SITES = range(100, 140)


@pytest.fixture(autouse=True)
async def console(grounds: Grounds) -> None:
    connection = await grounds.console("main")
    for site_id in SITES:
        await grounds.site(connection, site_id, f"Place {site_id}")
    for name in ("ACME", "Initech"):
        await grounds.client(name)


async def save(grounds: Grounds, name: str, wishes: Sequence[Wish]) -> Saved | errors.UsageError:
    async with grounds.hub.means.database.connect() as db:
        try:
            return await saving.save(db, Actor("key", name), wishes)
        except errors.UsageError as refusal:
            return refusal


async def test_two_that_save_at_once(grounds: Grounds) -> None:
    """One of them wins with all that he decided, and the others are told so and have saved nothing."""
    ends = await asyncio.gather(
        *(
            save(grounds, f"person {number}", [mapped("main", site, client, version=0) for site in SITES])
            for number, client in enumerate(("ACME", "Initech") * 3)
        )
    )
    winners = {end.version: number for number, end in enumerate(ends) if isinstance(end, Saved) and end.id}
    refused = [number for number, end in enumerate(ends) if isinstance(end, errors.OutdatedMappingError)]
    agreed = [number for number, end in enumerate(ends) if isinstance(end, Saved) and not end.id]
    ((winner,),) = [tuple(winners.values())]
    assert {number % 2 for number in refused} == {1 - winner % 2}  # those who wanted something else
    assert {number % 2 for number in agreed} <= {winner % 2}
    assert set((await grounds.owners()).values()) == {("ACME", "Initech")[winner % 2]}
    assert len(await grounds.owners()) == len(SITES)
    assert await grounds.hub.rows("SELECT actor FROM mapping_save") == [(f"person {winner}",)]
    assert await grounds.hub.rows("SELECT count(*) FROM mapping_change") == [(len(SITES),)]
    told = next(end for end in ends if isinstance(end, errors.OutdatedMappingError))
    assert f"person {winner} decided that" in str(told)


async def test_saves_that_do_not_meet(grounds: Grounds) -> None:
    """Whoever decides about other sites is not held up by it: all are saved, each as a save of its own."""
    parts = [SITES[start::4] for start in range(4)]
    ends = await asyncio.gather(
        *(
            save(grounds, str(number), [ignored("main", site) for site in part])
            for number, part in enumerate(parts)
        )
    )
    assert all(isinstance(end, Saved) for end in ends)
    kept = "SELECT count(*), count(DISTINCT save_id) FROM mapping WHERE decision = 'ignored'"
    assert await grounds.hub.rows(kept) == [(len(SITES), 4)]


async def test_an_undo_and_a_save_at_once(grounds: Grounds) -> None:
    """Whichever comes first, the other finds that the site was decided about, and nothing is lost unseen."""
    first = await saving.save(grounds.db, Actor("key", "x"), [mapped("main", 100, "ACME")])

    async def undo() -> str:
        async with grounds.hub.means.database.connect() as db:
            try:
                await undoing.undo(db, Actor("key", "undoer"), first.id or uuid.uuid4())
            except errors.UndoError:
                return "refused"
            return "done"

    wish = mapped("main", 100, "Initech", version=first.version)
    undone, saved = await asyncio.gather(undo(), save(grounds, "saver", [wish]))
    if undone == "done":
        assert isinstance(saved, errors.OutdatedMappingError)
        assert await grounds.owners() == {}
    else:
        assert isinstance(saved, Saved)
        assert await grounds.owners() == {("main", 100): "Initech"}


@pytest.mark.parametrize("rival", ["archive", "remove"])
async def test_what_a_save_refers_to_stays(grounds: Grounds, rival: str) -> None:
    """An organization is archived, or a connection removed, before a save or after it, and never in between."""
    (connection_id,) = (await grounds.hub.rows("SELECT connection_id FROM connection"))[0]

    async def end_it() -> None:
        async with grounds.hub.means.database.connect() as db:
            if rival == "archive":
                await db.execute(
                    "UPDATE organization SET archived_at = clock_timestamp() WHERE name = 'ACME'"
                )
            else:
                console = (await lifecycle.registry.find(db, ["main"]))[0]
                await lifecycle.remove(db, Actor("key", "x"), console, purge=True)

    saved, _ = await asyncio.gather(
        save(grounds, "saver", [mapped("main", site, "ACME") for site in SITES]), end_it()
    )
    if rival == "remove":
        left = await grounds.hub.rows("SELECT FROM mapping WHERE connection_id = %s", connection_id)
        assert left == []
    elif isinstance(saved, Saved):
        ((at, archived_at),) = await grounds.hub.rows(
            "SELECT v.at, o.archived_at FROM mapping_save v, organization o WHERE o.name = 'ACME'"
        )
        assert at < archived_at
    else:
        assert isinstance(saved, errors.OrganizationStateError)
        assert await grounds.owners() == {}


async def test_one_who_is_cut_off(grounds: Grounds) -> None:
    """A save that is cancelled halfway leaves nothing, and the next one is not held up."""
    held = (
        "SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND objid = %s AND datname = current_database()"
    )
    task = asyncio.create_task(save(grounds, "gone", [mapped("main", site, "ACME") for site in SITES]))
    async with asyncio.timeout(20):
        while not await grounds.hub.rows(held, 0x57504D50):  # noqa: ASYNC110  # it comes about in the database
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await grounds.hub.rows("SELECT FROM mapping") == []
    async with asyncio.timeout(20):
        assert isinstance(await save(grounds, "next", [mapped("main", 100, "Initech")]), Saved)
