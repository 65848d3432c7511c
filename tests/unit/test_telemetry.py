"""Logging stays on standard error, from the chosen level upwards."""

import json

import pytest
import structlog

from waypost import telemetry


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", {"debug", "info", "warning", "error"}),
        ("INFO", {"info", "warning", "error"}),
        ("warning", {"warning", "error"}),
        ("error", {"error"}),
        ("nonsense", {"warning", "error"}),
    ],
)
def test_levels(level: str, heard: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A level lets itself and all above it through; one that is none means warnings."""
    telemetry.configure(level)
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("said", level_said=name)
    said = capsys.readouterr()
    structlog.reset_defaults()
    assert said.out == ""
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {line["level_said"] for line in lines} == heard
    assert all(line["event"] == "said" and line["timestamp"].endswith("Z") for line in lines)
