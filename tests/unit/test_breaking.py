"""What counts as a break of the API's contract, and what does not."""

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
Document = dict[str, Any]


def _tool(name: str) -> Any:  # Any: a module, loaded from its file
    found = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


breaking = _tool("breaking")

OLD: Document = {
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "security": [{"key": []}],
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "maximum": 9, "default": 5},
                    },
                    {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}},
                    },
                    "404": {},
                },
            },
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}
                },
                "responses": {"201": {}},
            },
        },
        "/things/{thing_id}": {"delete": {"responses": {"204": {}}}},
    },
    "components": {
        "schemas": {
            "Page": {
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "next": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "Thing": {
                "type": "object",
                "required": ["id", "state", "score"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "state": {"enum": ["open", "closed"]},
                    "score": {"type": "number"},
                    "parent": {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "null"}]},
                    "more": {"type": "object", "additionalProperties": {"type": "integer"}},
                },
            },
            "New": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "state": {"enum": ["open", "closed"]},
                },
            },
        }
    },
}
Change = Callable[[Document], object]


def _get(new: Document) -> Document:
    found: Document = new["paths"]["/things"]["get"]
    return found


def _post(new: Document) -> Document:
    found: Document = new["paths"]["/things"]["post"]
    return found


def _fields(new: Document, name: str) -> Document:
    found: Document = new["components"]["schemas"][name]["properties"]
    return found


def _required(new: Document, name: str) -> list[str]:
    found: list[str] = new["components"]["schemas"][name]["required"]
    return found


