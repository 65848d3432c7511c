"""`/exports`: asked for, made by a worker, fetched, deleted."""

import csv
import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from pyarrow import parquet

from support.clients import ACME, GLOBEX, NAMES, Clients
from support.simulator import Simulator

Document = dict[str, Any]  # Any: straight from JSON
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def working(serve: Callable[..., tuple[Any, Any]], clients: Clients) -> Callable[[str], Any]:
    """The service on the clients' database, with a worker, as a key of theirs sees it."""
    api, _ = serve(database_url=clients.url)
    return lambda name: api.with_key(clients.keys[name])


def made(api: Any, kind: str = "findings", form: str = "ndjson", **filters: Any) -> Document:
    """An export that is over."""
    body = {"kind": kind, "format": form, "filters": filters}
    answer = api("POST", "/api/v1/exports", body).done(202)
    path = answer.headers["Location"]
    assert path == f"/api/v1/exports/{answer.document['id']}"
    until = time.monotonic() + 60
    while (export := api.get(path))["state"] in ("queued", "running"):
        assert time.monotonic() < until, export
        time.sleep(0.1)
    found: Document = export
    return found


def lines(api: Any, export: Document) -> list[Document]:
    text = api("GET", export["link"]).done().text
    return [json.loads(line) for line in text.splitlines()]


def test_from_asking_to_fetching(working: Callable[[str], Any]) -> None:
    """An export is asked for, made, and fetched by its link, with its length and a name."""
    everybody = working("everybody")
    export = made(everybody)
    assert (export["state"], export["kind"], export["format"], export["error"]) == (
        "done",
        "findings",
        "ndjson",
        None,
    )
    answer = everybody("GET", export["link"]).done()
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert int(answer.headers["Content-Length"]) == export["bytes"] == len(answer.text.encode())
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="findings-20')
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert len(found) == export["rows"]
    listed = everybody.get("/api/v1/findings?limit=1000")["items"]
    assert sorted(item["id"] for item in listed) == sorted(row["id"] for row in found)


@pytest.mark.parametrize("form", ["csv", "parquet", "ocsf"])
def test_formats(working: Callable[[str], Any], clients: Clients, form: str) -> None:
    """Every format is fetched as one file."""
    everybody = working("everybody")
    export = made(everybody, "devices", form)
    content = _raw(everybody, export["link"])
    if form == "csv":
        rows = len(list(csv.DictReader(io.StringIO(content.decode()))))
    elif form == "parquet":
        rows = parquet.read_table(io.BytesIO(content)).num_rows
    else:
        rows = len({json.loads(line)["device"]["uid"] for line in content.splitlines()})
    assert rows == export["rows"] >= sum(len(site["devices"]) for site in clients.sites.values())


def _raw(api: Any, path: str) -> bytes:
    from urllib.request import Request, urlopen  # noqa: PLC0415  # the test's own client reads texts alone

    request = Request(api.url + path, headers={"Authorization": f"Bearer {api.key}"})  # noqa: S310  # loopback
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def test_filters(working: Callable[[str], Any], clients: Clients) -> None:
    """Filters mean what they do in the lists; they are told with the export."""
    everybody = working("everybody")
    export = made(everybody, severity=["critical", "high"], state=["open"], organization=ACME)
    listed = everybody.get(
        f"/api/v1/findings?severity=critical,high&state=open&organization={ACME}&limit=1000"
    )
    assert sorted(row["id"] for row in lines(everybody, export)) == sorted(
        item["id"] for item in listed["items"]
    )
    assert export["organization"] == {"id": clients.ids[ACME], "name": ACME}
    assert export["filters"] == {"severity": ["critical", "high"], "state": ["open"]}


@pytest.mark.parametrize("given", [{"score_max": 0}, {"score_min": 0}, {"has_fix": False}])
def test_a_filter_that_is_nothing_but_given(working: Callable[[str], Any], given: dict[str, Any]) -> None:
    """Nought and no are values: the export has what the list has, and not more."""
    everybody = working("everybody")
    export = made(everybody, **given)
    query = "&".join(f"{name}={str(value).lower()}" for name, value in given.items())
    listed = everybody.get(f"/api/v1/findings?{query}&limit=1000")["items"]
    assert sorted(row["id"] for row in lines(everybody, export)) == sorted(item["id"] for item in listed)
    assert export["filters"] == given


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"format": "csv"}, 422, "request.field", "kind"),
        ({"kind": "sites", "format": "csv"}, 422, "request.field", "kind"),
        ({"kind": "findings", "format": "xls"}, 422, "request.field", "format"),
        (
            {"kind": "findings", "format": "csv", "filters": {"colour": "red"}},
            422,
            "request.field",
            "filters.colour",
        ),
        (
            {"kind": "findings", "format": "csv", "filters": {"score_min": 11}},
            422,
            "request.field",
            "filters.score_min",
        ),
        (
            {"kind": "findings", "format": "csv", "filters": {"severity": ["awful"]}},
            400,
            "filter",
            "severity",
        ),
        ({"kind": "findings", "format": "csv", "filters": {"os": "windows"}}, 400, "filter", "os"),
        ({"kind": "devices", "format": "csv", "filters": {"cve": ["CVE-2024-1"]}}, 400, "filter", "cve"),
        (
            {"kind": "findings", "format": "csv", "filters": {"organization": "x"}},
            422,
            "organization.unknown",
            "",
        ),
    ],
)
def test_what_cannot_be(
    working: Callable[[str], Any], body: Document, status: int, code: str, field: str
) -> None:
    """What cannot be exported is refused by name, and nothing is made of it."""
    everybody = working("everybody")
    before = everybody.get("/api/v1/exports")
    everybody("POST", "/api/v1/exports", body).refused(status, code, *([field] if field else []))
    assert everybody.get("/api/v1/exports") == before


