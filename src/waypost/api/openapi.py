"""The description of the API, as OpenAPI 3.1: what the framework knows of the routes, and what it does not.

It does not know of problem documents, of what each of them may say, nor of examples. Everything added here
follows from the routes' own shapes, so that a new route is described without a word here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, get_args, get_origin

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler

from waypost import __version__
from waypost.api import allowance, bodies, examples, guard, problems, shapes

SCHEME: Final = "key"
METHODS: Final = ("get", "post", "put", "patch", "delete")
Document = dict[str, Any]  # Any: JSON
_WHOLE_NUMBER: Final = re.compile(r'("(?:minimum|maximum)":\d+)\.0\b')
_LONG_NAME: Final = re.compile(r"\b(\w+)_(?:\w+\.)+(\w+)_(?=\")")

TAGS: Final = {
    "connections": "SentinelOne consoles, each reached with one API token.",
    "checks": "A live examination of a console and a token: what works, what does not, and who must do what.",
    "syncs": "Pulls, how far they are, and what was pulled.",
    "data": "What was pulled: findings, devices, software, sites, and what changed.",
    "exports": "Files of all that there is at one moment, made by a worker and kept for a day.",
    "webhooks": "Receivers that are told what changed, and what was sent to them.",
    "summaries": "Numbers for charts: how many findings there are of each kind, and how they come and go.",
    "organizations": "The clients of whoever runs Waypost.",
    "mapping": "Whose each site and account is: suggestions, decisions, what of it needs a person, and the history.",
    "links": "One-time addresses with which a customer connects a console.",
    "keys": "Who may call this API.",
    "audit": "Who did what, when, and what it was before and after.",
    "health": "For whatever watches the service. These need no key.",
}

_TEXT: Final = """\
The API of Waypost, the self-hosted hub that connects SentinelOne consoles to the people who answer for them.

Send `Authorization: Bearer wp_…` with every request. A key has scopes: `read` looks, `manage` changes what
Waypost stores and asks consoles, `act` acts in consoles. A key may be bound to one organization; then nothing
else exists for it.

Lists come in pages: ask again with `cursor` set to `next_cursor` until that is null. Times are ISO 8601 in UTC.