LIST, ITEM, BODY = "GET /things: ", "GET /things: answer 200.items[]", "POST /things: body"
BREAKS: list[tuple[Change, str]] = [
    (lambda new: new["paths"].pop("/things/{thing_id}"), "DELETE /things/{thing_id}: the operation is gone"),
    (lambda new: new["paths"]["/things"].pop("get"), "GET /things: the operation is gone"),
    (
        lambda new: _get(new).update(operationId="other"),
        "GET /things: its name listThings is gone, which generated clients call it by",
    ),
    (lambda new: _post(new).update(security=[{"key": []}]), "POST /things: it needs a key now"),
    (lambda new: _get(new)["parameters"].pop(0), f"{LIST}the parameter limit is gone"),
    (
        lambda new: _get(new)["parameters"][1].update(required=True),
        f"{LIST}the parameter kind is required now",
    ),
    (
        lambda new: _get(new)["parameters"].append(
            {"name": "x", "in": "query", "required": True, "schema": {}}
        ),
        f"{LIST}the parameter x is required now",
    ),
    (
        lambda new: _get(new)["parameters"][0]["schema"].update(type="string"),
        f"{LIST}the parameter limit: it may be integer no longer",
    ),
    (
        lambda new: _get(new)["parameters"][0]["schema"].update(maximum=8),
        f"{LIST}the parameter limit: its maximum is 8 now",
    ),
    (
        lambda new: _get(new)["parameters"][0]["schema"].update(minimum=1),
        f"{LIST}the parameter limit: its minimum is 1 now",
    ),
    (
        lambda new: _get(new)["parameters"][0]["schema"].update(default=6),
        f"{LIST}the parameter limit has another default",
    ),
    (
        lambda new: _get(new)["parameters"][1]["schema"].update(enum=["a"]),
        f"{LIST}the parameter kind: the value 'b' is gone",
    ),
    (lambda new: _get(new)["responses"].pop("200"), f"{LIST}it is not answered with 200 any more"),
    (
        lambda new: _get(new)["responses"]["200"]["headers"].clear(),
        f"{LIST}answer 200: the header ETag is gone",
    ),
    (
        lambda new: _get(new)["responses"]["200"].update(content={"text/csv": {}}),
        f"{LIST}answer 200: there is no application/json any more",
    ),
    (lambda new: _fields(new, "Thing").pop("score"), f"{ITEM}: the field score is gone"),
    (lambda new: _required(new, "Thing").remove("score"), f"{ITEM}: the field score may be missing now"),
    (
        lambda new: _fields(new, "Thing").update(score={"anyOf": [{"type": "number"}, {"type": "null"}]}),
        f"{ITEM}.score: it may be null now",
    ),
    (
        lambda new: _fields(new, "Thing").update(score={"type": "string"}),
        f"{ITEM}.score: it may be string now",
    ),
    (lambda new: _fields(new, "Thing").update(score={}), f"{ITEM}.score: it may be anything now"),
    (
        lambda new: _fields(new, "Thing").update(id={"type": "string"}),
        f"{ITEM}.id: it has another format",
    ),
    (
        lambda new: _fields(new, "Thing").update(state={"enum": ["open"]}),
        f"{ITEM}.state: the value 'closed' is gone",
    ),
    (
        lambda new: _fields(new, "Thing")["more"].update(additionalProperties={"type": "string"}),
        f"{ITEM}.more[]: it may be string now",
    ),
    (lambda new: _post(new)["requestBody"].update(required=True), "POST /things: a body is required now"),
    (
        lambda new: _post(new)["requestBody"].update(content={}),
        "POST /things: bodies of application/json are not taken any more",
    ),
    (lambda new: _fields(new, "New").pop("size"), f"{BODY}: the field size is gone"),
    (lambda new: _required(new, "New").append("size"), f"{BODY}: the field size is required now"),
    (
        lambda new: _fields(new, "New").update(size={"type": "integer"}),
        f"{BODY}.size: it may be null no longer",
    ),
    (lambda new: _fields(new, "New")["name"].update(maxLength=9), f"{BODY}.name: its maxLength is 9 now"),
    (lambda new: _fields(new, "New")["name"].update(pattern="^x"), f"{BODY}.name: it has another pattern"),
    (
        lambda new: _fields(new, "New")["name"].update(enum=["x"]),
        f"{BODY}.name: it takes a few values alone now",
    ),
    (
        lambda new: _fields(new, "New").update(state={"enum": ["open"]}),
        f"{BODY}.state: the value 'closed' is gone",
    ),
]
PASSES: dict[str, Change] = {
    "nothing": lambda _: None,
    "another name of what stands in a path": lambda new: new["paths"].update(
        {"/things/{id}": new["paths"].pop("/things/{thing_id}")}
    ),
    "an operation": lambda new: new["paths"].update({"/more": {"get": {"responses": {}}}}),
    "a parameter": lambda new: _get(new)["parameters"].append({"name": "x", "in": "query", "schema": {}}),
    "a wider limit": lambda new: _get(new)["parameters"][0]["schema"].update(maximum=100),
    "any number where it was a whole one": lambda new: _get(new)["parameters"][0]["schema"].update(
        type="number"
    ),
    "a word to write": lambda new: _get(new)["parameters"][1]["schema"]["enum"].append("c"),
    "a refusal less": lambda new: _get(new)["responses"].pop("404"),
    "a field to read": lambda new: _fields(new, "Thing").update(new={"type": "string"}),
    "a word to read": lambda new: _fields(new, "Thing")["state"]["enum"].append("new"),
    "whole numbers where it was any": lambda new: _fields(new, "Thing").update(score={"type": "integer"}),
    "never null where it might be": lambda new: _fields(new, "Page").update(next={"type": "string"}),
    "always where it might be missing": lambda new: _required(new, "Thing").append("more"),
    "another shape for who asks for it": lambda new: _fields(new, "Page")["items"].update(
        items={"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "object"}]}
    ),
    "a field that may be written": lambda new: _fields(new, "New").update(new={"type": "string"}),
    "nothing where a field had to be written": lambda new: _required(new, "New").remove("name"),
    "a shorter way to say it": lambda new: _fields(new, "New").update(size={"type": ["integer", "null"]}),
}


@pytest.mark.parametrize(("change", "told"), BREAKS, ids=[told for _, told in BREAKS])
def test_breaks(change: Change, told: str) -> None:
    """Whatever a client may lean on and that goes is told with its place, and nothing else is."""
    new = copy.deepcopy(OLD)
    change(new)
    assert told in set(breaking.breaks(OLD, new))
    assert len(set(breaking.breaks(OLD, new))) == 1


@pytest.mark.parametrize("what", PASSES)
def test_additions(what: str) -> None:
    """What a client can put up with passes."""
    new = copy.deepcopy(OLD)
    PASSES[what](new)
    assert list(breaking.breaks(OLD, new)) == []


def test_the_released_contract_can_be_read() -> None:
    """What `make check` compares with is there, and breaks nothing compared with itself."""
    old = json.loads((TOOLS.parent / "contract" / "openapi-v1.json").read_text())
    assert len(old["paths"]) > 30
    assert list(breaking.breaks(old, old)) == []
