"""The operations of the API as tables, from the description that the service gives of itself."""

import warnings
from collections.abc import Iterator
from typing import Any, Final

import msgspec

import contract

METHODS: Final = ("get", "post", "put", "patch", "delete")
HEADS: Final = ("operation", "what it does, and takes")
Document = dict[str, Any]  # Any: JSON


def sections() -> Iterator[tuple[str, str, list[list[str]]]]:
    """The operations of each tag: its name, what it is about, and a row for each operation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the framework, about itself
        description: Document = msgspec.json.decode(contract.described())
    rows: dict[str, list[list[str]]] = {}
    for path, item in description["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                rows.setdefault(operation["tags"][0], []).append(_row(path, method, operation, description))
    for tag in description["tags"]:
        yield tag["name"], tag["description"], rows.pop(tag["name"])
    if rows:
        raise ValueError(f"These tags are not described: {', '.join(rows)}.")


def _row(path: str, method: str, operation: Document, description: Document) -> list[str]:
    does = " ".join(f"{operation['summary']}. {operation.get('description', '')}".split())
    takes = _takes(operation, description)
    return [f"`{method.upper()} {path}`", f"{does}<br>Takes {takes}." if takes else does]


def _takes(operation: Document, description: Document) -> str:
    """The parameters in the address, and the fields of the body; those that must be there in bold."""
    named = [
        (parameter["name"], parameter["required"])
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ]
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        shape = content["application/json"]["schema"]
        while "$ref" in shape:
            shape = description["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        required = set(shape.get("required", ()))
        named += [(name, name in required) for name in shape.get("properties", {})]
    other = [kind for kind in content if kind != "application/json"]
    told = [f"**`{name}`**" if must else f"`{name}`" for name, must in named]
    return ", ".join(told + [f"a body of `{kind}`" for kind in other])
