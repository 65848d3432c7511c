"""`waypost export`: files, folders, standard output."""

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from support import duck

KINDS = ("findings", "devices", "software")


def count(waypost: Any, kind: str) -> int:
    listed = {"findings": "finding", "devices": "device"}[kind]
    return len(waypost(listed, "list", "--json", "--limit", "10000").done().document["items"])


@pytest.mark.parametrize("kind", KINDS)
def test_standard_output(pulled: Any, kind: str) -> None:
    """With `-` standard output is the file and nothing else, in each of the formats of texts."""
    as_lines = pulled("export", kind, "--format", "ndjson", "--output", "-").done()
    rows = [json.loads(line) for line in as_lines.out.splitlines()]
    in_cells = pulled("export", kind, "--format", "csv", "--output", "-").done()
    assert len(list(csv.DictReader(io.StringIO(in_cells.out)))) == len(rows) > 10
    in_ocsf = pulled("export", kind, "--format", "ocsf", "--output", "-").done()
    assert len([json.loads(line) for line in in_ocsf.out.splitlines()]) == len(rows)
    assert as_lines.err == in_cells.err == in_ocsf.err == ""


def test_a_folder(pulled: Any, tmp_path: Path) -> None:
    """Parquet is a folder that DuckDB reads as it lies; what was written is told on standard error."""
    ended = pulled("export", "findings", "--format", "parquet", "--output", str(tmp_path / "lake")).done()
    assert ended.out == ""
    number = count(pulled, "findings")
    assert f"Wrote {number:,} findings to" in ended.err
    table = f"read_parquet('{tmp_path}/lake/findings/*/*/*.parquet', hive_partitioning=true)"
    assert duck.asked(f"SELECT count(*) FROM {table}") == [(number,)]  # noqa: S608  # the test's own folder


def test_a_summary(pulled: Any, tmp_path: Path) -> None:
    """With --json standard output is one document about what was written, and standard error is empty."""
    path = tmp_path / "devices.parquet"
    ended = pulled("export", "devices", "--format", "parquet", "--output", str(path), "--json").done()
    assert ended.document.keys() == {"files", "rows", "bytes", "seconds"}
    assert (ended.document["files"], ended.document["bytes"]) == (1, path.stat().st_size)
    assert ended.document["rows"] == count(pulled, "devices")
    assert ended.err == ""


def test_filters(pulled: Any) -> None:
    """The filters are those of the list."""
    filters = ["--severity", "critical,high", "--connection", "ACME", "--state", "open"]
    listed = pulled("finding", "list", *filters, "--json", "--limit", "10000").done().document["items"]
    exported = pulled("export", "findings", *filters, "--format", "ndjson", "--output", "-").done()
    ids = sorted(json.loads(line)["id"] for line in exported.out.splitlines())
    assert ids == sorted(item["id"] for item in listed)
    assert ids


def test_security_lake(pulled: Any, tmp_path: Path) -> None:
    """OCSF goes into the layout of Amazon Security Lake, where a region is named."""
    arguments = ["--format", "ocsf", "--security-lake", "eu-central-1", "--output", str(tmp_path), "--json"]
    written = pulled("export", "devices", *arguments).done().document
    paths = sorted(tmp_path.glob("region=eu-central-1/accountId=external_none/eventDay=*/*.parquet"))
    assert len(paths) == written["files"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("findings --format xls --output x", "xls"),
        ("findings --output x", "--format"),
        ("findings --format csv", "--output"),
        ("sites --format csv --output x", "sites"),
        ("devices --format csv --output - --severity high", "--severity"),
    ],
)
def test_wrong_use(pulled: Any, arguments: str, words: str) -> None:
    """What the command does not know it names, with code 2."""
    ended = pulled("export", *arguments.split())
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("findings --format parquet --output -", "Standard output takes"),
        ("findings --format csv --output - --json", "Standard output takes"),
        ("findings --format csv --output - --severity awful", "no severity 'awful'"),
        ("findings --format csv --output - --organization nobody", "no organization 'nobody'"),
        ("findings --format csv --output nosuch://x/y.csv", "nosuch"),
        ("findings --format csv --output s3://bucket/y.csv", "s3fs"),
        ("findings --format csv --security-lake eu-central-1 --output x", "Security Lake takes ocsf"),
        ("findings --format ocsf --security-lake Frankfurt --output x", "eu-central-1"),
    ],
)
def test_what_cannot_be(pulled: Any, arguments: str, words: str) -> None:
    """What cannot be done is told with the next step, and writes nothing."""
    pulled("export", *arguments.split()).refused(2, words)


def test_no_room(pulled: Any) -> None:
    """A full disk is told, not traced."""
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no disk that is always full")
    ended = pulled("export", "findings", "--format", "ndjson", "--output", "/dev/full")
    ended.refused(2, "No space left on device")


def test_a_pipe_stays_a_pipe(pulled: Any, tmp_path: Path) -> None:
    """What is no file is written to, and nothing takes its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pulled.start("export", "devices", "--format", "csv", "--output", str(pipe)) as running:
        content = pipe.read_text()
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert len(list(csv.DictReader(io.StringIO(content)))) == count(pulled, "devices")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    pulled("export", "devices", "--format", "csv", "--output", "/dev/null").done()
    assert Path("/dev/null").is_char_device()


def test_a_reader_that_goes(pulled: Any) -> None:
    """A reader that has seen enough ends the command without a trace of Python."""
    with pulled.start("export", "findings", "--format", "ndjson", "--output", "-") as running:
        running.stdout.close()
        err = running.stderr.read()
        running.wait(60)
    assert "Traceback" not in err
    assert running.returncode in (0, 1, 2)
