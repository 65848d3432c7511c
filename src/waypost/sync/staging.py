"""PostgreSQL's binary COPY format for rows that are many and of one shape.

The driver's own writer takes a call and a look-up per value; these rows are packed with one call each, three
times as fast. Format: PostgreSQL documentation, COPY, "Binary Format"; checked against the driver in tests.
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from waypost.unified.findings import Finding

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NULL: Final = struct.pack("!i", -1)
_JSONB_VERSION: Final = b"\x01"

# Columns of finding_stage: 13 of them; each value behind its length.
_KEYS: Final = struct.Struct("!h i16s iq iq iq iq iq")
_TIME: Final = struct.Struct("!iq")
_SCORE: Final = struct.Struct("!if")
_STATE: Final = struct.Struct("!ih ih")
_USUAL: Final = struct.Struct("!h i16s iq iq iq iq iq iq if ih ih i i i")
"""Everything of a finding with a time and a score and no JSON."""
_LENGTH: Final = struct.Struct("!i")


def findings(rows: Iterable[Finding]) -> bytes:
    """A whole COPY of `finding_stage`."""
    return b"".join((SIGNATURE, *map(_finding, rows), TRAILER))


def _finding(row: Finding) -> bytes:
    if (
        row.detected_at is not None
        and row.score is not None
        and not (row.mitigation or row.mark or row.extra)
    ):
        return _USUAL.pack(
            13, 16, row.finding_id, 8, row.device_id, 8, row.software_id, 8, row.facts_id, 8, row.vendor_id,
            8, row.row_hash, 8, _microseconds(row.detected_at), 4, row.score, 2, row.state, 2, row.severity,
            -1, -1, -1,
        )  # fmt: skip
    return b"".join((
        _KEYS.pack(
            13, 16, row.finding_id, 8, row.device_id, 8, row.software_id, 8, row.facts_id, 8, row.vendor_id,
            8, row.row_hash,
        ),
        _NULL if row.detected_at is None else _TIME.pack(8, _microseconds(row.detected_at)),
        _NULL if row.score is None else _SCORE.pack(4, row.score),
        _STATE.pack(2, row.state, 2, row.severity),
        _jsonb(row.mitigation), _jsonb(row.mark), _jsonb(row.extra),
    ))  # fmt: skip


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _jsonb(text: bytes | None) -> bytes:
    return _NULL if text is None else _LENGTH.pack(len(text) + 1) + _JSONB_VERSION + text
