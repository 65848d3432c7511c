"""What a request brings, looked at before its handler runs: nothing unknown, nothing of the wrong kind.

The framework stops at the first fault and lets unknown parameters pass. Here every fault is named at its field.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from litestar import Request, Response
from litestar.handlers import BaseRouteHandler
from msgspec import Meta

from waypost import errors
from waypost.api import parameters
from waypost.api.parameters import CONTROL
from waypost.api.problems import FieldsError, sentence
from waypost.unified import nearest

MOST_BYTES: Final = 1_000_000
DEEPEST: Final = 32
"""Levels of objects and lists; no body that means something has more than five."""
MOST_FAULTS: Final = 100
"""Of one list, or unknown fields of one object: a mistake made ten thousand times need not be told more often."""
_TOO_DEEP: Final = (
    f"The request's body is nested too deeply: {DEEPEST} levels are enough for every operation."
)
SHEET: Final = "text/csv"
_SHEET: Final = "waypost_sheet"
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^{CONTROL}$")]
Short = Annotated[str, Meta(max_length=200, pattern=rf"^{CONTROL}$")]
Address = Annotated[str, Meta(min_length=1, max_length=2_000, pattern=rf"^{CONTROL}$")]
Secret = Annotated[str, Meta(min_length=1, max_length=20_000)]


def text(most: int) -> Meta:
    """The limits of a text of so many characters at most."""
    return Meta(max_length=most, pattern=rf"^{CONTROL}$")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all request bodies are: read only, and without fields that nobody knows."""


def sheet(options: Mapping[str, Any], example: str) -> dict[str, Any]:  # Any: `opt`
    """The options of an operation that takes a CSV file as it is: its handler has a `body: RawBody`."""
    return {**options, _SHEET: example}


def sheet_of(handler: BaseRouteHandler) -> str | None:
    """An example of the CSV file that an operation takes; None if it takes none."""
    return handler.opt.get(_SHEET)


async def look(request: Request[Any, Any, Any]) -> None:
    """Look at a request that has found its handler.

    Raises:
        FieldsError: A parameter is unknown, or fields of the body are wrong.
        MediaTypeError: The body is no JSON by its header, or no CSV where that is wanted.
        BodyError: The body is no JSON object.
    """
    parameters.look(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sheet_of(request.route_handler) is not None and kind != SHEET:
        raise errors.MediaTypeError(
            "The request's body is not said to be CSV.",
            remedy=f"Send the file as it is with the header `Content-Type: {SHEET}`.",
        )
    shape = _shape(request)
    if shape is None:
        return
    raw = await request.body()
    if raw and kind != "application/json":
        raise errors.MediaTypeError
    wrong = dict(faults(_object(raw), shape))
    if wrong:
        raise FieldsError(wrong)


def faults(document: Mapping[str, object], shape: type[Body]) -> Iterator[tuple[str, str]]:
    """What is wrong with a document, field by field."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    unknown = (name for name in document if name not in fields)
    for name in islice(unknown, MOST_FAULTS):
        yield name[:80], nearest.refusal("field", name, fields)
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
    """The faults of a field that is an object of its own or a list of such, each by name; or of a plain field."""
    shapes = dict(_shapes_within(kind))
    if isinstance(value, dict) and dict in shapes:
        within = [(f"{name}.{part}", detail) for part, detail in faults(value, shapes[dict])]
    elif isinstance(value, list) and list in shapes:
        within = list(islice(_faults_of_entries(name, value, shapes[list]), MOST_FAULTS))
    else:
        within = []
    yield from within or [(name, _told(str(fault)))]


def _faults_of_entries(name: str, entries: list[object], shape: type[Body]) -> Iterator[tuple[str, str]]:
    for place, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield from ((f"{name}.{place}.{part}", detail) for part, detail in faults(entry, shape))
        else:
            yield f"{name}.{place}", "It is no object."


def _shapes_within(kind: object) -> Iterator[tuple[type, type[Body]]]:
    """Which objects of their own a field may hold: one (`dict`), or many (`list`)."""
    if isinstance(kind, type) and issubclass(kind, Body):
        yield dict, kind
    elif get_origin(kind) is list:
        yield from ((list, shape) for _, shape in _shapes_within(get_args(kind)[0]))
    else:
        for part in get_args(kind):
            yield from _shapes_within(part)


def _told(fault: str) -> str:
    if "matching regex" in fault:
        return parameters.NO_CONTROL
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
        raise errors.BodyError(_TOO_DEEP) from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(document) > DEEPEST:
        raise errors.BodyError(_TOO_DEEP)
    if not isinstance(document, dict):
        raise errors.BodyError("The request's body is JSON, but no object.")
    return document


def _depth(document: object) -> int:
    """How many levels a document has; one more than `DEEPEST` stands for all beyond."""
    level, depth = [document], 0
    while depth <= DEEPEST:
        level = [part for holder in level for part in _parts(holder) if isinstance(part, dict | list)]
        depth += 1
        if not level:
            break
    return depth


def _parts(holder: object) -> Iterable[object]:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()


def download(text: str, name: str) -> Response[str]:
    """A CSV file as an answer, which a browser saves under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=SHEET, headers=headers)
