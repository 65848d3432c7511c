"""What the service tells of itself: the description, the page made from it, and what each problem means."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from playwright.sync_api import ConsoleMessage, sync_playwright

from waypost import errors

Document = dict[str, Any]
CODES = sorted(
    {
        kind.code
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.WaypostError)
    }
)
NAMES = [
    "addConnection",
    "addOrganization",
    "addWebhook",
    "ageOfFindings",
    "archiveOrganization",
    "changeConnection",
    "changeOrganization",
    "changeWebhook",
    "checkConnection",
    "checkUnsaved",
    "createConnectLink",
    "createExport",
    "createKey",
    "deleteExport",
    "downloadExport",
    "enableWebhook",
    "exportMapping",
    "exportOrganizations",
    "followSync",
    "getConnection",
    "getConnectionHealth",
    "getDelivery",
    "getDevice",
    "getExport",
    "getFinding",
    "getMappingSave",
    "getOrganization",
    "getProblem",
    "getSync",
    "getWebhook",
    "importMapping",
    "importOrganizations",
    "keepMapping",
    "listAccounts",
    "listAudit",
    "listChanges",
    "listConnectLinks",
    "listConnections",
    "listCves",
    "listDeliveries",
    "listDevices",
    "listExports",
    "listFindings",
    "listGroups",
    "listKeys",
    "listMapping",
    "listMappingDrift",
    "listMappingOrganizations",
    "listMappingSaves",
    "listOrganizations",
    "listQuarantine",
    "listRuns",
    "listSites",
    "listSoftware",
    "listSyncRuns",
    "listWebhooks",
    "live",
    "makeOrganizations",
    "metrics",
    "pauseConnection",
    "pingWebhook",
    "ready",
    "refreshMapping",
    "removeConnection",
    "removeWebhook",
    "replaceCredential",
    "replayWebhook",
    "resolutionOfFindings",
    "restoreOrganization",
    "resumeConnection",
    "revokeConnectLink",
    "revokeKey",
    "rotateWebhookSecret",
    "saveMapping",
    "suggestMapping",
    "summarizeFindings",
    "syncConnection",
    "trendOfFindings",
    "undoMappingSave",
]
"""Names of operations are stable: programs are generated from them."""


def _operations(description: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                yield method, path, operation


def test_every_operation_is_described(description: Document) -> None:
    """Each has a stable name, says what it does, belongs to a tag, and tells which problems it answers with."""
    assert description["openapi"].startswith("3.1")
    tags = {tag["name"] for tag in description["tags"]}
    names = [operation["operationId"] for _, _, operation in _operations(description)]
    assert sorted(names) == sorted(NAMES)
    for _, path, operation in _operations(description):
        assert operation["summary"][0].isupper(), path
        assert set(operation["tags"]) <= tags
        problems = [answer for status, answer in operation["responses"].items() if status >= "400"]
        assert problems
        for answer in problems:
            assert answer["content"]


def test_examples_fit(description: Document) -> None:
    """Every example is one: it fits the schema that it stands beside."""
    tried = 0
    for _, path, operation in _operations(description):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in body.get("content", {}).values():
                if "example" in content:
                    schema = {**content["schema"], "components": description["components"]}
                    jsonschema_rs.validate(schema, content["example"])
                    tried += 1
        assert tried, path
    assert tried > 60


def test_requests_take_nothing_unknown(description: Document) -> None:
    """What a request may hold is closed, so that a misspelt field is seen by whoever generates a client."""
    schemas = description["components"]["schemas"]
    for _, path, operation in _operations(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False, path


@pytest.mark.parametrize("code", CODES)
def test_each_problem_has_its_page(service: Any, code: str) -> None:
    """What a problem document calls its type leads to what it means, without a key."""
    meaning = service.with_key("").get(f"/problems/{code}")
    assert (meaning["code"], meaning["type"]) == (code, f"/problems/{code}")
    assert meaning["status"] >= 400
    assert meaning["remedy"]


def test_a_problem_that_is_none(service: Any) -> None:
    """A code that nobody uses leads nowhere."""
    service("GET", "/problems/no.such.code").refused(404, "request.not_found")


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, service: Any) -> Iterator[Any]:
    """The page in a browser that reaches nothing but the service, and what the browser complained of."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        opened = browser.new_page(color_scheme=request.param, viewport={"width": 1280, "height": 900})
        complaints: list[str] = []
        elsewhere: list[str] = []
        opened.on("console", lambda message: complaints.append(_said(message)))
        opened.on(
            "request", lambda asked: elsewhere.append(asked.url) if service.url not in asked.url else None
        )
        opened.goto(f"{service.url}/api/v1/docs")
        yield opened, complaints, [url for url in elsewhere if not url.startswith("data:")]
        browser.close()


def _said(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"


def test_the_page(page: Any, description: Document) -> None:
    """The page shows every operation, asks nobody else for anything, and the browser has nothing to complain of."""
    opened, complaints, elsewhere = page
    assert (complaints, elsewhere) == ([], [])
    for _, path, operation in _operations(description):
        article = opened.locator(f"article#{operation['operationId']}")
        assert article.locator("h3").inner_text() == operation["summary"]
        assert article.locator(".route code").inner_text() == path
    links = opened.eval_on_selector_all(
        "a[href^='#']", "all => all.map(a => a.getAttribute('href').slice(1))"
    )
    ids = set(opened.eval_on_selector_all("[id]", "all => all.map(e => e.id)"))
    assert set(links) <= ids
    background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", background)


def test_the_page_is_narrow_on_a_phone(page: Any) -> None:
    """On a phone nothing has to be scrolled sideways."""
    opened, _, _ = page
    opened.set_viewport_size({"width": 390, "height": 844})
    width = opened.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
