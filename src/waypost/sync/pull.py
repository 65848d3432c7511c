"""A pull: one run for each stream of a connection, one after the other.

What happens to a run that cannot go on is decided here, by the error's reaction alone: transient and needs
attention leave it resumable, terminal ends it. A stream that the console refuses does not stop the others.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import psycopg
import structlog

from waypost import errors
from waypost.sentinelone.client import Client
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import devices, findings, load, plan, runs, scopes, sweep
from waypost.sync.due import TREE, Marks
from waypost.sync.load import Batch, Loader, Prepared
from waypost.sync.plan import Partition, Scope
from waypost.sync.progress import BatchStored, Listener, RunEnded, RunStarted, silent
from waypost.sync.runs import Claim, Reached, Reader, Run, Unfinished
from waypost.sync.streams import AGENTS, IN_ORDER, SITES, Stream
from waypost.sync.walks import Fetcher, Walk
from waypost.unified.words import ChangeKind, word

_log: Final = structlog.get_logger()


class RunResult(msgspec.Struct):
    """How one run of the pull ended."""

    stream: str
    kind: str
    state: str
    counts: dict[str, int]
    seconds: float
    warnings: list[str]
    error: dict[str, str] | None = None


class PullResult(msgspec.Struct):
    """How a pull ended. `changes` counts the entries of the change log by kind."""

    connection: str
    pull_id: uuid.UUID
    runs: list[RunResult]
    requests: int = 0
    seconds: float = 0.0
    changes: dict[str, int] = {}

    def count_changes(self) -> None:
        """Sum up what the runs of the pull entered in the change log."""
        kinds = [word(kind) for kind in ChangeKind]
        self.changes = {
            kind: total for kind in kinds if (total := sum(run.counts.get(kind, 0) for run in self.runs))
        }

    @property
    def ok(self) -> bool:
        return all(run.state in ("done", "partial") for run in self.runs)


class _Ended(msgspec.Struct, frozen=True):
    """How the work on a run ended: its state, the console's refusal if there was one, and how far it reached."""

    state: str
    error: errors.ConsoleError | None
    reached: Reached


