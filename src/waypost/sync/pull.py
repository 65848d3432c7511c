"""A pull: one run for each stream of a connection, one after the other.

What happens to a run that cannot go on is decided here, by the error's reaction alone: transient and needs
attention leave it resumable, terminal ends it. A stream that the console refuses does not stop the others.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg
import structlog

from waypost import errors
from waypost.sentinelone.client import Client
from waypost.storage import queries
from waypost.storage.database import Connection
from waypost.sync import devices, findings, load, plan, runs, scopes, sweep
from waypost.sync.load import Batch, Loader, Prepared
from waypost.sync.plan import Partition, Scope
from waypost.sync.progress import BatchStored, Listener, RunEnded, RunStarted, silent
from waypost.sync.runs import Claim, Run, Unfinished
from waypost.sync.streams import IN_ORDER, Stream
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


class Puller:
    """Pulls one connection.

    Args:
        db: In autocommit; of this puller alone, as is the next.
        reader: For looking things up while `db` is storing.
        client: To the connection's console.
        claim: The right to pull it.
        name: The connection's.
        listen: Hears how it goes on.
    """

    def __init__(
        self,
        db: Connection,
        reader: Connection,
        client: Client,
        claim: Claim,
        name: str,
        listen: Listener = silent,
    ) -> None:
        self._db = db
        self._reader = reader
        self._client = client
        self._claim = claim
        self._name = name
        self._listen = listen
        self.result = PullResult(name, claim.pull_id, [])

    async def pull(self, chosen: Sequence[Stream] = IN_ORDER, *, full: bool = False) -> PullResult:
        """Pull the chosen streams, going on with what an earlier pull left unfinished.

        Raises:
            InterruptedRunError: On cancellation, once the run is marked as one to go on with.
            WaypostError: What stopped the pull; `result` tells how far it came.
        """
        began = time.monotonic()
        # Losing the last transactions in a crash loses their cursors too, so waiting for the disk buys nothing.
        await self._db.execute("SET synchronous_commit TO off")
        # A worker that is frozen in the midst of a batch would keep its locks from the one that takes over.
        await self._db.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)",
            (f"{runs.LEASE.total_seconds():.0f}s",),
        )
        await self._db.execute(queries.findings.make_stage)
        stopped = _to_go_on_with(await self._claim.unfinished(), full=full)
        await self._claim.keep_only(list(stopped.values()))
        try:
            for stream in chosen:
                await self._run(stream, stopped.get(stream.name), full=full)
        finally:
            self.result.seconds = time.monotonic() - began
            self.result.requests = self._client.requests
            self.result.count_changes()
        return self.result

    async def _run(self, stream: Stream, stopped: Unfinished | None, *, full: bool) -> None:
        began = time.monotonic()
        run = await self._open(stream, stopped, full=full)
        outcome = RunResult(stream.name, run.kind, "running", run.counts, 0.0, run.warnings)
        self.result.runs.append(outcome)
        error: errors.WaypostError | None = None
        requests = self._client.requests
        alive = asyncio.create_task(runs.keep_alive(self._reader, run))
        try:
            outcome.state, error = await self._work(stream, run)
        except asyncio.CancelledError:
            error = errors.InterruptedRunError(
                f"The pull of {self._name!r} was stopped at {stream.name}; what was stored stays."
            )
            raise error from None
        except (
            errors.WaypostError
        ) as problem:  # a lost lease too: then `finish` finds the run no longer its own
            error = problem
            raise
        finally:
            alive.cancel()
            await asyncio.gather(alive, return_exceptions=True)
            run.counts["requests"] += self._client.requests - requests
            outcome.state = outcome.state if outcome.state != "running" else _left_as(error)
            outcome.error = runs.described(error) if error else None
            outcome.counts, outcome.seconds = run.counts, time.monotonic() - began
            with contextlib.suppress(psycopg.Error):  # the database went away: the lease will run out
                await asyncio.shield(self._end(run, outcome.state, error))
            self._listen(RunEnded(self._name, stream.name, outcome.state, dict(run.counts), outcome.seconds))
            _log.info("run ended", connection=self._name, stream=stream.name, state=outcome.state)

    async def _end(self, run: Run, state: str, error: errors.WaypostError | None) -> None:
        """Write the end of a run. Only then is forgotten what it had seen.

        Cut off before, it is gone on with and sweeps once more, by what it had seen and not by nothing.
        """
        await runs.finish(self._db, run, state, error)
        await self._db.execute(queries.runs.forget_seen, {"connection_id": run.connection_id})

    async def _open(self, stream: Stream, stopped: Unfinished | None, *, full: bool) -> Run:
        if stopped is not None:
            return await self._claim.go_on(stopped)
        since = None
        if stream.since_param is not None:
            since = await plan.since(
                self._db, self._claim.connection_id, stream.name, full=full, now=datetime.now(UTC)
            )
        return await self._claim.start(stream.name, "full" if since is None else "delta", since)

    async def _work(self, stream: Stream, run: Run) -> tuple[str, errors.WaypostError | None]:
        """Fetch, load, sweep; the state in which the run ends, and the console's refusal if there was one."""
        sites = await sweep.visible(self._db, run.connection_id)
        walks = await self._walks(stream, run, sites)
        pending = sum(walk.state == "pending" for walk in walks)
        self._listen(RunStarted(self._name, stream.name, run.kind, pending, run.resumed))
        first = stream.name == "risks" and not await self._some_findings(run)
        refusal = await self._load(stream, run, walks, self._loader(stream, run, first=first))
        if refusal is not None and sweep.refused(walks):
            if stream.name == "accounts" and isinstance(refusal, errors.ForbiddenScopeError):
                run.warnings[:] = ["This token may not list accounts; they are taken from its sites."]
                return "done", None
            return "failed", refusal
        if not first:  # a first pull has nothing to sweep
            await self._sweep(run, walks, sites)
        async with self._db.transaction():
            await runs.renew(self._db, run)
            await self._db.execute(
                queries.runs.set_watermark,
                {
                    "connection_id": run.connection_id,
                    "stream": run.stream,
                    "since": plan.watermark(run.console_time),
                    "full": run.full,
                },
            )
        whole = all(walk.state == "complete" and walk.whole for walk in walks)
        return ("done" if whole else "partial"), refusal

    async def _walks(self, stream: Stream, run: Run, sites: Sequence[Scope]) -> list[Walk]:
        names = {"connection_id": run.connection_id, "run_id": run.run_id}
        cursor = await self._db.execute(queries.runs.walks, names)
        if planned := await cursor.fetchall():
            return [
                Walk(number, Partition(scope, scope_id, scope_name), *progress)
                for number, scope, scope_id, scope_name, *progress in planned
            ]
        partitions = await self._partitions(stream, run, sites)
        async with self._db.transaction():
            for number, part in enumerate(partitions):
                await self._db.execute(
                    queries.runs.add_walk, {**names, "walk": number, **msgspec.structs.asdict(part)}
                )
        return [Walk(number, part) for number, part in enumerate(partitions)]

    async def _partitions(self, stream: Stream, run: Run, sites: Sequence[Scope]) -> tuple[Partition, ...]:
        if stream.name != "risks":
            return plan.WHOLE
        if run.since is not None:
            arrived = await plan.arrived(self._db, run.connection_id, run.since)
            return tuple(
                dict.fromkeys((*plan.WHOLE, *await plan.owed(self._db, run.connection_id), *arrived))
            )
        cursor = await self._db.execute(queries.scopes.sizes, {"connection_id": run.connection_id})
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
    return {run.stream: run for run in unfinished if run.kind == "full" or not full}


def _left_as(error: errors.WaypostError | None) -> str:
    """The state of a run that an error ended."""
    if error is not None and error.reaction is errors.Reaction.TERMINAL:
        return "failed"
    return "interrupted"
