"""The judge of OCSF documents, judged: it lets the good pass and finds what is wrong with the bad."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import ocsf as judge
from support import wide
from waypost.unified import ocsf

SAMPLES = Path(__file__).resolve().parents[5] / "shared" / "ocsf"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the sample documents are not at {SAMPLES}")
ROW = {"id": "7", "endpointId": "9", "cveId": "CVE-2025-0411", "severity": "HIGH", "applicationName": "7-Zip"}
Document = dict[str, Any]


def good() -> Document:
    return ocsf.finding(wide.finding(ROW))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.update(type_uid=200202),
        lambda document: document.update(type_uid="200201"),
        lambda document: document.update(category_uid=5),
        lambda document: document.update(severity="Critical"),
        lambda document: document.update(severity=None),
        lambda document: document.update(severity_id=7),
        lambda document: document.update(status_id=99, status=""),
        lambda document: document.update(class_name="Detection Finding"),
        lambda document: document.update(type_name="Vulnerability Finding: Close"),
        lambda document: document.update(time=1748839611),
        lambda document: document.update(time=1795336200, resources=[]),
        lambda document: document.update(time="2025-06-02T04:46:51Z"),
        lambda document: document.update(surprise=1),
        lambda document: document.update(resource={"uid": "9"}),
        lambda document: document["metadata"].update(version="1.7.0"),
        lambda document: document["finding_info"].pop("uid"),
        lambda document: document["finding_info"].update(created_time=1748839611),
        lambda document: document["device"].pop("type_id"),
        lambda document: document["device"].update(type="Server", type_id=2),
        lambda document: document["device"].update(os={"name": "Linux"}),
        lambda document: document["vulnerabilities"][0].update(cwe={"uid": "CWE-79"}),
        lambda document: document["vulnerabilities"][0]["cve"].update(
            cvss=[{"base_score": "7.00", "version": "3"}]
        ),
        lambda document: document["vulnerabilities"][0]["affected_packages"][0].pop("version"),
    ],
)
def test_what_is_wrong_is_found(spoil: Callable[[Document], object]) -> None:
    """One wrong thing in a good document makes it bad."""
    document = good()
    assert judge.problems(document) == []
    spoil(document)
    assert judge.problems(document) != []


@needs_samples
@pytest.mark.parametrize("kind", ["valid", "invalid"])
def test_the_sample_documents(kind: str) -> None:
    """The judge says of every sample document what it was made to be."""
    documents = {path.name: json.loads(path.read_text()) for path in sorted((SAMPLES / kind).glob("*.json"))}
    assert documents
    judged = {name: bool(judge.problems(file.get("document", file))) for name, file in documents.items()}
    assert judged == dict.fromkeys(documents, kind == "invalid")
