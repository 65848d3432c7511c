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


@pytest.mark.parametrize(
    "secret",
    [
        "wp_4fK2mZ8qLr0T_" + "s3cr3t" * 7 + "x",
        "eyJraWQiOiJ1cy1lYXN0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
        "A1b2" * 20,
    ],
)
def test_what_looks_like_a_secret(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A token or key that somebody logs by mistake is blacked out, in values, messages and tracebacks."""
    telemetry.configure("info")
    log = structlog.get_logger()
    log.info(secret, header=f"Authorization: ApiToken {secret}", url=f"https://x:{secret}@host/")
    try:
        int(secret)
    except ValueError:
        log.exception("broke")
    structlog.reset_defaults()
    said = capsys.readouterr().err
    assert secret not in said
    assert "in test_what_looks_like_a_secret" in said


def test_tracebacks_show_no_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal too, a traceback has lines of code and not what was in the variables."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    telemetry.configure("info")
    password = str(4 * 1_111)
    try:
        int("wrong")
    except ValueError:
        structlog.get_logger().exception("broke")
    structlog.reset_defaults()
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert password not in said
