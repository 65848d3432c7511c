"""A folder of Parquet files that is a table as it lies, day by day and organization by organization."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from pyarrow import dataset, parquet

from support import duck
from support.clients import ACME, GLOBEX, Clients
from support.hub import Hub
from waypost.exports import columns, exporting, partitions, snapshot
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.unified.filters import Filters

ORDER = Order(Kind.FINDINGS, Format.PARQUET)
AS_IT_LIES = """
SELECT organization, count(*) AS findings, count(DISTINCT day) AS days, any_value(day)::text AS day,
  bool_and(organization_id IS NOT DISTINCT FROM nullif(organization, 'none')) AS agree
FROM read_parquet('FOLDER/findings/*/*/*.parquet', hive_partitioning = true, hive_types = {'organization': VARCHAR})
GROUP BY organization
"""


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def manifest(folder: Path, kind: str = "findings") -> partitions.Manifest:
    (path,) = folder.glob(f"{kind}/day=*/_manifest.json")
    return msgspec.json.decode(path.read_bytes(), type=partitions.Manifest)


async def count(estate: Hub) -> int:
    ((found,),) = await estate.rows("SELECT count(*) FROM finding")
    return int(found)


async def test_it_is_a_table_as_it_lies(estate: Hub, clients: Clients, tmp_path: Path) -> None:
    """DuckDB and Arrow read the folder as one table, with day and organization as columns."""
    outcome = await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    assert outcome.rows == await count(estate)
    found = duck.asked(AS_IT_LIES.replace("FOLDER", str(tmp_path)))
    assert {row[0] for row in found} == {clients.ids[ACME], clients.ids[GLOBEX], "none"}
    assert sum(row[1] for row in found) == outcome.rows
    assert {row[2:] for row in found} == {(1, f"{datetime.now(UTC):%Y-%m-%d}", True)}
    table = dataset.dataset(tmp_path / "findings", partitioning="hive").to_table()
    assert table.num_rows == outcome.rows
    assert table.column_names[-2:] == ["day", "organization"]


async def test_the_schema_tells_itself(estate: Hub, tmp_path: Path) -> None:
    """Each file has the documented columns with their types and what they mean, also of kinds with few rows."""
    for kind in Kind:
        await exporting.to_folder(estate.db, Order(kind, Format.PARQUET), str(tmp_path))
        for path in [path for path in files(tmp_path / kind) if path.suffix == ".parquet"]:
            schema = parquet.read_schema(path)
            assert schema.equals(columns.schema(kind))
            assert all(field.metadata[b"description"] for field in schema)


async def test_the_manifest_names_the_files(estate: Hub, tmp_path: Path) -> None:
    """The manifest has every file with its rows and its length, and nothing else lies there."""
    outcome = await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    told = manifest(tmp_path)
    day = files(tmp_path)[0].parent
    assert {day / part.path for part in told.files} | {day / "_manifest.json"} == {*files(tmp_path)}
    for part in told.files:
        assert (day / part.path).stat().st_size == part.bytes
        assert parquet.read_metadata(day / part.path).num_rows == part.rows
    assert (len(told.files), sum(part.bytes for part in told.files)) == (outcome.files, outcome.bytes)


async def test_again_takes_the_place_of_the_first(estate: Hub, tmp_path: Path) -> None:
    """A second export of a day replaces the first, with files of other names; an organization's replaces its alone."""
    await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    first = {*files(tmp_path)}
    await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    second = {*files(tmp_path)}
    assert len(first) == len(second)
    assert {path.name for path in first & second} == {"_manifest.json"}
    ((acme,),) = await estate.rows("SELECT organization_id FROM organization WHERE name = %s", ACME)
    order = Order(Kind.FINDINGS, Format.PARQUET, Filters(organization=acme, severity=("critical",)))
    outcome = await exporting.to_folder(estate.db, order, str(tmp_path))
    third = {*files(tmp_path)}
    assert len(third - second) == outcome.files == 1
    assert len(second - third) == 1
    told = manifest(tmp_path)
    assert {part.path for part in told.files} == {
        str(path.relative_to(files(tmp_path)[0].parent)) for path in third if path.suffix == ".parquet"
    }


async def test_a_caller_that_is_bound(estate: Hub, clients: Clients, tmp_path: Path) -> None:
    """For one organization there is its partition and nothing else."""
    ((acme,),) = await estate.rows("SELECT organization_id FROM organization WHERE name = %s", ACME)
    await exporting.to_folder(
        estate.db, Order(Kind.FINDINGS, Format.PARQUET, organization_id=acme), str(tmp_path)
    )
    assert {part.organization for part in manifest(tmp_path).files} == {clients.ids[ACME]}
    (path,) = [path for path in files(tmp_path) if path.suffix == ".parquet"]
    assert not [secret for secret in clients.secrets_from(ACME) if secret.encode() in path.read_bytes()]


async def test_broken_off(estate: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that was broken off leaves what was there before, and no file of its own."""
    await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    before = {path: path.read_bytes() for path in files(tmp_path)}
    monkeypatch.setattr(snapshot, "BLOCK", 20)
    written: list[int] = []

    def told(rows: int) -> None:
        written.append(rows)
        if len(written) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await exporting.to_folder(estate.db, ORDER, str(tmp_path), told)
    assert {path: path.read_bytes() for path in files(tmp_path)} == before
    assert await count(estate)  # the session is as good as before


async def test_long_ones_have_several_files(
    estate: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be too long a file becomes several."""
    monkeypatch.setattr(partitions, "ROWS_OF_A_FILE", 50)
    monkeypatch.setattr(snapshot, "BLOCK", 20)
    outcome = await exporting.to_folder(estate.db, ORDER, str(tmp_path))
    assert outcome.files > 3
    assert max(part.rows for part in manifest(tmp_path).files) <= 60
    assert dataset.dataset(tmp_path / "findings", partitioning="hive").count_rows() == await count(estate)


async def test_object_stores(estate: Hub) -> None:
    """In an object store it lies the same, and a second export leaves none of the first."""
    store = fsspec.filesystem("memory")
    for _ in range(2):
        outcome = await exporting.to_folder(estate.db, ORDER, "memory://lake/waypost")
    found: list[Any] = store.glob("/lake/waypost/findings/*/*/*.parquet")
    assert len(found) == outcome.files
    (told,) = store.glob("/lake/waypost/findings/*/_manifest.json")
    assert len(json.loads(store.cat(told))["files"]) == outcome.files
