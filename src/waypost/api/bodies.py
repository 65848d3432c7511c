"""What a request brings, looked at before its handler runs: nothing unknown, nothing of the wrong kind.

The framework stops at the first fault and lets unknown parameters pass. Here every fault is named at its field.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request
from msgspec import Meta

from waypost import errors
from waypost.api.problems import FieldsError, sentence

MOST_BYTES: Final = 1_000_000
_CONTROL: Final = r"[^\x00-\x1f\x7f-\x9f]*"
_NO_CONTROL: Final = "It may not contain control characters."
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^{_CONTROL}$")]
Short = Annotated[str, Meta(max_length=200, pattern=rf"^{_CONTROL}$")]
Address = Annotated[str, Meta(min_length=1, max_length=2_000, pattern=rf"^{_CONTROL}$")]
Secret = Annotated[str, Meta(min_length=1, max_length=20_000)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all request bodies are: read only, and without fields that nobody knows."""


async def look(request: Request[Any, Any, Any]) -> None:
    """Look at a request that has found its handler.

    Raises:
        FieldsError: A parameter is unknown, or fields of the body are wrong.
        MediaTypeError: The body is no JSON by its header.
        BodyError: The body is no JSON object.
    """
    _look_at_parameters(request)
    shape = _shape(request)
    if shape is None:
        return
    raw = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and kind != "application/json":
        raise errors.MediaTypeError
    wrong = dict(faults(_object(raw), shape))
    if wrong:
        raise FieldsError(wrong)


def faults(document: Mapping[str, object], shape: type[Body]) -> Iterator[tuple[str, str]]:
    """What is wrong with a document, field by field."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for name in document:
        if name not in fields:
            yield name[:80], f"There is no such field; there are {', '.join(fields)}."
    for name, field in fields.items():
        if name not in document:
            if field.required:
                yield name, "It is missing."
            continue
        try:
            msgspec.convert(document[name], field.type)
        except msgspec.ValidationError as fault:
            yield from _faults_within(name, document[name], field.type, fault)


def _faults_within(
    name: str, value: object, kind: object, fault: msgspec.ValidationError
) -> Iterator[tuple[str, str]]:
    """The faults of a field that is an object of its own, each by name; or the one of a plain field."""
    inner = next((part for part in (kind, *getattr(kind, "__args__", ())) if _is_body(part)), None)
    if inner is not None and isinstance(value, dict):
        for part, detail in faults(value, inner):
            yield f"{name}.{part}", detail
        return
    yield name, _told(str(fault))


def _told(fault: str) -> str:
    if "matching regex" in fault:
        return _NO_CONTROL
    return sentence(fault)


def _is_body(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Body)


def _shape(request: Request[Any, Any, Any]) -> type[Body] | None:
    field = request.route_handler.parsed_data_field
    return field.annotation if field is not None and _is_body(field.annotation) else None


def _object(raw: bytes) -> dict[str, Any]:  # Any: straight from JSON
    if not raw:
        return {}
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise errors.BodyError("The request's body is no JSON.") from None
    except RecursionError:
        raise errors.BodyError("The request's body is nested too deeply.") from None
    if not isinstance(document, dict):
        raise errors.BodyError("The request's body is JSON, but no object.")
    return document


def _look_at_parameters(request: Request[Any, Any, Any]) -> None:
    """Nothing that is meant to limit a list or a change may pass unread, and nothing that no name or id has."""
    known = set(inspect.signature(request.route_handler.fn).parameters)
    given = [name for name, _ in request.query_params.multi_items()]
    wrong = {name[:80]: "There is no such parameter." for name in given if name not in known}
    wrong |= {name[:80]: "It is given twice." for name in given if name in known and given.count(name) > 1}
    texts = [*request.query_params.multi_items(), *request.path_params.items()]
    wrong |= {
        name[:80]: _NO_CONTROL
        for name, text in texts
        if name in known and isinstance(text, str) and not re.fullmatch(_CONTROL, text)
    }
    if wrong:
        raise FieldsError(wrong)
