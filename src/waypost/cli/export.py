"""`waypost export findings|devices|software`: to a file, a folder of partitions, or standard output."""

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from waypost import errors
from waypost.access.keys import Scope
from waypost.cli import filtering, means, output
from waypost.cli.filtering import (
    ALL_DEVICES,
    ALL_FINDINGS,
    ALL_SOFTWARE,
    DeviceFilters,
    FindingFilters,
    SoftwareFilters,
    many,
)
from waypost.cli.means import Session
from waypost.cli.output import Json
from waypost.exports import exporting
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order, Outcome, Told
from waypost.exports.formats import Format
from waypost.unified.filters import Filters

app: Final = App(name="export", help="Export findings, devices or software of this moment, as files.")

STANDARD_OUTPUT: Final = "-"
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
Form = Annotated[
    Format,
    Parameter(
        name="--format",
        help="ndjson (a JSON object a line), csv, parquet, or ocsf (OCSF 1.8.0, a line each).",
    ),
]
Output = Annotated[
    str,
    Parameter(
        name="--output",
        allow_leading_hyphen=True,
        help="A file; for parquet a folder, unless it ends in .parquet; also an address like s3://bucket/folder; "
        "- is standard output.",
    ),
]
Lake = Annotated[
    str,
    Parameter(
        name="--security-lake",
        help="A region of AWS, with ocsf: write Parquet as Amazon Security Lake asks it of a custom source, whose "
        "prefix is the output: s3://bucket/ext/source.",
    ),
]


class To(msgspec.Struct, frozen=True):
    """Where an export goes, and in which form; the region is that of a Security Lake, if it goes into one."""

    form: Format
    address: str
    region: str


@app.command(name="findings")
def findings(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    which: FindingFilters = ALL_FINDINGS,
    as_json: Json = False,
) -> None:
    """Export findings, all of one moment. The filters are those of `waypost finding list`."""
    to = To(form, output_, security_lake)
    means.run(_export(Kind.FINDINGS, to, which.filters(), which.organization, as_json=as_json))


@app.command(name="devices")
def devices(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    which: DeviceFilters = ALL_DEVICES,
    as_json: Json = False,
) -> None:
    """Export devices, all of one moment. The filters are those of `waypost device list`."""
    to = To(form, output_, security_lake)
    means.run(_export(Kind.DEVICES, to, which.filters(), which.organization, as_json=as_json))


@app.command(name="software")
def software(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    which: SoftwareFilters = ALL_SOFTWARE,
    group: filtering.Group = None,
    search: filtering.Search = "",
    as_json: Json = False,
) -> None:
    """Export application versions by device, where they have findings that are not resolved, all of one moment."""
    to = To(form, output_, security_lake)
    filters = msgspec.structs.replace(which.filters(), group=many(group), search=search)
    means.run(_export(Kind.SOFTWARE, to, filters, which.organization, as_json=as_json))


async def _export(kind: Kind, to: To, filters: Filters, organization: str, *, as_json: bool) -> None:
    form, address, region = to.form, to.address, to.region
    if address.startswith("-") and address != STANDARD_OUTPUT:
        raise errors.UsageError(
            "--output needs an argument.", remedy="Name a file, a folder, or - for standard output."
        )
    if address == STANDARD_OUTPUT and (as_json or form is Format.PARQUET):
        raise errors.UsageError(
            "Standard output takes ndjson, ocsf or csv, and nothing beside it.",
            remedy="Name a file with --output, or leave out --json.",
        )
    if region and (form is not Format.OCSF or address == STANDARD_OUTPUT or not _REGION.fullmatch(region)):
        raise errors.UsageError(
            "Amazon Security Lake takes ocsf, in a region like eu-central-1, and no standard output.",
            remedy="--format ocsf --security-lake eu-central-1 --output s3://BUCKET/ext/SOURCE",
        )
    async with means.session(needs=Scope.READ, whole=False) as session:
        filters = msgspec.structs.replace(filters, organization=await session.narrowed(organization))
        order = Order(kind, form, filters, session.organization_id)
        with _progress(kind) as told:
            outcome = await _written(session, order, to, told)
    if as_json:
        output.json(outcome)
    elif address != STANDARD_OUTPUT:
        output.err.print(
            f"Wrote {outcome.rows:,} {kind} to {output.cell(address)}: {outcome.files:,} files, "
            f"{outcome.bytes / 1e6:,.1f} MB, {outcome.seconds:.1f} s.",
            soft_wrap=True,
        )


async def _written(session: Session, order: Order, to: To, told: Told) -> Outcome:
    address, region = to.address, to.region
    if address == STANDARD_OUTPUT:
        outcome = await exporting.to_stream(session.db, order, sys.stdout.buffer, told)
        sys.stdout.buffer.flush()
        return outcome
    if region:
        return await exporting.to_lake(session.db, order, address, region, told)
    if order.form is Format.PARQUET and not address.endswith(".parquet"):
        return await exporting.to_folder(session.db, order, address, told)
    return await exporting.to_file(session.db, order, address, told)


@contextlib.contextmanager
def _progress(kind: Kind) -> Iterator[Told]:
    """Tell on a terminal how many rows were written; how many there are nobody has counted."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=output.err, transient=True, disable=means.no_terminal()) as progress:
        task = progress.add_task(str(kind), total=None)
        yield lambda rows: progress.advance(task, rows)
