"""What is exported: everything that the lists tell, of one moment, and nothing of others."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from support.clients import ACME, GLOBEX, INITECH, NAMES, Clients
from support.hub import Hub
from waypost import errors
from waypost.exports import columns, dimensions, exporting, snapshot
from waypost.exports.columns import Kind
from waypost.exports.exporting import Order
from waypost.exports.formats import Format
from waypost.unified import reading
from waypost.unified.filters import NOBODY, Filters

FLAT = (Format.NDJSON, Format.CSV, Format.PARQUET)
Row = dict[str, Any]  # Any: straight from a file


async def number(estate: Hub, name: str) -> int:
    """Waypost's own number of an organization."""
    ((found,),) = await estate.rows("SELECT organization_id FROM organization WHERE name = %s", name)
    return int(found)


async def rows(estate: Hub, kind: Kind, form: Format, **more: Any) -> list[Row]:
    """What an export has in it, as texts, with null as None."""
    stream = io.BytesIO()
    outcome = await exporting.to_stream(estate.db, Order(kind, form, **more), stream)
    assert outcome.bytes == len(stream.getvalue())
    found = list(_read(form, stream.getvalue()))
    assert outcome.rows == len(found)
    return sorted(found, key=lambda row: json.dumps(row, default=str))


def _read(form: Format, content: bytes) -> Any:
    if form in (Format.NDJSON, Format.OCSF):
        return [json.loads(line) for line in content.splitlines()]
    if form is Format.CSV:
        return csv.DictReader(io.StringIO(content.decode(), newline=""))
    return parquet.read_table(io.BytesIO(content)).to_pylist()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_findings_are_those_of_the_list(estate: Hub) -> None:
    """Every finding is exported once, with what the list tells of it."""
    listed = (await reading.findings(estate.db, Filters(), limit=10_000)).items
    exported = {row["id"]: row for row in await rows(estate, Kind.FINDINGS, Format.PARQUET)}
    assert len(listed) == len(exported) > 100
    for item in listed:
        row = exported[item.id]
        told = {"device_id": item.device.id, "device_name": item.device.name}
        told |= {f"software_{part}": getattr(item.software, part) for part in ("name", "vendor", "version")}
        same = (
            "connection", "site", "site_id", "cve", "state", "severity", "score", "score_version", "detected_at",
            "resolved_at", "last_seen_at", "changed_at", "published_at", "vendor_id",
        )  # fmt: skip
        told |= {name: getattr(item, name) for name in same}
        assert {name: row[name] for name in told} == told
        for name in ("mitigation", "mark", "extra"):
            assert (row[name] and json.loads(row[name])) == getattr(item, name)


async def test_devices_are_those_of_the_list(estate: Hub) -> None:
    """Every device is exported once, with what the list tells of it."""
    listed = (await reading.devices(estate.db, Filters(), limit=10_000)).items
    exported = {row["id"]: row for row in await rows(estate, Kind.DEVICES, Format.PARQUET)}
    assert len(listed) == len(exported) > 30
    for item in listed:
        row = exported[item.id]
        told = {name: getattr(item, name) for name in row.keys() & set(item.__struct_fields__)}
        assert {name: row[name] for name in told} == told | {"name": item.name or None}


async def test_software_adds_up(estate: Hub) -> None:
    """Software counts the findings that are not resolved, by device and application version."""
    findings = await rows(estate, Kind.FINDINGS, Format.PARQUET)
    counted: dict[tuple[str, ...], int] = {}
    for row in findings:
        if row["state"] != "resolved":
            key = tuple(
                row[name] for name in ("device_id", "software_name", "software_vendor", "software_version")
            )
            counted[key] = counted.get(key, 0) + 1
    exported = await rows(estate, Kind.SOFTWARE, Format.PARQUET)
    assert counted == {
        (row["device_id"], row["software_name"], row["software_vendor"], row["software_version"]): row[
            "findings"
        ]
        for row in exported
    }
    assert sum(row["critical"] for row in exported) == sum(
        row["severity"] == "critical" and row["state"] != "resolved" for row in findings
    )


