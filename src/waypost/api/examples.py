"""Examples in the API's description: one value for each name that a field has anywhere, put together by schema."""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]  # Any: JSON

_UUID: Final = "0b7c7a54-64c6-4a3c-9f2e-2f7a5f1d7c11"
_TIME: Final = "2026-11-22T08:30:00Z"

VALUES: Final[Mapping[str, Any]] = {  # Any: as above
    "name": "ACME",
    "url": "https://usea1-example.sentinelone.net",
    "base_url": "https://usea1-example.sentinelone.net",
    "token": "eyJraWQiOiJ1cy1lYXN0LTEt…",
    "organization": "ACME Ltd",
    "text": "wp_4fK2mZ8qLr0T_…",
    "scopes": ["read", "manage"],
    "streams": ["agents", "risks"],
    "key_id": "4fK2mZ8qLr0T",
    "next_cursor": None,
    "code": "console.forbidden_role",
    "remedy": "Give the service user the Viewer role.",
    "owner": "customer",
    "request_id": "5a0f5a1c2b6e4b0e8d0c6a4f8f1c2d3e",
    "action": "connection.renamed",
    "actor": "4fK2mZ8qLr0T administrator",
    "actor_kind": "key",
    "delta_seconds": 60,
    "tree_seconds": 900,
    "reconcile_seconds": 86_400,
    "days_left": 27,
    "found": "Works: 1,204 risks.",
    "worker": "hub-1:4711",
    "secret": "…",
    "connection": "ACME console",
    "account": "ACME",
    "external_id": "C-1042",
    "confidence": 0.99,
    "reasons": ["The name is the organization's name, without its legal form."],
    "origin": "site",
    "lifetime": "30m",
}
"""Those that a type alone would make senseless."""

STRUCTS: Final[Mapping[str, Any]] = {  # Any: as above
    "Decision": {
        "decision": "mapped",
        "organization": {"id": _UUID, "name": "ACME Ltd"},
        "reason": None,
        "origin": "site",
    },
    "Evidence": {"grade": "sure", "confidence": VALUES["confidence"], "reasons": VALUES["reasons"]},
}
"""Those whose fields make sense together only."""

_OF_FORMAT: Final = {
    "uuid": _UUID,
    "date-time": _TIME,
    "date": _TIME[:10],
    "uri": "https://waypost.example.com/",
    "duration": "PT30M",
}
_OF_TYPE: Final[Mapping[str, Any]] = {  # Any: as above
    "string": "text",
    "integer": 1,
    "number": 0.5,
    "boolean": False,
    "null": None,
    "object": {},
    "array": [],
}


def add(operation: Schema, components: Mapping[str, Schema]) -> None:
    """Put an example beside each body that the operation takes or answers."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for kind, content in body.get("content", {}).items():
            if kind.endswith("json") and "schema" in content:
                content.setdefault("example", example(content["schema"], components))


def example(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:  # Any: as above
    """A value that fits a schema."""
    if "$ref" in schema:
        of = schema["$ref"].rpartition("/")[2]
        return STRUCTS[of] if of in STRUCTS else example(components[of], components, name)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "const" in schema:
        return schema["const"]
    for choices in (schema.get("oneOf"), schema.get("anyOf"), schema.get("allOf")):
        if choices:
            return example(choices[0], components, name)
    if properties := schema.get("properties"):
        return {key: example(value, components, key) for key, value in properties.items()}
    return _plain(schema, components, name)


def _plain(schema: Schema, components: Mapping[str, Schema], name: str) -> Any:  # Any: as above
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    of_texts = kind != "array" or "$ref" not in schema.get("items", {})
    if name in VALUES and isinstance(VALUES[name], type(_OF_TYPE[kind])) and of_texts:
        return VALUES[name]
    if kind == "array" and "items" in schema:
        return [example(schema["items"], components, name)]
    return schema.get("default", _OF_TYPE[kind])
