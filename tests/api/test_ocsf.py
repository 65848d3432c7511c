"""Lists as documents of OCSF, over the running service: everything that the consoles hold is valid."""

from collections.abc import Callable
from typing import Any

import pytest

from support import ocsf as judge
from support.clients import ACME, NAMES, Clients

Document = dict[str, Any]  # Any: straight from JSON
LISTS = {"findings": 2002, "devices": 5001, "software": 5020}
OCSF = "application/ocsf+json"


def everything(api: Any, path: str, limit: int = 500) -> list[Document]:
    """A whole list as documents."""
    return flat(api, f"{path}{'&' if '?' in path else '?'}format=ocsf", limit)


def flat(api: Any, path: str, limit: int = 500) -> list[Document]:
    """A whole list, page by page."""
    items: list[Document] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"/api/v1/{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
        items += page["items"]
        cursor = page["next_cursor"]
    return items


@pytest.mark.parametrize(("path", "class_uid"), LISTS.items())
def test_all_documents_are_valid(of: Callable[[str], Any], path: str, class_uid: int) -> None:
    """Every finding, device and application of every console is a valid document of its class."""
    found = everything(of("everybody"), path)
    assert found
    assert {document["class_uid"] for document in found} == {class_uid}
    assert [problem for document in found for problem in judge.problems(document)] == []


@pytest.mark.parametrize("path", ["findings", "devices"])
def test_with_the_vendors_fields_too(of: Callable[[str], Any], path: str) -> None:
    """With the console's own row in them documents are still valid."""
    found = everything(of("everybody"), f"{path}?include=vendor")
    assert any("raw_data" in document for document in found)
    assert [problem for document in found for problem in judge.problems(document)] == []


def test_the_same_findings_and_devices(of: Callable[[str], Any]) -> None:
    """Both shapes tell of the same rows, by the same ids and in the same order."""
    api = of("everybody")
    findings = [document["finding_info"]["uid"] for document in everything(api, "findings", 7)]
    assert findings == [item["id"] for item in flat(api, "findings")]
    devices = [document["device"]["uid"] for document in everything(api, "devices", 2)]
    assert devices == [item["id"] for item in flat(api, "devices")]


@pytest.mark.parametrize("name", ["everybody", *NAMES])
def test_the_same_software(of: Callable[[str], Any], name: str) -> None:
    """For whoever reads, the pairs of application and device are those of the findings that are not resolved."""
    api = of(name)
    pairs = {
        (
            item["device"]["id"],
            item["software"]["name"],
            item["software"]["vendor"],
            item["software"]["version"],
        )
        for item in flat(api, "findings")
        if item["state"] != "resolved"
    }
    documents = everything(api, "software", 3)
    told = [
        (
            document["device"]["uid"],
            document["product"]["name"],
            document["product"].get("vendor_name", ""),
            document["product"]["version"],
        )
        for document in documents
    ]
    assert len({document["metadata"]["uid"] for document in documents}) == len(documents)
    assert set(told) == pairs
    counts = sum(document["unmapped"]["findings"] for document in documents)
    assert counts == sum(item["state"] != "resolved" for item in flat(api, "findings"))


@pytest.mark.parametrize(
    "filters", ["severity=critical", "device={device}", "cve={cve}", "application={application}"]
)
def test_software_is_filtered(of: Callable[[str], Any], filters: str) -> None:
    """The filters of the software list hold in either shape."""
    api = of("everybody")
    finding = flat(api, "findings?severity=critical")[0]
    filters = filters.format(
        device=finding["device"]["id"], cve=finding["cve"], application=finding["software"]["name"].split()[0]
    )
    documents = everything(api, f"software?{filters}", 4)
    assert documents
    assert sum(document["unmapped"]["findings"] for document in documents) == sum(
        item["findings"] for item in flat(api, f"software?{filters}")
    )


@pytest.mark.parametrize("path", LISTS)
def test_each_its_own(of: Callable[[str], Any], clients: Clients, path: str) -> None:
    """A bound key's documents are all of its own organization, and say so."""
    found = everything(of(ACME), path)
    assert found
    assert {document["metadata"]["tenant_uid"] for document in found} == {clients.ids[ACME]}
    assert {document["metadata"]["tags"][0]["value"] for document in found} == {ACME}
    assert {document["device"]["org"]["ou_uid"] for document in found} <= {
        site["id"] for site in clients.of(ACME)
    }


def test_both_ways_of_asking(of: Callable[[str], Any]) -> None:
    """The header asks for documents as the parameter does; where both are, the parameter counts."""
    api = of("everybody")
    by_header = api("GET", "/api/v1/findings?limit=1", Accept=OCSF).done()
    assert by_header.headers["Content-Type"].partition(";")[0] == OCSF
    assert by_header.document == api.get("/api/v1/findings?limit=1&format=ocsf")
    (item,) = api.get("/api/v1/findings?limit=1&format=flat", Accept=OCSF)["items"]
    assert "class_uid" not in item


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("findings?format=ocsf&fields=id", "fields"),
        ("findings?format=ocsf&count=true", "count"),
        ("findings?format=ocsf&include=device", "include"),
        ("software?format=ocsf&sort=-findings", "sort"),
    ],
)
def test_what_documents_cannot_have(of: Callable[[str], Any], path: str, field: str) -> None:
    """What is of the flat shape alone is refused by name."""
    of("everybody")("GET", f"/api/v1/{path}").refused(400, "filter", field)
