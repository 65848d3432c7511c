"""The judge of OCSF documents: the official schema, and the rules that a schema does not tell.

It reads the definition of OCSF that `ocsf-json-schema` brings along, and nothing of Waypost.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

Document = dict[str, Any]  # Any: straight from JSON

VERSION: Final = "1.8.0"
_OTHER: Final = 99
_IF_SECONDS: Final = range(1_500_000_000, 2_000_000_000)
"""Milliseconds of some days in 1970, and seconds of our years."""


def problems(document: Document) -> list[str]:
    """What is wrong with a document; nothing with one that is right."""
    by_schema = [
        f"{error.json_path}: {error.message[:200]}" for error in _validator(document).iter_errors(document)
    ]
    return by_schema or [*_rules(document)]


@cache
def _definition() -> dict[str, Any]:
    definition: dict[str, Any] = get_ocsf_schema(VERSION)
    return definition


@cache
def _class(uid: int) -> dict[str, Any]:
    return next(found for found in _definition()["classes"].values() if found.get("uid") == uid)


@cache
def _validator_of(uid: int) -> Any:
    schema = OcsfJsonSchemaEmbedded(_definition()).get_class_schema(_class(uid)["name"], profiles=["host"])
    return jsonschema.Draft202012Validator(schema)


def _validator(document: Document) -> Any:
    return _validator_of(document["class_uid"])


def _rules(document: Document) -> Iterator[str]:
    found = _class(document["class_uid"])
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        yield f"type_uid {document['type_uid']} is not that of activity {document['activity_id']}"
    if document["category_uid"] != found["category_uid"]:
        yield f"category_uid {document['category_uid']} is not that of the class"
    names = {"category_name": found["category_name"], "class_name": found["caption"]}
    if "activity_name" in document:
        names["type_name"] = f"{found['caption']}: {document['activity_name']}"
    yield from (
        f"{name} is not {right!r}" for name, right in names.items() if document.get(name, right) != right
    )
    if document["metadata"]["version"] != VERSION:
        yield f"metadata.version {document['metadata']['version']}"
    yield from _inside(document, found["attributes"], "$")


def _inside(part: Document, attributes: dict[str, Any], path: str) -> Iterator[str]:
    """What is wrong with the attributes of an object and of those in it."""
    for name, value in part.items():
        told = attributes[name]
        if "@deprecated" in told:
            yield f"{path}.{name} is deprecated"
        if value in (None, [], {}):
            yield f"{path}.{name} has nothing in it"
        if told["type"] == "timestamp_t" and value in _IF_SECONDS:
            yield f"{path}.{name} is seconds, not milliseconds"
        if "enum" in told and "sibling" in told and name != "type_uid":
            yield from _caption(part, name, told, path)
        if told.get("object_type") not in (None, "object"):
            inner = _definition()["objects"][told["object_type"]]["attributes"]
            for one in value if isinstance(value, list) else [value]:
                yield from _inside(one, inner, f"{path}.{name}")


def _caption(part: Document, name: str, told: dict[str, Any], path: str) -> Iterator[str]:
    number, caption = part[name], part.get(told["sibling"])
    if number == _OTHER:
        if not caption:
            yield f"{path}.{name} is Other, and nothing says what"
    elif caption is not None and caption != told["enum"][str(number)]["caption"]:
        yield f"{path}.{name} is {number}, but its caption is {caption!r}"
