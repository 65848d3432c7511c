"""An application version on a device as Software Inventory Info, class 5020."""

from typing import Any, Final

from waypost.unified.ocsf.common import DEVICE, classified, metadata
from waypost.unified.ocsf.table import Each, Field, always, column, time
from waypost.unified.ocsf.words import COLLECT, Word
from waypost.unified.rows import SoftwareRow
from waypost.unified.words import Severity, word

CLASS: Final = Word(5020, "Software Inventory Info")

_SEVERITIES: Final = {severity: word(severity) for severity in Severity}


def _unmapped(row: SoftwareRow) -> dict[str, Any]:
    return {
        "findings": row.findings,
        "critical": row.critical,
        "high": row.high,
        "severity": _SEVERITIES[Severity(row.severity)],
        **(row.software_sent or {}),
    }


def _named(path: str) -> tuple[Field, ...]:
    return (
        Field(f"{path}.name", value=lambda row: row.software, source="`name`", even_empty=True),
        Field(f"{path}.version", value=lambda row: row.software_version, source="`version`", even_empty=True),
    )


FIELDS: Final[tuple[Field | Each, ...]] = (
    *classified(Word(5, "Discovery"), CLASS, COLLECT, Word(1, "Informational")),
    time("time", "changed_at", note="when one of its findings there last changed"),
    *metadata(
        "application-management/risks",
        lambda row: f"{row.device_id}:{row.software_id}",
        "device `id`, a number of the application version",
    ),
    *_named("product"),
    column("product.vendor_name", "software_vendor", source="`vendor`"),
    *_named("sbom.package"),
    column("sbom.package.vendor_name", "software_vendor", source="`vendor`"),
    always("sbom.package.type_id", 1),
    always("sbom.package.type", "Application"),
    *_named("sbom.software_components[]"),
    *DEVICE,
    time("device.last_seen_time", "last_seen_at", note="its last scan for vulnerabilities"),
    Field("unmapped", "object", _unmapped, source="`findings`, `critical`, `high`, `severity`"),
)
