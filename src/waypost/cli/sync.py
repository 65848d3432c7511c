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
from waypost.cli.connection import Json
from waypost.connections import registry
from waypost.sync import now, streams
from waypost.sync.progress import BatchStored, Event, Listener, RunEnded, RunStarted
from waypost.sync.pull import PullResult


def sync(
    *names: Annotated[str, Parameter(help="Connections; all by default.")],
    full: Annotated[bool, Parameter(negative=(), help="Walk everything instead of what changed.")] = False,
    stream: Annotated[list[str] | None, Parameter(negative=(), help="Only these streams.")] = None,
    as_json: Json = False,
) -> int:
    """Pull connections: everything the first time and once a day, what changed in between.

    Stop with Ctrl-C at any time: what was stored stays, and the next sync goes on from there.
    """
    return means.run(_sync(names, full=full, chosen=_streams(stream or []), as_json=as_json))


async def _sync(names: Sequence[str], *, full: bool, chosen: Sequence[streams.Stream], as_json: bool) -> int:
    results: list[PullResult] = []
    failures: list[errors.WaypostError] = []
    async with means.session() as session:
        able = session.means()
        found = await registry.get(session.db, names)
        with drawing(quiet=as_json) as listen:
            for connection in found:
                try:
                    results.append(await now.pull(able, connection, full=full, streams=chosen, listen=listen))
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
