"""The description and the service agree: random calls to every operation, bounded and always the same ones."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from support import simulator
from support.program import Running
from support.simulator import Simulator

EXAMPLES = {"all": 15, "bound": 4, "read": 3, "manage": 3, "act": 1, "wrong": 1, "none": 1}
"""Calls of each operation, by the key that they are made with."""
SEED = 20_261_122
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OF_OPERATIONS = [negative_data_rejection, unsupported_method, allow_header_conformance, ignored_auth]
OPEN = {"live", "ready", "metrics", "getProblem"}
STREAMS = {"followSync"}
"""What answers without an end is followed in a test of its own."""
_places = (f"198.51.{number // 256 % 256}.{number % 256}" for number in itertools.count())


@pytest.fixture(scope="module")
def api(serve: Callable[..., tuple[Any, Running]]) -> Any:
    """A service of its own, told by each call that it comes from elsewhere: wrong keys make their place wait."""
    started, _ = serve("--behind-proxy")
    return started


@pytest.fixture(scope="module")
def known(api: Any) -> Iterator[dict[str, str]]:
    """Ids of things that are there, so that half of the calls get past the first look."""
    options = simulator.arguments(accounts=1, sites=1, agents=2, risks_per_agent=2, seed=23)
    with simulator.running(options) as console:
        yield _known(api, console)


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
    hook = {"name": "of the contract", "url": "http://127.0.0.1:9/", "organization": "of the contract"}
    webhook_id = service("POST", "/api/v1/webhooks", hook).done(201).document["webhook"]["id"]
    return {
        "webhook_id": webhook_id,
        "delivery_id": service("POST", f"/api/v1/webhooks/{webhook_id}/ping").done().document["id"],
        "connection_id": connection["id"],
        "save_id": save["id"],
        "drift_id": drift[0]["id"],
        "organization_id": organization["id"],
        "pull_id": asked["pull_id"],
        "code": "access.key",
    }


@pytest.fixture(scope="module")
def keys(api: Any, known: dict[str, str]) -> dict[str, str]:
    """A key of each kind: of one scope alone, of all, bound to an organization; wrong; and none at all."""
    made = {scope: api.make_key(scope).key for scope in ("read", "manage", "act")}
    bound = api.make_key("read", "manage", organization=known["organization_id"]).key
    return {**made, "all": api.key, "bound": bound, "wrong": api.key[:-1] + "-", "none": ""}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_description_and_service_agree(
    api: Any,
    description: dict[str, Any],
    known: dict[str, str],
    keys: dict[str, str],
    kind: str,
    mode: GenerationMode,
) -> None:
    """No call ends in a 5xx, and every answer is one that the description has, in the shape that it says."""
    tried = 0
    caller = api.with_key(keys[kind])
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in STREAMS:
            continue
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue
        tried += 1
        _agree(caller, operation, known, mode, EXAMPLES[kind])
    assert tried >= (10 if mode is GenerationMode.NEGATIVE else 25)


def _agree(service: Any, operation: Any, known: dict[str, str], mode: GenerationMode, examples: int) -> None:
    deletes = operation.method.upper() == "DELETE"

    @hypothesis.seed(SEED)
    @settings(
        max_examples=examples,
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
        headers = {"X-Forwarded-For": next(_places)}
        headers |= {"Authorization": f"Bearer {service.key}"} if service.key else {}
        answer = case.call(base_url=service.url, headers=headers, timeout=60)
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            return
        assert answer.status_code != 429
        case.validate_response(answer, checks=CHECKS)

    agree()


@pytest.mark.parametrize("check", OF_OPERATIONS)
def test_each_operation(
    api: Any, description: dict[str, Any], known: dict[str, str], check: Callable[..., Any]
) -> None:
    """No operation does without its key, answers to methods that it does not know, or takes what it must not."""
    tried = 0
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in STREAMS | OPEN:
            continue
        tried += 1
        _holds(api, operation, known, check)
    assert tried > 25


def _holds(api: Any, operation: Any, known: dict[str, str], check: Callable[..., Any]) -> None:
    deletes = operation.method.upper() == "DELETE"
    mode = GenerationMode.NEGATIVE if check is negative_data_rejection else GenerationMode.POSITIVE
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return

    @hypothesis.seed(SEED)
    @settings(
        max_examples=2, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and not deletes and case.path_parameters:
            case.path_parameters = {
                name: known.get(name, value) for name, value in case.path_parameters.items()
            }
        case.headers["X-Forwarded-For"] = next(_places)
        headers = {"Authorization": f"Bearer {api.key}"}
        answer = case.call(base_url=api.url, headers=headers, timeout=60)
        assert answer.status_code != 429
        case.validate_response(answer, checks=[check], headers=headers)

    holds()