@pytest.mark.parametrize("name", NAMES)
def test_of_a_bound_key(working: Callable[[str], Any], clients: Clients, name: str) -> None:
    """A bound key's export has its organization's rows alone; nobody else but those who see all can find it."""
    own = working(name)
    export = made(own)
    text = own("GET", export["link"]).done().text
    assert not [secret for secret in clients.secrets_from(name) if secret in text]
    vendor_ids = [
        row["vendor_id"] for row in map(json.loads, text.splitlines()) if row["state"] != "resolved"
    ]
    assert sorted(vendor_ids) == sorted(
        finding["id"] for site in clients.of(name) for finding in site["findings"]
    )
    for other in {*NAMES} - {name}:
        for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", "")):
            working(other)(method, f"/api/v1/exports/{export['id']}{path}").refused(404, "request.not_found")
        assert export["id"] not in {item["id"] for item in working(other).get("/api/v1/exports")["items"]}
    assert export["id"] in {item["id"] for item in working("everybody").get("/api/v1/exports")["items"]}
    another = {"organization": ACME if name == GLOBEX else GLOBEX}
    body = {"kind": "findings", "format": "csv", "filters": another}
    own("POST", "/api/v1/exports", body).refused(422, "organization.unknown")


def test_what_everybody_asked_for(working: Callable[[str], Any]) -> None:
    """An export that a key for all asked for does not exist for a bound one, though it is of its organization."""
    export = made(working("everybody"), organization=ACME)
    working(ACME)("GET", f"/api/v1/exports/{export['id']}").refused(404, "request.not_found")
    assert export["id"] not in {item["id"] for item in working(ACME).get("/api/v1/exports")["items"]}


def test_pages(working: Callable[[str], Any]) -> None:
    """The list comes in pages, the newest first, each export once."""
    everybody = working("everybody")
    for _ in range(3):
        made(everybody, "devices", "csv")
    whole = everybody.get("/api/v1/exports?limit=1000")["items"]
    walked: list[Document] = []
    cursor: str | None = ""
    while cursor is not None:
        page = everybody.get(f"/api/v1/exports?limit=2&cursor={cursor}")
        walked += page["items"]
        cursor = page["next_cursor"]
    assert walked == whole
    assert [item["asked_at"] for item in walked] == sorted(
        (item["asked_at"] for item in walked), reverse=True
    )


def test_deleting(working: Callable[[str], Any]) -> None:
    """A deleted export is gone at once, and deleting it again is told."""
    own = working(ACME)
    export = made(own)
    own("DELETE", f"/api/v1/exports/{export['id']}").done(204)
    for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", "")):
        own(method, f"/api/v1/exports/{export['id']}{path}").refused(404, "request.not_found")


def test_before_it_is_there(of: Callable[[str], Any]) -> None:
    """While no worker has made it, an export waits, has no link, and a download says so."""
    own = of(ACME)
    export = own("POST", "/api/v1/exports", {"kind": "devices", "format": "csv"}).done(202).document
    assert (export["state"], export["link"]) == ("queued", None)
    problem = own("GET", f"/api/v1/exports/{export['id']}/download").refused(409, "export.state")
    assert "queued" in problem["detail"]
    own("DELETE", f"/api/v1/exports/{export['id']}").done(204)


def test_the_audit_log(working: Callable[[str], Any]) -> None:
    """Who asked for an export, who fetched it and who deleted it is on record."""
    own = working(ACME)
    export = made(own, severity=["critical"])
    own("GET", export["link"]).done()
    own("DELETE", f"/api/v1/exports/{export['id']}").done(204)
    entries = own.get(f"/api/v1/audit?subject_id={export['id']}")["items"]
    assert [entry["action"] for entry in entries] == ["export.deleted", "export.downloaded", "export.asked"]
    assert entries[-1]["after"] == {
        "kind": "findings",
        "format": "ndjson",
        "filters": {"severity": ["critical"]},
    }


def test_the_files_are_private(
    serve: Callable[..., tuple[Any, Any]], console: Simulator, tmp_path: Any
) -> None:
    """The file lies in the data folder, where nobody else of the machine can read it, and goes with its export."""
    home = tmp_path / "home"
    home.mkdir()
    api, _ = serve(home=home)
    api.add("console", console)
    export = made(api, "devices", "csv")
    (file,) = [path for path in home.rglob("exports/*") if export["id"] in path.name]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_size == export["bytes"]
    file.unlink()
    api("GET", export["link"]).refused(409, "export.state")
