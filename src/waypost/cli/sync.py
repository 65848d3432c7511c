"""`waypost sync`: pull connections now, and show how it goes."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from waypost import errors
from waypost.cli import means, output
from waypost.cli.output import Json
from waypost.connections import registry
from waypost.connections.connection import Connection
from waypost.connections.states import State
from waypost.sync import now, progress, schedule, streams
from waypost.sync.progress import BatchStored, Event, Listener, Pull, RunEnded, RunStarted
from waypost.sync.pull import PullResult, RunResult


def sync(
    *names: Annotated[str, Parameter(help="Connections; all by default.")],
    full: Annotated[bool, Parameter(negative=(), help="Walk everything instead of what changed.")] = False,
    stream: Annotated[list[str] | None, Parameter(negative=(), help="Only these streams.")] = None,
    as_json: Json = False,
) -> int:
    """Pull connections: everything the first time and once a day, what changed in between.

    Stop with Ctrl-C at any time: what was stored stays, and the next sync goes on from there. Where a service is
    just pulling the connection, it is asked to pull it once more, and followed.
    """
    return means.run(_sync(names, full=full, chosen=_streams(stream or []), as_json=as_json))


async def _sync(names: Sequence[str], *, full: bool, chosen: Sequence[streams.Stream], as_json: bool) -> int:
    results: list[PullResult] = []
    failures: list[errors.WaypostError] = []
    async with means.session() as session:
        able = session.means()
        found = await registry.get(session.db, names)
        if not names:
            found = _but_paused(found)
        with drawing(quiet=as_json) as listen:
            for connection in found:
                try:
                    results.append(
                        await _pull(session, able, connection, full=full, chosen=chosen, listen=listen)
                    )
                except errors.InterruptedRunError:
                    raise
                except errors.WaypostError as error:
                    if len(found) == 1:
                        raise
                    output.failure(error)
                    failures.append(error)
    if as_json:
        output.json({"items": [described(result) for result in results], "next_cursor": None})
    else:
        for result in results:
            summary(result)
    if failures:
        return 3 if any(e.reaction is errors.Reaction.NEEDS_ATTENTION for e in failures) else 1
    return 0 if all(result.ok for result in results) else 1


def _but_paused(found: Sequence[Connection]) -> list[Connection]:
    """All of them, as was asked for without a name, but those that somebody has paused."""
    for connection in found:
        if connection.state == State.PAUSED:
            output.err.print(
                f"{connection.name}: left out, since it is paused.", markup=False, soft_wrap=True
            )
    return [connection for connection in found if connection.state != State.PAUSED]


async def _pull(
    session: means.Session,
    able: now.Means,
    connection: Connection,
    *,
    full: bool,
    chosen: Sequence[streams.Stream],
    listen: Listener,
) -> PullResult:
    """Pull here, or have it done by the worker that has the connection at this moment."""
    try:
        return await now.pull(able, connection, full=full, streams=chosen, listen=listen)
    except errors.SyncRunningError:
        if await schedule.worker_of(session.db, connection) is None:
            raise
    wanted = None if len(chosen) == len(streams.IN_ORDER) else chosen
    asked = await schedule.request(session.db, session.actor, connection, full=full, streams=wanted)
    seen = [pull async for pull in progress.follow(session.database, asked.pull_id)]
    if not seen:
        raise errors.NoSuchConnectionError(f"The connection {connection.name!r} was removed meanwhile.")
    return _as_result(seen[-1], listen)


def _as_result(pull: Pull, listen: Listener) -> PullResult:
    """What another process did, as if it had been done here."""
    ended = [
        RunResult(run.stream, run.kind, run.state, run.counts, run.seconds, run.warnings, run.error)
        for run in pull.runs
    ]
    for run in ended:
        listen(RunEnded(pull.connection, run.stream, run.state, run.counts, run.seconds))
    if pull.error and not ended:
        raise errors.WaypostError(pull.error["message"], remedy=pull.error["remedy"])
    requests = sum(run.counts.get("requests", 0) for run in ended)
    result = PullResult(pull.connection, pull.pull_id, ended, requests, sum(run.seconds for run in ended))
    result.count_changes()
    return result


def summary(result: PullResult) -> None:
    """What a pull brought, as a table."""
    output.table(
        ["stream", "kind", "state", "rows", "pages", "seconds", "rows/s", "written"],
        [
            [
                run.stream, run.kind, run.state, run.counts.get("rows", 0), run.counts.get("pages", 0),
                f"{run.seconds:.1f}", round(run.counts.get("rows", 0) / max(run.seconds, 0.001)),
                run.counts.get("written", 0),
            ]
            for run in result.runs
        ],
        title=f"{result.connection}: {result.requests:,} requests in {result.seconds:.1f} s",
        numbers="rows pages seconds rows/s written",
        whole="stream,kind,state",
    )  # fmt: skip
    changes = ", ".join(f"{count:,} {kind.replace('_', ' ', 1)}" for kind, count in result.changes.items())
    output.out.print(f"Changes: {changes or 'none'}.")
    for run in result.runs:
        if quarantined := run.counts.get("quarantined"):
            output.err.print(
                f"[yellow]{run.stream}:[/] {quarantined} rows could not be read; see `waypost quarantine list`."
            )
        for warning in run.warnings:
            output.err.print(f"[yellow]{run.stream}:[/] {output.cell(warning)}", soft_wrap=True)
        if run.error:
            output.err.print(
                f"[red]{run.stream}:[/] {output.cell(run.error['message'])} {output.cell(run.error['remedy'])}",
                soft_wrap=True,
            )


def described(result: PullResult) -> dict[str, Any]:
    """A pull as JSON."""
    document: dict[str, Any] = msgspec.to_builtins(result)
    return document | {"ok": result.ok}


@contextlib.contextmanager
def drawing(*, quiet: bool = False) -> Iterator[Listener]:
    """A listener that draws a bar for each run on a terminal, a line elsewhere, or nothing."""
    if quiet:
        yield lambda _: None
    elif means.no_terminal():
        yield _line
    else:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("walks"),
            TextColumn("{task.fields[rows]:>10,} rows"),
            TimeElapsedColumn(),
            console=output.err,
        ) as progress:
            yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[tuple[str, str], Any] = {}  # Any: rich's task ids
        self._walks: dict[tuple[str, str], int] = {}

    def __call__(self, event: Event) -> None:
        key = (event.connection, event.stream)
        if isinstance(event, RunStarted):
            verb = "going on with" if event.resumed else event.kind
            self._walks[key] = event.walks
            self._tasks[key] = self._progress.add_task(
                f"{event.connection} {event.stream} ({verb})", total=event.walks, rows=0
            )
        elif isinstance(event, BatchStored):
            self._progress.update(
                self._tasks[key], completed=self._walks[key] - event.walks_left, rows=event.rows
            )
        elif key in self._tasks:
            self._progress.update(self._tasks[key], rows=event.counts.get("rows", 0))
            self._progress.stop_task(self._tasks[key])


def _line(event: Event) -> None:
    if isinstance(event, RunEnded):
        rows = event.counts.get("rows", 0)
        output.err.print(
            f"{event.connection}: {event.stream} {event.state}, {rows:,} rows, {event.seconds:.1f} s"
        )


def _streams(names: Sequence[str]) -> tuple[streams.Stream, ...]:
    for name in names:
        if name not in streams.BY_NAME:
            known = ", ".join(streams.BY_NAME)
            raise errors.UsageError(
                f"There is no stream {name!r}; there are {known}.", remedy="Choose one of them."
            )
    return tuple(stream for stream in streams.IN_ORDER if not names or stream.name in names)