class Puller:
    """Pulls one connection.

    Args:
        db: In autocommit; of this puller alone, as is the next.
        reader: For looking things up while `db` is storing.
        marks: How far each stream is.
        client: To the connection's console.
        claim: The right to pull it.
        name: The connection's.
        listen: Hears how it goes on.
    """

    def __init__(
        self,
        db: Connection,
        reader: Reader,
        marks: Marks,
        client: Client,
        claim: Claim,
        name: str,
        listen: Listener = silent,
    ) -> None:
        self._db = db
        self._reader = reader
        self._marks = marks
        self._client = client
        self._claim = claim
        self._name = name
        self._listen = listen
        self.result = PullResult(name, claim.pull_id, [])
        self.problems: dict[str, errors.WaypostError] = {}
        """What was wrong with a stream, though the pull may have gone on without it."""

    async def pull(self, chosen: Sequence[Stream] | None = IN_ORDER, *, full: bool = False) -> PullResult:
        """Pull the chosen streams, going on with what an earlier pull left unfinished.

        Without a choice: what an earlier pull left unfinished, and what is due.

        Raises:
            InterruptedRunError: On cancellation, once the run is marked as one to go on with.
            WaypostError: What stopped the pull; `result` tells how far it came.
        """
        began = time.monotonic()
        # Losing the last transactions in a crash loses their cursors too, so waiting for the disk buys nothing.
        # A worker that is frozen in the midst of a batch would keep its locks from the one that takes over.
        await self._db.execute(
            "SELECT set_config('synchronous_commit', 'off', false),"
            " set_config('idle_in_transaction_session_timeout', %s, false)",
            (f"{runs.LEASE.total_seconds():.0f}s",),
        )
        unfinished = await self._claim.unfinished()
        stopped = _to_go_on_with(unfinished, full=full)
        if unfinished:
            await self._claim.keep_only(list(stopped.values()))
        beat = chosen is None
        if chosen is None:
            chosen = self._marks.due()
            chosen = [stream for stream in IN_ORDER if stream in chosen or stream.name in stopped]
        try:
            for stream in chosen:
                await self._run(stream, stopped.get(stream.name), full=full)
                if beat and stream == AGENTS and SITES not in chosen and await self._strangers():
                    for level in TREE:
                        await self._run(level, None, full=full)
        finally:
            self.result.seconds = time.monotonic() - began
            self.result.requests = self._client.requests
            self.result.count_changes()
        return self.result

    async def _run(self, stream: Stream, stopped: Unfinished | None, *, full: bool) -> None:
        began = time.monotonic()
        run, walks, sites = await self._open(stream, stopped, full=full)
        outcome = RunResult(stream.name, run.kind, "running", run.counts, 0.0, run.warnings)
        self.result.runs.append(outcome)
        error: errors.WaypostError | None = None
        requests = run.counts["requests"] - self._client.requests
        alive = asyncio.create_task(runs.keep_alive(self._reader, run))
        try:
            ended = await self._work(stream, run, walks, sites)
            error = ended.error
            run.counts["requests"] = requests + self._client.requests
            # Cut off before this, it is gone on with and sweeps once more, by what it had seen and not by nothing.
            await _finished(
                asyncio.create_task(runs.finish(self._db, run, ended.state, error, ended.reached))
            )
            outcome.state = ended.state
        except asyncio.CancelledError:
            error = errors.InterruptedRunError(
                f"The pull of {self._name!r} was stopped at {stream.name}; what was stored stays."
            )
            raise error from None
        except errors.WaypostError as problem:
            error = problem
            raise
        finally:
            alive.cancel()
            await asyncio.gather(alive, return_exceptions=True)
            if outcome.state == "running":
                outcome.state = _left_as(error)
                run.counts["requests"] = requests + self._client.requests
                # The database went away, and the lease will run out; or the run is another's.
                with contextlib.suppress(psycopg.Error, errors.LeaseLostError):
                    await asyncio.shield(runs.finish(self._db, run, outcome.state, error))
            if error is not None:
                outcome.error = runs.described(error)
                self.problems[stream.name] = error
            outcome.counts, outcome.seconds = run.counts, time.monotonic() - began
            self._listen(RunEnded(self._name, stream.name, outcome.state, dict(run.counts), outcome.seconds))
            log = _log.debug if outcome.state == "done" and not run.counts["written"] else _log.info
            log("run ended", connection=self._name, stream=stream.name, state=outcome.state)

    async def _open(
        self, stream: Stream, stopped: Unfinished | None, *, full: bool
    ) -> tuple[Run, list[Walk], list[Scope]]:
        """Begin a run with the walks of its plan, or take up an unfinished one where its walks are.

        Also tells the sites that are visible before the walks, which only full runs ask for.
        """
        since = stopped.since if stopped is not None else self._marks.since(stream, full=full)
        sites = [] if since is not None else await sweep.visible(self._db, self._claim.connection_id)
        if stopped is not None:
            run = await self._claim.go_on(stopped)
            return run, await self._planned(run), sites
        partitions = await self._partitions(stream, since, sites)
        walks = [Walk(number, part) for number, part in enumerate(partitions)]
        rows = [{"walk": walk.number, **msgspec.structs.asdict(walk.partition)} for walk in walks]
        kind = "full" if since is None else "delta"
        run = await self._claim.start(stream.name, kind, since, msgspec.json.encode(rows).decode())
        return run, walks, sites

    async def _work(self, stream: Stream, run: Run, walks: Sequence[Walk], sites: Sequence[Scope]) -> _Ended:
        """Fetch, load, sweep."""
        pending = sum(walk.state == "pending" for walk in walks)
        self._listen(RunStarted(self._name, stream.name, run.kind, pending, run.resumed))
        first = stream.name == "risks" and run.full and not await self._some_findings(run)
        refusal = await self._load(stream, run, walks, self._loader(stream, run, first=first))
        if refusal is not None and sweep.refused(walks):
            if stream.name == "accounts" and isinstance(refusal, errors.ForbiddenScopeError):
                run.warnings[:] = ["This token may not list accounts; they are taken from its sites."]
                return _Ended("done", None, Reached())
            return _Ended("failed", refusal, Reached(refused=True))
        if not first:  # a first pull has nothing to sweep
            await self._sweep(run, walks, sites)
        whole = all(walk.state == "complete" and walk.whole for walk in walks)
        reached = Reached(plan.watermark(run.console_time), whole=run.full)
        return _Ended("done" if whole else "partial", refusal, reached)

    async def _planned(self, run: Run) -> list[Walk]:
        names = {"connection_id": run.connection_id, "run_id": run.run_id}
        cursor = await self._db.execute(queries.runs.walks, names)
        return [
            Walk(number, Partition(scope, scope_id, scope_name), *progress)
            for number, scope, scope_id, scope_name, *progress in await cursor.fetchall()
        ]

    async def _partitions(
        self, stream: Stream, since: datetime | None, sites: Sequence[Scope]
    ) -> tuple[Partition, ...]:
        if stream.name != "risks":
            return plan.WHOLE
        connection_id = self._claim.connection_id
        if since is not None:
            arrived = await plan.arrived(self._db, connection_id, since)
            return tuple(dict.fromkeys((*plan.WHOLE, *await plan.owed(self._db, connection_id), *arrived)))
        cursor = await self._db.execute(queries.scopes.sizes, {"connection_id": connection_id})
        ((known,),) = await cursor.fetchall()
        return plan.partitions(sites, known)

    async def _load(
        self, stream: Stream, run: Run, walks: Sequence[Walk], loader: Loader
    ) -> errors.ConsoleError | None:
        """Bring in all walks; one batch is prepared while the one before it is stored."""
        refusal: errors.ConsoleError | None = None
        storing: asyncio.Task[None] | None = None
        async with Fetcher(self._client, stream, run, walks).running() as fetcher:
            try:
                while items := await fetcher.next_items(load.BATCH_PAGES):
                    batch = Batch(items)
                    refusal = refusal or load.refusal_of(batch)
                    prepared = await loader.prepare(self._reader, batch.pages)
                    if storing is not None:
                        await _finished(storing)
                    storing = asyncio.create_task(self._store(run, walks, batch, prepared))
            finally:  # whatever happened, what was begun is finished
                if storing is not None:
                    await _finished(storing)
        return refusal

    async def _store(self, run: Run, walks: Sequence[Walk], batch: Batch, prepared: Prepared) -> None:
        await load.store(self._db, run, batch, prepared)
        left = sum(walk.state == "pending" for walk in walks)
        self._listen(BatchStored(self._name, run.stream, run.counts["rows"], run.counts["pages"], left))

    def _loader(self, stream: Stream, run: Run, *, first: bool) -> Loader:
        if stream.name in scopes.LOADERS:
            return scopes.LOADERS[stream.name]()
        if stream.name == "agents":
            return devices.Loader(run.connection_uuid)
        return findings.Loader(self._client, run.connection_uuid, run.connection_id, first=first)

    async def _strangers(self) -> bool:
        """Whether the devices just pulled stand at sites that the last pull of the tree did not know."""
        counts = self.result.runs[-1].counts
        if not counts.get("device_added", 0) + counts.get("device_moved", 0):
            return False
        cursor = await self._db.execute(
            queries.devices.strangers, {"connection_id": self._claim.connection_id}
        )
        ((some,),) = await cursor.fetchall()
        return bool(some)

    async def _some_findings(self, run: Run) -> bool:
        cursor = await self._db.execute(queries.findings.any, {"connection_id": run.connection_id})
        ((some,),) = await cursor.fetchall()
        return bool(some)

    async def _sweep(self, run: Run, walks: Sequence[Walk], sites: Sequence[Scope]) -> None:
        if run.stream == "agents":
            await sweep.agents(self._db, self._client, run, walks, sites)
        elif run.stream == "risks":
            await sweep.risks(self._db, self._client, run, walks, sites)
        else:
            await sweep.tree(self._db, run, walks, sites)


async def _finished(task: asyncio.Task[None]) -> None:
    """Wait for a task to its end, and give in to a cancellation only then.

    Cut off in the midst of a batch, the database session may be of no more use.
    """
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _to_go_on_with(unfinished: Sequence[Unfinished], *, full: bool) -> dict[str, Unfinished]:
    """Of each stream the newest unfinished run, unless everything was asked for and it is only a delta."""
    return {run.stream: run for run in unfinished if run.usable and (run.kind == "full" or not full)}


def _left_as(error: errors.WaypostError | None) -> str:
    """The state of a run that an error ended."""
    if error is not None and error.reaction is errors.Reaction.TERMINAL:
        return "failed"
    return "interrupted"