What goes wrong is answered as a problem document (RFC 9457, `application/problem+json`): `code` is stable,
`detail` says what happened, `remedy` the next step, `owner` who must take it, `errors` what is wrong with which
field. Every answer has an `X-Request-ID`, which is in the log and in the audit log too; a request may bring its
own."""

CONFIG: Final = OpenAPIConfig(
    title="Waypost",
    version=__version__,
    description=_TEXT,
    components=Components(
        security_schemes={
            SCHEME: SecurityScheme(
                type="http", scheme="bearer", description="A key of `waypost key create`: `wp_<id>_<secret>`."
            )
        }
    ),
    tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
    render_plugins=[JsonRenderPlugin()],  # the framework wants one; it is never routed to
    servers=[],
)

_OF_ALL: Final = (500, 503)
_OF_KEYS: Final = (401, 403, 429)
_OF_BODIES: Final = (400, 413, 415, 422)
_OF_PARAMETERS: Final = (400, 422)
_OF_LOOKING: Final = (504,)
_GOOD: Final = {200: "Done.", 201: "Made.", 202: "Asked for.", 204: "Done; there is nothing more to say."}
_MEANINGS: Final = {
    400: "The request cannot be understood.",
    401: "There is no good API key with the request.",
    403: "The key may not do this.",
    404: "There is nothing by this id, or not for this key.",
    409: "It cannot be done as things are now.",
    410: "What was asked for is kept no longer.",
    413: "The body is too long.",
    415: "The body is of another kind than this takes.",
    422: "A field has a value that cannot be used; `errors` says which.",
    429: "Too many requests with this key, or wrong keys from this address; `Retry-After` says how long to wait.",
    500: "Something went wrong in Waypost; the log has more by the request id.",
    502: "The console did not give what was asked of it.",
    503: "Not now; try again later.",
    504: "The answer took the database longer than is allowed.",
}
_TAG: Final = "ETag"
_HEADERS: Final = {
    _TAG: "What the answer is, to be sent as `If-None-Match` with the next request for the same.",
    **allowance.HEADERS,
}
_IN_PART: Final = {
    "description": "With `fields`: these of its fields alone.",
    "required": [],
    "additionalProperties": False,
}
_OCSF: Final = {
    "type": "object",
    "description": "A document of OCSF 1.8.0: see https://schema.ocsf.io/1.8.0.",
}
_UNCHANGED: Final = "What was sent as `If-None-Match` is still what there is."


def document(handlers: list[ControllerRouterHandler]) -> Document:
    """The description of these routes."""
    described = Litestar(route_handlers=handlers, openapi_config=CONFIG, logging_config=None)
    found = {handler.operation_id: handler for handler in _handlers(described)}
    schema = _short_names(described.openapi_schema.to_schema())
    components = schema["components"]["schemas"]
    components |= _components(found.values())
    schema["components"]["headers"] = {name: _header(name, text) for name, text in _HEADERS.items()}
    for operation in _operations(schema):
        handler = found[operation["operationId"]]
        _tell_scope(operation, handler)
        _tell_sheet(operation, handler)
        _tell_shapes(operation, handler, components)
        _tell_problems(operation, handler.opt, looks="GET" in handler.http_methods)
        _tell_headers(operation, looks="GET" in handler.http_methods)
        examples.add(operation, components)
    return schema


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and handler.resolve_include_in_schema():
                yield handler


def _short_names(schema: Document) -> Document:
    """The framework names generic schemas by their modules, and writes whole numbers as broken ones."""
    text = _LONG_NAME.sub(r"\1_\2_", msgspec.json.encode(schema).decode())
    text = _WHOLE_NUMBER.sub(r"\1", text)
    short: Document = msgspec.json.decode(text)
    return short


def _components(handlers: Iterable[HTTPRouteHandler]) -> Document:
    """The schemas of all structs, as whatever reads and writes them sees them: with limits, and nothing unknown."""
    structs: dict[str, Any] = {"Problem": problems.Problem}  # Any: generic structs are no types
    for handler in handlers:
        signature = handler.parsed_fn_signature
        data = signature.parameters.get("data")
        for annotation in (signature.return_type.annotation, data.annotation if data else None):
            structs |= {str(found): found for found in _structs(annotation)}
    _, components = msgspec.json.schema_components(
        structs.values(), ref_template="#/components/schemas/{name}"
    )
    return components


def _structs(annotation: Any) -> Iterator[Any]:  # Any: as above
    inner = get_origin(annotation) or annotation
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _structs(part)


def _operations(schema: Document) -> Iterator[Document]:
    for item in schema["paths"].values():
        yield from (item[method] for method in METHODS if method in item)


def _tell_scope(operation: Document, handler: HTTPRouteHandler) -> None:
    scope = guard.scope_of(handler)
    if scope is not None:
        told = operation.get("description", "")
        operation["description"] = f"{told} Needs a key with the scope `{scope}`.".strip()


def _tell_sheet(operation: Document, handler: HTTPRouteHandler) -> None:
    example = bodies.sheet_of(handler)
    if example is not None:
        content = {"schema": {"type": "string"}, "example": example}
        operation["requestBody"] = {"content": {bodies.SHEET: content}, "required": True}


def _tell_shapes(operation: Document, handler: HTTPRouteHandler, components: Document) -> None:
    """That a list answers in OCSF too, and that its flat items may be asked for in part."""
    if not any(parameter["name"] == "fields" for parameter in operation.get("parameters", ())):
        return
    content: Document = operation["responses"]["200"]["content"]
    page = components[content[shapes.JSON]["schema"]["$ref"].rpartition("/")[2]]
    whole = page["properties"]["items"]["items"]
    if "anyOf" not in whole:
        name = whole["$ref"].rpartition("/")[2]
        components[f"{name}InPart"] = components[name] | _IN_PART | {"title": f"{name}InPart"}
        page["properties"]["items"]["items"] = {"anyOf": [whole, {"$ref": f"{whole['$ref']}InPart"}]}
    if not shapes.has_both(handler):
        return
    items = {"type": "array", "items": _OCSF}
    properties = {"items": items, "next_cursor": page["properties"]["next_cursor"]}
    content[shapes.OCSF] = {
        "schema": {"type": "object", "properties": properties, "required": ["items", "next_cursor"]}
    }


def _tell_problems(operation: Document, options: Mapping[str, Any], *, looks: bool) -> None:
    answers: Document = {
        status: answer
        for status, answer in operation["responses"].items()
        if int(status) < 400 or "application/json" not in answer.get("content", {}) or int(status) == 503
    }
    answers.pop("400", None)  # the framework's, of another shape
    for status, answer in answers.items():
        if answer["description"] == HTTPStatus(int(status)).description:  # nobody has said more
            answer["description"] = _GOOD.get(int(status), answer["description"])
    for refusal in sorted(_statuses(operation, options, looks=looks)):
        answers.setdefault(str(refusal), _answer(refusal))
    operation["responses"] = answers


def _tell_headers(operation: Document, *, looks: bool) -> None:
    """What every answer to a key tells besides, and that a copy of an answer can be asked about."""
    if not operation.get("security"):
        return
    answers: Document = operation["responses"]
    told = list(allowance.HEADERS)
    if looks and "application/json" in answers.get("200", {}).get("content", {}):
        told = [_TAG, *told]
        answers["304"] = {"description": _UNCHANGED}
    for status, answer in answers.items():
        if int(status) < 400 or int(status) == 429:
            named = told if int(status) < 400 else allowance.HEADERS
            refs = {name: {"$ref": f"#/components/headers/{name}"} for name in named}
            answer["headers"] = refs | answer.get("headers", {})
    operation["responses"] = dict(sorted(answers.items()))


def _header(name: str, text: str) -> Document:
    kind = "integer" if name.startswith("X-") else "string"
    return {"description": text, "schema": {"type": kind}}


def _statuses(operation: Document, options: Mapping[str, Any], *, looks: bool) -> set[int]:
    statuses = {*_OF_ALL, *options.get(guard.PROBLEMS, ())}
    if operation.get("security"):
        statuses |= {*_OF_KEYS, *(_OF_LOOKING if looks else ())}
    if "requestBody" in operation:
        statuses |= {*_OF_BODIES}
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if places or operation.get("security"):  # a parameter that it does not know is refused too
        statuses |= {*_OF_PARAMETERS}
    if "path" in places:
        statuses.add(404)
    return statuses


def _answer(status: int) -> Document:
    headers: Document = {}
    if status == 429:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    if status == 401:
        headers["WWW-Authenticate"] = {"description": "How to send a key.", "schema": {"type": "string"}}
    kind = next(kind for kind, of in problems.STATUS.items() if of == status)
    example = msgspec.to_builtins(problems.described(kind(), examples.VALUES["request_id"]))
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    answer: Document = {
        "description": _MEANINGS[status],
        "content": {problems.MEDIA_TYPE: content},
    }
    return answer | ({"headers": headers} if headers else {})