@pytest.mark.parametrize("kind", Kind)
async def test_all_formats_tell_the_same(estate: Hub, kind: Kind) -> None:
    """NDJSON, CSV and Parquet have the same columns and the same values in them."""
    from_json = await rows(estate, kind, Format.NDJSON)
    from_csv = await rows(estate, kind, Format.CSV)
    from_parquet = await rows(estate, kind, Format.PARQUET)
    names = [column.name for column in columns.OF_KIND[kind]]
    assert list(from_json[0]) == list(from_csv[0]) == list(from_parquet[0]) == names
    as_text = [{name: _text(value) for name, value in row.items()} for row in from_json]
    assert sorted(as_text, key=repr) == sorted(from_csv, key=repr)
    as_text = [{name: _text(value) for name, value in row.items()} for row in from_parquet]
    assert sorted(as_text, key=repr) == sorted(from_csv, key=repr)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value)
    if hasattr(value, "isoformat"):
        return str(value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("organization", NAMES)
@pytest.mark.parametrize("kind", Kind)
async def test_a_bound_caller_gets_his_own(
    estate: Hub, clients: Clients, kind: Kind, organization: str
) -> None:
    """In no format does an export for one organization name anything of another, and it has all of its own."""
    bound = await number(estate, organization)
    for form in Format:
        stream = io.BytesIO()
        await exporting.to_stream(estate.db, Order(kind, form, organization_id=bound), stream)
        assert not [
            secret for secret in clients.secrets_from(organization) if secret.encode() in stream.getvalue()
        ]
    own = await rows(estate, kind, Format.PARQUET, organization_id=bound)
    narrowed = await rows(estate, kind, Format.PARQUET, filters=Filters(organization=bound))
    assert own == narrowed
    assert {row["organization_id"] for row in own} <= {clients.ids[organization]}
    assert bool(own) == (organization != INITECH)
    if kind is Kind.FINDINGS:
        assert sorted(row["vendor_id"] for row in own if row["state"] != "resolved") == sorted(
            finding["id"] for site in clients.of(organization) for finding in site["findings"]
        )


async def test_a_bound_caller_cannot_name_another(estate: Hub) -> None:
    """With another organization as a filter there is nothing."""
    acme, globex = await number(estate, ACME), await number(estate, GLOBEX)
    assert (
        await rows(
            estate, Kind.FINDINGS, Format.NDJSON, organization_id=acme, filters=Filters(organization=globex)
        )
        == []
    )


async def test_what_is_nobodys(estate: Hub) -> None:
    """What belongs to no organization has none beside it."""
    found = await rows(estate, Kind.FINDINGS, Format.PARQUET, filters=Filters(organization=NOBODY))
    assert {row["organization_name"] for row in found} == {None}
    assert found


async def test_filters(estate: Hub) -> None:
    """An export is limited as a list is."""
    filters = Filters(severity=("critical", "high"), state=("open",))
    listed = (await reading.findings(estate.db, filters, limit=10_000)).items
    exported = await rows(estate, Kind.FINDINGS, Format.NDJSON, filters=filters)
    assert sorted(item.id for item in listed) == sorted(row["id"] for row in exported)
    assert exported
    assert await rows(estate, Kind.FINDINGS, Format.PARQUET, filters=Filters(cve=("CVE-1999-0001",))) == []
    with pytest.raises(errors.FilterError, match="There is no severity 'awful'"):
        await rows(estate, Kind.FINDINGS, Format.CSV, filters=Filters(severity=("awful",)))
    assert await rows(estate, Kind.DEVICES, Format.CSV)  # the session is as good as before


@pytest.mark.parametrize("kind", Kind)
async def test_nothing_is_a_file_too(estate: Hub, kind: Kind) -> None:
    """Of nothing there is a file with the columns, and no rows."""
    for form in FLAT:
        assert await rows(estate, kind, form, filters=Filters(connection=("none of this name",))) == []


async def test_one_moment(estate: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes while an export is written is not in it, in no part of it."""
    before = await rows(estate, Kind.FINDINGS, Format.PARQUET)
    original = dimensions.read

    async def changed_meanwhile(*arguments: Any) -> Any:
        found = await original(*arguments)
        async with estate.means.database.connect() as other:
            await other.execute("UPDATE finding SET score = 0.5")
            await other.execute("UPDATE software SET name = 'renamed'")
        return found

    monkeypatch.setattr(dimensions, "read", changed_meanwhile)
    ((kept, scores),) = await estate.rows(
        "SELECT (SELECT json_agg(json_build_array(connection_id, software_id, name)) FROM software),"
        " (SELECT json_agg(json_build_array(finding_id, score)) FROM finding)"
    )
    try:
        assert await rows(estate, Kind.FINDINGS, Format.PARQUET) == before
    finally:
        async with estate.db.cursor() as cursor:
            await cursor.executemany(
                "UPDATE software SET name = %s WHERE connection_id = %s AND software_id = %s",
                [(name, connection, software) for connection, software, name in kept],
            )
            await cursor.executemany(
                "UPDATE finding SET score = %s WHERE finding_id = %s",
                [(score, found) for found, score in scores],
            )


async def test_blocks(estate: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the blocks are, they make the same file."""
    before = await rows(estate, Kind.FINDINGS, Format.NDJSON)
    monkeypatch.setattr(snapshot, "BLOCK", 7)
    assert await rows(estate, Kind.FINDINGS, Format.NDJSON) == before


async def test_formulas(estate: Hub) -> None:
    """No cell of a CSV file is a formula to a spreadsheet; other formats have the names as they are."""
    ((name, software, connection),) = await estate.rows(
        "SELECT name, software_id, connection_id FROM software JOIN finding USING (connection_id, software_id) LIMIT 1"
    )
    evil = "=cmd|' /C calc'!A0"
    update = "UPDATE software SET name = %s WHERE software_id = %s AND connection_id = %s"
    await estate.db.execute(update, [evil, software, connection])
    try:
        in_csv = await rows(estate, Kind.FINDINGS, Format.CSV)
        in_json = await rows(estate, Kind.FINDINGS, Format.NDJSON)
    finally:
        await estate.db.execute(update, [name, software, connection])
    assert f"'{evil}" in {row["software_name"] for row in in_csv}
    assert not [cell for row in in_csv for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert evil in {row["software_name"] for row in in_json}


async def test_a_file_is_whole_or_not_there(
    estate: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken off leaves no file, and one that was there before stays as it was."""
    path = tmp_path / "findings.csv"
    path.write_text("the one before")
    monkeypatch.setattr(snapshot, "BLOCK", 20)
    blocks = iter([None, None])

    def told(rows: int) -> None:
        assert rows
        if next(blocks, "over") == "over":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await exporting.to_file(estate.db, Order(Kind.FINDINGS, Format.CSV), str(path), told)
    assert names(tmp_path) == ["findings.csv"]
    assert path.read_text() == "the one before"
    await exporting.to_file(estate.db, Order(Kind.FINDINGS, Format.CSV), str(path))
    assert path.read_text().startswith('"id","connection"')


async def test_places_that_are_none(estate: Hub, tmp_path: Path) -> None:
    """A place that cannot be written is told with what to do, and nothing else happens."""
    (tmp_path / "file").write_text("")
    for address in (str(tmp_path / "file" / "below.csv"), "nosuch://bucket/x.csv", "/proc/nothing/x.csv"):
        with pytest.raises(errors.ExportPlaceError) as refused:
            await exporting.to_file(estate.db, Order(Kind.DEVICES, Format.CSV), address)
        assert refused.value.remedy
    with pytest.raises(errors.ExportPlaceError, match="s3fs"):
        await exporting.to_file(estate.db, Order(Kind.DEVICES, Format.CSV), "s3://bucket/x.csv")
    assert await rows(estate, Kind.DEVICES, Format.CSV)


async def test_object_stores(estate: Hub) -> None:
    """What fsspec knows an address of can be written to."""
    fsspec = pytest.importorskip("fsspec")
    await exporting.to_file(estate.db, Order(Kind.DEVICES, Format.CSV), "memory://exports/devices.csv")
    content = fsspec.filesystem("memory").cat("/exports/devices.csv")
    assert sorted(csv.DictReader(io.StringIO(content.decode())), key=repr) == sorted(
        await rows(estate, Kind.DEVICES, Format.CSV), key=repr
    )
