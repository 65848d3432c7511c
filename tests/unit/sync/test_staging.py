"""The binary COPY that Waypost packs itself, against the driver's own."""

import uuid
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import rows
from support.server import Server
from waypost.storage import queries
from waypost.sync import staging
from waypost.unified.findings import Finding
from waypost.unified.words import FindingState, Severity

COLUMNS = {
    "finding_id": "uuid", "device_id": "int8", "software_id": "int8", "facts_id": "int8", "vendor_id": "int8",
    "row_hash": "int8", "detected_at": "timestamptz", "score": "float4", "state": "int2", "severity": "int2",
    "mitigation": "jsonb", "mark": "jsonb", "extra": "jsonb",
}  # fmt: skip
BIGINTS = st.integers(-(1 << 63), (1 << 63) - 1)
DOCUMENTS = st.none() | st.dictionaries(rows.TEXTS, rows.JSON, min_size=1, max_size=3).map(
    msgspec.json.encode
)
FINDINGS = st.builds(
    Finding,
    finding_id=st.binary(min_size=16, max_size=16),
    device_id=BIGINTS, software_id=BIGINTS, facts_id=BIGINTS, vendor_id=BIGINTS, row_hash=BIGINTS,
    detected_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    score=st.none() | st.floats(0, 10, width=32),
    state=st.sampled_from(FindingState), severity=st.sampled_from(Severity),
    mitigation=DOCUMENTS, mark=DOCUMENTS, extra=DOCUMENTS,
)  # fmt: skip


@pytest.fixture(scope="module")
def db(postgres: Server) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(queries.findings.make_stage)
        connection.execute("CREATE TEMP TABLE driver_stage (LIKE finding_stage) ON COMMIT DELETE ROWS")
        yield connection


def _by_driver(db: psycopg.Connection[Any], found: list[Finding]) -> None:
    copying = psycopg.sql.SQL("COPY driver_stage FROM STDIN (FORMAT binary)")
    with db.cursor().copy(copying) as copy:
        copy.set_types(list(COLUMNS.values()))
        for finding in found:
            values = msgspec.structs.asdict(finding)
            values["finding_id"] = uuid.UUID(bytes=finding.finding_id)
            values |= {name: int(values[name]) for name in ("state", "severity")}
            for name in ("mitigation", "mark", "extra"):
                values[name] = values[name] and psycopg.types.json.Jsonb(msgspec.json.decode(values[name]))
            copy.write_row([values[name] for name in COLUMNS])


@given(st.lists(FINDINGS, max_size=5))
def test_what_waypost_packs_is_what_the_driver_packs(
    db: psycopg.Connection[Any], found: list[Finding]
) -> None:
    """Every value of every finding arrives in PostgreSQL as the driver would have brought it."""
    with db.transaction():
        with db.cursor().copy(queries.findings.copy_stage) as copy:
            copy.write(staging.findings(found))
        _by_driver(db, found)
        differing = db.execute(
            "(TABLE finding_stage EXCEPT ALL TABLE driver_stage) UNION ALL"
            " (TABLE driver_stage EXCEPT ALL TABLE finding_stage)"
        ).fetchall()
        ((count,),) = db.execute("SELECT count(*) FROM finding_stage").fetchall()
    assert differing == []
    assert count == len(found)


def test_the_columns_are_those_of_the_stage(db: psycopg.Connection[Any]) -> None:
    """The order of what is packed is the order of the columns, and the findings' own."""
    described = db.execute(
        "SELECT attname::text, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = 'finding_stage'::regclass AND attnum > 0 ORDER BY attnum"
    ).fetchall()
    assert [name for name, _ in described] == list(COLUMNS) == list(Finding.__struct_fields__)
