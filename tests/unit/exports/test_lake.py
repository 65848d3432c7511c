"""OCSF documents as files: a line each, or as Amazon Security Lake asks it of a custom source."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from support import duck
from support.clients import ACME, GLOBEX, Clients
from support.hub import Hub
from waypost.exports import documents, exporting, lake
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format

CLASS = {Kind.FINDINGS: 2002, Kind.DEVICES: 5001, Kind.SOFTWARE: 5020}
Document = dict[str, Any]  # Any: straight from JSON


async def lines(estate: Hub, kind: Kind, **more: Any) -> list[Document]:
    stream = io.BytesIO()
    outcome = await exporting.to_stream(estate.db, Order(kind, Format.OCSF, **more), stream)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert outcome.rows == len(found)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", Kind)
async def test_lines(estate: Hub, kind: Kind) -> None:
    """There is a document of the right class for every row."""
    stream = io.BytesIO()
    flat = await exporting.to_stream(estate.db, Order(kind, Format.CSV), stream)
    found = await lines(estate, kind)
    assert flat.rows == len(found) > 30
    assert {document["class_uid"] for document in found} == {CLASS[kind]}


@pytest.mark.parametrize("kind", Kind)
async def test_the_lake_loses_nothing(
    estate: Hub, kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read from the lake's files is what the documents are; objects of any shape are JSON there."""
    monkeypatch.setattr(lake, "ROWS_OF_A_GROUP", 50)
    monkeypatch.setattr(documents, "AT_ONCE", 30)
    await exporting.to_lake(estate.db, Order(kind, Format.OCSF), str(tmp_path), "eu-central-1")
    found = [_without_nulls(row) for path in files(tmp_path) for row in parquet.read_table(path).to_pylist()]
    for document in found:
        for name in ("unmapped", "raw_data"):
            if name in document:
                document[name] = json.loads(document[name])
    assert sorted(map(_text, found)) == sorted(map(_text, await lines(estate, kind)))


def _text(document: Document) -> str:
    return json.dumps(document, sort_keys=True)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


async def test_the_layout(estate: Hub, clients: Clients, tmp_path: Path) -> None:
    """Region, account and day are in the path; within a file there is one class, in the order of time, compressed."""
    outcome = await exporting.to_lake(
        estate.db, Order(Kind.FINDINGS, Format.OCSF), str(tmp_path), "eu-central-1"
    )
    paths = [str(path.relative_to(tmp_path)) for path in files(tmp_path)]
    assert len(paths) == outcome.files
    shape = re.compile(
        r"region=eu-central-1/accountId=external_([\w-]+)/eventDay=(\d{8})/\w+-\d{5}\.zstd\.parquet"
    )
    accounts = set()
    for path in paths:
        match = shape.fullmatch(path)
        assert match, path
        accounts.add(match[1])
        file = parquet.ParquetFile(tmp_path / path)
        assert {
            file.metadata.row_group(0).column(n).compression for n in range(file.metadata.num_columns)
        } == {"ZSTD"}
        rows = file.read().to_pylist()
        times = [row["time"] for row in rows]
        assert times == sorted(times)
        days = duck_days(times)
        assert days == {match[2]}
        assert {row["class_uid"] for row in rows} == {2002}
        owner = None if match[1] == "none" else match[1]
        assert {row["metadata"]["tenant_uid"] for row in rows} == {owner}
    assert accounts == {clients.ids[ACME], clients.ids[GLOBEX], "none"}


def duck_days(times: list[int]) -> set[str]:
    """The days of these times, as another program reckons them."""
    query = "SELECT strftime(make_timestamp(unnest(?::bigint[]) * 1000), '%Y%m%d')"
    return {day for (day,) in duck.asked(query, [times])}


async def test_a_bound_caller(estate: Hub, clients: Clients, tmp_path: Path) -> None:
    """For one organization there are its documents alone, under its own account."""
    ((acme,),) = await estate.rows("SELECT organization_id FROM organization WHERE name = %s", ACME)
    order = Order(Kind.DEVICES, Format.OCSF, organization_id=acme)
    await exporting.to_lake(estate.db, order, str(tmp_path), "us-east-1")
    assert {path.parts[-3] for path in files(tmp_path)} == {f"accountId=external_{clients.ids[ACME]}"}


async def test_another_export_adds(estate: Hub, tmp_path: Path) -> None:
    """What lies in the lake is left alone by the next export, whose documents say that they are the same."""
    order = Order(Kind.DEVICES, Format.OCSF)
    await exporting.to_lake(estate.db, order, str(tmp_path), "us-east-1")
    first = {path: path.read_bytes() for path in files(tmp_path)}
    await exporting.to_lake(estate.db, order, str(tmp_path), "us-east-1")
    second = {path: path.read_bytes() for path in files(tmp_path)}
    assert second.items() >= first.items()
    assert len(second) == 2 * len(first)
    uids = [row["metadata"]["uid"] for path in second for row in parquet.read_table(path).to_pylist()]
    assert len(uids) == 2 * len({*uids})


async def test_broken_off(estate: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export to the lake that was broken off leaves no file."""
    monkeypatch.setattr(documents, "AT_ONCE", 30)
    seen: list[int] = []

    def told(rows: int) -> None:
        seen.append(rows)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await exporting.to_lake(
            estate.db, Order(Kind.FINDINGS, Format.OCSF), str(tmp_path), "us-east-1", told
        )
    assert not files(tmp_path)
