"""The recipes of docs/exports.md, run as they stand there."""

import asyncio
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pyarrow import parquet

from support import duck
from support.hub import Hub
from waypost.exports import columns, exporting
from waypost.exports.columns import Column, Kind, Type
from waypost.exports.exporting import Order
from waypost.exports.formats import Format

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text()
Asked = list[tuple[str, dict[str, str], str]]
"""Path, headers and body of what a receiver was sent."""
CLICKHOUSE = {
    Type.TEXT: "String",
    Type.WORD: "LowCardinality(String)",
    Type.TIME: "DateTime64(6, 'UTC')",
    Type.NUMBER: "Float64",
    Type.COUNT: "Int64",
    Type.JSON: "String",
}
SNOWFLAKE = {
    Type.TEXT: "VARCHAR",
    Type.WORD: "VARCHAR",
    Type.TIME: "TIMESTAMP_TZ",
    Type.NUMBER: "FLOAT",
    Type.COUNT: "INTEGER",
    Type.JSON: "VARCHAR",
}


def recipe(name: str) -> str:
    """The code below a heading."""
    found = re.search(rf"^### {name}\n.*?^```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.fixture
async def exported(estate: Hub, tmp_path: Path) -> Path:
    """A folder with what the recipes begin with."""
    await exporting.to_folder(estate.db, Order(Kind.FINDINGS, Format.PARQUET), str(tmp_path / "waypost"))
    await exporting.to_file(
        estate.db, Order(Kind.FINDINGS, Format.OCSF), str(tmp_path / "findings.ocsf.ndjson")
    )
    await exporting.to_file(estate.db, Order(Kind.FINDINGS, Format.NDJSON), str(tmp_path / "findings.ndjson"))
    return tmp_path


class Receiver:
    """Answers as Splunk and Elastic do, and keeps what it was sent."""

    def __init__(self) -> None:
        self.asked: Asked = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.headers), await request.text()))
        return web.json_response({"code": 0, "text": "Success", "errors": False})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/{path:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def run(name: str, folder: Path, **environ: str) -> str:
    """Run a recipe in Python; what it printed."""
    command = [sys.executable, "-W", "error", "-c", recipe(name)]
    ended = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return str(ended.stdout)


async def test_duckdb(estate: Hub, exported: Path) -> None:
    """DuckDB counts the findings that are not resolved, by organization and severity."""
    found = duck.asked(recipe("DuckDB").replace("'waypost/", f"'{exported}/waypost/"))
    ((number,),) = await estate.rows("SELECT count(*) FROM finding WHERE state <> 6")
    assert sum(row[-1] for row in found) == number
    assert {row[0] for row in found} == {"Acme", "Globex", None}


async def test_pandas(exported: Path) -> None:
    """Pandas tells how old the critical ones are, by organization."""
    printed = await run("pandas", exported)
    assert {"Acme", "Globex", "count", "mean"} <= {*printed.split()}


async def test_splunk(exported: Path, receiver: Receiver) -> None:
    """Every document becomes an event with its time in seconds, its host and its source."""
    await run("Splunk", exported, SPLUNK_URL=receiver.url, SPLUNK_TOKEN="a token")
    events: list[dict[str, Any]] = []
    for path, headers, body in receiver.asked:
        assert (path, headers["Authorization"]) == ("/services/collector/event", "Splunk a token")
        events += [json.loads(line) for line in body.splitlines()]
    documents = [json.loads(line) for line in (exported / "findings.ocsf.ndjson").read_text().splitlines()]
    assert [event["event"] for event in events] == documents
    assert {frozenset(event) for event in events} == {
        frozenset(("time", "source", "sourcetype", "host", "event"))
    }
    assert all(event["time"] * 1000 == pytest.approx(event["event"]["time"]) for event in events)


async def test_elastic(exported: Path, receiver: Receiver) -> None:
    """Every finding is indexed under its id."""
    await run("Elastic", exported, ELASTIC_URL=receiver.url, ELASTIC_KEY="a key")
    found: dict[str, dict[str, Any]] = {}
    for path, headers, body in receiver.asked:
        assert (path, headers["Authorization"]) == ("/_bulk", "ApiKey a key")
        assert headers["Content-Type"] == "application/x-ndjson"
        assert body.endswith("\n")
        lines = [json.loads(line) for line in body.splitlines()]
        for action, finding in zip(lines[::2], lines[1::2], strict=True):
            assert action == {"index": {"_index": "waypost-findings", "_id": finding["id"]}}
            found[finding["id"]] = finding
    exported_ones = [json.loads(line) for line in (exported / "findings.ndjson").read_text().splitlines()]
    assert list(found.values()) == exported_ones


_IN_CLICKHOUSE = """
import sys
from chdb.session import Session
session = Session()
*statements, question = sys.stdin.read().split(";\\n")
for statement in statements:
    session.query(statement)
print(session.query(question, "JSONCompactEachRow"))
"""


async def test_clickhouse(estate: Hub, exported: Path) -> None:
    """Every finding is loaded once, however often, with its numbers, times and what it has not."""
    if importlib.util.find_spec("chdb") is None:
        if os.environ.get("WAYPOST_TEST_CLICKHOUSE") == "required":
            pytest.fail("WAYPOST_TEST_CLICKHOUSE is required, and chdb is not installed")
        pytest.skip("chdb is not installed, which is 180 MB: pip install -r requirements/clickhouse.lock")
    create, insert = recipe("ClickHouse").rstrip().removesuffix(";").split(";\n")
    question = (
        "SELECT id, toString(toInt64(toUnixTimestamp64Micro(changed_at))), score, isNull(resolved_at), state,"
        " organization_name FROM findings FINAL ORDER BY id"
    )
    script = f"{create};\n{insert};\n{insert};\n{question}"
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _IN_CLICKHOUSE],
        cwd=exported, input=script, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines() if line]
    table = (await _table(estate)).sort_by("id").to_pylist()
    assert found == [
        [
            row["id"],
            str(round(row["changed_at"].timestamp() * 1_000_000)),
            row["score"],
            int(row["resolved_at"] is None),
            row["state"],
            row["organization_name"],
        ]
        for row in table
    ]


