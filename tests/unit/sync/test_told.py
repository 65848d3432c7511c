"""What the change log is told of the end of a run."""

from typing import Any

from support.hub import Hub
from waypost import errors
from waypost.connections import health
from waypost.sync import runs
from waypost.unified.words import ChangeKind

FORBIDDEN = errors.ForbiddenRoleError("Not for this role.")
NOTHING_NEW = {"pages": 1, "rows": 25, "requests": 2, "duplicates": 1, "written": 0}


async def ended(
    hub: Hub, state: str, error: errors.WaypostError | None = None, counts: dict[str, int] = NOTHING_NEW
) -> list[tuple[Any, ...]]:
    """What a run that ends so enters: kind, whether it is about the run, and the detail."""
    await hub.db.execute("DELETE FROM change")
    ((connection_id,),) = await hub.rows("SELECT connection_id FROM connection")
    async with runs.claim(hub.db, connection_id, "console") as claim:
        run = await claim.start("risks", "delta", None, "[]")
        run.counts.update(counts)
        await runs.finish(hub.db, run, state, error)
        await claim.keep_only([])
    return await hub.rows(
        "SELECT kind, subject_id = %s AND run_id = subject_id, detail FROM change", run.run_id
    )


async def test_a_run_that_stored_something(hub: Hub) -> None:
    """A run that found something new is told with what it was; one that did not is not, nor one that stopped."""
    await hub.store()
    assert await ended(hub, "done") == []
    assert await ended(hub, "interrupted", counts={"finding_opened": 3}) == []
    for state in ("done", "partial"):
        detail = {
            "stream": "risks",
            "kind": "delta",
            "state": state,
            "counts": {"rows": 25, "finding_opened": 3},
        }
        told = await ended(hub, state, counts={"rows": 25, "finding_opened": 3, "written": 0})
        assert told == [(ChangeKind.RUN_FINISHED, True, detail)]


async def test_a_run_that_failed(hub: Hub) -> None:
    """A failure is told with its cause, once for as long as it lasts, and again after the stream had come back."""
    connection = await hub.store()
    for _ in range(2):
        ((kind, about, detail),) = await ended(hub, "failed", FORBIDDEN)
        assert (kind, about, detail["stream"], detail["state"]) == (
            ChangeKind.RUN_FAILED,
            True,
            "risks",
            "failed",
        )
        assert detail["error"] == runs.described(FORBIDDEN)
        await health.failed(hub.db, connection.connection_id, "risks", FORBIDDEN)
        assert await ended(hub, "failed", FORBIDDEN) == []
        await health.recovered(hub.db, connection.connection_id, "risks")
