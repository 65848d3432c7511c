"""The description and the service agree: random calls to every operation, bounded and always the same ones."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support import simulator
from support.simulator import Simulator

EXAMPLES = 15
SEED = 20_261_122
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAMS = {"followSync"}
"""What answers without an end is followed in a test of its own."""


@pytest.fixture(scope="module")
def known(service: Any) -> Iterator[dict[str, str]]:
    """Ids of things that are there, so that half of the calls get past the first look."""
    options = simulator.arguments(accounts=1, sites=1, agents=2, risks_per_agent=2, seed=23)
    with simulator.running(options) as console:
        yield _known(service, console)


def _known(service: Any, console: Simulator) -> dict[str, str]:
    organization = service("POST", "/api/v1/organizations", {"name": "of the contract"}).done(201).document
    connection = service.add("of the contract", console, organization="of the contract")
    asked = service("POST", f"/api/v1/connections/{connection['id']}/sync").done(202).document
    service("GET", f"/api/v1/syncs/{asked['pull_id']}/events").done()
    service("POST", "/api/v1/organizations", {"name": "without a site"}).done(201)
    (site, *_) = service.get("/api/v1/mapping?connection=of%20the%20contract&kind=site")["items"]
    decision = {"kind": "site", "id": site["id"], "decision": "ignored", "reason": "a test"}
    decision |= {"connection": "of the contract"}
    save = service("PUT", "/api/v1/mapping", {"items": [decision]}).done().document
    drift = service.get("/api/v1/mapping/drift")["items"]
    return {
        "connection_id": connection["id"],
        "save_id": save["id"],
        "drift_id": drift[0]["id"],
        "organization_id": organization["id"],
        "pull_id": asked["pull_id"],
        "code": "access.key",
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_description_and_service_agree(
    service: Any, description: dict[str, Any], known: dict[str, str], mode: GenerationMode
) -> None:
    """No call ends in a 5xx, and every answer is one that the description has, in the shape that it says."""
    tried = 0
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in STREAMS:
            continue
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue
        tried += 1
        _agree(service, operation, known, mode)
    assert tried >= (10 if mode is GenerationMode.NEGATIVE else 25)


def _agree(service: Any, operation: Any, known: dict[str, str], mode: GenerationMode) -> None:
    deletes = operation.method.upper() == "DELETE"

    @hypothesis.seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def agree(case: Any, there: bool) -> None:
        if there and not deletes and case.path_parameters:
            case.path_parameters = {
                name: known.get(name, value) for name, value in case.path_parameters.items()
            }
        headers = {"Authorization": f"Bearer {service.key}"}
        answer = case.call(base_url=service.url, headers=headers, timeout=60)
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            return
        case.validate_response(answer, checks=CHECKS)

    agree()