@pytest.mark.parametrize(("name", "types"), [("ClickHouse", CLICKHOUSE), ("Snowflake", SNOWFLAKE)])
def test_warehouses(name: str, types: dict[Type, str]) -> None:
    """The tables of warehouses have every column of the files, in its order and with a type that holds it."""
    body = re.search(r"CREATE TABLE findings \((.*?)\n\)", recipe(name), re.DOTALL)
    assert body
    told = [line.strip().rstrip(",").split(" ", 1) for line in body[1].strip().splitlines()]
    assert [column for column, _ in told] == [column.name for column in columns.FINDINGS]
    for (_, kind), column in zip(told, columns.FINDINGS, strict=True):
        plain = kind.removeprefix("Nullable(").removesuffix(")") if kind.startswith("Nullable(") else kind
        assert plain.strip() in (types[column.holds], "String"), column.name


async def test_what_warehouses_take_for_never_null(estate: Hub) -> None:
    """Columns that the ClickHouse table has as not nullable never are null."""
    table = await _table(estate)
    body = recipe("ClickHouse").partition("ENGINE")[0]
    for column in columns.FINDINGS:
        if not re.search(rf"^  {column.name} Nullable\(", body, re.MULTILINE):
            assert table[column.name].null_count == 0, column.name


async def _table(estate: Hub) -> Any:
    stream = io.BytesIO()
    await exporting.to_stream(estate.db, Order(Kind.FINDINGS, Format.PARQUET), stream)
    return parquet.read_table(io.BytesIO(stream.getvalue()))


@pytest.mark.parametrize("kind", Kind)
def test_the_page_has_every_column(kind: Kind) -> None:
    """The page tells every column of a kind, in its order, as the code has it."""
    section = PAGE.partition(f"### {kind}\n")[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [_row(column) for column in columns.OF_KIND[kind]]


def _row(column: Column) -> str:
    return f"| `{column.name}` | {column.holds} | {column.about} |"
