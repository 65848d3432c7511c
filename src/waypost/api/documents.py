"""What can be read about the API, from itself and without the internet: its description, a page of it, each problem."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import jinja2
import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler

from waypost import errors
from waypost.api import openapi, problems
from waypost.api.openapi import Document
from waypost.errors import WaypostError

_DESCRIPTION: Final = "application/vnd.oai.openapi+json"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
_FOLDER: Final = resources.files("waypost.api") / "templates"


class Meaning(msgspec.Struct, frozen=True):
    """What a code means, whatever happened in particular."""

    type: str
    code: str
    title: str
    status: int
    owner: str
    reaction: str
    remedy: str


def routes(describe: Callable[[], Document]) -> list[HTTPRouteHandler]:
    """The routes of the documents; the description is made when it is first asked for."""
    described = cache(describe)

    @cache
    def page() -> str:
        return _templates().get_template("reference.html").render(reference(described()))

    @get("/api/v1/openapi.json", include_in_schema=False, sync_to_thread=False)
    def description() -> Response[bytes]:
        return Response(msgspec.json.encode(described()), media_type=_DESCRIPTION, headers=_HEADERS)

    @get("/api/v1/docs", include_in_schema=False, sync_to_thread=False)
    def documentation() -> Response[str]:
        return Response(page(), media_type=MediaType.HTML, headers=_HEADERS)

    return [description, documentation, style]


@get("/api/v1/docs/style.css", include_in_schema=False, sync_to_thread=False)
def style() -> Response[bytes]:
    return Response((_FOLDER / "reference.css").read_bytes(), media_type=MediaType.CSS, headers=_HEADERS)


@get(
    problems.BASE + "{code:str}",
    operation_id="getProblem",
    tags=["health"],
    summary="What a problem's code means",
    description="The address in a problem document's `type` leads here.",
)
async def problem(code: str) -> Meaning:
    for kind in _kinds(WaypostError):
        if kind.code == code:
            return Meaning(
                type=problems.BASE + code,
                code=code,
                title=problems.title(kind),
                status=problems.status(kind),
                owner=str(kind.owner),
                reaction=str(kind.reaction),
                remedy=kind.remedy,
            )
    raise errors.NotFoundError("There is no problem with this code.")


def reference(document: Document) -> Mapping[str, Any]:  # Any: what a template reads
    """The description as the page shows it: operations by tag, schemas by name."""
    tags = [
        tag | {"operations": [entry for entry in _entries(document) if entry["tag"] == tag["name"]]}
        for tag in document["tags"]
    ]
    return {
        "info": document["info"],
        "tags": [tag for tag in tags if tag["operations"]],
        "schemas": dict(sorted(document["components"]["schemas"].items())),
    }


def _entries(document: Document) -> Iterator[Document]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in openapi.METHODS:
                yield operation | {"path": path, "method": method.upper(), "tag": operation["tags"][0]}


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (_FOLDER / name).read_text()),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = kind
    environment.filters["pretty"] = pretty
    return environment


def pretty(example: Any) -> str:  # Any: JSON, or the text of a file
    """An example as people read it."""
    if isinstance(example, str):
        return example
    return msgspec.json.format(msgspec.json.encode(example), indent=2).decode()


def kind(schema: Mapping[str, Any]) -> str:  # Any: JSON
    """A schema's type in a few words; a `#Name` among them is a schema of its own."""
    if "$ref" in schema:
        return "#" + str(schema["$ref"]).rpartition("/")[2]
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        return " or ".join(dict.fromkeys(kind(choice) for choice in choices))
    if "enum" in schema:
        return " or ".join(f"“{value}”" for value in schema["enum"])
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:  # Any: JSON
    name = schema.get("type", "anything")
    if isinstance(name, list):
        return " or ".join(name)
    if name == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return f"{name} ({schema['format']})" if "format" in schema else str(name)


def _kinds(kind: type[WaypostError]) -> Iterator[type[WaypostError]]:
    if kind.__module__ == errors.__name__:
        yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)
