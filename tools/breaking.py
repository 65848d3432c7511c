"""What in a description of an API breaks those who were written against an older one.

Readers of answers must put up with new fields and new words, writers of requests with new fields that may be left
out: so docs/api.md says, and so additions pass. Everything that a client may lean on and that goes is told, with its
place. References are followed, and a schema that holds itself is looked at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Document = Mapping[str, Any]  # Any: JSON
METHODS: Final = ("get", "post", "put", "patch", "delete")
_PLACEHOLDER: Final = re.compile(r"\{[^}]+\}")
_LOWEST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FIXED: Final = ("pattern", "format", "const")
_ANYTHING: Final = "anything"


def breaks(old: Document, new: Document) -> Iterator[str]:
    """Each break of the old contract by the new one: where it is, and what it is."""
    paths = {_PLACEHOLDER.sub("{}", path): item for path, item in new["paths"].items()}
    for path, item in old["paths"].items():
        now = paths.get(_PLACEHOLDER.sub("{}", path), {})
        for method in METHODS:
            if method in item:
                place = f"{method.upper()} {path}"
                if method in now:
                    for told in _Comparison(old, new).operation(item[method], now[method]):
                        yield f"{place}: {told}"
                else:
                    yield f"{place}: the operation is gone"


class _Comparison:
    """Two descriptions side by side, one operation of them."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[int, int, bool]] = set()

    def operation(self, old: Document, new: Document) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"its name {old.get('operationId')} is gone, which generated clients call it by"
        if new.get("security") and not old.get("security"):
            yield "it needs a key now"
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody", {}), new.get("requestBody", {}))
        for status, answer in old["responses"].items():
            if status.startswith("2"):
                yield from self._answer(status, answer, new["responses"].get(status))

    def _parameters(self, old: Document, new: Document) -> Iterator[str]:
        before, after = (
            {
                (part["in"], part["name"]): part
                for part in operation.get("parameters", ())
                if part["in"] != "path"
            }
            for operation in (old, new)
        )
        for key, part in before.items():
            if key not in after:
                yield f"the parameter {key[1]} is gone"
            else:
                yield from self._written(f"the parameter {key[1]}", part["schema"], after[key]["schema"])
                if part["schema"].get("default") != after[key]["schema"].get("default"):
                    yield f"the parameter {key[1]} has another default"
        for key, part in after.items():
            if part.get("required") and not before.get(key, {}).get("required"):
                yield f"the parameter {key[1]} is required now"

    def _body(self, old: Document, new: Document) -> Iterator[str]:
        if new.get("required") and not old.get("required"):
            yield "a body is required now"
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"bodies of {kind} are not taken any more"
            else:
                yield from self._written("body", content["schema"], new["content"][kind]["schema"])

    def _answer(self, status: str, old: Document, new: Document | None) -> Iterator[str]:
        if new is None:
            yield f"it is not answered with {status} any more"
            return
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"answer {status}: the header {name} is gone"
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"answer {status}: there is no {kind} any more"
            else:
                now = new["content"][kind].get("schema", {})
                yield from self._read(f"answer {status}", content.get("schema", {}), now)

    def _written(self, place: str, old: Document, new: Document) -> Iterator[str]:
        """What somebody writes must be taken still: the new schema may only take more."""
        yield from self._alternatives(place, old, new, writes=True)

    def _read(self, place: str, old: Document, new: Document) -> Iterator[str]:
        """What somebody reads must be understood still: the new schema may only give less, or new fields."""
        yield from self._alternatives(place, old, new, writes=False)

    def _alternatives(self, place: str, old: Document, new: Document, *, writes: bool) -> Iterator[str]:
        before, after = _types(self._old, old), _types(self._new, new)
        narrow, wide = (before, after) if writes else (after, before)
        for kind in narrow:
            if not _takes(wide, kind):
                yield f"{place}: it may be {kind} no longer" if writes else f"{place}: it may be {kind} now"
        for kind, schema in before.items():
            if kind in after:
                yield from self._of_type(place, schema, after[kind], writes=writes)

    def _of_type(self, place: str, old: Document, new: Document, *, writes: bool) -> Iterator[str]:
        compared = (id(old), id(new), writes)
        if compared in self._seen:
            return
        self._seen.add(compared)
        yield from _values(place, old, new)
        if writes:
            yield from _bounds(place, old, new)
        for name in _FIXED:
            if old.get(name) != new.get(name) and (new.get(name) if writes else old.get(name)):
                yield f"{place}: it has another {name}"
        yield from self._fields(place, old, new, writes=writes)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), Mapping) and isinstance(new.get(name), Mapping):
                yield from self._alternatives(f"{place}[]", old[name], new[name], writes=writes)

    def _fields(self, place: str, old: Document, new: Document, *, writes: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required, now_required = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in before.items():
            if name not in after:
                yield f"{place}: the field {name} is gone"
                continue
            yield from self._alternatives(f"{place}.{name}", schema, after[name], writes=writes)
            if not writes and name in required - now_required:
                yield f"{place}: the field {name} may be missing now"
        if writes:
            for name in sorted(now_required - required):
                yield f"{place}: the field {name} is required now"


def _types(document: Document, schema: Document) -> Mapping[str, Document]:
    """What a schema may be, by type. Of several objects the first counts: it is what is answered unasked."""
    found: dict[str, Document] = {}
    for kind, of_kind in _by_type(document, schema):
        found.setdefault(kind, of_kind)
    return found


def _by_type(document: Document, schema: Document) -> Iterator[tuple[str, Document]]:
    """Each thing that a schema may be, with its type."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _by_type(document, document["components"]["schemas"][name])
        return
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        for choice in choices:
            yield from _by_type(document, choice)
        return
    kinds = schema.get("type", _of_values(schema))
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        yield kind, schema


def _of_values(schema: Document) -> list[str]:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return list(dict.fromkeys(names[type(value)] for value in values)) or [_ANYTHING]


def _takes(wide: Mapping[str, Document], kind: str) -> bool:
    return kind in wide or _ANYTHING in wide or (kind == "integer" and "number" in wide)


def _values(place: str, old: Document, new: Document) -> Iterator[str]:
    """Words that are gone: to write, and to wait for in what is read. New ones may come at any time."""
    before, after = old.get("enum"), new.get("enum")
    if before and after:
        for value in before:
            if value not in after and value is not None:
                yield f"{place}: the value {value!r} is gone"


def _bounds(place: str, old: Document, new: Document) -> Iterator[str]:
    tighter: Mapping[str, Callable[[Any, Any], bool]] = {  # Any: numbers
        **dict.fromkeys(_LOWEST, lambda before, after: before is None or after > before),
        **dict.fromkeys(_HIGHEST, lambda before, after: before is None or after < before),
    }
    for name, is_tighter in tighter.items():
        if new.get(name) is not None and is_tighter(old.get(name), new[name]):
            yield f"{place}: its {name} is {new[name]} now"
    if new.get("enum") and not old.get("enum"):
        yield f"{place}: it takes a few values alone now"
