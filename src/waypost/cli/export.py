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
from waypost.cli import means, output
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
Names = Annotated[list[str] | None, Parameter(negative=())]
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


@app.command(name="findings")
def findings(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    organization: str = "",
    connection: Names = None,
    account: Names = None,
    site: Names = None,
    group: Names = None,
    severity: Names = None,
    state: Names = None,
    cve: Names = None,
    device: Names = None,
    application: str = "",
    vendor: str = "",
    score_min: float | None = None,
    score_max: float | None = None,
    has_fix: bool | None = None,
    exploited: bool | None = None,
    detected_since: str = "",
    detected_until: str = "",
    changed_since: str = "",
    resolved_since: str = "",
    search: str = "",
    as_json: Json = False,
) -> None:
    """Export findings, all of one moment. The filters are those of `waypost finding list`.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    account
        Name of an account, or its id in the console.
    site
        Name of a site, or its id in the console.
    group
        Name of a group, or its id in the console.
    severity
        critical, high, medium, low, none, unknown; several separated by commas.
    state
        open, reopened, in_progress, on_hold, ignored, resolved; several separated by commas.
    cve
        Like CVE-2024-3094; several separated by commas.
    device
        Name of a device, its id, or its agent's id.
    application
        Part of an application's name.
    vendor
        Part of the name of who makes it.
    score_min
        CVSS from this score on.
    score_max
        CVSS up to this score.
    has_fix
        Whether there is a fix, as the console says.
    exploited
        Whether code that exploits it is known, as the console says.
    detected_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    detected_until
        Like detected-since: before this time.
    changed_since
        Like detected-since: opened, changed, resolved or moved since then.
    resolved_since
        Like detected-since.
    search
        Part of the device's or the application's name.
    """
    filters = Filters(
        connection=_many(connection),
        account=_many(account),
        site=_many(site),
        group=_many(group),
        severity=_words(severity),
        state=_words(state),
        cve=_words(cve),
        device=_many(device),
        application=application,
        vendor=vendor,
        score_min=score_min,
        score_max=score_max,
        has_fix=has_fix,
        exploited=exploited,
        detected_since=detected_since,
        detected_until=detected_until,
        changed_since=changed_since,
        resolved_since=resolved_since,
        search=search,
    )
    means.run(
        _export(Kind.FINDINGS, form, output_, filters, organization, region=security_lake, as_json=as_json)
    )


@app.command(name="devices")
def devices(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    organization: str = "",
    connection: Names = None,
    account: Names = None,
    site: Names = None,
    group: Names = None,
    state: Names = None,
    device: Names = None,
    os: str = "",
    changed_since: str = "",
    search: str = "",
    as_json: Json = False,
) -> None:
    """Export devices, all of one moment. The filters are those of `waypost device list`.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    account
        Name of an account, or its id in the console.
    site
        Name of a site, or its id in the console.
    group
        Name of a group, or its id in the console.
    state
        active, inactive, decommissioned, uninstalled, gone, unknown; several separated by commas.
    device
        Name of a device, its id, or its agent's id.
    os
        Part of the operating system's name, or its type.
    changed_since
        Like 2026-11-01 or 2026-11-01T08:00:00Z.
    search
        Part of the name.
    """
    filters = Filters(
        connection=_many(connection),
        account=_many(account),
        site=_many(site),
        group=_many(group),
        state=_words(state),
        device=_many(device),
        os=os,
        changed_since=changed_since,
        search=search,
    )
    means.run(
        _export(Kind.DEVICES, form, output_, filters, organization, region=security_lake, as_json=as_json)
    )


@app.command(name="software")
def software(
    *,
    form: Form,
    output_: Output,
    security_lake: Lake = "",
    organization: str = "",
    connection: Names = None,
    account: Names = None,
    site: Names = None,
    group: Names = None,
    severity: Names = None,
    cve: Names = None,
    device: Names = None,
    application: str = "",
    vendor: str = "",
    search: str = "",
    as_json: Json = False,
) -> None:
    """Export application versions by device, where they have findings that are not resolved, all of one moment.

    Parameters
    ----------
    organization
        Name, path (Parent / Child) or id of an organization; "none" for what belongs to none.
    connection
        Name of a connection.
    account
        Name of an account, or its id in the console.
    site
        Name of a site, or its id in the console.
    group
        Name of a group, or its id in the console.
    severity
        Count findings of these severities only.
    cve
        Only software with this CVE.
    device
        Only software on this device.
    application
        Part of an application's name.
    vendor
        Part of the name of who makes it.
    search
        Part of the device's or the application's name.
    """
    filters = Filters(
        connection=_many(connection),
        account=_many(account),
        site=_many(site),
        group=_many(group),
        severity=_words(severity),
        cve=_words(cve),
        device=_many(device),
        application=application,
        vendor=vendor,
        search=search,
    )
    means.run(
        _export(Kind.SOFTWARE, form, output_, filters, organization, region=security_lake, as_json=as_json)
    )


async def _export(
    kind: Kind, form: Format, address: str, filters: Filters, organization: str, *, region: str, as_json: bool
) -> None:
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
            outcome = await _written(session, order, address, region, told)
    if as_json:
        output.json(outcome)
    elif address != STANDARD_OUTPUT:
        output.err.print(
            f"Wrote {outcome.rows:,} {kind} to {output.cell(address)}: {outcome.files:,} files, "
            f"{outcome.bytes / 1e6:,.1f} MB, {outcome.seconds:.1f} s.",
            soft_wrap=True,
        )


async def _written(session: Session, order: Order, address: str, region: str, told: Told) -> Outcome:
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


def _many(values: list[str] | None) -> tuple[str, ...]:
    return tuple(values or ())


def _words(values: list[str] | None) -> tuple[str, ...]:
    """Values without commas of their own, which may therefore be given in one, separated by commas."""
    return tuple(word.strip() for value in values or () for word in value.split(",") if word.strip())
