"""Findings, devices and installed software as documents of the Open Cybersecurity Schema Framework.

Each class is a table: `findings.FIELDS`, `devices.FIELDS`, `software.FIELDS`. The documents are made from them, and so
are the tables of `docs/ocsf.md`. A document is a dict that is ready for JSON.
"""

from collections.abc import Callable
from typing import Any, Final

from waypost.unified.ocsf import devices, findings
from waypost.unified.ocsf import software as installed
from waypost.unified.ocsf.common import VERSION
from waypost.unified.ocsf.table import Document, Table, compiled
from waypost.unified.rows import DeviceRow, FindingRow, Kind, SoftwareRow, Wide

MEDIA_TYPE: Final = "application/ocsf+json"

FIELDS: Final[dict[Kind, Table]] = {
    "finding": findings.FIELDS,
    "device": devices.FIELDS,
    "software": installed.FIELDS,
}
"""What a document of each kind has; with the vendor's fields, `RAW` besides."""

RAW: Final = {"finding": findings.RAW, "device": devices.RAW}

_Make = Callable[[Any], Document]  # Any: a row of the kind
_PLAIN: Final[dict[Kind, _Make]] = {kind: compiled(table) for kind, table in FIELDS.items()}
_WITH_VENDOR: Final[dict[Kind, _Make]] = {
    kind: compiled([*table, RAW[kind]]) if kind in RAW else _PLAIN[kind] for kind, table in FIELDS.items()
}


def document(kind: Kind, row: Wide, *, with_vendor: bool = False) -> Document:
    """A row as a document.

    Args:
        kind: What the row is.
        row: As `waypost.unified.rows` has it.
        with_vendor: Whether `raw_data` has what the console sent.
    """
    return (_WITH_VENDOR if with_vendor else _PLAIN)[kind](row)


def finding(row: FindingRow, *, with_vendor: bool = False) -> Document:
    """A finding as a Vulnerability Finding (2002)."""
    return document("finding", row, with_vendor=with_vendor)


def device(row: DeviceRow, *, with_vendor: bool = False) -> Document:
    """A device as Device Inventory Info (5001)."""
    return document("device", row, with_vendor=with_vendor)


def software(row: SoftwareRow) -> Document:
    """An application version on a device as Software Inventory Info (5020)."""
    return document("software", row)


__all__ = ["FIELDS", "MEDIA_TYPE", "RAW", "VERSION", "Document", "device", "document", "finding", "software"]
